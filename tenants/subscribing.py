"""Modules, seats, slots and numbers: more or fewer of an item from a day on, and what is held in a month."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating.terms import Agreement, ModuleClause, SeatClause
from billing.rating.totals import Change, Subscription
from tenants.contracts import refuse_frozen, signed_versions
from tenants.models import Contract, SubscriptionChange


class CannotChange(Refused):
    """The subscription must not change like this."""

    status = 409


def change_subscription(
    contract: Contract,
    item: str,
    change: Decimal,
    *,
    on: date,
    by: str,
    reason: str,
    now: datetime,
    external_id: str = "",
) -> SubscriptionChange:
    """Enter that from a day on there are ``change`` more (or fewer) of an item; return the entry.

    The same ``external_id`` again returns the entry that is there. An entry is never changed; a counter entry takes it
    back. Raises CannotChange when no clause of a signed version knows the item, when some day would hold fewer than
    none, when the month is invoiced, or when the external id stands for something else.
    """
    with transaction.atomic(durable=True):
        contract = Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
        known = contract.subscriptions.filter(external_id=external_id).first() if external_id else None
        if known is not None:
            return _same(known, item, change, on)
        _refuse_unknown(contract, item)
        refuse_frozen(contract, on, pointer="/on")
        if not change:
            raise CannotChange("no_change", _("Write how many more, or fewer with a minus."), pointer="/change")
        _refuse_fewer_than_none(contract, item, change, on)
        return SubscriptionChange.objects.create(
            contract=contract, item=item, change=change, on=on, by=by, reason=reason, at=now, external_id=external_id
        )


def items_of(contract: Contract) -> list[str]:
    """List the items that clauses of the contract's signed versions charge for."""
    items: dict[str, None] = {}
    for version in signed_versions(contract):
        for clause in Agreement.from_json(version.agreement).clauses:
            measured = isinstance(clause, SeatClause) and clause.counts == "measured"
            if isinstance(clause, (ModuleClause, SeatClause)) and not measured:
                items[clause.item] = None
    return list(items)


def held_in(contract: Contract | int, period: Period) -> tuple[Subscription, ...]:
    """List every item with its changes up to the end of a month, in the engine's form."""
    changes: dict[str, list[Change]] = defaultdict(list)
    rows = SubscriptionChange.objects.filter(contract=contract, on__lt=period.ends_on).order_by("item", "on", "pk")
    for item, on, change in rows.values_list("item", "on", "change"):
        changes[item].append(Change(on, change))
    return tuple(Subscription(item, tuple(found)) for item, found in changes.items())


def held_on(contract: Contract, day: date) -> dict[str, Decimal]:
    """Map each item to how many are held on a day; items of which none are held are left out."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    for item, change in contract.subscriptions.filter(on__lte=day).values_list("item", "change"):
        held[item] += change
    return {item: number for item, number in sorted(held.items()) if number}


def _same(known: SubscriptionChange, item: str, change: Decimal, on: date) -> SubscriptionChange:
    if (known.item, known.change, known.on) != (item, change, on):
        raise CannotChange(
            "external_id_taken",
            _("%(id)s stands for %(entry)s already; entries stay as they are, so choose a new id.")
            % {"id": known.external_id, "entry": known},
        )
    return known


def _refuse_unknown(contract: Contract, item: str) -> None:
    known = items_of(contract)
    if item not in known:
        raise CannotChange(
            "unknown_item",
            _("No clause of contract %(code)s charges for %(item)s; it knows: %(known)s.")
            % {"code": contract.code, "item": item, "known": ", ".join(known) or "–"},
            pointer="/item",
        )


def _refuse_fewer_than_none(contract: Contract, item: str, change: Decimal, on: date) -> None:
    rows = [*contract.subscriptions.filter(item=item).values_list("on", "change"), (on, change)]
    by_day: dict[date, Decimal] = defaultdict(Decimal)
    for day, each in rows:
        by_day[day] += each
    days = sorted(by_day)
    for day, held in zip(days, accumulate(by_day[day] for day in days), strict=True):
        if held < 0:
            raise CannotChange(
                "fewer_than_none",
                _("On %(day)s there would be %(held)s of %(item)s; take off fewer, or later.")
                % {"day": day, "held": f"{held.normalize():f}", "item": item},
                pointer="/change",
            )
