"""How a running month stands, and what it comes to by its end: from stored totals alone, priced by the engine.

The method is that of ``invoices.seasons``, clause by clause, in each group and cell: days to come are like days of their kind
(weekday, holiday) in the four weeks before, moved by the trend. The totals made of both, counted and expected, are rated
like any month, so tiers, allowances, commitments and caps are where they will be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from billing.periods import Period, period_containing
from billing.rating import Bill, Terms, Totals, rate
from billing.rating.counting import Taking, takings
from billing.rating.terms import Segment
from billing.rating.totals import Row
from invoices.gathering import month_before
from invoices.reaching import known_totals
from invoices.seasons import WEEKS, alike, known_days, spread, trend
from tenants.contracts import Entered, NotInForce, entered_at_all, terms_for
from tenants.models import Contract, Tenant
from usage.aggregation import totals_of
from usage.models import UsageMonth

Told = tuple[Taking, Row]


@dataclass(frozen=True, slots=True)
class Outlook:
    """A contract's running month: what was used and is owed to date, and what both come to by its end.

    ``share`` is how far the usage to come may lie from what is expected, as a share of it, in four of five months.
    ``counted_at`` is when the month was last counted, None when no call has come; ``waiting_since`` when the first
    call came that is not counted yet, None when all are.
    """

    contract: Contract
    terms: Terms
    totals: Totals
    bill: Bill
    expected: Totals
    expected_bill: Bill
    share: float
    counted_at: datetime | None
    waiting_since: datetime | None


def outlooks(tenant: Tenant, now: datetime) -> Iterator[Outlook]:
    """Yield the outlook of each of a tenant's contracts that is in force in the running month."""
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    month = period_containing(today, tenant.billing_day)
    for contract in tenant.contracts.prefetch_related("versions").select_related("tenant").order_by("pk"):
        with suppress(NotInForce):
            yield outlook(contract, month, today)


def outlook(contract: Contract, month: Period, today: date) -> Outlook:
    """Say how a contract's month stands on a local day of it, the day itself still running. Raises NotInForce."""
    terms = terms_for(contract, month)
    entered = entered_at_all([contract.pk])[contract.pk]
    totals = known_totals(contract, terms, entered)
    history = [*_earlier(contract, month, entered), *_told(terms, totals.rows)]
    country = contract.tenant.country
    expected = replace(totals, rows=(*totals.rows, *expected_rows(terms, history, today, country)))
    share = spread(_volumes(terms, history, today), today, (month.ends_on - today).days, country)
    stored = UsageMonth.objects.filter(tenant_id=contract.tenant_id, period=month.starts_on).first()
    return Outlook(
        contract, terms, totals, rate(terms, totals), expected, rate(terms, expected), share,
        stored.counted_at if stored else None,
        min(filter(None, (stored.stale_since, stored.counting_since)), default=None) if stored else None,
    )  # fmt: skip


def expected_rows(terms: Terms, history: Iterable[Told], today: date, country: str = "") -> Iterator[Row]:
    """Yield what is still to come from a local day to the end of the terms' last segment, that day's rest included.

    ``history`` are rows with what took them; ``country`` tells whose holidays are kept. A clause is expected to go on as it
    did as long as it takes the same calls; and only what adds up over days: a maximum, a latest or distinct value, or a
    measured number stays.
    """
    history = list(history)
    recent = [(taking, row) for taking, row in history if row.on and today - timedelta(weeks=WEEKS) <= row.on]
    known = known_days(min((row.on for _, row in recent if row.on), default=today), today)
    factor = Fraction(trend(_volumes(terms, history, today), today, country)).limit_denominator(10_000)
    for segment in terms.segments:
        adding = [taking for taking in takings(segment.agreement) if _adds_up(taking)]
        days = defaultdict[date | None, list[Row]](list)
        for taking, row in recent:
            if taking in adding:
                days[row.on].append(row)
        for day in _days(max(today, segment.starts_on), segment.ends_on):
            like = [days.get(each, []) for each in alike(day, known, country)]
            yield from _mean(segment, day, like, days.get(day, []), factor)


def _volumes(terms: Terms, history: Iterable[Told], today: date) -> dict[date, float]:
    """Add up the calls of the days before a day, for the trend and the spread; those of clauses that go on."""
    adding = [taking for each in terms.segments for taking in takings(each.agreement) if _adds_up(taking)]
    volumes = defaultdict[date, float](float)
    for taking, row in history:
        if row.on and row.on < today and taking in adding:
            volumes[row.on] += row.calls
    return dict(volumes)


def _adds_up(taking: Taking) -> bool:
    return taking.measure is None and taking.window is None and taking.aggregate in (None, "sum")


def _days(begin: date, end: date) -> Iterator[date]:
    return (begin + timedelta(days=number) for number in range((end - begin).days))


def _mean(segment: Segment, day: date, like: list[list[Row]], so_far: list[Row], factor: Fraction) -> Iterator[Row]:
    """Average the rows of days alike, each clause, group and cell for itself, times the trend, less what the day has already."""
    sums = defaultdict[tuple[str, str, tuple[tuple[str, str], ...]], list[Row]](list)
    for row in (row for rows in like for row in rows):
        sums[row.clause, row.group, row.cell].append(row)
    had = {(row.clause, row.group, row.cell): row for row in so_far}
    for (clause, group, cell), rows in sums.items():
        number, there = (
            Fraction(len(like)) / factor,
            had.get((clause, group, cell), Row(segment=segment.number, clause=clause)),
        )
        histogram, seen = Counter[Decimal](), Counter(dict(there.histogram))
        for row in rows:
            histogram.update(dict(row.histogram))
        yield Row(
            segment=segment.number, clause=clause, on=day, group=group, cell=cell,
            calls=_rest(sum(row.calls for row in rows), number, there.calls),
            talk_ms=_rest(sum(row.talk_ms for row in rows), number, there.talk_ms),
            billed_seconds=_rest(sum(row.billed_seconds for row in rows), number, there.billed_seconds),
            value=max(_times(sum((row.value for row in rows), Decimal(0)), 1 / number) - there.value, Decimal(0)),
            histogram=tuple((each, _rest(histogram[each], number, seen[each])) for each in sorted(histogram)),
        )  # fmt: skip


def _rest(total: int, days: Fraction, there: int) -> int:
    return max(round(total / days) - there, 0)


def _times(value: Decimal, factor: Fraction) -> Decimal:
    return value * factor.numerator / factor.denominator


def _earlier(contract: Contract, month: Period, entered: Entered) -> Iterator[Told]:
    with suppress(NotInForce):
        terms = terms_for(contract, month_before(contract, month))
        yield from _told(terms, totals_of(contract.tenant_id, contract.pk, terms, entered=entered).rows)


def _told(terms: Terms, rows: Iterable[Row]) -> Iterator[Told]:
    took = {(each.number, taking.clause): taking for each in terms.segments for taking in takings(each.agreement)}
    return ((took[row.segment, row.clause], row) for row in rows)
