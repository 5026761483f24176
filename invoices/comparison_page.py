"""What-if, for finance: a contract's real months under other contracts, with the recommendation; nothing is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.advising import advise, named, names_of_items, spread
from invoices.comparing import (
    MOST_MONTHS,
    MOST_OFFERS,
    CannotCompare,
    Comparison,
    Held,
    Offer,
    catalogue_offers,
    clauses_of_items,
    compare,
    months_before,
    own_offer,
    version_offer,
)
from tenants.models import Contract

LENGTHS = (1, 3, 6, 12, MOST_MONTHS)
USUAL_MONTHS = 6
HELD, MOST_HELD = "held.", 1_000_000


def comparison_page(request: HttpRequest, contract: int) -> HttpResponse:
    """Show the months chosen under the contracts chosen; at first all of the catalogue, its cheapest kept."""
    found = get_object_or_404(
        Contract.objects.select_related("tenant").prefetch_related("versions", "tenant__contracts__versions"),
        pk=contract,
    )
    today = datetime.now(UTC).astimezone(ZoneInfo(found.tenant.zone)).date()
    chosen, offered = request.GET.getlist("with"), _offered(request, found)
    number = next((each for each in LENGTHS if request.GET.get("months") == str(each)), USUAL_MONTHS)
    context = admin.site.each_context(request) | {
        "title": _("What-if: %(contract)s") % {"contract": found},
        "contract": found, "lengths": LENGTHS, "number": number, "most": MOST_OFFERS, "items": _items(request, offered),
    }  # fmt: skip
    try:
        compared = _compared(found, months_before(found, today, number), offered, chosen, _held(request))
        context |= shown(compared)
        chosen = [offer.code for offer in compared.offers]
    except Refused as refusal:
        messages.error(request, refusal.message)
    context["offered"] = [(each.code, named(each), each.code in chosen) for each in offered]
    return TemplateResponse(request, "admin/invoices/comparison.html", context)


def _offered(request: HttpRequest, contract: Contract) -> list[Offer]:
    """List the contract itself, its versions the engine can read, and the catalogue."""
    offers = [own_offer(contract)]
    for version in contract.versions.all():
        try:
            offers.append(version_offer(version))
        except Refused as fault:
            messages.warning(
                request, _("Version %(number)s cannot be read: %(fault)s") % {"number": version.number, "fault": fault}
            )
    return [*offers, *catalogue_offers(contract.tenant.currency)]


def _items(request: HttpRequest, offered: list[Offer]) -> list[tuple[str, str, str]]:
    """List what the offers charge for by the piece: its field, its name, and how many were told."""
    names = names_of_items(clauses_of_items(offered))
    return [(f"{HELD}{item}", name, request.GET.get(f"{HELD}{item}", "")) for item, name in names.items()]


def _held(request: HttpRequest) -> Held:
    """Read how many of each item would be held. Raises CannotCompare for what is no number of things."""
    told = {key.removeprefix(HELD): text.strip() for key, text in request.GET.dict().items() if key.startswith(HELD)}
    held: dict[str, Decimal] = {}
    for item, text in told.items():
        try:
            number = Decimal(text or 0)
        except InvalidOperation:
            number = Decimal(-1)
        if not 0 <= number <= MOST_HELD:
            raise CannotCompare(
                "wrong_held", _("How many would be held is a number: “%(text)s” is none.") % {"text": text[:40]}
            )
        if text:
            held[item] = number
    return held


def _compared(contract: Contract, months: Any, offered: list[Offer], chosen: list[str], held: Held) -> Comparison:
    """Compare what was chosen; of nothing chosen, the own contract with the cheapest of all."""
    offers = [each for each in offered if each.code in chosen] or offered
    compared = compare(contract, months, offers[:MOST_OFFERS] if chosen else offers, held=held)
    if chosen:
        return compared
    kept = [offers[0], *(each for each in compared.ranked() if each is not offers[0])][:MOST_OFFERS]
    return Comparison(contract, tuple(kept), compared.months)


def shown(compared: Comparison) -> dict[str, Any]:
    """Give what the template shows of a comparison: the recommendation, bars, months, and what would be otherwise."""
    advice, order = advise(compared), compared.in_order()
    most = max((compared.net(each) for each in order), default=Decimal(0)) or Decimal(1)
    return {
        "advice": advice,
        "currency": compared.contract.tenant.currency,
        "bars": [
            {"name": named(each), "figure": f"{compared.net(each):,}", "percent": round(compared.net(each) * 100 / most, 1)}
            for each in order
        ],
        "spans": [(named(each), *(f"{amount:,}" for amount in spread(compared, each))) for each in order],
        "names": [named(each) for each in order],
        "rows": [
            {
                "label": month.period.label, "calls": f"{month.calls:,}", "minutes": f"{month.talk_ms // 60_000:,}",
                "amounts": [f"{month.priced[e.code].bill.net:,}" if e.code in month.priced else "–" for e in order],
            }
            for month in compared.months
        ],
        "sums": [f"{compared.net(each):,}" for each in order],
        "break_evens": [
            {"below": named(b.below), "above": named(b.above), "calls": f"{b.calls:,}", "minutes": f"{b.minutes:,}"}
            for b in advice.break_evens
        ],
        "changed": [(c.text, [f"{c.net[e.code]:,}" if e.code in c.net else "–" for e in order]) for c in advice.changed],
    }  # fmt: skip
