"""Counting a month under many terms at once: the calls are read once, whatever number of contracts asks.

Calls that none of the terms can tell apart become one row that knows how many they are; then each contract is counted
from those rows by the very statements that count for invoices. A wall clock tells the day and the bands, so they are
looked up by quarter of an hour and not computed call by call. Only what must look at single calls reads them again:
calls cut where bands change, measured robots, lines and concurrency, extremes and distinct values of counters, and
percentages with a bound per event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from math import gcd
from typing import Any, NamedTuple

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Identifier, Literal

from billing.periods import midnight
from billing.rating.bands import clock_edges
from billing.rating.counting import Taking, meters
from billing.rating.levels import counted_measures
from billing.rating.terms import Agreement, Band, Calendar, DurationRule, Select, Terms
from billing.rating.totals import Totals
from usage import selectors
from usage.aggregation import PREPARE, Total, events_of, read_totals
from usage.counting import ALIKE, EACH_CALL, calls_of, cut_at_edges, totals_selected
from usage.cutting import cut_calls

ZERO = Decimal(0)
QUARTER = 15  # minutes: every zone's clock is set to a whole quarter of an hour
TEXTS = ("region", "robot", "line", "language")
COLUMNS = """segment, clause, meter, day, "group", cell, calls::bigint, talk_ms::bigint, billed_seconds::bigint,
    value::numeric, histogram::text"""
# The CTE has the name and the columns of the table of calls, so that all that selects calls selects among its rows.
STATEMENT = SQL("""
WITH moment AS MATERIALIZED (SELECT started_at AS at, {told} FROM generate_series(
    {begin}::timestamptz, {end}::timestamptz - {step}::interval, {step}::interval) AS started_at),
usage_call AS MATERIALIZED (
    SELECT {tenant}::bigint AS tenant_id, {period}::date AS period, 'a' AS leg, '{{}}'::text[] AS flags, {made}
    FROM usage_call JOIN moment ON moment.at = date_bin({step}::interval, started_at, {begin}::timestamptz)
    WHERE tenant_id = {tenant} AND period = {period}::date AND (leg = 'a' OR starts_with(leg, 'a:'))
    AND NOT flags && '{{late,voided}}' AND started_at >= {begin}::timestamptz AND started_at < {end}::timestamptz
    GROUP BY {keys})
SELECT contract_id, {columns} FROM ({selected}) AS counted (tenant_id, contract_id, period, segment, meter, clause,
    day, "group", cell, calls, talk_ms, billed_seconds, value, histogram)
ORDER BY contract_id, segment, clause, meter, day, "group", cell
""")
SINGLY = SQL("""
SELECT contract_id, {columns} FROM ({selected}) AS counted (tenant_id, contract_id, period, segment, meter, clause,
    day, "group", cell, calls, talk_ms, billed_seconds, value, histogram)
""")


class Counted(NamedTuple):
    """A month under several terms: its calls in the scope of the first, those answered, their talk; totals in order."""

    calls: int
    answered: int
    talk_ms: int
    totals: list[Totals]


def count_under(tenant_id: int, several: Sequence[Terms]) -> Counted:
    """Count a tenant's month under several terms of that month, in one pass; return the totals in the same order.

    Late and voided calls are left out, as in the count for the invoice. What is held, entered or bought is not in the
    totals: only the calls are. At least one of the terms must be given.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PREPARE)
        cursor.execute(_statement(tenant_id, several))
        found: list[list[Total]] = [[] for _ in (*several, None)]  # the last is what there is in all
        for number, *columns in cursor.fetchall():
            found[number].append(Total(*columns))
        for number, terms in enumerate(several):
            found[number] += _singly(cursor, tenant_id, terms)
    everything = found.pop()[0]
    totals = [
        replace(read_totals(_merged(rows)), events=tuple(events_of(tenant_id, terms)))
        for rows, terms in zip(found, several, strict=True)
    ]
    return Counted(everything.calls, everything.billed_seconds, everything.talk_ms, totals)


def _statement(tenant_id: int, several: Sequence[Terms]) -> Composable:
    period, zone = several[0].period, several[0].zone
    asked = _asked(several)
    clock = {"day": selectors.local_day(zone)} | {
        f"band_{number}": selectors.band_of(bands, calendar, zone)
        for number, (bands, calendar) in enumerate(asked.bands)
    }
    keys = [*map(Identifier, clock), *asked.keys]
    selected = [
        statement
        for number, terms in enumerate(several)
        for segment in terms.segments
        for meter in (None, *(name for name, t in meters(segment.agreement).items() if _is_condensed(t)))
        for statement in totals_selected(tenant_id, number, terms, segment, meter, rows=ALIKE)
    ]
    return STATEMENT.format(
        told=SQL(", ").join(SQL("{} AS {}").format(each, Identifier(name)) for name, each in clock.items()),
        begin=Literal(midnight(period.starts_on, zone)),
        end=Literal(midnight(period.ends_on, zone)),
        step=Literal(f"{asked.minutes} minutes"),
        tenant=Literal(tenant_id),
        period=Literal(period.starts_on),
        made=SQL(", ").join(SQL("{} AS {}").format(each, Identifier(name)) for name, each in asked.columns.items()),
        keys=SQL(", ").join(keys),
        columns=SQL(COLUMNS),
        selected=SQL(" UNION ALL ").join([*selected, _in_all(tenant_id, several)]),
    )


def _in_all(tenant_id: int, several: Sequence[Terms]) -> Composable:
    """Sum up the calls, those answered (in the place of billed seconds) and the talk."""
    return SQL(
        "SELECT 0, {}, NULL::date, '', '', '', NULL::date, '', '', COALESCE(sum(alike), 0), COALESCE(sum(talk_sum), 0), "
        "COALESCE(sum(alike) FILTER (WHERE answered_at IS NOT NULL), 0), 0, '[]'::jsonb {}"
    ).format(Literal(len(several)), calls_of(tenant_id, several[0], several[0].period))


def _is_condensed(takings: Sequence[Taking]) -> bool:
    """Tell whether a meter can be counted from calls put together: nothing on it looks at single calls."""
    sums = all(t.counter is None or (t.aggregate in (None, "sum") and t.window is None) for t in takings)
    return sums and takings[0].measure is None and not cut_at_edges(takings)


def _singly(cursor: Any, tenant_id: int, terms: Terms) -> Iterator[Total]:
    """Count the meters that look at single calls, from the calls."""
    for segment in terms.segments:
        apart = [name for name, takings in meters(segment.agreement).items() if not _is_condensed(takings)]
        selected = [s for name in apart for s in totals_selected(tenant_id, 0, terms, segment, name, rows=EACH_CALL)]
        if selected:
            cursor.execute(SINGLY.format(columns=SQL(COLUMNS), selected=SQL(" UNION ALL ").join(selected)))
            yield from (Total(*columns) for _, *columns in cursor.fetchall())
        for row in cut_calls(cursor.connection, tenant_id, terms, segment):
            meter, clause, day, group, cell, calls, talk_ms, billed, histogram = row
            yield Total(segment.number, clause, meter, day, group, cell or "", calls, talk_ms, billed, ZERO, histogram)


def _merged(found: Iterable[Total]) -> list[Total]:
    """Add up totals of one place: the database counts whole calls, the engine those that are cut."""
    places: dict[tuple[str, str, str, date, str, str], Total] = {}
    for each in found:
        place = each[:6]
        there = places.get(place)
        if there is not None:
            each = each._replace(  # noqa: PLW2901 - the same total, with what is there
                calls=each.calls + there.calls,
                talk_ms=each.talk_ms + there.talk_ms,
                billed_seconds=each.billed_seconds + there.billed_seconds,
                histogram=there.histogram,
            )
        places[place] = each
    return [places[place] for place in sorted(places, key=lambda p: (*p[:3], str(p[3]), *p[4:]))]


# -- what terms ask of a call -----------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """By what calls are put together: the bands of the clock, its smallest step, the keys; and the columns of a row."""

    bands: list[tuple[tuple[Band, ...], Calendar]]
    minutes: int
    keys: list[Composable]
    columns: dict[str, Composable]


def _asked(several: Sequence[Terms]) -> Asked:
    """Find what any of the terms looks at. Calls that agree in all of it are counted alike by all of them."""
    agreements = [segment.agreement for terms in several for segment in terms.segments]
    bands = list({repr((a.bands, a.calendar)): (a.bands, a.calendar) for a in agreements if a.bands}.values())
    taken = [taking for a in agreements for takings in meters(a).values() for taking in takings]
    selects = [taking.select for taking in taken]
    selects += [scope for terms in several for scope in (terms.scope, *(b.select for b in terms.beside)) if scope]
    named = {name for taking in taken for name in (*taking.dimensions, taking.group_by or "") if name}
    columns: dict[str, Composable] = {"started_at": SQL("min(moment.at)"), "alike": SQL("count(*)")}
    keys: list[Composable] = []
    for part in (
        _answers(agreements),
        _talk([taking.rule for taking in taken if taking.rule], any(t.histogram == "talk" for t in taken)),
        _texts(selects, named),
        _sets(selects, named, taken),
    ):
        columns |= part[0]
        keys += part[1]
    edges = {edge for each, _ in bands for edge in clock_edges(each)}
    return Asked(bands, gcd(QUARTER, *edges), keys, columns)


Part = tuple[dict[str, Composable], list[Composable]]


def _answers(agreements: Sequence[Agreement]) -> Part:
    """Tell answered calls from others, within the times that service levels name, by direction and transfer."""
    answered, transferred = SQL("(answered_at IS NOT NULL)"), SQL("(transferred_at IS NOT NULL)")
    times = {each.within for a in agreements for each in counted_measures(a).values() if each.within is not None}
    within = [SQL("(answered_at - started_at <= {}::interval)").format(Literal(each)) for each in sorted(times)]
    columns: dict[str, Composable] = {
        "answered_at": SQL("min(moment.at) + min(answered_at - started_at)"),
        "transferred_at": SQL("CASE WHEN {} THEN min(moment.at) END").format(transferred),
        "direction": SQL("direction"),
    }
    return columns, [answered, transferred, SQL("direction"), *within]


def _talk(rules: Sequence[DurationRule], by_second: bool) -> Part:
    """Tell talks apart as far as the rules do; sum what they come to. Exact where an agent had a part of the talk."""
    columns: dict[str, Composable] = {"talk_sum": SQL("sum(talk_ms)"), "agent_sum": SQL("sum(agent_ms)")}
    if not rules:
        return columns | {"talk_ms": SQL("0"), "agent_ms": SQL("0"), "reported_seconds": SQL("NULL::int")}, []
    reported = any(rule.basis == "reported" for rule in rules)
    seen = SQL("reported_seconds") if reported else SQL("(reported_seconds > 0)")
    columns["reported_seconds"] = seen if reported else SQL("max(reported_seconds)")
    talk = SQL("(CASE WHEN agent_ms > 0 THEN talk_ms ELSE {} END)").format(_rounded(rules, by_second))
    return columns | {"talk_ms": talk, "agent_ms": SQL("agent_ms")}, [talk, SQL("agent_ms"), seen]


def _rounded(rules: Sequence[DurationRule], by_second: bool) -> Composable:
    """Round talk up to what all rules bill alike: to their common increment if that is all they do, else to a second."""
    plain = all(rule.basis == "exact-ceil" and not rule.free_below_s for rule in rules) and not by_second
    if plain:
        step = 1000 * gcd(*(each for rule in rules for each in (rule.first_increment_s, rule.next_increment_s)))
        return SQL("((talk_ms + {}) / {} * {})").format(Literal(step - 1), Literal(step), Literal(step))
    return SQL("(talk_ms / 1000 * 1000 + LEAST(talk_ms % 1000, 1))")  # as many seconds, rounded up or down


def _texts(selects: Sequence[Select], named: set[str]) -> Part:
    """Tell regions, robots, lines and languages apart where they are a dimension; else only what selectors ask."""
    columns: dict[str, Composable] = {}
    keys: list[Composable] = []
    for name in TEXTS:
        asked = {
            repr(condition): condition
            for select in selects
            if getattr(select, name)
            for condition in selectors.selected(_only(select, name), _NO_AGREEMENT, "UTC")
        }
        if name in named:
            columns[name] = SQL(name)
            keys.append(SQL(name))
        else:
            columns[name] = SQL('min({} COLLATE "C")').format(SQL(name)) if asked else SQL("''")
            keys += asked.values()
    return columns, keys


def _only(select: Select, name: str) -> Select:
    return Select(**{name: getattr(select, name)}, region_match=select.region_match)


_NO_AGREEMENT = Agreement(currency="CNY", clauses=())


def _sets(selects: Sequence[Select], named: set[str], taken: Sequence[Taking]) -> Part:
    """Tell sources, modules and labels apart where they are asked for; sum counters apart for none, nought and some."""
    columns: dict[str, Composable] = {"source_id": SQL("NULL::bigint"), "modules": SQL("'{}'::text[]")}
    keys: list[Composable] = []
    for name, asked in (("source_id", "source"), ("modules", "module")):
        if asked in named or any(getattr(select, asked) for select in selects):
            columns[name] = SQL(name)
            keys.append(SQL(name))
    labels = {name.removeprefix("label:") for name in named - {*TEXTS, "direction", "band", "source"}}
    labels |= {label for select in selects for label in select.labels or {}}
    counters = {taking.counter for taking in taken if taking.counter is not None}
    columns["labels"], by_label = _object({each: SQL("labels ->> {}").format(Literal(each)) for each in sorted(labels)})
    sums = {each: SQL("sum((counters ->> {})::numeric)").format(Literal(each)) for each in sorted(counters)}
    columns["counters"], _ = _object(sums)
    signs = [SQL("sign((counters ->> {})::numeric)").format(Literal(each)) for each in sorted(counters)]
    return columns, [*keys, *by_label, *signs]


def _object(members: Mapping[str, Composable]) -> tuple[Composable, list[Composable]]:
    pairs = [SQL("{}::text, {}").format(Literal(name), each) for name, each in members.items()]
    return SQL("jsonb_strip_nulls(jsonb_build_object({}))").format(SQL(", ").join(pairs)), list(members.values())
