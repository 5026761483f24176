"""The sentence of each finding, in the reader's language: what was seen, and what to do about it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    "declared_differs": _(
        "%(starts_on)s to %(ends_on)s: the sender declared %(declared)s calls and %(declared_seconds)s s of talk, "
        "%(stored)s calls and %(stored_seconds)s s are here. Ask for what is missing, or accept the difference."
    ),
    "silent_days": _("No calls on %(days)s, unlike the same weekdays of other weeks. Ask the sender."),
    "quarantined": _("%(records)s records lie in quarantine since the month began. Correct and replay them."),
    "first_month": _("There is no month before to compare with."),
    "no_usage": _("No calls at all, unlike the months before. Ask whether the switch still reports here."),
    "swing": _(
        "%(net)s %(currency)s is %(percent)s %% against the mean of the months before, %(mean)s. "
        "Look at the lines that moved."
    ),
    "uncovered": _(
        "%(calls)s calls of %(seconds)s s are taken by no clause on the meter %(meter)s. Sign a version that does, "
        "or accept that they are not charged."
    ),
    "unsigned_amendment": _(
        "Version %(version)s should rule from %(starts_on)s and is not signed. Sign or withdraw it."
    ),
    "new_version": _("Version %(version)s rules from %(starts_on)s."),
    "recount_differs": _("%(totals)s totals differ from a second count. Resume the contract to count it again."),
    "lines_differ": _("The lines add up to %(lines)s, not to the net %(net)s and the total %(total)s. Report this."),
    "late_uncovered": _(
        "%(calls)s late calls of %(month)s are taken by no clause of that month. They are not charged."
    ),
}


METERS = {"talk": _("talk time"), "calls": _("number of calls")}


def sentence_of(code: str, facts: dict[str, object]) -> str:
    """Say what was found; a code of another version is shown as it is."""
    template = SENTENCES.get(code)
    if "meter" in facts:
        facts = facts | {"meter": METERS.get(str(facts["meter"]), facts["meter"])}
    return str(template) % facts if template is not None else f"{code} {facts}"
