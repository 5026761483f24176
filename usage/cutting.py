"""Counting the calls that are cut at the edges of bands: they are few, and the engine counts them call by call.

A clause may cut the talk where bands change. A call that lies in one band from its start to its end, and that a clause
takes, is counted by the database like any other; all others on such a meter are read and counted as the engine would.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from itertools import groupby
from typing import Any

from psycopg.rows import class_row
from psycopg.sql import SQL, Composable

from billing.rating.calls import local_day
from billing.rating.counting import meters
from billing.rating.recount import count
from billing.rating.terms import Segment, Terms
from usage.counting import calls_of, cut_at_edges, left_to_the_engine
from usage.tracing import AT_ONCE, COLUMNS, ORDER, TracedCall, as_rated

ADD = """
INSERT INTO usage_usagetotal AS t (tenant_id, contract_id, period, segment, meter, clause, day, "group", cell, calls,
    talk_ms, billed_seconds, value, histogram)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, COALESCE(%s::jsonb::text, ''), %s, %s, %s, 0, %s::jsonb)
ON CONFLICT (tenant_id, contract_id, period, segment, clause, meter, day, "group", cell) DO UPDATE SET
    calls = t.calls + EXCLUDED.calls, talk_ms = t.talk_ms + EXCLUDED.talk_ms,
    billed_seconds = t.billed_seconds + EXCLUDED.billed_seconds
"""


def count_cut_calls(
    cursor: Any, tenant_id: int, contract_id: int, terms: Terms, segment: Segment, *, known: bool = False
) -> None:
    """Add the calls that the database left out to a segment's totals, within the caller's transaction."""
    head = (tenant_id, contract_id, terms.period.starts_on, segment.number)
    for row in cut_calls(cursor.connection, tenant_id, terms, segment, known=known):
        cursor.execute(ADD, [*head, *row])


def cut_calls(
    connection: Any, tenant_id: int, terms: Terms, segment: Segment, *, known: bool = False
) -> Iterator[list[Any]]:
    """Yield the totals of the calls that the database leaves out: what stands in the columns from ``meter`` on."""
    alone = replace(terms, segments=(segment,))
    for meter, takings in meters(segment.agreement).items():
        if not cut_at_edges(takings):
            continue
        clauses = {taking.clause for taking in takings}
        left = SQL("{} AND {}").format(
            calls_of(tenant_id, terms, segment, known=known), left_to_the_engine(takings, segment.agreement, terms.zone)
        )
        for day, calls in _by_day(connection, left, terms.zone):
            yield from _rows(alone, meter, clauses, day, calls)


def _by_day(connection: Any, left: Composable, zone: str) -> Iterator[tuple[date, Iterable[TracedCall]]]:
    with connection.cursor("cut", row_factory=class_row(TracedCall)) as calls:
        calls.itersize = AT_ONCE
        calls.execute(COLUMNS + SQL("{} ORDER BY {}").format(left, ORDER))
        yield from groupby(calls, key=lambda call: local_day(zone, call.started_at))


def _rows(alone: Terms, meter: str, clauses: set[str], day: date, calls: Iterable[TracedCall]) -> Iterator[list[Any]]:
    """Count one day's calls; yield what stands in the columns from ``meter`` on."""
    counted = count(alone, map(as_rated, calls))
    for row in counted.rows:
        if row.clause in clauses:
            cell = json.dumps(row.cell) if row.cell else None
            histogram = json.dumps([[int(number), calls] for number, calls in row.histogram])
            yield [meter, row.clause, day, row.group, cell, row.calls, row.talk_ms, row.billed_seconds, histogram]
    for each in counted.uncovered:
        if each.meter == meter:
            yield [meter, "", day, "", None, each.calls, each.talk_ms, 0, "[]"]
