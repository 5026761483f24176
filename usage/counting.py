"""The SQL that counts a month: for each segment of the terms, one statement a meter, filling ``usage_usagetotal``.

The conditions come from ``usage.selectors``, which also says which calls stand behind a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from billing.periods import Period, midnight
from billing.rating.counting import Taking, meters
from billing.rating.levels import Told, counted_measures
from billing.rating.terms import Agreement, Beside, DurationRule, Segment, Select, Terms
from usage import selectors
from usage.selectors import COUNTED

LEVEL = "level"  # the meter of rows that count a service level: ``calls`` it looks at, ``value`` those that met it


class Rows(NamedTuple):
    """What a row of ``usage_call`` stands for: how to count the calls of rows, and a row's talk in milliseconds.

    ``times`` multiplies what holds for each call of a row; ``also`` is what a subquery passes on to count them.
    """

    calls: Composable = SQL("count(*)")
    talk: Composable = SQL("talk_ms")
    agent: Composable = SQL("agent_ms")
    times: Composable = SQL("")
    also: Composable = SQL("")


EACH_CALL = Rows()
# Calls that nobody tells apart in one row, as ``usage.condensing`` puts them together.
ALIKE = Rows(
    calls=SQL("COALESCE(sum(alike), 0)"),
    talk=SQL("talk_sum"),
    agent=SQL("agent_sum"),
    times=SQL(" * alike"),
    also=SQL(", alike"),
)


def counting_statements(
    tenant_id: int, contract_id: int, terms: Terms, segment: Segment, *, known: bool = False
) -> Iterator[Composable]:
    """Build the statements that fill the totals of one segment: one for each meter. ``known`` as in ``calls_of``."""
    for meter in (None, *meters(segment.agreement)):
        for selected in totals_selected(tenant_id, contract_id, terms, segment, meter, known=known):
            yield INTO + selected


def totals_selected(
    tenant_id: int,
    contract_id: int,
    terms: Terms,
    segment: Segment,
    meter: str | None,
    *,
    known: bool = False,
    rows: Rows = EACH_CALL,
) -> Iterator[Composable]:
    """Build what selects the totals of a meter of a segment; without one, of what belongs to no meter."""
    calls = calls_of(tenant_id, terms, segment, known=known)
    head = SQL("{}, {}, {}::date, {}").format(
        Literal(tenant_id), Literal(contract_id), Literal(terms.period.starts_on), Literal(segment.number)
    )
    by_meter = meters(segment.agreement)
    if meter is None:
        yield from _on_no_meter(head, by_meter, calls, terms.zone, segment, rows)
        return
    takings = by_meter[meter]
    if takings[0].measure:
        yield _measured(head, meter, takings[0], calls, segment)
    elif takings[0].counter is not None:
        for taking in takings:
            yield _counter(head, meter, takings, taking, calls, terms.zone, segment, rows)
        if takings[0].needs_cover:
            yield _counter_uncovered(head, meter, takings, calls, terms.zone, segment, rows)
    else:
        yield _talk_or_calls(head, meter, takings, calls, terms.zone, segment, rows)


def _on_no_meter(
    head: Composable,
    by_meter: Mapping[str, tuple[Taking, ...]],
    calls: Composable,
    zone: str,
    segment: Segment,
    rows: Rows,
) -> Iterator[Composable]:
    if told := counted_measures(segment.agreement):
        yield _levels(head, told, calls, segment, rows)
    left_over = selectors.taken_by_none(by_meter.values(), segment.agreement, zone)
    if left_over is not None and not cut_at_edges(by_meter.get("talk", ())):  # else the engine says who saw them
        yield _seen_by_none(head, left_over, calls, zone, rows)


def count_ungoverned(
    tenant_id: int, contract_id: int, terms: Terms, gap: Period, taken: Sequence[Beside]
) -> Composable:
    """Count the answered calls of days on which no contract takes the rest, and that none of those for certain calls takes."""
    return INTO + SQL(
        "SELECT {}, {}, {}::date, '', 'talk', '', {} AS day, '', '', count(*), sum(talk_ms), 0, 0, '[]'::jsonb {} "
        "AND answered_at IS NOT NULL AND {} GROUP BY day"
    ).format(
        Literal(tenant_id),
        Literal(contract_id),
        Literal(terms.period.starts_on),
        selectors.local_day(terms.zone),
        _calls_on(tenant_id, terms, gap),
        selectors.all_of([selectors.not_taken(each, terms) for each in taken]),
    )


def _seen_by_none(head: Composable, left_over: Composable, calls: Composable, zone: str, rows: Rows) -> Composable:
    """Count the answered calls that are on no meter of the contract."""
    return SQL("SELECT {}, 'any', '', {} AS day, '', '', {}, sum({}), 0, 0, '[]'::jsonb {} AND {} GROUP BY day").format(
        head, selectors.local_day(zone), rows.calls, rows.talk, calls, left_over
    )


def _levels(head: Composable, told: Mapping[str, Told], calls: Composable, segment: Segment, made: Rows) -> Composable:
    """Count, for each service level that the calls tell, the calls it looks at and those that met it, in one pass."""
    columns, rows = [], []
    for number, (measure, each) in enumerate(told.items()):
        looked_at = selectors.TRUE if each.direction is None else SQL("direction = {}").format(Literal(each.direction))
        met = [looked_at, SQL("answered_at IS NOT NULL")]
        if each.within is not None:
            met.append(SQL("answered_at - started_at <= {}::interval").format(Literal(each.within)))
        looked_name, met_name = Identifier(f"looked_{number}"), Identifier(f"met_{number}")
        columns += [
            SQL("{} AS {}").format(_counting(made, looked_at), looked_name),
            SQL("{} AS {}").format(_counting(made, selectors.all_of(met)), met_name),
        ]
        rows.append(SQL("({}, {}, {})").format(Literal(measure), looked_name, met_name))
    return SQL(
        "SELECT {}, {}, measure, {}::date, '', '', looked, 0, 0, met, '[]'::jsonb FROM (SELECT {} {}) AS counted, "
        "LATERAL (VALUES {}) AS level (measure, looked, met)"
    ).format(head, Literal(LEVEL), Literal(segment.starts_on), SQL(", ").join(columns), calls, SQL(", ").join(rows))


def _counting(rows: Rows, condition: Composable) -> Composable:
    if rows is EACH_CALL:
        return SQL("count(*) FILTER (WHERE {})").format(condition)
    return SQL("COALESCE(sum(alike) FILTER (WHERE {}), 0)").format(condition)


def calls_of(tenant_id: int, terms: Terms, segment: Segment | Period, *, known: bool = False) -> Composable:
    """Give FROM and WHERE for a contract's calls of a segment: legs that count, neither late nor voided, in its scope.

    ``known`` gives what is known by now of a frozen month instead: late calls too, and corrected ones as corrected.
    """
    return _calls_on(tenant_id, terms, segment, known=known) + SQL("").join(
        SQL(" AND {}").format(each) for each in selectors.in_scope(terms)
    )


def _calls_on(tenant_id: int, terms: Terms, segment: Segment | Period, *, known: bool = False) -> Composed:
    return SQL(
        "FROM {} WHERE tenant_id = {} AND period = {}::date AND (leg = 'a' OR starts_with(leg, 'a:')) AND NOT flags && {} "
        "AND started_at >= {}::timestamptz AND started_at < {}::timestamptz"
    ).format(
        _KNOWN.format(tenant=Literal(tenant_id), period=Literal(terms.period.starts_on))
        if known
        else SQL("usage_call"),
        Literal(tenant_id),
        Literal(terms.period.starts_on),
        SQL("'{voided}'" if known else "'{late,voided}'"),
        Literal(midnight(segment.starts_on, terms.zone)),
        Literal(midnight(segment.ends_on, terms.zone)),
    )


# The calls of a month as they are known by now: where a change waits because its month was frozen, what the last one says.
_KNOWN = SQL("""(
SELECT each.* FROM usage_call AS each WHERE tenant_id = {tenant} AND period = {period}::date AND NOT flags && '{{changed_late}}'
UNION ALL SELECT changed.* FROM usage_callversion AS v, jsonb_populate_record(NULL::usage_call, v.replacement) AS changed
WHERE v.tenant_id = {tenant} AND v.late AND v.kind = 'correction' AND changed.period = {period}::date AND NOT EXISTS (
  SELECT FROM usage_callversion AS n WHERE (n.tenant_id, n.source_id, n.call_id, n.leg) = (v.tenant_id, v.source_id, v.call_id, v.leg)
  AND n.late AND n.version > v.version)
AND EXISTS (SELECT FROM usage_call AS c WHERE (c.tenant_id, c.source_id, c.call_id, c.leg, c.period)
  = (v.tenant_id, v.source_id, v.call_id, v.leg, v.period) AND c.flags && '{{changed_late}}')
) AS usage_call""")
INTO = SQL(
    'INSERT INTO usage_usagetotal (tenant_id, contract_id, period, segment, meter, clause, day, "group", cell, calls, '
    "talk_ms, billed_seconds, value, histogram) "
)


def _talk_or_calls(
    head: Composable,
    meter: str,
    takings: tuple[Taking, ...],
    calls: Composable,
    zone: str,
    segment: Segment,
    rows: Rows,
) -> Composable:
    """Count calls and seconds of one meter in one pass: each call goes to the first clause that matches."""
    agreement = segment.agreement
    conditions = [selectors.takes(taking, agreement, zone) for taking in takings]
    considered = selectors.any_of(conditions)
    if cut_at_edges(takings):
        considered = SQL("({} AND NOT {})").format(COUNTED["answered"], left_to_the_engine(takings, agreement, zone))
    elif takings[0].needs_cover:
        lacking = selectors.lacking(takings)
        everything = [
            condition
            for taking, condition in zip(takings, conditions, strict=True)
            # Talk that lacks cover is answered, so a clause for any call takes it, as it takes what others would.
            if taking.select == Select() and (taking.rule is not None or lacking == COUNTED[taking.counts])
        ]
        considered = selectors.any_of(everything[:1] or [*conditions, lacking])

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
        "grp": by_clause([group_of(t, segment, zone) for t in takings], empty),
        "cell": by_clause([cell_of(t, segment, zone) for t in takings], empty),
        "talk": by_clause(
            [_talked(t.rule, rows) if t.rule else zero for t in takings],
            rows.talk if takings[0].rule else zero,
        ),
        "billed": by_clause([selectors.billed_seconds(t.rule) + rows.times if t.rule else zero for t in takings], zero),
        "number": by_clause([_number(t) for t in takings], SQL("NULL::bigint")),
    }
    inner = SQL("SELECT {}{} {} AND {}").format(
        SQL(", ").join([SQL("{} AS {}").format(each, SQL(name)) for name, each in columns.items()]),
        rows.also,
        calls,
        considered,
    )
    if not any(taking.histogram for taking in takings):
        return SQL(
            "SELECT {}, {}, clause, day, grp, cell, {}, sum(talk), sum(billed), 0, '[]'::jsonb FROM ({}) AS taken "
            "GROUP BY clause, day, grp, cell"
        ).format(head, Literal(meter), rows.calls, inner)
    return SQL(
        "SELECT {}, {}, clause, day, grp, cell, sum(n), sum(talk), sum(billed), 0, "
        "COALESCE(jsonb_agg(jsonb_build_array(number, n) ORDER BY number) FILTER (WHERE number IS NOT NULL), '[]') "
        "FROM (SELECT clause, day, grp, cell, number, {} AS n, sum(talk) AS talk, sum(billed) AS billed "
        "FROM ({}) AS taken GROUP BY clause, day, grp, cell, number) AS counted GROUP BY clause, day, grp, cell"
    ).format(head, Literal(meter), rows.calls, inner)


def _talked(rule: DurationRule, rows: Rows) -> Composable:
    """Give the expression for the talk a rule bills: the robot's part, or the whole."""
    return SQL("({} - {})").format(rows.talk, rows.agent) if rule.legs == "robot" else rows.talk


def cut_at_edges(takings: Sequence[Taking]) -> bool:
    """Tell whether a clause of a meter cuts the talk where bands change."""
    return any(taking.rule is not None and taking.rule.at_band_edge == "split" for taking in takings)


def left_to_the_engine(takings: Sequence[Taking], agreement: Agreement, zone: str) -> Composable:
    """Give the condition under which a call on a meter with cuts is counted by ``usage.cutting``.

    All are where clauses bill other legs than their neighbours, or look at each call's seconds.
    """
    if len({taking.rule.legs for taking in takings if taking.rule}) > 1 or any(taking.histogram for taking in takings):
        return COUNTED["answered"]
    taken = selectors.any_of([selectors.takes(taking, agreement, zone) for taking in takings])
    return SQL("({} AND NOT COALESCE({}, FALSE))").format(
        COUNTED["answered"], selectors.all_of([selectors.in_one_band(agreement.bands, zone), taken])
    )


def may_be_cut(taking: Taking, agreement: Agreement, zone: str) -> Composable:
    """Give the condition under which a clause may have a part of a call that begins in another band than it takes."""
    anywhere = selectors.selected(replace(taking.select, band=()), agreement, zone)
    whole = selectors.in_one_band(agreement.bands, zone)
    return selectors.all_of([COUNTED["answered"], SQL("NOT COALESCE({}, FALSE)").format(whole), *anywhere])


def _number(taking: Taking) -> Composable:
    """Give what the histogram of a clause counts calls by."""
    if taking.rule is None or taking.histogram is None:
        return SQL("NULL::bigint")
    return (
        selectors.billed_seconds(taking.rule)
        if taking.histogram == "billed"
        else selectors.counted_seconds(taking.rule)
    )


def group_of(taking: Taking, segment: Segment, zone: str) -> Composable:
    """Give the expression for the group of a call under a clause; empty when the clause does not group."""
    return selectors.dimension(taking.group_by, segment.agreement, zone) if taking.group_by else SQL("''::text")


def cell_of(taking: Taking, segment: Segment, zone: str) -> Composable:
    """Give the expression for the matrix cell of a call under a clause, as JSON text; empty without dimensions."""
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
    rows: Rows,
) -> Composable:
    """Aggregate a counter of the calls one clause takes: sum, max, latest or distinct, or extremes within a window."""
    value = SQL("(counters ->> {})").format(Literal(taking.counter))
    number = SQL("{}::numeric").format(value)
    day = (
        SQL("{}::date").format(Literal(segment.starts_on))
        if taking.aggregate == "distinct"
        else selectors.local_day(zone)
    )
    inner = SQL("SELECT {} AS day, {} AS grp, {} AS cell, started_at, {} AS number, {} AS text{} {} AND {}").format(
        day,
        group_of(taking, segment, zone),
        cell_of(taking, segment, zone),
        number,
        value,
        rows.also,
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
    return SQL(
        "SELECT {}, {}, {}, day, grp, cell, {}, 0, 0, {}, '[]'::jsonb FROM ({}) AS taken GROUP BY day, grp, cell"
    ).format(
        head, Literal(meter), Literal(taking.clause), SQL("sum(n)") if taking.window else rows.calls, aggregated, inner
    )


def _counter_uncovered(
    head: Composable,
    meter: str,
    takings: tuple[Taking, ...],
    calls: Composable,
    zone: str,
    segment: Segment,
    rows: Rows,
) -> Composable:
    nobody = SQL("NOT COALESCE({}, FALSE)").format(
        selectors.any_of([selectors.takes(taking, segment.agreement, zone) for taking in takings])
    )
    name = Literal(takings[0].counter)
    return SQL(
        "SELECT {}, {}, '', {} AS day, '', '', {}, 0, 0, sum((counters ->> {})::numeric), '[]'::jsonb {} "
        "AND {} AND {} GROUP BY day"
    ).format(
        head, Literal(meter), selectors.local_day(zone), rows.calls, name, calls, selectors.lacking(takings), nobody
    )


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
    return SQL("SELECT {}, {}, {}, {}, '', '', count(*), COALESCE(sum(talk_ms), 0), 0, ({}), '[]'::jsonb {}").format(
        head, Literal(meter), Literal(taking.clause), day, value, calls
    )
