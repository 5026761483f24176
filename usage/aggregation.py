"""Counting a month: the database counts by clause and day, the engine prices.

A month is always counted whole and its totals replaced, never incremented; so counting twice changes nothing, and
a count that was killed half-way never happened.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Sum
from psycopg.sql import SQL, Composable, Literal

from billing.errors import Refused
from billing.periods import Period, midnight
from billing.rating.counting import Taking, meters
from billing.rating.terms import Segment, Select, Terms
from billing.rating.totals import Event, Row, Totals, Uncovered
from tenants.contracts import NotInForce, terms_for
from tenants.models import Contract, ContractVersion, Tenant
from usage import selectors
from usage.ingestion import lock_key
from usage.models import UsageMonth, UsageTotal

COUNTING_LIMIT = "15min"


class CannotCount(Refused):
    """The contract asks for a count that is not built."""

    status = 409


def count_month(tenant_id: int, contract_id: int, terms: Terms, gaps: Sequence[Period] = ()) -> None:
    """Count one contract's month from the calls and replace its totals, in one transaction.

    ``terms`` say what to count; answered calls in the ``gaps``, days no contract of the tenant rules, are uncovered.
    Calls that were late for the month (it was frozen) are left out.
    """
    period = terms.period.starts_on
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = %s", [COUNTING_LIMIT])
        # There are few groups, but the planner cannot know and would sort every call on disk.
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL enable_sort = off")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("count", tenant_id, contract_id, period)])
        UsageTotal.objects.filter(tenant_id=tenant_id, contract_id=contract_id, period=period).delete()
        for segment in terms.segments:
            for statement in _statements(tenant_id, contract_id, terms, segment):
                cursor.execute(statement)
        for gap in gaps:
            cursor.execute(_ungoverned(tenant_id, contract_id, terms, gap))


def clear_stale_mark(tenant_id: int, period: date) -> bool:
    """Take the mark off a month that is about to be counted; return whether it was there.

    The exclusive lock waits for deliveries on their way: those before it are seen by the count that follows, those
    after it set the mark again.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("period", tenant_id, period)])
        marked = UsageMonth.objects.filter(tenant_id=tenant_id, period=period, stale_since__isnull=False)
        return bool(marked.update(stale_since=None))


def mark_stale(tenant_id: int, period: date, now: datetime) -> None:
    """Ask for a month to be counted anew: its contract changed, or a count failed."""
    UsageMonth.objects.filter(tenant_id=tenant_id, period=period, stale_since__isnull=True).update(stale_since=now)


def count_if_stale(tenant: Tenant, month: Period, now: datetime) -> bool:
    """Count a tenant's month if calls came since the last count; return whether it did."""
    if not clear_stale_mark(tenant.pk, month.starts_on):
        return False
    _count(tenant, month, now)
    return True


def count_now(tenant: Tenant, month: Period, now: datetime) -> None:
    """Count a tenant's month whether calls came or not: its contracts may have changed."""
    clear_stale_mark(tenant.pk, month.starts_on)
    _count(tenant, month, now)


def _count(tenant: Tenant, month: Period, now: datetime) -> None:
    """Count under each contract in force; a count that fails leaves the month stale."""
    try:
        agreed = _terms_in_force(tenant, month)
        gaps: Sequence[Period] = ungoverned_days(month, [terms for _, terms in agreed])
        for contract_id, terms in agreed:
            count_month(tenant.pk, contract_id, terms, gaps)
            gaps = ()  # days that no contract rules are shown once: on the draft of the first
        UsageMonth.objects.filter(tenant_id=tenant.pk, period=month.starts_on).update(counted_at=now)
    except BaseException:
        mark_stale(tenant.pk, month.starts_on, now)
        raise


def mark_newly_agreed(now: datetime) -> int:
    """Mark open months stale that were counted before a contract of the tenant was signed; return how many."""
    signed = ContractVersion.objects.filter(
        contract__tenant_id=OuterRef("tenant_id"), signed_at__gt=OuterRef("counted_at")
    )
    counted = UsageMonth.objects.filter(Exists(signed), state=UsageMonth.OPEN, stale_since__isnull=True)
    return counted.update(stale_since=now)


def stale_months(limit: int) -> list[tuple[int, date]]:
    """List the tenant and period of months to count, the longest waiting first."""
    found = UsageMonth.objects.filter(stale_since__isnull=False).order_by("stale_since")
    return list(found.values_list("tenant_id", "period")[:limit])


def totals_of(tenant_id: int, contract_id: int, terms: Terms) -> Totals:
    """Read a month's totals in the engine's form."""
    rows: list[Row] = []
    uncovered: list[Uncovered] = []
    found = UsageTotal.objects.filter(
        tenant_id=tenant_id, contract_id=contract_id, period=terms.period.starts_on
    ).order_by("segment", "clause", "meter", "day", "group", "cell")
    for total in found:
        cell = tuple((name, value) for name, value in json.loads(total.cell)) if total.cell else ()
        if total.clause:
            rows.append(
                Row(
                    segment=total.segment, clause=total.clause, on=total.day, group=total.group, cell=cell,
                    calls=total.calls, talk_ms=total.talk_ms, billed_seconds=total.billed_seconds, value=total.value,
                    histogram=tuple((number, calls) for number, calls in _pairs(total.histogram)),
                )
            )  # fmt: skip
        else:
            uncovered.append(
                Uncovered(
                    meter="talk" if total.meter == "any" else total.meter,
                    calls=total.calls,
                    talk_ms=total.talk_ms,
                    value=total.value,
                    on=total.day,
                )
            )
    return Totals(rows=tuple(rows), uncovered=tuple(uncovered), events=tuple(_events(tenant_id, terms)))


def _terms_in_force(tenant: Tenant, month: Period) -> list[tuple[int, Terms]]:
    found = []
    for contract in Contract.objects.filter(tenant=tenant).select_related("tenant").order_by("pk"):
        with contextlib.suppress(NotInForce):
            found.append((contract.pk, terms_for(contract, month)))
    return found


def ungoverned_days(month: Period, agreed: Sequence[Terms]) -> list[Period]:
    """List the stretches of a month that no contract rules."""
    ruled = sorted((segment.starts_on, segment.ends_on) for terms in agreed for segment in terms.segments)
    gaps, day = [], month.starts_on
    for starts_on, ends_on in [*ruled, (month.ends_on, month.ends_on)]:
        if day < starts_on:
            gaps.append(Period(day, starts_on))
        day = max(day, ends_on)
    return gaps


@dataclass(frozen=True, slots=True)
class Day:
    """What reached one local day: attempts, answered calls, seconds talked."""

    day: date
    calls: int
    answered: int
    talk_ms: int


def days_of(tenant_id: int, terms: Terms) -> list[Day]:
    """List the days of a month with usage, in order: every first leg that was counted, taken by a clause or not."""
    found: list[Day] = []
    for segment in terms.segments:
        statement = SQL(
            "SELECT {} AS day, count(*), count(answered_at), COALESCE(sum(talk_ms), 0)::int8 {} GROUP BY day ORDER BY day"
        )
        with connection.cursor() as cursor:
            cursor.execute(statement.format(selectors.local_day(terms.zone), calls_of(tenant_id, terms, segment)))
            found += [Day(*row) for row in cursor.fetchall()]
    return found


def billed_seconds_by_day(tenant_id: int, contract_id: int, period: date) -> dict[date, int]:
    """Map each day to the seconds that duration clauses billed."""
    found = UsageTotal.objects.filter(tenant_id=tenant_id, contract_id=contract_id, period=period)
    return dict(found.values_list("day").annotate(Sum("billed_seconds")))


# -- statements -------------------------------------------------------------------------------------------------------


def _statements(tenant_id: int, contract_id: int, terms: Terms, segment: Segment) -> Iterator[Composable]:
    """Build the statements that fill the totals of one segment: one for each meter."""
    calls = calls_of(tenant_id, terms, segment)
    head = SQL("{}, {}, {}::date, {}").format(
        Literal(tenant_id), Literal(contract_id), Literal(terms.period.starts_on), Literal(segment.number)
    )
    by_meter = meters(segment.agreement)
    left_over = selectors.taken_by_none(by_meter.values(), segment.agreement, terms.zone)
    if left_over is not None:
        yield _seen_by_none(head, left_over, calls, terms.zone)
    for meter, takings in by_meter.items():
        if any(taking.rule and taking.rule.at_band_edge == "split" for taking in takings):
            raise CannotCount(
                "band_split", f"Clause {takings[0].clause} cuts calls at band edges, which is not counted yet."
            )
        if takings[0].measure:
            yield _measured(head, meter, takings[0], calls, segment)
        elif takings[0].counter is not None:
            for taking in takings:
                yield _counter(head, meter, takings, taking, calls, terms.zone, segment)
            if takings[0].needs_cover:
                yield _counter_uncovered(head, meter, takings, calls, terms.zone, segment)
        else:
            yield _talk_or_calls(head, meter, takings, calls, terms.zone, segment)


def _ungoverned(tenant_id: int, contract_id: int, terms: Terms, gap: Period) -> Composable:
    """Count the answered calls of days that no contract rules."""
    return _INTO + SQL(
        "SELECT {}, {}, {}::date, '', 'talk', '', {} AS day, '', '', count(*), sum(talk_ms), 0, 0, '[]' {} "
        "AND answered_at IS NOT NULL GROUP BY day"
    ).format(
        Literal(tenant_id),
        Literal(contract_id),
        Literal(terms.period.starts_on),
        selectors.local_day(terms.zone),
        calls_of(tenant_id, terms, gap),
    )


def _seen_by_none(head: Composable, left_over: Composable, calls: Composable, zone: str) -> Composable:
    """Count the answered calls that are on no meter of the contract."""
    return _INTO + SQL(
        "SELECT {}, 'any', '', {} AS day, '', '', count(*), sum(talk_ms), 0, 0, '[]' {} AND {} GROUP BY day"
    ).format(head, selectors.local_day(zone), calls, left_over)


def calls_of(tenant_id: int, terms: Terms, segment: Segment | Period) -> Composable:
    """Give FROM and WHERE for the calls of a segment: legs that count, neither late nor voided, on the tenant's days."""
    return SQL(
        "FROM usage_call WHERE tenant_id = {} AND period = {}::date AND (leg = 'a' OR starts_with(leg, 'a:')) AND NOT flags && '{{late,voided}}' "
        "AND started_at >= {}::timestamptz AND started_at < {}::timestamptz"
    ).format(
        Literal(tenant_id),
        Literal(terms.period.starts_on),
        Literal(midnight(segment.starts_on, terms.zone)),
        Literal(midnight(segment.ends_on, terms.zone)),
    )


_INTO = SQL(
    'INSERT INTO usage_usagetotal (tenant_id, contract_id, period, segment, meter, clause, day, "group", cell, calls, '
    "talk_ms, billed_seconds, value, histogram) "
)


def _talk_or_calls(
    head: Composable, meter: str, takings: tuple[Taking, ...], calls: Composable, zone: str, segment: Segment
) -> Composable:
    """Count calls and seconds of one meter in one pass: each call goes to the first clause that matches."""
    agreement = segment.agreement
    conditions = [selectors.takes(taking, agreement, zone) for taking in takings]
    considered = selectors.any_of(conditions)
    if takings[0].needs_cover:
        lacking = selectors.lacking(takings)
        everything = any(
            taking.select == Select() and lacking == selectors.COUNTED[taking.counts] for taking in takings
        )
        considered = selectors.any_of([lacking] if everything else [*conditions, lacking])

    def by_clause(what: list[Composable], otherwise: Composable) -> Composable:
        if [selectors.any_of([each]) for each in conditions] == [considered] or {repr(each) for each in what} == {
            repr(otherwise)
        }:
            return what[0]  # one clause takes every call that is looked at, or it makes no difference who does
        cases = [SQL("WHEN {} THEN {}").format(c, w) for c, w in zip(conditions, what, strict=True)]
        return SQL("CASE {} ELSE {} END").format(SQL(" ").join(cases), otherwise)

    empty, zero = SQL("''::text"), SQL("0::bigint")
    columns = {
        "clause": by_clause([Literal(taking.clause) for taking in takings], empty),
        "day": selectors.local_day(zone),
        "grp": by_clause([_group(t, segment, zone) for t in takings], empty),
        "cell": by_clause([_cell(t, segment, zone) for t in takings], empty),
        "talk": by_clause(
            [selectors.counted_ms(t.rule) if t.rule else zero for t in takings],
            SQL("talk_ms") if takings[0].rule else zero,
        ),
        "billed": by_clause([selectors.billed_seconds(t.rule) if t.rule else zero for t in takings], zero),
        "number": by_clause([_number(t) for t in takings], SQL("NULL::bigint")),
    }
    inner = SQL("SELECT {} {} AND {}").format(
        SQL(", ").join([SQL("{} AS {}").format(each, SQL(name)) for name, each in columns.items()]), calls, considered
    )
    if not any(taking.histogram for taking in takings):
        return _INTO + SQL(
            "SELECT {}, {}, clause, day, grp, cell, count(*), sum(talk), sum(billed), 0, '[]' FROM ({}) AS taken "
            "GROUP BY clause, day, grp, cell"
        ).format(head, Literal(meter), inner)
    return _INTO + SQL(
        "SELECT {}, {}, clause, day, grp, cell, sum(n), sum(talk), sum(billed), 0, "
        "COALESCE(jsonb_agg(jsonb_build_array(number, n) ORDER BY number) FILTER (WHERE number IS NOT NULL), '[]') "
        "FROM (SELECT clause, day, grp, cell, number, count(*) AS n, sum(talk) AS talk, sum(billed) AS billed "
        "FROM ({}) AS taken GROUP BY clause, day, grp, cell, number) AS counted GROUP BY clause, day, grp, cell"
    ).format(head, Literal(meter), inner)


def _number(taking: Taking) -> Composable:
    """Give what the histogram of a clause counts calls by."""
    if taking.rule is None or taking.histogram is None:
        return SQL("NULL::bigint")
    return (
        selectors.billed_seconds(taking.rule)
        if taking.histogram == "billed"
        else selectors.counted_seconds(taking.rule)
    )


def _group(taking: Taking, segment: Segment, zone: str) -> Composable:
    return selectors.dimension(taking.group_by, segment.agreement, zone) if taking.group_by else SQL("''::text")


def _cell(taking: Taking, segment: Segment, zone: str) -> Composable:
    if not taking.dimensions:
        return SQL("''::text")
    pairs = [
        SQL("jsonb_build_array({}::text, {})").format(Literal(name), selectors.dimension(name, segment.agreement, zone))
        for name in taking.dimensions
    ]
    return SQL("jsonb_build_array({})::text").format(SQL(", ").join(pairs))


def _counter(
    head: Composable,
    meter: str,
    takings: tuple[Taking, ...],
    taking: Taking,
    calls: Composable,
    zone: str,
    segment: Segment,
) -> Composable:
    """Aggregate a counter of the calls one clause takes: sum, max, latest or distinct, or extremes within a window."""
    value = SQL("(counters ->> {})").format(Literal(taking.counter))
    number = SQL("{}::numeric").format(value)
    day = (
        SQL("{}::date").format(Literal(segment.starts_on))
        if taking.aggregate == "distinct"
        else selectors.local_day(zone)
    )
    inner = SQL("SELECT {} AS day, {} AS grp, {} AS cell, started_at, {} AS number, {} AS text {} AND {}").format(
        day,
        _group(taking, segment, zone),
        _cell(taking, segment, zone),
        number,
        value,
        calls,
        selectors.taken_first(takings, taking.clause, segment.agreement, zone),
    )
    aggregated = {
        "sum": SQL("sum(number)"),
        "max": SQL("max(number)"),
        "latest": SQL("(array_agg(number ORDER BY started_at DESC))[1]"),
        "distinct": SQL("count(DISTINCT text)"),
    }[taking.aggregate or "sum"]
    if taking.window:
        inner = SQL(
            "SELECT day, grp, cell, sum(1) AS n, {}(number) AS number FROM ({}) AS each "
            "GROUP BY day, grp, cell, date_trunc({}, started_at AT TIME ZONE {})"
        ).format(SQL("min" if taking.window_takes == "min" else "max"), inner, Literal(taking.window), Literal(zone))
        aggregated = SQL("sum(number)")
    return _INTO + SQL(
        "SELECT {}, {}, {}, day, grp, cell, {}, 0, 0, {}, '[]' FROM ({}) AS taken GROUP BY day, grp, cell"
    ).format(
        head, Literal(meter), Literal(taking.clause), SQL("sum(n)" if taking.window else "count(*)"), aggregated, inner
    )


def _counter_uncovered(
    head: Composable, meter: str, takings: tuple[Taking, ...], calls: Composable, zone: str, segment: Segment
) -> Composable:
    nobody = SQL("NOT COALESCE({}, FALSE)").format(
        selectors.any_of([selectors.takes(taking, segment.agreement, zone) for taking in takings])
    )
    name = Literal(takings[0].counter)
    return _INTO + SQL(
        "SELECT {}, {}, '', {} AS day, '', '', count(*), 0, 0, sum((counters ->> {})::numeric), '[]' {} "
        "AND {} AND {} GROUP BY day"
    ).format(head, Literal(meter), selectors.local_day(zone), name, calls, selectors.lacking(takings), nobody)


def _measured(head: Composable, meter: str, taking: Taking, calls: Composable, segment: Segment) -> Composable:
    """Measure distinct robots or lines, or the most calls at once, over the whole segment."""
    day = SQL("{}::date").format(Literal(segment.starts_on))
    if taking.measure == "peak_concurrency":
        # A call that ends at the instant another begins does not overlap it.
        value = SQL(
            "SELECT COALESCE(max(at_once), 0) FROM (SELECT sum(step) OVER (ORDER BY at, step) AS at_once FROM ("
            "SELECT started_at AS at, 1 AS step {0} AND ended_at > started_at UNION ALL "
            "SELECT ended_at, -1 {0} AND ended_at > started_at) AS edges) AS load"
        ).format(calls)
    else:
        column = SQL("robot" if taking.measure == "distinct_robots" else "line")
        value = SQL("SELECT count(DISTINCT {0}) {1} AND answered_at IS NOT NULL AND {0} <> ''").format(column, calls)
    return _INTO + SQL("SELECT {}, {}, {}, {}, '', '', count(*), COALESCE(sum(talk_ms), 0), 0, ({}), '[]' {}").format(
        head, Literal(meter), Literal(taking.clause), day, value, calls
    )


def _events(tenant_id: int, terms: Terms) -> Iterator[Event]:
    """List single events where a percentage price looks at each; they are read from the calls themselves."""
    for segment in terms.segments:
        for takings in meters(segment.agreement).values():
            for taking in takings:
                if taking.events and taking.counter is not None:
                    statement = SQL(
                        "SELECT started_at, (counters ->> {})::numeric, {} {} AND {} ORDER BY started_at, call_id"
                    ).format(
                        Literal(taking.counter),
                        _group(taking, segment, terms.zone),
                        calls_of(tenant_id, terms, segment),
                        selectors.taken_first(takings, taking.clause, segment.agreement, terms.zone),
                    )
                    with connection.cursor() as cursor:
                        cursor.execute(statement)
                        for at, value, group in cursor.fetchall():
                            yield Event(segment=segment.number, clause=taking.clause, at=at, value=value, group=group)


def _pairs(histogram: Any) -> Iterator[tuple[Any, int]]:
    for number, calls in histogram:
        yield Decimal(number), calls
