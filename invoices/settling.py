"""Settling what came late: an earlier month rated again with all that is known of it, less what was invoiced for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date

from billing.rating import Bill, Totals, difference, rate
from billing.rating.difference import Difference
from billing.rating.terms import Terms
from invoices.models import Invoice, Settlement
from tenants.models import Contract
from usage.recounting import Late, late_months, late_of, totals_as_known


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


def settled_with(contract: Contract, before: date) -> list[Settled]:
    """List what the contract's next invoice must settle for frozen, invoiced months before a day, in order."""
    return [found for period in late_months(contract.tenant_id, before) for found in _settled(contract, period)]


def _settled(contract: Contract, period: date) -> Iterator[Settled]:
    invoice = Invoice.objects.filter(contract=contract, period_starts_on=period, state=Invoice.ISSUED).first()
    if invoice is None:
        return  # what came late for a month that is not invoiced waits for its invoice
    last = last_settlement(contract.pk, period)
    if last is not None and last.seen == asdict(late_of(contract.tenant_id, period)):
        return
    terms = Terms.from_json(invoice.terms)
    totals, late = totals_as_known(contract, terms)
    bill = rate(terms, totals)
    earlier = Bill.from_json(last.bill if last else invoice.document["bill"])
    found = difference(earlier, bill)
    uncovered = sum(each.calls for each in bill.uncovered) - sum(each.calls for each in earlier.uncovered)
    if found.lines or found.taxes or uncovered > 0:
        # Keys stay unique on the invoice that carries the lines along.
        lines = tuple(line._replace(key=f"{found.period}/{line.key}") for line in found.lines)
        yield Settled(period, last, terms, totals, bill, replace(found, lines=lines), late, uncovered)


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
    """Tell whether another invoice has settled a month since that this draft settles, too."""
    for each in invoice.settlements.all():
        last = last_settlement(each.contract_id, each.period_starts_on)
        if (last.pk if last else None) != each.follows_id:
            return True
    return False
