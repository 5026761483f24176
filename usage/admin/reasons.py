"""What to do about each reason a record waits in quarantine for, in the reader's language."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_CLOCK = _("The sender's clock or zone is wrong, or the mapping reads a time in the wrong unit.")
_MAPPING = _(
    "Look at the mapping of the source: the field is missing or written otherwise; fix it and read the record anew."
)
_BODY = _("The sender writes something else than this address takes; look at how it came.")
_TIMES = _("The times contradict each other; ask the sender, or correct the mapping and read the record anew.")
_SENDER = _("The sender must send it again, put right; put this one aside.")

ADVICE: dict[str, Promise] = {
    "invalid_record": _("A field is missing, too long or not of its kind; the pointer names it."),
    "conflict": _("The id is known with other content. Void or correct the stored call if this one is right."),
    "duplicate_key": _SENDER,
    "nul_byte": _SENDER,
    "cut_line": _SENDER,
    "not_stored": _SENDER,
    "invalid_event": _SENDER,
    "unreadable": _BODY,
    "unreadable_cdr": _BODY,
    "not_a_cdr_line": _BODY,
    "wrong_columns": _BODY,
    "in_the_future": _CLOCK,
    "beyond_calendar": _CLOCK,
    "too_old": _("The tenant accepts no calls from so far back; widen its window if the call is to be billed."),
    "ends_before_start": _TIMES,
    "answered_outside": _TIMES,
    "transferred_outside": _TIMES,
    "talk_without_answer": _TIMES,
    "agent_exceeds_talk": _TIMES,
    "too_long": _TIMES,
    "no_start": _MAPPING,
    "not_an_instant": _MAPPING,
    "not_a_duration": _MAPPING,
    "not_a_number": _MAPPING,
    "counter_out_of_bounds": _MAPPING,
    "unknown_zone": _("The mapping names a time zone that does not exist; correct it."),
}
