"""From a bill, or one line of it, back to the calls it was computed from, through the selectors that counted them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Literal

from billing.periods import Period
from billing.rating import Line
from billing.rating.bundle import numbers_of
from billing.rating.calls import Call, Taken, take
from billing.rating.calls import cell_of as cell_taken
from billing.rating.counting import Taking, meters
from billing.rating.matrix import matching_cell
from billing.rating.terms import Matrix, Segment, Terms
from billing.rating.totals import Pairs, Totals
from usage import selectors
from usage.counting import calls_of, cell_of, cut_at_edges, group_of, may_be_cut

AT_ONCE = 2000
COLUMNS = SQL(
    "SELECT source_id, (SELECT code FROM usage_source WHERE id = source_id AND tenant_id = usage_call.tenant_id) AS source, "
    "call_id, leg, direction, caller, callee, started_at, answered_at, ended_at, talk_ms, agent_ms, reported_seconds, "
    "transferred_at, region, robot, line, language, modules, counters, labels, content_hash "
)
ORDER = SQL('started_at, source_id, call_id COLLATE "C", leg COLLATE "C"')


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of calls ended; the next one begins after it."""

    started_at: datetime
    source_id: int
    call_id: str
    leg: str


@dataclass(slots=True)
class TracedCall:
    """A call behind a line, numbers masked, counters and labels as JSON; ``taken`` what the line's clause took of it."""

    source_id: int
    source: str
    call_id: str
    leg: str
    direction: str
    caller: str
    callee: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    talk_ms: int
    agent_ms: int
    reported_seconds: int | None
    transferred_at: datetime | None
    region: str
    robot: str
    line: str
    language: str
    modules: list[str]
    counters: str
    labels: str
    content_hash: bytes
    taken: tuple[Taken, ...] = ()

    @property
    def billed_seconds(self) -> int:
        """Sum up the seconds that the clause bills of the call."""
        return sum(each.billed_seconds for each in self.taken)

    @property
    def counts(self) -> int:
        """Say whether the line counts the call, 1 or 0: a call that is cut counts where it begins."""
        return sum(each.opens for each in self.taken)

    @property
    def place(self) -> Place:
        """Say where the list goes on after this call."""
        return Place(self.started_at, self.source_id, self.call_id, self.leg)


def is_traceable(line: Line) -> bool:
    """Tell whether calls stand behind a line: a clause took them, or at least later parts of some that are cut."""
    return line.evidence is not None and any(line.evidence[:3]) and bool(line.evidence.selector)


def page_of_calls(
    tenant_id: int, terms: Terms, totals: Totals, line: Line, *, day: date | None, after: Place | None, limit: int
) -> list[TracedCall]:
    """List up to ``limit`` calls behind a line in order of start, all of them or those that start on one local day.

    Lines that are tiers of one clause share its calls; a call that is cut stands behind each line that has a part of it.
    Empty for a line without calls.
    """
    connection.ensure_connection()  # the rows come through psycopg, by name
    found: list[TracedCall] = []
    at_once = limit
    with connection.connection.cursor(row_factory=class_row(TracedCall)) as rows:
        while True:
            read = rows.execute(
                _statement(tenant_id, terms, totals, line, day=day, after=after, limit=at_once)
            ).fetchall()
            found += _behind(terms, line, read)
            if len(found) >= limit or len(read) < at_once:
                return found[:limit]
            after, at_once = read[-1].place, AT_ONCE


def calls_of_line(tenant_id: int, terms: Terms, totals: Totals, line: Line) -> Iterator[TracedCall]:
    """Yield every call behind a line in order of start, in memory that does not grow with them."""
    return _behind(terms, line, _streamed(_statement(tenant_id, terms, totals, line, day=None, after=None, limit=None)))


def calls_of_month(tenant_id: int, terms: Terms) -> Iterator[TracedCall]:
    """Yield every call of the days a contract rules, counted by a clause or not, in order of start."""
    return _streamed(COLUMNS + SQL("{} ORDER BY {}").format(calls_of(tenant_id, terms, ruled_days(terms)), ORDER))


def ruled_days(terms: Terms) -> Period:
    """Give the days of a month that the versions of its contract rule, one after the other."""
    return Period(terms.segments[0].starts_on, terms.segments[-1].ends_on)


def _streamed(statement: Composable) -> Iterator[TracedCall]:
    with transaction.atomic(), connection.connection.cursor("calls", row_factory=class_row(TracedCall)) as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(statement)
        yield from cursor


def _statement(
    tenant_id: int,
    terms: Terms,
    totals: Totals,
    line: Line,
    *,
    day: date | None,
    after: Place | None,
    limit: int | None,
) -> Composable:
    segment = _segment_of(terms, line)
    within: Segment | Period = segment
    if day is not None:
        within = Period(max(day, segment.starts_on), min(day + timedelta(days=1), segment.ends_on))
    conditions = [_taken_by(terms, totals, segment, line)]
    if after is not None:
        conditions.append(
            SQL("({}) > ({}, {}, {}, {})").format(
                ORDER, *map(Literal, (after.started_at, after.source_id, after.call_id, after.leg))
            )
        )
    return COLUMNS + SQL("{} AND {} ORDER BY {} LIMIT {}").format(
        calls_of(tenant_id, terms, within), selectors.all_of(conditions), ORDER, Literal(limit)
    )


def _segment_of(terms: Terms, line: Line) -> Segment:
    return next(segment for segment in terms.segments if segment.number == line.version)


def _meter_of(segment: Segment, line: Line) -> tuple[Sequence[Taking], Taking | None]:
    """Find the clause of a line among those that compete with it for calls."""
    for takings in meters(segment.agreement).values():
        for taking in takings:
            if taking.clause == line.code:
                return takings, taking
    return (), None


def _taken_by(terms: Terms, totals: Totals, segment: Segment, line: Line) -> Composable:
    """Give the condition under which a call belongs to a line: its clause took it, in its group and cell.

    A call that may be cut belongs to it perhaps: ``_behind`` looks at its parts.
    """
    takings, taking = _meter_of(segment, line)
    if taking is None:
        return SQL("FALSE")
    if taking.measure:
        return selectors.TRUE
    taken = selectors.taken_first(takings, taking.clause, segment.agreement, terms.zone)
    if line.cell:
        taken = selectors.all_of([taken, _in_cell(terms, totals, segment, taking, line)])
    if cut_at_edges(takings):
        taken = selectors.any_of([taken, may_be_cut(taking, segment.agreement, terms.zone)])
    if taking.group_by:
        in_group = SQL("{} = {}").format(group_of(taking, segment, terms.zone), Literal(line.group))
        return selectors.all_of([taken, in_group])
    return taken


def _in_cell(terms: Terms, totals: Totals, segment: Segment, taking: Taking, line: Line) -> Composable:
    """Give the condition for the cell of a matrix: the counted values that the engine puts there."""
    values = {row.cell for row in totals.rows if (row.segment, row.clause) == (segment.number, line.code)}
    fitting = [value for value in values if _cell_named(segment, line, value) == line.cell]
    return SQL("{}::jsonb = ANY({}::jsonb[])").format(
        cell_of(taking, segment, terms.zone), Literal([json.dumps(value) for value in fitting])
    )


def _cell_named(segment: Segment, line: Line, value: Pairs) -> Pairs:
    """Name the cell that the price of a line's clause has for a value, as lines name it; none without a matrix."""
    clause = next(each for each in segment.agreement.clauses if each.code == line.code)
    price = getattr(clause, "use_price", None) or getattr(clause, "price", None)
    if not isinstance(price, Matrix):
        return ()
    index = matching_cell(price, dict(value))
    return tuple(sorted(price.cells[index].where.items())) if index < len(price.cells) else (("cell", "otherwise"),)


def _behind(terms: Terms, line: Line, calls: Iterable[TracedCall]) -> Iterator[TracedCall]:
    """Give calls with what a line's clause took of them; of those that may be cut, the ones of which the line has a part."""
    segment = _segment_of(terms, line)
    takings, taking = _meter_of(segment, line)
    cuts = cut_at_edges(takings)
    for call in calls:
        rated = as_rated(call)
        taken = [each for each in take(segment.agreement, terms.zone, rated)[0] if each.clause == line.code]
        if cuts and taking is not None and line.cell:
            cells = [_cell_named(segment, line, cell_taken(taking, rated, each.band)) for each in taken]
            taken = [each for each, cell in zip(taken, cells, strict=True) if cell == line.cell]
        call.taken = tuple(taken)
        if taken or not cuts:
            yield call


def as_rated(call: TracedCall) -> Call:
    """Give a call as the engine sees it; further legs count as calls of their own."""
    return Call(
        started_at=call.started_at,
        answered_at=call.answered_at,
        ended_at=call.ended_at,
        talk_ms=call.talk_ms,
        agent_ms=call.agent_ms,
        reported_s=call.reported_seconds,
        call_id=call.call_id if call.leg == "a" else f"{call.call_id}/{call.leg}",
        direction=call.direction,
        region=call.region,
        source=call.source,
        robot=call.robot,
        line=call.line,
        language=call.language,
        modules=tuple(call.modules),
        transferred=call.transferred_at is not None,
        labels=json.loads(call.labels),
        counters=numbers_of(call.counters),
    )
