"""Settling what came late: an earlier month rated again with all that is known of it, less what was invoiced for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta

from billing.periods import Period, period_containing
from billing.rating import Bill, Totals, difference, rate
from billing.rating.bill import Reached
from billing.rating.difference import Difference, merged
from billing.rating.terms import Select, Terms
from invoices.models import Invoice, Settlement
from invoices.reaching import months_that_follow, reached_before
from tenants.contracts import terms_for
from tenants.models import Contract, ContractVersion, Tenant
from usage.recounting import Late, late_months, late_of, totals_as_known
from usage.removing import kept_for_late_calls, let_go

NO_CALLS = Select(source=("",))  # no source has this code


@dataclass(frozen=True, slots=True)
class Settled:
    """What an earlier month owes beyond its invoice and the settlement that ``follows`` names, if there was one.

    ``uncovered_calls`` came late and are taken by no clause.
    """

    period_starts_on: date
    follows: Settlement | None
    terms: Terms
    totals: Totals
    bill: Bill
    difference: Difference
    late: Late
    uncovered_calls: int

    @property
    def more(self) -> int:
        """Count the late calls that no settlement knew before."""
        return self.late.calls - (self.follows.seen.get("calls", 0) if self.follows else 0)


def settled_with(contract: Contract, late: Collection[date]) -> list[Settled]:
    """List what the contract's next invoice must settle for ``late`` frozen, invoiced months, in order.

    What comes late for one month of a longer commitment or cap changes what its later months owe, without late calls.
    """
    found: list[Settled] = []
    for period in sorted({*late, *(months_that_follow(contract, min(late)) if late else ())}):
        found.extend(_settled(contract, period, found, late=period in late))
    return found


def reached_of(settled: Iterable[Settled]) -> dict[date, tuple[Reached, ...]]:
    """Give what longer commitments and caps come to in the months that are about to be settled."""
    return {each.period_starts_on: each.bill.reached for each in settled}


def _settled(
    contract: Contract, period: date, before: Sequence[Settled] = (), *, late: bool = True
) -> Iterator[Settled]:
    invoice = Invoice.objects.filter(contract=contract, period_starts_on=period, state=Invoice.ISSUED).first()
    if invoice is None:
        return  # what came late for a month that is not invoiced waits for its invoice
    last = last_settlement(contract.pk, period)
    terms = Terms.from_json(invoice.terms)
    to_date = reached_before(contract, terms, reached_of(before))
    seen = late_of(contract.tenant_id, period)
    totals = Totals.from_json(last.totals if last else invoice.totals)
    if last.seen != asdict(seen) if last else late:
        totals, seen = totals_as_known(contract, terms)
    elif to_date == totals.to_date:
        return
    totals = replace(totals, to_date=to_date)
    bill = rate(terms, totals)
    earlier = Bill.from_json(last.bill if last else invoice.document["bill"])
    found = difference(earlier, bill)
    policies = terms.segments[-1].agreement.policies
    if policies.late_limit is not None and abs(found.net) < policies.late_limit:
        found = merged(found)
    uncovered = sum(each.calls for each in bill.uncovered) - sum(each.calls for each in earlier.uncovered)
    if found.lines or found.taxes or uncovered > 0:
        # Keys stay unique on the invoice that carries the lines along.
        lines = tuple(line._replace(key=f"{found.period}/{line.key}") for line in found.lines)
        yield Settled(period, last, terms, totals, bill, replace(found, lines=lines), seen, uncovered)


def terms_after_end(contract: Contract, period: Period) -> Terms:
    """Give the terms of a month after a contract has ended: no clause and no call, it only carries what is settled.

    Raises NotInForce when the contract has not ended before the month.
    """
    if contract.ends_on is None or contract.ends_on > period.starts_on:
        return terms_for(contract, period)
    last = terms_for(contract, period_containing(contract.ends_on - timedelta(days=1), contract.tenant.billing_day))
    ruled = last.segments[-1]
    agreement = replace(ruled.agreement, clauses=(), factors=(), discounts=(), commitments=(), caps=())
    segment = replace(ruled, starts_on=period.starts_on, ends_on=period.ends_on, agreement=agreement)
    return replace(last, period=period, segments=(segment,), scope=NO_CALLS, beside=())


def waits_after_end(contract: Contract, period: Period) -> bool:
    """Tell whether a contract ended before a month and has something to settle that no draft carries yet."""
    if contract.ends_on is None or contract.ends_on > period.starts_on:
        return False
    carried = Invoice.objects.filter(contract=contract, period_starts_on__gte=contract.ends_on).exclude(
        state=Invoice.ISSUED
    )
    return not carried.exclude(period_starts_on=period.starts_on).exists() and bool(
        settled_with(contract, [day for _, day in late_months([contract.tenant_id]) if day < period.starts_on])
    )


def let_settled_months_go(now: datetime) -> list[tuple[int, date]]:
    """Release months that are kept only for late calls, and whose late calls are settled; return tenant and first day.

    Settled means that no contract's next invoice has anything to settle. Asked only when a month's time has come, not when the invoice is issued: it may still be voided, and the calls be needed to settle again.
    """
    gone = []
    for tenant_id, period in kept_for_late_calls(now):
        known = late_of(tenant_id, period)  # before the look: what comes meanwhile keeps the month
        if _nothing_waits(tenant_id, period) and let_go(tenant_id, period, known):
            gone.append((tenant_id, period))
    return gone


def _nothing_waits(tenant_id: int, period: date) -> bool:
    """Tell whether each contract that was in force in a month has its invoice, and nothing to settle beyond."""
    ends_on = period_containing(period, Tenant.objects.get(pk=tenant_id).billing_day).ends_on
    signed = ContractVersion.objects.filter(signed_at__isnull=False, starts_on__lt=ends_on)
    contracts = Contract.objects.filter(tenant_id=tenant_id, pk__in=signed.values("contract_id"))
    for contract in contracts.exclude(ends_on__lte=period).select_related("tenant"):
        issued = Invoice.objects.filter(contract=contract, period_starts_on=period, state=Invoice.ISSUED)
        if not issued.exists() or any(_settled(contract, period)):
            return False
    return True


def last_settlement(contract_id: int, period: date) -> Settlement | None:
    """Return the last settlement of a month that an issued invoice carried."""
    issued = Settlement.objects.filter(contract_id=contract_id, period_starts_on=period, invoice__state=Invoice.ISSUED)
    return issued.order_by("-invoice__issued_at", "-pk").first()


def store_settlements(invoice: Invoice, found: list[Settled]) -> None:
    """Keep with a draft what it settles, within the caller's transaction."""
    Settlement.objects.bulk_create(
        Settlement(
            invoice=invoice, contract_id=invoice.contract_id, period_starts_on=each.period_starts_on, follows=each.follows,
            net=each.difference.net, total=each.difference.total, terms=each.terms.to_json(),
            totals=each.totals.to_json(), bill=each.bill.to_json(), seen=asdict(each.late),
        )
        for each in found
    )  # fmt: skip


def is_outdated(invoice: Invoice) -> bool:
    """Tell whether another invoice has settled a month since that this draft settles, too, or builds on."""
    for each in invoice.settlements.all():
        last = last_settlement(each.contract_id, each.period_starts_on)
        if (last.pk if last else None) != each.follows_id:
            return True
    bill = Bill.from_json(invoice.document["bill"])
    if not bill.reached:
        return False
    settled = {each.period_starts_on: Bill.from_json(each.bill).reached for each in invoice.settlements.all()}
    to_date = reached_before(invoice.contract, Terms.from_json(invoice.terms), settled)
    return to_date != Totals.from_json(invoice.totals).to_date
