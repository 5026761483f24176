"""What a tenant's real months would have cost under other contracts; nothing is stored.

Each month is counted once for all contracts (``usage.condensing``) and rated by the engine as its invoice is. A
contract that is tried begins with the first month and ends with the last, so that what counts by the quarter or the
year is judged within the comparison; what it grants and what is reached is carried from month to month.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, period_containing
from billing.rating import Agreement, Bill, Terms, Totals, rate, terms_from_versions
from billing.rating.clauses.context import CYCLE_MONTHS, months_between
from billing.rating.form import read
from billing.rating.levels import beside_entered
from billing.rating.terms import Cap, Commitment, ModuleClause, Name, PerUnit, SeatClause
from billing.rating.totals import Balance, Change, Measurement, Subscription, ToDate
from invoices.models import Invoice
from tenants.catalogue import entries
from tenants.contracts import NotInForce, terms_for, with_scope
from tenants.levels import measured_in
from tenants.models import Contract, ContractVersion
from tenants.packages import balances_in
from tenants.subscribing import held_in
from usage.aggregation import CallsRemoved
from usage.condensing import Counted, count_under
from usage.models import Removal

MOST_MONTHS, MOST_OFFERS = 24, 8
Held = Mapping[str, Decimal]
Count = Callable[[int, Sequence[Terms]], Counted]


class CannotCompare(Refused):
    """The months or the contracts cannot be compared."""

    status = 422


@dataclass(frozen=True, slots=True)
class Offer:
    """A contract to compare: a code of its own, its name, what it says; without an agreement the tenant's own one."""

    code: str
    name: Name
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True)
class Priced:
    """One month under one contract: the terms and totals it was rated by, and the bill."""

    terms: Terms
    totals: Totals
    bill: Bill

    @property
    def uncovered(self) -> int:
        """Count the calls that no clause takes, or too many of them: by the meter that misses most."""
        by_meter: dict[str, int] = {}
        for each in self.bill.uncovered:
            by_meter[each.meter] = by_meter.get(each.meter, 0) + each.calls
        return max(by_meter.values(), default=0)


@dataclass(frozen=True, slots=True)
class Month:
    """A month as it was used, and what it comes to by offer; an offer that was not in force then is left out."""

    period: Period
    calls: int
    answered: int
    talk_ms: int
    priced: dict[str, Priced]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Months in order, under the offers in theirs."""

    contract: Contract
    offers: tuple[Offer, ...]
    months: tuple[Month, ...]

    def net(self, offer: Offer) -> Decimal:
        """Sum up what the months come to without tax."""
        return sum((month.priced[offer.code].bill.net for month in self._with(offer)), Decimal(0))

    def total(self, offer: Offer) -> Decimal:
        """Sum up what the months come to with tax."""
        return sum((month.priced[offer.code].bill.total for month in self._with(offer)), Decimal(0))

    def uncovered(self, offer: Offer) -> int:
        """Count the calls of all months that the offer has no price for."""
        return sum(month.priced[offer.code].uncovered for month in self._with(offer))

    def is_whole(self, offer: Offer) -> bool:
        """Tell whether the offer has a price for every call of every month: only then may it be called cheap."""
        return len(self._with(offer)) == len(self.months) and not self.uncovered(offer)

    def not_told(self, offer: Offer) -> list[SeatClause | ModuleClause]:
        """List what an offer charges for by the piece when nobody told how many there would be: it looks free."""
        held = {each.item for month in self._with(offer) for each in month.priced[offer.code].totals.subscriptions}
        return [clause for clause in clauses_of_items([offer]) if clause.item not in held]

    def ranked(self) -> list[Offer]:
        """List the offers that have a price for everything, and of which all is told, the cheapest first.

        Of equals the one named first.
        """
        known = (offer for offer in self.offers if self.is_whole(offer) and not self.not_told(offer))
        return sorted(known, key=self.net)

    def in_order(self) -> list[Offer]:
        """List the offers as a reader wants them: the cheapest first, those that cannot be ranked behind."""
        ranked = self.ranked()
        return [*ranked, *(each for each in self.offers if each not in ranked)]

    def of_cheapest(self, most: int) -> Comparison:
        """Keep the cheapest offers; of those that cannot be ranked only as many as there is room for."""
        return replace(self, offers=tuple(self.in_order()[:most]))

    def _with(self, offer: Offer) -> list[Month]:
        return [month for month in self.months if offer.code in month.priced]


def clauses_of_items(offers: Iterable[Offer]) -> list[SeatClause | ModuleClause]:
    """List the clauses that charge for how many of an item are held: seats that no calls measure, modules by the month."""
    return [
        clause
        for offer in offers
        for clause in (offer.agreement.clauses if offer.agreement else ())
        if (isinstance(clause, SeatClause) and clause.measure is None)
        or (isinstance(clause, ModuleClause) and clause.price != PerUnit(Decimal(0)))
    ]


def own_offer(contract: Contract) -> Offer:
    """Give the tenant's contract as it is in force in each month."""
    return Offer("own", Name(zh=contract.name_zh, en=contract.name_en))


def catalogue_offer(code: str) -> Offer:
    """Give a model contract of the catalogue. Raises CannotCompare when there is none of this code."""
    entry = entries().get(code)
    if entry is None:
        raise CannotCompare(
            "unknown_model",
            _("The catalogue has no %(code)s; it has: %(known)s.") % {"code": code, "known": ", ".join(entries())},
        )
    return Offer(code, entry.name, Agreement.from_json(entry.agreement))


def version_offer(version: ContractVersion) -> Offer:
    """Give one version of a contract, signed or a draft. Raises InvalidTerms when the engine cannot read it."""
    contract = version.contract
    name = Name(zh=f"{contract.name_zh} · {version.number}", en=f"{contract.name_en} · {version.number}")
    return Offer(f"{contract.code}-{version.number}", name, Agreement.from_json(version.agreement))


def catalogue_offers(currency: str) -> list[Offer]:
    """List the model contracts in a currency."""
    found = [Offer(code, entry.name, Agreement.from_json(entry.agreement)) for code, entry in entries().items()]
    return [each for each in found if each.agreement and each.agreement.currency == currency]


def months_before(contract: Contract, until: date, number: int) -> list[Period]:
    """List so many whole months of a contract's tenant that end by a day, the earliest first.

    Months that ended before the contract's first version are left out.
    """
    starts = [version.starts_on for version in contract.versions.all() if version.signed_at]
    first, found, day = min(starts, default=date.max), list[Period](), until
    while len(found) < number:
        month = period_containing(day, contract.tenant.billing_day)
        if month.ends_on <= first:
            break
        found += [month] if month.ends_on <= until else []
        day = month.starts_on - timedelta(days=1)
    return found[::-1]


def cheapest(contract: Contract, until: date, *, months: int = 6, number: int = 2) -> tuple[Comparison, list[Offer]]:
    """Find the cheapest contracts over the last whole months before a day: the tenant's own and the catalogue's.

    Offers that lack a price for some of the calls, or charge for what nobody told, are not among them. Raises CannotCompare when there is no whole month.
    """
    offers = [own_offer(contract), *catalogue_offers(contract.tenant.currency)]
    compared = compare(contract, months_before(contract, until, months), offers)
    return compared, compared.ranked()[:number]


def compare(
    contract: Contract,
    months: Sequence[Period],
    offers: Sequence[Offer],
    *,
    held: Held | None = None,
    count: Count = count_under,
) -> Comparison:
    """Count and rate the calls of a contract's months under each of the offers.

    ``held`` says how many of an item (seats, modules) would be held under the offers that are tried; of others there
    are as many as are held under the contract. ``count`` counts a month under the terms of each offer. Raises CannotCompare for months that are none, too many or with gaps, for offers of
    another currency or of the same code; CallsRemoved when a month's calls are gone; InvalidTerms as the engine does.
    """
    check_comparable(contract, months, offers)
    return Comparison(contract, tuple(offers), tuple(months_compared(contract, months, offers, held=held, count=count)))


def check_comparable(contract: Contract, months: Sequence[Period], offers: Sequence[Offer]) -> None:
    """Refuse what ``compare`` refuses, before anything is counted."""
    if not 1 <= len(months) <= MOST_MONTHS:
        raise CannotCompare(
            "wrong_months", _("Choose 1 to %(most)d whole months.") % {"most": MOST_MONTHS}, pointer="/months"
        )
    if any(before.ends_on != after.starts_on for before, after in pairwise(months)):
        raise CannotCompare("wrong_months", _("Choose months that follow one another."), pointer="/months")
    check_offers(offers, contract.tenant.currency)
    removed = Removal.objects.filter(
        tenant_id=contract.tenant_id, period__in=[month.starts_on for month in months], what=Removal.CALLS
    )
    gone = removed.order_by("period").values_list("period", flat=True)
    if gone:
        raise CallsRemoved(
            "calls_removed",
            _("The calls of %(months)s were removed; choose later months.")
            % {"months": ", ".join(f"{day:%Y-%m}" for day in gone)},
            pointer="/months",
        )


def check_offers(offers: Sequence[Offer], currency: str) -> None:
    """Refuse no contracts, one named twice, and one of another currency. Raises CannotCompare."""
    codes = [offer.code for offer in offers]
    if not codes or len(set(codes)) != len(codes):
        raise CannotCompare("wrong_offers", _("Choose contracts, each once."), pointer="/contracts")
    for index, offer in enumerate(offers):
        if offer.agreement and offer.agreement.currency != currency:
            raise CannotCompare(
                "wrong_currency",
                _("%(offer)s is in %(currency)s, the tenant is billed in %(own)s: amounts cannot be compared.")
                % {"offer": offer.code, "currency": offer.agreement.currency, "own": currency},
                pointer=f"/contracts/{index}",
            )


def months_compared(
    contract: Contract,
    months: Sequence[Period],
    offers: Sequence[Offer],
    *,
    held: Held | None = None,
    count: Count = count_under,
) -> Iterator[Month]:
    """Yield one month after the other, priced under each of the offers."""
    carried = {offer.code: Carried() for offer in offers}
    invoiced = _invoiced(contract, months)
    for month in months:
        ruling = {offer.code: terms for offer in offers if (terms := terms_under(contract, offer, month, months))}
        if not ruling:
            yield Month(month, 0, 0, 0, {})
            continue
        counted = count(contract.tenant_id, list(ruling.values()))
        own = Entered(held_in(contract.pk, month), measured_in(contract.pk, month), balances_in(contract.pk, month))
        priced: dict[str, Priced] = {}
        for (code, terms), totals in zip(ruling.items(), counted.totals, strict=True):
            offer = next(each for each in offers if each.code == code)
            known = _with_entered(own, offer, terms, totals, held)
            if offer.agreement is None and month.starts_on in invoiced:
                carried[code] = replace(carried[code], to_date=invoiced[month.starts_on])
            priced[code], carried[code] = carried[code].rate(offer, terms, known)
        yield Month(month, counted.calls, counted.answered, counted.talk_ms, priced)


def terms_under(contract: Contract, offer: Offer, month: Period, months: Sequence[Period]) -> Terms | None:
    """Give the terms of a month: the contract's own, or the offer's as if it ran over exactly these months."""
    if offer.agreement is None:
        try:
            return terms_for(contract, month)
        except NotInForce:
            return None
    versions = [("1", months[0].starts_on, offer.agreement)]
    terms = terms_from_versions(month, contract.tenant.zone, versions, ends_on=months[-1].ends_on)
    return with_scope(contract, terms)


@dataclass(frozen=True, slots=True)
class Entered:
    """What people entered for a contract's month: items held, levels measured, and packages bought."""

    held: tuple[Subscription, ...]
    measured: tuple[Measurement, ...]
    balances: tuple[Balance, ...]


def _with_entered(own: Entered, offer: Offer, terms: Terms, totals: Totals, held: Held | None) -> Totals:
    """Add what is held and what was measured; to the contract's own also what was bought, as its draft does."""
    numbers = {None, *(segment.number for segment in terms.segments)}
    measured = [m for m in own.measured if offer.agreement is None or m.segment in numbers]
    subscriptions = own.held
    if held and offer.agreement is not None:
        subscriptions = (
            *(each for each in own.held if each.item not in held),
            *(Subscription(item, (Change(date.min, by),)) for item, by in held.items()),
        )
    return replace(
        totals,
        subscriptions=subscriptions,
        measurements=beside_entered(measured, totals.measurements),
        balances=own.balances if offer.agreement is None else (),
    )


def _invoiced(contract: Contract, months: Sequence[Period]) -> dict[date, tuple[ToDate, ...]]:
    """Give what issued invoices of the contract knew to be reached before their month, by its first day."""
    issued = Invoice.objects.filter(
        contract=contract,
        kind=Invoice.INVOICE,
        state=Invoice.ISSUED,
        period_starts_on__in=[month.starts_on for month in months],
    )
    found: list[tuple[date, Any]] = list(issued.values_list("period_starts_on", "totals__to_date"))
    return {day: tuple(read(ToDate, each) for each in to_date or ()) for day, to_date in found}


@dataclass(frozen=True, slots=True)
class Carried:
    """What one month leaves to the next: units of packages, and what longer commitments and caps have reached."""

    balances: tuple[Balance, ...] = ()
    to_date: tuple[ToDate, ...] = ()

    def rate(self, offer: Offer, terms: Terms, totals: Totals) -> tuple[Priced, Carried]:
        """Rate a month with what was carried into it, as the close does; give what is carried on."""
        balances = totals.balances if offer.agreement is None else self.balances
        known = replace(totals, balances=balances, to_date=self.to_date)
        bill = rate(terms, known)
        return Priced(terms, known, bill), Carried(_left(bill), _reached(terms, self.to_date, bill))


def _left(bill: Bill) -> tuple[Balance, ...]:
    return tuple(
        Balance(after.package, after.bought_on, after.remaining, after.expires_on)
        for after in bill.balances
        if after.remaining > 0
    )


def _reached(terms: Terms, before: Sequence[ToDate], bill: Bill) -> tuple[ToDate, ...]:
    """Add up what was reached, as long as the cycle goes on."""
    agreement = terms.segments[-1].agreement
    longer: list[Commitment | Cap] = [*agreement.commitments, *agreement.caps]
    months = {each.code: CYCLE_MONTHS[each.every] for each in longer}
    anchor = terms.contract_starts_on or terms.segments[0].starts_on
    billing_day = max(terms.period.starts_on.day, terms.period.ends_on.day)
    number = months_between(period_containing(anchor, billing_day).starts_on, terms.period.starts_on)
    sums: dict[str, Decimal] = {}
    for code, amount in [(e.code, e.amount) for e in before] + [(e.code, e.amount) for e in bill.reached]:
        if code in months and number % months[code] != months[code] - 1:
            sums[code] = sums.get(code, Decimal(0)) + amount
    return tuple(ToDate(code, amount) for code, amount in sums.items())
