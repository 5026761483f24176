"""What commitments and caps that run longer than a month have reached before it: as invoiced, and as settled since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from billing.periods import Period, period_containing
from billing.rating.bill import Reached
from billing.rating.clauses.context import CYCLE_MONTHS, months_between
from billing.rating.terms import Cap, Commitment, Terms
from billing.rating.totals import ToDate, Totals
from invoices.models import Invoice, Settlement
from tenants.contracts import Entered
from tenants.models import Contract
from usage.aggregation import totals_of

Months = Mapping[date, Iterable[Reached]]


def reached_before(contract: Contract, terms: Terms, settled: Months | None = None) -> tuple[ToDate, ...]:
    """Add up what the earlier months of each cycle came to, by code; without longer commitments nothing is asked.

    A month counts as its last issued settlement says, else as its invoice or, not issued yet, its draft says.
    ``settled`` are months as the caller is about to settle them, by first day.
    """
    begins = _cycle_begins(terms)
    if not begins or min(begins.values()) >= terms.period.starts_on:
        return ()
    months = _invoiced(contract, Period(min(begins.values()), terms.period.starts_on)) | dict(settled or {})
    sums: dict[str, Decimal] = {}
    for day, reached in sorted(months.items()):
        for each in reached:
            if each.code in begins and begins[each.code] <= day < terms.period.starts_on:
                sums[each.code] = sums.get(each.code, Decimal(0)) + each.amount
    return tuple(ToDate(code, amount) for code, amount in sorted(sums.items()))


def known_totals(
    contract: Contract, terms: Terms, entered: Entered | None = None, settled: Months | None = None
) -> Totals:
    """Read a month's stored totals with what its longer commitments and caps have reached before; see reached_before."""
    totals = totals_of(contract.tenant_id, contract.pk, terms, entered=entered)
    return replace(totals, to_date=reached_before(contract, terms, settled))


def months_that_follow(contract: Contract, first: date) -> list[date]:
    """List the issued months after one whose bills had longer commitments or caps: what it comes to changes theirs."""
    issued = Invoice.objects.filter(contract=contract, state=Invoice.ISSUED, period_starts_on__gt=first)
    longer = issued.filter(document__bill__reached__0__isnull=False)
    return list(longer.order_by("period_starts_on").values_list("period_starts_on", flat=True))


def _cycle_begins(terms: Terms) -> dict[str, date]:
    """Find the first day of the cycle that the month stands in, for each longer commitment and cap by its code."""
    longer: dict[str, int] = {}
    for segment in terms.segments:
        each: Sequence[Commitment | Cap] = [*segment.agreement.commitments, *segment.agreement.caps]
        longer |= {item.code: CYCLE_MONTHS[item.every] for item in each if item.every != "month"}
    if not longer:
        return {}
    billing_day = max(terms.period.starts_on.day, terms.period.ends_on.day)
    anchor = terms.contract_starts_on or terms.segments[0].starts_on
    number = months_between(period_containing(anchor, billing_day).starts_on, terms.period.starts_on)
    days = [terms.period.starts_on]
    for _ in range(max(number % months for months in longer.values())):
        days.append(period_containing(days[-1] - timedelta(days=1), billing_day).starts_on)
    return {code: days[number % months] for code, months in longer.items()}


def _invoiced(contract: Contract, span: Period) -> dict[date, list[Reached]]:
    within: dict[str, Any] = {"period_starts_on__gte": span.starts_on, "period_starts_on__lt": span.ends_on}
    invoices = Invoice.objects.filter(contract=contract, **within)
    settlements = Settlement.objects.filter(contract=contract, invoice__state=Invoice.ISSUED, **within)
    told: list[tuple[date, Any]] = [
        *invoices.values_list("period_starts_on", "document__bill__reached"),
        *settlements.order_by("invoice__issued_at", "pk").values_list("period_starts_on", "bill__reached"),
    ]
    return {day: [Reached(each["code"], Decimal(each["amount"])) for each in reached or ()] for day, reached in told}
