"""What a prospect would pay, for finance: a profile or a table of calls under model contracts; nothing is stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused
from billing.periods import period_containing
from billing.rating.calls import Call
from billing.rating.terms import ModuleClause
from invoices.advising import named, names_of_items
from invoices.comparing import MOST_OFFERS, CannotCompare, Comparison, Offer, catalogue_offers, clauses_of_items
from invoices.comparison_page import shown
from invoices.prospecting import MOST_A_DAY, Profile, Prospect, calls_of_csv, calls_of_profile, try_prospect
from tenants.models import CURRENCIES, validate_zone

MOST_SEATS, MOST_BYTES = 1_000_000, 20_000_000
MOST_COUNTED = 800_000  # calls times contracts: about eight seconds
LENGTH = re.compile(r"\s*(\d{1,5})\s*[:：]\s*(\d{1,3}(?:\.\d{1,2})?)\s*[%％]?\s*")


class ProspectForm(forms.Form):
    """Who may become a tenant: calls by a profile or in a table, what is held, and the contracts to try."""

    calls_per_day = forms.IntegerField(
        label=_("answered calls a day"), min_value=1, max_value=MOST_A_DAY, required=False
    )
    lengths = forms.CharField(
        label=_("how long they talk"),
        max_length=200,
        required=False,
        help_text=_("Seconds and their share of the calls, by commas: 30:60%, 120:40%."),
    )
    peak = forms.IntegerField(label=_("share from 9 to 18 o'clock, in %"), min_value=0, max_value=100, required=False)
    table = forms.FileField(
        label=_("or a table of calls"),
        required=False,
        help_text=_("CSV in the columns of the call API, at most 100,000 calls of at most 24 months."),
    )
    zone = forms.CharField(label=_("time zone"), max_length=60, validators=[validate_zone])
    seats = forms.IntegerField(label=_("seats"), min_value=0, max_value=MOST_SEATS)
    modules = forms.MultipleChoiceField(
        label=_("modules that are wanted"), required=False, widget=forms.CheckboxSelectMultiple
    )
    contracts = forms.MultipleChoiceField(
        label=_("contracts to compare; none chosen: all"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offers = [offer for currency, _name in CURRENCIES for offer in catalogue_offers(currency)]
        modules = (each for each in clauses_of_items(self.offers) if isinstance(each, ModuleClause))
        self.fields["modules"].choices = list(names_of_items(modules).items())  # type: ignore[attr-defined]
        self.fields["contracts"].choices = [(each.code, named(each)) for each in self.offers]  # type: ignore[attr-defined]
        for field in self.fields.values():
            field.label = capfirst(str(field.label))

    def clean_lengths(self) -> tuple[tuple[int, Fraction], ...]:
        """Read seconds with their shares in percent."""
        told = self.cleaned_data["lengths"]
        found = [LENGTH.fullmatch(each) for each in re.split("[,，]", told)] if told else []
        if None in found:
            raise forms.ValidationError(_("Write seconds and shares by commas, such as 30:60%, 120:40%."))
        return tuple((int(each[1]), Fraction(each[2]) / 100) for each in found if each)

    def clean_table(self) -> Any:
        """Refuse a file that is larger than so many calls can be."""
        table: Any = self.cleaned_data["table"]
        if table is not None and (table.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 20 MB; leave out calls or columns."))
        return table

    def clean_contracts(self) -> list[str]:
        """Refuse more contracts than fit beside one another."""
        chosen: list[str] = self.cleaned_data["contracts"]
        if len(chosen) > MOST_OFFERS:
            raise forms.ValidationError(_("Choose at most %(most)d contracts.") % {"most": MOST_OFFERS})
        return chosen

    def clean(self) -> dict[str, Any]:
        """Want a profile or a table, not both."""
        cleaned = super().clean() or {}
        if not self.errors and bool(cleaned["table"]) == bool(cleaned["calls_per_day"]):
            self.add_error(
                "calls_per_day", _("Say how many calls there are a day, or choose a table of calls: one of the two.")
            )
        return cleaned


def prospect_page(request: HttpRequest) -> HttpResponse:
    """Ask for a prospect's use; show what it would pay under the contracts chosen."""
    usual = {"lengths": "30:40%, 60:40%, 180:20%", "peak": 70, "zone": "Asia/Shanghai", "seats": 0}
    form = ProspectForm(request.POST or None, request.FILES or None, initial=usual)
    context = admin.site.each_context(request) | {"title": _("Try contracts for a prospect"), "form": form}
    if form.is_valid():
        try:
            context |= shown(_compared(form.cleaned_data, form.offers))
        except Refused as refusal:
            form.add_error("table" if form.cleaned_data["table"] else "calls_per_day", str(refusal.message).split("\n"))
    return TemplateResponse(request, "admin/invoices/prospect.html", context)


def _compared(told: dict[str, Any], offers: list[Offer]) -> Comparison:
    """Compare what was chosen; of nothing chosen, the cheapest of all in the currency."""
    modules = tuple(told["modules"])
    chosen = [each for each in offers if each.code in told["contracts"]] or offers
    calls = _calls(told, modules)
    if len(calls) * len(chosen) > MOST_COUNTED:
        raise CannotCompare(
            "too_much",
            _("%(calls)s calls are tried on at most %(most)d contracts at a time: choose them.")
            % {"calls": f"{len(calls):,}", "most": min(MOST_COUNTED // len(calls), MOST_OFFERS)},
        )
    currency = chosen[0].agreement.currency if chosen[0].agreement else ""
    compared = try_prospect(Prospect(told["zone"], currency, calls, told["seats"], modules), chosen)
    return compared if told["contracts"] else compared.of_cheapest(MOST_OFFERS)


def _calls(told: dict[str, Any], modules: tuple[str, ...]) -> tuple[Call, ...]:
    if told["table"]:
        return calls_of_csv(told["table"].read())
    peak = Fraction(told["peak"] or 0, 100)
    month = period_containing(datetime.now(UTC).astimezone(ZoneInfo(told["zone"])).date(), 1)
    return calls_of_profile(Profile(told["calls_per_day"], told["lengths"], peak, modules), month, told["zone"])
