"""From a contract's selectors to SQL: the one place that says which calls a clause takes.

Counting a month and fetching the calls behind a line both build their statements here, so they can never disagree.
Everything that comes from a contract travels as a parameter-safe literal; nothing is pasted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import reduce

from psycopg.sql import SQL, Composable, Composed, Literal

from billing.periods import midnight
from billing.rating.bands import clock_edges, minutes_of
from billing.rating.counting import Taking
from billing.rating.terms import Agreement, Band, BandRule, Beside, Calendar, DurationRule, Select, Terms

TRUE = SQL("TRUE")
PLAIN_COLUMNS = {"direction": SQL("direction"), "region": SQL("region"), "robot": SQL("robot"), "line": SQL("line"),
                 "language": SQL("language")}  # fmt: skip
COUNTED = {
    "answered": SQL("answered_at IS NOT NULL"),
    "attempted": TRUE,
    "transferred": SQL("transferred_at IS NOT NULL"),
}


def all_of(conditions: Sequence[Composable]) -> Composable:
    """Join conditions with AND; none at all is true."""
    return _joined(conditions, " AND ") if conditions else TRUE


def any_of(conditions: Sequence[Composable]) -> Composable:
    """Join conditions with OR; none at all is false."""
    return _joined(conditions, " OR ") if conditions else SQL("FALSE")


def _joined(conditions: Sequence[Composable], word: str) -> Composed:
    return SQL("(") + reduce(lambda left, right: left + SQL(word) + right, conditions) + SQL(")")


def local_time(zone: str) -> Composable:
    """Give the expression for the local wall clock at which a call started."""
    return SQL("(started_at AT TIME ZONE {})").format(Literal(zone))


def local_day(zone: str) -> Composable:
    """Give the expression for the local day on which a call started."""
    return SQL("{}::date").format(local_time(zone))


def takes(taking: Taking, agreement: Agreement, zone: str) -> Composable:
    """Give the condition under which a clause would take a call, had no clause before it done so."""
    if taking.counter is not None:
        counted: Composable = SQL("counters ? {}").format(Literal(taking.counter))
    else:
        counted = COUNTED[taking.counts]
    return all_of([counted, *selected(taking.select, agreement, zone)])


def lacking(takings: Sequence[Taking]) -> Composable:
    """Give the condition under which a call that no clause of a meter takes is uncovered usage on it."""
    if takings[0].counter is not None:
        name = Literal(takings[0].counter)
        return SQL("(counters ? {} AND (counters ->> {})::numeric <> 0)").format(name, name)
    if takings[0].rule is not None:
        return SQL("(answered_at IS NOT NULL AND (talk_ms > 0 OR reported_seconds > 0))")
    counts = {taking.counts for taking in takings}
    if "attempted" in counts:
        return TRUE
    return COUNTED["answered"] if "answered" in counts else SQL("FALSE")


def taken_by_none(meters: Iterable[Sequence[Taking]], agreement: Agreement, zone: str) -> Composable | None:
    """Give the condition under which an answered call is seen by no meter at all; None when there can be none."""
    seen: list[Composable] = []
    for takings in meters:
        if takings[0].measure is not None:
            continue
        counts_calls = takings[0].counter is None
        if any(counts_calls and t.counts != "transferred" and t.select == Select() for t in takings):
            return None
        if takings[0].needs_cover and takings[0].rule is None and counts_calls and lacking(takings) != SQL("FALSE"):
            return None
        seen += [takes(taking, agreement, zone) for taking in takings]
        seen += [lacking(takings)] if takings[0].needs_cover else []
    return SQL("(answered_at IS NOT NULL AND NOT COALESCE({}, FALSE))").format(any_of(seen))


def left_unanswered(meters: Iterable[Sequence[Taking]], agreement: Agreement, zone: str) -> Composable:
    """Give the condition under which a call was not answered, and no clause looks at it all the same."""
    seen: list[Composable] = []
    for takings in meters:
        if takings[0].measure is None and takings[0].rule is None:
            seen += [takes(each, agreement, zone) for each in takings if each.counter or each.counts != "answered"]
            seen += [lacking(takings)] if takings[0].needs_cover else []
    return SQL("(answered_at IS NULL AND NOT COALESCE({}, FALSE))").format(any_of(seen))


def taken_first(takings: Sequence[Taking], clause: str, agreement: Agreement, zone: str) -> Composable:
    """Give the condition under which a clause takes a call: it matches, and no earlier one of its meter does."""
    earlier: list[Composable] = []
    for taking in takings:
        condition = takes(taking, agreement, zone)
        if taking.clause == clause:
            return all_of([condition, *(SQL("NOT {}").format(SQL("COALESCE({}, FALSE)").format(e)) for e in earlier)])
        earlier.append(condition)
    raise KeyError(clause)


def selected(select: Select, agreement: Agreement, zone: str) -> list[Composable]:
    """Give the conditions of a selector, all of which a call must meet."""
    conditions: list[Composable] = []
    if select.direction:
        conditions.append(SQL("direction = {}").format(Literal(select.direction)))
    if select.answered is not None:
        conditions.append(SQL("answered_at IS NOT NULL" if select.answered else "answered_at IS NULL"))
    if select.transferred is not None:
        conditions.append(SQL("transferred_at IS NOT NULL" if select.transferred else "transferred_at IS NULL"))
    if select.region and select.region_match == "prefix":
        conditions.append(any_of([SQL("starts_with(region, {})").format(Literal(prefix)) for prefix in select.region]))
    elif select.region:
        conditions.append(_among("region", select.region))
    conditions += [_among(name, values) for name in ("robot", "line", "language") if (values := getattr(select, name))]
    if select.source:
        among = SQL(
            "source_id IN (SELECT id FROM usage_source WHERE tenant_id = usage_call.tenant_id AND code = ANY({}))"
        )
        conditions.append(among.format(Literal(list(select.source))))
    if select.module:
        conditions.append(SQL("modules && {}::text[]").format(Literal(list(select.module))))
    if select.band:
        band = band_of(agreement.bands, agreement.calendar, zone)
        conditions.append(SQL("{} = ANY({})").format(band, Literal(list(select.band))))
    for label, values in (select.labels or {}).items():
        conditions.append(SQL("labels ->> {} = ANY({})").format(Literal(label), Literal(list(values))))
    return conditions


def in_scope(terms: Terms) -> list[Composable]:
    """Give the conditions under which a call is the contract's: in its scope, and not in that of one that goes before."""
    own = selected(terms.scope, terms.segments[0].agreement, terms.zone) if terms.scope else []
    return [*own, *(not_taken(each, terms) for each in terms.beside)]


def not_taken(other: Beside, terms: Terms) -> Composable:
    """Give the condition under which a call is not that of another contract."""
    days = SQL("started_at >= {}::timestamptz AND started_at < {}::timestamptz").format(
        Literal(midnight(other.starts_on, terms.zone)), Literal(midnight(other.ends_on, terms.zone))
    )
    theirs = all_of([days, *selected(other.select, terms.segments[0].agreement, terms.zone)])
    return SQL("NOT COALESCE({}, FALSE)").format(theirs)


def _among(column: str, values: Sequence[str]) -> Composable:
    return SQL("{} = ANY({})").format(PLAIN_COLUMNS[column], Literal(list(values)))


def dimension(name: str, agreement: Agreement, zone: str) -> Composable:
    """Give the expression for a dimension of a matrix or a group: a column, the band, the source's code, or a label."""
    if name in PLAIN_COLUMNS:
        return PLAIN_COLUMNS[name]
    if name == "band":
        return SQL("COALESCE({}, '')").format(band_of(agreement.bands, agreement.calendar, zone))
    if name == "source":
        return SQL("(SELECT code FROM usage_source WHERE id = source_id)")
    return SQL("COALESCE(labels ->> {}, '')").format(Literal(name.removeprefix("label:")))


# -- bands of the local clock -----------------------------------------------------------------------------------------


def band_of(bands: Sequence[Band], calendar: Calendar, zone: str) -> Composable:
    """Give the expression for the band a call starts in: the highest priority, then the first listed; NULL if none."""
    if not bands:
        return SQL("NULL::text")
    local = local_time(zone)
    ranked = sorted(bands, key=lambda band: -band.priority)  # stable: equal priorities keep their order
    cases = [
        SQL("WHEN {} THEN {}").format(
            any_of([_rules(rule, calendar, local) for rule in band.rules]), Literal(band.code)
        )
        for band in ranked
    ]
    return SQL("CASE {} END").format(SQL(" ").join(cases))


def in_one_band(bands: Sequence[Band], zone: str) -> Composable:
    """Give the condition under which no band can change from a call's start to the end of its talk.

    That is: both lie on one local day, between the same two edges, and the zone's clock did not change in between.
    """
    ended = SQL("(COALESCE(answered_at, started_at) + talk_ms * interval '1 millisecond')")
    begins, ends = local_time(zone), SQL("({} AT TIME ZONE {})").format(ended, Literal(zone))
    edges = Literal([60.0 * minute for minute in sorted(clock_edges(bands))])
    places = [SQL("width_bucket(EXTRACT(EPOCH FROM {}::time)::float8, {})").format(t, edges) for t in (begins, ends)]
    return SQL(
        "({ends} - {begins} = {ended} - started_at AND {ends}::date = {begins}::date AND {first} = {last})"
    ).format(ends=ends, begins=begins, ended=ended, first=places[0], last=places[1])


def _rules(rule: BandRule, calendar: Calendar, local: Composable) -> Composable:
    minute = SQL("(EXTRACT(HOUR FROM {0})::int * 60 + EXTRACT(MINUTE FROM {0})::int)").format(local)
    start, end = minutes_of(rule.start), minutes_of(rule.end)
    today, yesterday = SQL("{}::date").format(local), SQL("({}::date - 1)").format(local)
    if start < end:
        within = SQL("{} BETWEEN {} AND {}").format(minute, Literal(start), Literal(end - 1))
        return all_of([within, *_holds_on(rule, calendar, today)])
    late = all_of([SQL("{} >= {}").format(minute, Literal(start)), *_holds_on(rule, calendar, today)])
    early = all_of([SQL("{} < {}").format(minute, Literal(min(start, end))), *_holds_on(rule, calendar, yesterday)])
    return any_of([late, early])


def _holds_on(rule: BandRule, calendar: Calendar, day: Composable) -> list[Composable]:
    conditions: list[Composable] = []
    if rule.weekdays:
        conditions.append(SQL("EXTRACT(ISODOW FROM {})::int = ANY({})").format(day, Literal(list(rule.weekdays))))
    if rule.months:
        conditions.append(SQL("EXTRACT(MONTH FROM {})::int = ANY({})").format(day, Literal(list(rule.months))))
    if rule.dates:
        conditions.append(_one_of_days(day, rule.dates))
    if rule.starts_on:
        conditions.append(SQL("{} >= {}").format(day, Literal(rule.starts_on)))
    if rule.ends_on:
        conditions.append(SQL("{} < {}").format(day, Literal(rule.ends_on)))
    if rule.days != "any":
        weekday = SQL("EXTRACT(ISODOW FROM {})::int <= 5").format(day)
        worked = SQL("({} OR ({} AND NOT {}))").format(
            _one_of_days(day, calendar.working_days), weekday, _one_of_days(day, calendar.holidays)
        )
        conditions.append(worked if rule.days == "working" else SQL("NOT {}").format(worked))
    return conditions


def _one_of_days(day: Composable, days: Sequence[date]) -> Composable:
    return SQL("{} = ANY({}::date[])").format(day, Literal(list(days)))


# -- seconds ----------------------------------------------------------------------------------------------------------


def counted_ms(rule: DurationRule) -> Composable:
    """Give the expression for the talk a rule bills, in milliseconds: the robot's part, or the whole."""
    return SQL("(talk_ms - agent_ms)" if rule.legs == "robot" else "talk_ms")


def billed_seconds(rule: DurationRule) -> Composable:
    """Give the expression for the billed seconds of a call; the same ladder as ``billing.rating.durations``."""
    return _over_legs(rule, lambda rule, milliseconds: _ladder(rule, _counted_seconds(rule, milliseconds)))


def counted_seconds(rule: DurationRule) -> Composable:
    """Give the expression for whole seconds by basis, free threshold and minimum, before increments."""
    return _over_legs(rule, _counted_seconds)


def _over_legs(rule: DurationRule, seconds: Callable[[DurationRule, Composable], Composable]) -> Composable:
    """Take the robot's part, the whole, or both parts each for itself; parts have no reported seconds of their own."""
    if rule.legs != "each":
        return seconds(rule, counted_ms(rule))
    apart = replace(rule, basis="exact-ceil") if rule.basis == "reported" else rule
    return SQL("(CASE WHEN agent_ms > 0 THEN {} + {} ELSE {} END)").format(
        seconds(apart, SQL("(talk_ms - agent_ms)")), seconds(apart, SQL("agent_ms")), seconds(rule, SQL("talk_ms"))
    )


def _counted_seconds(rule: DurationRule, milliseconds: Composable) -> Composable:
    whole = SQL("({} / 1000)" if rule.basis == "exact-floor" else "(({} + 999) / 1000)").format(milliseconds)
    if rule.basis == "reported":
        whole = SQL("COALESCE(reported_seconds, {})").format(whole)
    if not rule.free_below_s and not rule.minimum_s:
        return whole
    return SQL("(CASE WHEN {0} = 0 OR {0} < {1} THEN 0 ELSE GREATEST({0}, {2}) END)").format(
        whole, Literal(rule.free_below_s), Literal(rule.minimum_s)
    )


def _ladder(rule: DurationRule, seconds: Composable) -> Composable:
    first, following = rule.first_increment_s, rule.next_increment_s
    if first == following:
        return SQL("(({0} + {1} - 1) / {1} * {1})").format(seconds, Literal(first))
    return SQL(
        "(CASE WHEN {0} <= 0 THEN 0 WHEN {0} <= {1} THEN {1} ELSE {1} + ({0} - {1} + {2} - 1) / {2} * {2} END)"
    ).format(seconds, Literal(first), Literal(following))
