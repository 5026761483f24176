"""What is held under a contract and what happened to it: subscriptions, levels, packages, notices, its life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import accumulate, groupby
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import period_containing
from billing.rating.levels import told_by_calls
from billing.rating.terms import Agreement, PackageClause
from tenants.contracts import end, renew, signed_versions
from tenants.editor.reading import number_text
from tenants.levels import enter_level, measures_of
from tenants.models import Contract, MeasuredLevel, PriceNotice
from tenants.packages import balance_of, buy_package
from tenants.subscribing import change_subscription, items_of
from tenants.wording.measures import measure_name
from tenants.wording.sentences import in_words


class Unreadable(Refused):
    """A field of the form is not what it should be."""


def holdings_page(model_admin: ModelAdmin[Any], request: HttpRequest, contract: Contract) -> HttpResponse:
    """Show the page; enter what was sent, or say why not and keep what was written."""
    if request.method == "POST" and _done(request, contract, request.POST["do"]):
        return HttpResponseRedirect(reverse("admin:tenants_contract_holdings", args=[contract.pk]))
    today = datetime.now(UTC).astimezone(ZoneInfo(contract.tenant.zone)).date()
    measures = measures_of(contract)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(contract)s: held and happened") % {"contract": contract},
        "opts": model_admin.opts,
        "contract": contract,
        "today": today,
        "asked": request.POST,
        "versions": signed_versions(contract),
        "items": items_of(contract),
        "timelines": _timelines(contract),
        "measures": [(measure, measure_name(measure)) for measure in measures],
        "counted": [measure_name(measure) for measure in measures if told_by_calls(measure)],
        "levels": _levels(contract),
        "months": _months(contract, today),
        "sold": _sold(contract),
        "packages": [_package(bought) for bought in contract.packages.order_by("-bought_on", "-pk")[:60]],
        "notices": PriceNotice.objects.filter(version__contract=contract).select_related("version__contract").order_by("-pk")[:60],
        "events": contract.events.select_related("version__contract").order_by("-at", "-pk")[:60],
        "may": {name: request.user.has_perm(needed) for name, needed in PERMISSIONS.items()},
    }  # fmt: skip
    return TemplateResponse(request, "admin/tenants/holdings.html", context)


def _levels(contract: Contract) -> list[tuple[MeasuredLevel, str]]:
    entered = contract.measurements.order_by("-period_starts_on", "measure", "-pk")[:60]
    return [(level, measure_name(level.measure)) for level in entered]


def _done(request: HttpRequest, contract: Contract, command: str) -> bool:
    """Carry out one entry; tell whether it was taken."""
    try:
        reason = request.POST.get("reason", "").strip()[:300]
        if not reason:
            raise Unreadable("no_reason", _("Say why: the reason is kept."))
        said = COMMANDS[command](request, contract, reason)
    except Refused as refusal:
        messages.error(request, in_words(refusal.message))
        return False
    messages.success(request, said)
    return True


def _subscribe(request: HttpRequest, contract: Contract, reason: str) -> str:
    entry = change_subscription(
        contract,
        request.POST.get("item", ""),
        _number(request, "change"),
        on=_day(request, "on"),
        by=request.user.get_username(),
        reason=reason,
        now=datetime.now(UTC),
    )
    return _("%(entry)s is entered.") % {"entry": entry}


def _measure(request: HttpRequest, contract: Contract, reason: str) -> str:
    month = period_containing(_day(request, "month"), contract.tenant.billing_day)
    entry = enter_level(
        contract,
        request.POST.get("measure", ""),
        _number(request, "level"),
        month,
        by=request.user.get_username(),
        reason=reason,
        now=datetime.now(UTC),
    )
    return _("%(entry)s is entered.") % {"entry": entry}


def _buy(request: HttpRequest, contract: Contract, reason: str) -> str:
    entry = buy_package(
        contract,
        request.POST.get("package", ""),
        on=_day(request, "on"),
        quantity=_number(request, "quantity") if request.POST.get("quantity") else None,
        by=request.user.get_username(),
        reason=reason,
        now=datetime.now(UTC),
    )
    return _("%(entry)s is entered.") % {"entry": entry}


def _end(request: HttpRequest, contract: Contract, reason: str) -> str:
    day = _day(request, "on")
    end(contract, day, by=request.user.get_username(), reason=reason, now=datetime.now(UTC))
    return _("The contract ends; %(day)s is the first day it is no longer in force.") % {"day": day}


def _renew(request: HttpRequest, contract: Contract, reason: str) -> str:
    day = _day(request, "on") if request.POST.get("on") else None
    renew(contract, day, by=request.user.get_username(), reason=reason, now=datetime.now(UTC))
    if day is None:
        return _("The contract runs on without end.")
    return _("The contract runs on; %(day)s is the first day it is no longer in force.") % {"day": day}


COMMANDS: dict[str, Callable[[HttpRequest, Contract, str], str]] = {
    "subscribe": _subscribe,
    "measure": _measure,
    "buy": _buy,
    "end": _end,
    "renew": _renew,
}
PERMISSIONS = {
    "subscribe": "tenants.add_subscriptionchange",
    "measure": "tenants.add_measuredlevel",
    "buy": "tenants.add_packagepurchase",
    "end": "tenants.change_contract",
    "renew": "tenants.change_contract",
}


def _number(request: HttpRequest, name: str) -> Decimal:
    text = number_text(request.POST.get(name, ""), share=name == "level")
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number) >= 10**15:
        raise Unreadable("no_number", _("Write a number, such as 5, -2 or 0.9985."))
    return number


def _day(request: HttpRequest, name: str) -> date:
    try:
        return date.fromisoformat(request.POST.get(name, ""))
    except ValueError:
        raise Unreadable("no_day", _("Write a day, such as 2026-11-16.")) from None


def _timelines(contract: Contract) -> list[dict[str, Any]]:
    """List each item's changes in order of day, with how many are held after each."""
    found = []
    changes = contract.subscriptions.order_by("item", "on", "pk")
    for item, group in groupby(changes, key=lambda change: change.item):
        rows = list(group)
        held = accumulate(row.change for row in rows)
        found.append({"item": item, "rows": [(row, _plain(row.change), _plain(left)) for row, left in zip(rows, held, strict=True)]})  # fmt: skip
    return found


def _months(contract: Contract, today: date) -> list[Any]:
    """List this month and the eleven before it."""
    found, day = [], today
    for _each in range(12):
        month = period_containing(day, contract.tenant.billing_day)
        found.append(month)
        day = month.starts_on.fromordinal(month.starts_on.toordinal() - 1)
    return found


def _sold(contract: Contract) -> list[PackageClause]:
    """List the packages that the latest version sells."""
    latest = signed_versions(contract)[-1:]
    clauses = Agreement.from_json(latest[0].agreement).clauses if latest else ()
    return [clause for clause in clauses if isinstance(clause, PackageClause) and clause.every == "once"]


def _package(bought: Any) -> dict[str, Any]:
    """Show one purchase: what is left of it, and its movements on the balance."""
    moves = [
        (posting, _plain(move.units))
        for posting in bought.postings.prefetch_related("movements")
        for move in posting.movements.all()
        if move.account == move.BALANCE
    ]
    return {
        "bought": bought,
        "quantity": _plain(bought.quantity),
        "left": _plain(balance_of(bought)),
        "moves": moves,
    }


def _plain(number: Decimal) -> str:
    return f"{number.normalize():,f}"
