"""What a running month is expected to end at: a range, when the next tiers are reached, and what that is measured against."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.periods import Period
from billing.rating import Bill, Totals, rate
from billing.rating.bill import Line
from billing.rating.terms import Name
from billing.rating.totals import Row
from invoices.forecasting import Outlook, outlooks
from invoices.gathering import month_before
from invoices.holidays import are_known
from invoices.reaching import known_totals
from tenants.contracts import NotInForce, terms_for
from tenants.models import Contract, Tenant

MOST_TIERS = 8
AGAINST = {"true_up": "commitment", "cap": "cap"}
INCLUDED = (("included_minutes", "minute"), ("included_calls", "call"))


@dataclass(frozen=True, slots=True)
class TierReached:
    """A tier of a clause that the month is expected to reach, and on which day."""

    clause: str
    name: Name
    tier_from: Decimal
    unit: str
    group: str
    on: date


@dataclass(frozen=True, slots=True)
class Against:
    """What a month is measured against: a commitment still short, a cap that takes off, or an allowance used.

    ``to_date`` and ``expected`` are amounts, of an allowance units used out of ``of``.
    """

    kind: str
    code: str
    name: Name
    to_date: Decimal
    expected: Decimal
    of: Decimal | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Foresight:
    """A contract's running month with the range it is expected to end in, four times out of five."""

    outlook: Outlook
    low: Bill
    high: Bill
    last_month: Bill | None
    tiers: list[TierReached]
    against: list[Against]
    holidays_known: bool


def foresee(tenant: Tenant, now: datetime) -> Iterator[Foresight]:
    """Yield what is expected of each of a tenant's contracts in force in the running month."""
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    for each in outlooks(tenant, now):
        low, high = sorted((_scaled(each, 1 - each.share), _scaled(each, 1 + each.share)), key=lambda bill: bill.total)
        yield Foresight(
            each, min(low, each.expected_bill, key=_total), max(high, each.expected_bill, key=_total),
            _last_month(each.contract, each.terms.period), list(tiers_reached(each, today)), list(_against(each)),
            are_known(today, tenant.country),
        )  # fmt: skip


def tiers_reached(outlook: Outlook, today: date) -> Iterator[TierReached]:
    """Find the day on which each tier that is not reached yet will be: rated up to that day it is on the bill."""
    there = {_tier(line) for line in outlook.bill.lines}
    ahead = [line for line in outlook.expected_bill.lines if line.tier_from and _tier(line) not in there][:MOST_TIERS]
    days = [today + timedelta(days=number) for number in range((outlook.terms.period.ends_on - today).days)]
    known: dict[date, set[tuple[str, ...]]] = {}
    for line in ahead:
        low, high = 0, len(days) - 1
        while low < high:
            middle = (low + high) // 2
            if days[middle] not in known:
                known[days[middle]] = {_tier(each) for each in _until(outlook, days[middle]).lines}
            low, high = (low, middle) if _tier(line) in known[days[middle]] else (middle + 1, high)
        yield TierReached(line.code, line.name, line.tier_from or Decimal(0), line.unit, line.group, days[low])


def to_come(outlook: Outlook) -> tuple[Row, ...]:
    """Give the rows that are expected, day by day."""
    return outlook.expected.rows[len(outlook.totals.rows) :]


def _total(bill: Bill) -> Decimal:
    return bill.total


def _tier(line: Line) -> tuple[str, ...]:
    return (line.code, line.group, str(line.cell), str(line.tier_from), line.version)


def _until(outlook: Outlook, day: date) -> Bill:
    rows = tuple(row for row in to_come(outlook) if row.on is None or row.on <= day)
    return rate(outlook.terms, _with(outlook.totals, rows))


def _scaled(outlook: Outlook, factor: float) -> Bill:
    """Rate the month with so much of what is expected to come."""
    by = Decimal(str(round(factor, 4)))
    rows = tuple(
        replace(
            row, calls=round(row.calls * by), talk_ms=round(row.talk_ms * by), value=row.value * by,
            billed_seconds=round(row.billed_seconds * by),
            histogram=tuple((number, round(count * by)) for number, count in row.histogram),
        )
        for row in to_come(outlook)
    )  # fmt: skip
    return rate(outlook.terms, _with(outlook.totals, rows))


def _with(totals: Totals, rows: tuple[Row, ...]) -> Totals:
    return replace(totals, rows=(*totals.rows, *rows))


def _last_month(contract: Contract, period: Period) -> Bill | None:
    with suppress(NotInForce):
        terms = terms_for(contract, month_before(contract, period))
        return rate(terms, known_totals(contract, terms))
    return None


def _against(outlook: Outlook) -> Iterator[Against]:
    """List commitments and caps that show on the bill, and the allowances of clauses where one version rules the month."""
    now = {line.key: line.amount for line in outlook.bill.lines if line.kind in AGAINST}
    then = {line.key: line for line in outlook.expected_bill.lines if line.kind in AGAINST}
    shown = {line.key: line for line in outlook.bill.lines if line.kind in AGAINST} | then
    for key, line in shown.items():
        expected = then[key].amount if key in then else Decimal(0)
        yield Against(AGAINST[line.kind], line.code, line.name, now.get(key, Decimal(0)), expected)
    if len(outlook.terms.segments) > 1:
        return
    for clause in outlook.terms.segments[0].agreement.clauses:
        for member, unit in INCLUDED:
            if of := getattr(clause, member, None):
                used, expected = (_used(each, clause.code, unit) for each in (outlook.totals, outlook.expected))
                yield Against("allowance", clause.code, clause.name, used, expected, of, unit)


def _used(totals: Totals, code: str, unit: str) -> Decimal:
    rows = [row for row in totals.rows if row.clause == code]
    if unit == "call":
        return Decimal(sum(row.calls for row in rows))
    return Decimal(sum(row.billed_seconds for row in rows)) / 60
