"""What a line says and what the list of its calls adds up to are the same: any calls, any clauses, cut or not."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.periods import Period, period_containing
from billing.rating import Line, Terms, Totals, rate, terms_from_versions
from billing.rating.calls import segment_of, take
from billing.rating.telling import untold_of
from tests.property.test_counting import (
    BANDS,
    MONTHS,
    NAME,
    PRICES,
    RULES,
    SELECTS,
    TENANTS,
    ZONES,
    clauses,
    counted_by_database,
    records,
)
from usage.aggregation import days_of
from usage.formats.record import CallRecord
from usage.tracing import Place, TracedCall, as_rated, calls_of_line, calls_of_month, is_traceable, page_of_calls

pytestmark = [pytest.mark.django_db(transaction=True)]
BY_BAND = {
    "kind": "matrix",
    "dimensions": ["band", "region"],
    "cells": [{"where": {"band": "peak"}, "price": "0.3"}, {"where": {"band": "night", "region": "310000"}, "price": "0.2"}],
    "otherwise": "0.1",
}  # fmt: skip
CUT = RULES[-3:]
EDGES = [(9, "peak"), (18, "rest"), (22, "night")]  # when a band begins, and which


@st.composite
def with_cuts(draw: Any) -> list[dict[str, Any]]:
    """Draw clauses of which one or two at least cut the talk, the first by any price, for some calls or all."""
    cut = [
        {
            "kind": "duration",
            "code": f"cut{number}",
            "name": NAME,
            "select": draw(st.sampled_from(SELECTS)),
            "price": draw(st.sampled_from([BY_BAND, *PRICES])),
            "rule": draw(st.sampled_from(CUT)),
        }
        | draw(st.sampled_from([{}, {"group_by": "robot"}]))
        for number in range(draw(st.integers(1, 2)))
    ]
    return [*cut, *draw(clauses())]


@st.composite
def reaching(draw: Any, month: Period, zone: str, hour: int) -> list[CallRecord]:
    """Draw calls that are answered before an hour of a working day and talk beyond it for minutes."""
    wednesday = next(day for day in range(2, 9) if month.starts_on.replace(day=day).isoweekday() == 3)
    edge = datetime.combine(month.starts_on.replace(day=wednesday), time(hour), ZoneInfo(zone)).astimezone(UTC)
    made = []
    for number in range(draw(st.integers(1, 3))):
        begun = edge - timedelta(seconds=draw(st.integers(1, 120)))
        ended = edge + timedelta(milliseconds=draw(st.integers(130_000, 300_000)))
        made.append(
            CallRecord(
                call_id=f"reaching-{number}", direction=draw(st.sampled_from(["inbound", "outbound"])), started_at=begun,
                answered_at=begun, ended_at=ended, region=draw(st.sampled_from(["310000", ""])),
                robot=draw(st.sampled_from(["r1", "r2", ""])), line="l1", language="zh",
            )
        )  # fmt: skip
    return made


def paged(tenant_id: int, terms: Terms, totals: Totals, line: Line, limit: int) -> list[TracedCall]:
    found: list[TracedCall] = []
    after: Place | None = None
    while page := page_of_calls(tenant_id, terms, totals, line, day=None, after=after, limit=limit):
        found += page
        after = page[-1].place
        if len(page) < limit:
            break
    return found


@settings(
    max_examples=int(os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)  # each example is a tenant of its own
@given(st.data())
def test_the_calls_behind_a_line_add_up_to_what_it_says(transactional_db: None, data: st.DataObject) -> None:
    month = period_containing(data.draw(st.sampled_from(MONTHS)))
    document = {"version": 1, "currency": "CNY", "bands": BANDS}
    cut = data.draw(st.dates(month.starts_on, month.ends_on - timedelta(days=1)))
    zone, (hour, band) = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(EDGES))
    first = {"kind": "duration", "code": "reached", "name": NAME, "select": {"band": [band]}}
    first |= {"price": data.draw(st.sampled_from([BY_BAND, *PRICES])), "rule": data.draw(st.sampled_from(CUT))}
    versions = [
        (str(day), day, document | {"clauses": [first, *data.draw(with_cuts())]}) for day in (date(2020, 1, 1), cut)
    ]
    terms = terms_from_versions(month, zone, versions)
    calls_made = [*data.draw(records(month.starts_on)), *data.draw(reaching(month, zone, hour))]
    totals = counted_by_database(terms, calls_made, {})
    tenant_id = next(TENANTS) - 1  # the one it was counted for
    limit = data.draw(st.integers(1, 5))
    timed = {
        (s.number, clause.code) for s in terms.segments for clause in s.agreement.clauses if clause.kind == "duration"
    }
    measured = {
        (s.number, clause.code) for s in terms.segments for clause in s.agreement.clauses if clause.kind == "seat"
    }
    bill = rate(terms, totals)
    assert any(line.code == "reached" and line.evidence and line.evidence.talk_ms for line in bill.lines)
    assert not list(untold_of(terms, totals, bill))
    told = set[Place]()
    for line in bill.lines:
        if line.evidence is None or not line.evidence.selector:
            continue
        calls = list(calls_of_line(tenant_id, terms, totals, line))
        if (line.version, line.code) not in measured:  # a measure looks at every call and takes none
            told |= {call.place for call in calls}
            assert sum(call.counts for call in calls) == line.evidence.calls, line.key
        if (line.version, line.code) in timed:
            talk_ms = sum(taken.talk_ms for call in calls for taken in call.taken)
            assert (talk_ms, sum(call.billed_seconds for call in calls)) == line.evidence[1:3], line.key
        assert is_traceable(line) == bool(calls)
        assert [call.place for call in paged(tenant_id, terms, totals, line, limit)] == [each.place for each in calls]
    unanswered = 0
    for call in calls_of_month(tenant_id, terms):
        segment = segment_of(terms, as_rated(call))
        taken, untaken = take(segment.agreement, terms.zone, as_rated(call)) if segment else ([], [])
        assert (call.place in told) == bool(taken), call.call_id
        unanswered += not taken and not untaken
        assert taken or untaken or call.answered_at is None, call.call_id
    assert unanswered == sum(day.unanswered for day in days_of(tenant_id, terms))
