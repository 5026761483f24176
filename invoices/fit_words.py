"""What a fit report says in words: a title, the finding with its figures, and how they were reckoned; in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, override

from invoices import wording
from invoices.wording import Language

TWO_BILLS = gettext_noop("The bill of the month less the same bill rated again, %(what)s; all without tax.")
PEAK, ALLOWANCE = gettext_noop("Peak share"), gettext_noop("Allowance")
MODULE, CHOICE = gettext_noop("Modules"), gettext_noop("Cheapest contracts")
ROUNDING, FROM_CALLS = (
    gettext_noop("Rounding"),
    gettext_noop("Counted from the calls of the month in the contract's scope."),
)
COUNTED_ANEW = gettext_noop(
    "The calls were counted and rated again by the second and without a minimum (what rounding came to), and in increments "
    "of at most 6 s (what would be saved); tiers, allowances, commitments and caps as agreed, without tax."
)
SHORT = gettext_noop(
    "Counted from the calls of the month. Their amount: the bill less the same month rated again with these calls free of "
    "talk time, without tax; what they cost by number is not in it."
)
UNANSWERED = gettext_noop(
    "Counted from the calls of the month. Their amount: the bill less the same month rated again where answered calls alone "
    "are charged by number, without tax."
)
INCLUDED = gettext_noop("What the contract includes less what was used, in billed units.")
COMPARED = gettext_noop(
    "The calls of these months were counted and rated under this contract and under each model contract in its currency, "
    "without tax; contracts that lack a price for some of the calls, or charge for seats or modules of a kind that is not held, are "
    "left out."
)
# By code of a finding: title, words, how it was reckoned, and of a difference of two bills what was changed.
WORDS: dict[str, tuple[str, ...]] = {
    "module_unused": (
        MODULE,
        gettext_noop("%(name)s was paid with %(amount)s and no call used it."),
        TWO_BILLS,
        gettext_noop("without the module (a minimum term agreed for it left aside)"),
    ),
    "module_used": (MODULE, gettext_noop("%(name)s was paid with %(amount)s and used by %(calls)s calls."), FROM_CALLS),
    "peak": (
        PEAK,
        gettext_noop("%(share)s of what is priced by bands, %(used)s %(unit)s, was in the dearest band."),
        TWO_BILLS,
        gettext_noop("with a fifth of the dearest band moved to the cheapest, in proportion"),
    ),
    "allowance_left": (
        ALLOWANCE,
        gettext_noop("%(name)s: %(left)s of %(of)s included %(unit)s (%(share)s) were not used."),
        INCLUDED,
    ),
    "allowance_used": (
        ALLOWANCE,
        gettext_noop("%(name)s: all of %(of)s included %(unit)s were used; %(used)s were billed in all."),
        INCLUDED,
    ),
    "package_lapsed": (
        ALLOWANCE,
        gettext_noop("%(name)s: %(left)s %(unit)s expired unused."),
        gettext_noop("The balance of the package at the end of the month, as the bill prints it."),
    ),
    "limit_passed": (
        gettext_noop("Limits"),
        gettext_noop("%(name)s: %(calls)s calls were beyond the limit (daily limit passed on %(days)s days); they came to %(amount)s."),
        gettext_noop("Calls of each day against the limits of the clause; the amount is that of the bill's lines beyond them."),
    ),
    "rounding": (
        ROUNDING,
        gettext_noop("%(talked)s min were talked and %(billed)s min billed: %(more)s min more, which came to %(amount)s."),
        COUNTED_ANEW,
    ),
    "rounding_fine": (
        ROUNDING,
        gettext_noop(
            "%(talked)s min were talked and %(billed)s min billed: %(more)s min more, which came to %(amount)s; increments "
            "of 6 s would save nothing."
        ),
        COUNTED_ANEW,
    ),
    "short_calls": (
        gettext_noop("Short calls"),
        gettext_noop("%(calls)s answered calls (%(share)s) were shorter than %(seconds)s s; their talk time came to %(amount)s."),
        SHORT,
    ),
    "unanswered": (
        gettext_noop("Unanswered calls"),
        gettext_noop("%(calls)s calls (%(share)s) were not answered; they came to %(amount)s."),
        UNANSWERED,
    ),
    "changed_since": (
        gettext_noop("Calls"),
        gettext_noop("The calls of the month were changed after it was invoiced; modules, rounding, short and unanswered calls are left out."),
        gettext_noop("The calls were counted again and did not come to the invoice."),
    ),
    "cheaper": (
        CHOICE,
        gettext_noop(
            "Over %(months)s months this contract came to %(own_amount)s; the two cheapest are %(name)s with %(amount)s and "
            "%(second)s with %(second_amount)s."
        ),
        COMPARED,
    ),
    "own_cheapest": (
        CHOICE,
        gettext_noop("Over %(months)s months this contract is the cheapest with %(own_amount)s; the next is %(second)s with %(second_amount)s."),
        COMPARED,
    ),
    "own_cheapest_alone": (
        CHOICE,
        gettext_noop("Over %(months)s months this contract came to %(own_amount)s; no other could be compared."),
        COMPARED,
    ),
    "not_compared": (
        CHOICE,
        gettext_noop("The contract could not be compared with others: calls are missing, gone, or without a price under it."),
        COMPARED,
    ),
}  # fmt: skip

SAVES = {
    "rounding": gettext_noop("Increments of 6 s would have saved %(amount)s."),
    "peak": gettext_noop("A fifth of it moved to the cheapest band would have saved %(amount)s."),
    "module_unused": gettext_noop("Without it the bill would be less by %(amount)s."),
    "cheaper": gettext_noop("The cheapest would have saved %(amount)s."),
}


def told(code: str, figures: Mapping[str, Any], saving: Decimal | None, currency: str) -> dict[str, dict[str, str]]:
    """Write a finding: title, text, how, and the saving as a sentence ("" for none), each in zh and en."""
    found: dict[str, dict[str, str]] = {"title": {}, "text": {}, "how": {}, "saves": {}}
    languages: tuple[tuple[Language, str], ...] = (("zh", "zh-hans"), ("en", "en"))
    for language, locale in languages:
        with override(locale):
            title, text, how, *changed = WORDS[code]
            shown = {name: _shown(language, name, value, currency) for name, value in figures.items()}
            found["title"][language] = _(title)
            found["text"][language] = _(text) % shown
            found["how"][language] = _(how) % {"what": _(changed[0])} if changed else _(how)
            found["saves"][language] = "" if saving is None else _saves(language, code, saving, currency)
    return found


def _saves(language: Language, code: str, saving: Decimal, currency: str) -> str:
    if saving > 0:
        return _(SAVES[code]) % {"amount": wording.money(language, f"{saving:f}", currency)}
    if saving < 0:
        return _("Would have cost %(amount)s more.") % {"amount": wording.money(language, f"{-saving:f}", currency)}
    return _("Would have saved nothing.")


def _shown(language: Language, name: str, value: Any, currency: str) -> str:
    if isinstance(value, dict):
        return str(value[language])
    if name == "unit":
        return wording.unit_name(language, str(value))
    if name.endswith("amount"):
        return wording.money(language, str(value), currency)
    if name == "share":
        return f"{Decimal(value) * 100:.1f} %"
    number = Decimal(value)
    return f"{number:,.0f}" if number == number.to_integral_value() else f"{number:,.2f}"
