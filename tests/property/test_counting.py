"""The database counts as the engine does, call by call: any calls, any clauses, any zone; same bill, same evidence."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.periods import period_containing, period_of
from billing.rating import Call, Terms, Totals, count, rate, terms_from_versions
from tests.conftest import NOW
from usage.aggregation import count_month, totals_of
from usage.correcting import correct_call, void_call
from usage.formats.record import CallRecord, Decoded
from usage.ingestion import Reporter, ingest_batch
from usage.models import Source

pytestmark = [pytest.mark.django_db(transaction=True)]
TENANTS = itertools.count(10_000)
ZONES = [  # from -11 to +14, halves and quarters of hours, clocks that change by an hour, by half an hour, at midnight
    "Asia/Shanghai", "America/New_York", "Europe/Berlin", "Pacific/Pago_Pago", "Pacific/Kiritimati", "Asia/Kathmandu",
    "Pacific/Honolulu", "America/St_Johns", "America/Havana", "Atlantic/Azores", "Africa/Cairo", "Asia/Kolkata",
    "Australia/Lord_Howe", "Pacific/Chatham", "UTC",
]  # fmt: skip
# A leap day, the ends of years, and the months in which clocks change.
MONTHS = [date(2026, 10, 1), date(2024, 2, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 3, 1), date(2025, 11, 1)]
NAME = {"zh": "甲", "en": "A"}
BANDS = [
    {"code": "night", "name": NAME, "priority": 2, "rules": [{"start": "22:00", "end": "06:30"}]},
    {"code": "peak", "name": NAME, "priority": 1, "rules": [{"start": "09:00", "end": "18:00", "days": "working"}]},
    {"code": "rest", "name": NAME, "rules": [{}]},
]
RULES = [
    {},
    {"first_increment_s": 6, "next_increment_s": 6, "legs": "whole"},
    {"first_increment_s": 90, "next_increment_s": 60, "minimum_s": 30, "free_below_s": 4},
    {"basis": "reported", "legs": "each"},
    {"basis": "reported", "minimum_s": 3},
    {"basis": "exact-floor", "legs": "each", "first_increment_s": 30, "next_increment_s": 6},
    {"at_band_edge": "split", "first_increment_s": 6, "next_increment_s": 6},
    {"at_band_edge": "split", "basis": "reported", "legs": "each", "minimum_s": 30},
    {"at_band_edge": "split", "legs": "whole", "free_below_s": 4},
]
SELECTS: list[dict[str, Any]] = [
    {},
    {"direction": "inbound"},
    {"region": ["31", "11"], "region_match": "prefix"},
    {"region": ["310000"]},
    {"band": ["peak"]},
    {"band": ["night", "rest"]},
    {"robot": ["r1"], "transferred": True},
    {"module": ["kb"]},
    {"labels": {"shop": ["a", "b"]}},
    {"language": ["zh"], "line": ["l1"]},
]
PRICES: list[Any] = [
    "0.15",
    {"kind": "graduated", "tiers": [{"up_to": "2", "price": "0.2"}, {"price": "0.1"}]},
    {"kind": "volume", "tiers": [{"up_to": "3", "price": "0.2"}, {"price": "0.1"}]},
    {
        "kind": "matrix",
        "dimensions": ["region", "band"],
        "cells": [{"where": {"region": "310000"}, "price": "0.3"}],
        "otherwise": "0.1",
    },
]
ON_TALK: list[Any] = [
    *PRICES,
    {"kind": "per_unit", "price": "0.0705", "round_each_call": {"mode": "up"}},
    {"kind": "elapsed", "parts": [{"up_to_s": 60, "price": "0.2"}, {"price": "0.1", "increment_s": 6}]},
]


@st.composite
def clauses(draw: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    kinds = draw(
        st.lists(st.sampled_from(["duration", "calls", "feature", "measured", "promised"]), min_size=1, max_size=5)
    )
    for number, kind in enumerate(kinds):
        head: dict[str, Any] = {"code": f"c{number}", "name": NAME}
        select = {"select": draw(st.sampled_from(SELECTS)), "group_by": draw(st.sampled_from([None, "robot", "shop"]))}
        if kind == "duration":
            price = draw(st.sampled_from(ON_TALK))
            made.append(head | select | {"kind": kind, "price": price, "rule": draw(st.sampled_from(RULES))})
        elif kind == "calls":
            counts = draw(st.sampled_from(["answered", "attempted", "transferred"]))
            limit = draw(st.sampled_from([{}, {"limit_per_day": 2, "beyond_price": "0.01"}]))
            made.append(
                head | select | limit | {"kind": kind, "counts": counts, "price": draw(st.sampled_from(PRICES))}
            )
        elif kind == "feature":
            how = draw(
                st.sampled_from(
                    [{"aggregate": a} for a in ("sum", "max", "latest", "distinct")]
                    + [{"window": "day"}, {"window": "hour", "window_takes": "min"}]
                )
            )
            made.append(
                head | select | how | {"kind": kind, "counter": "asr", "price": draw(st.sampled_from(PRICES[:3]))}
            )
        elif kind == "promised":
            side = draw(st.sampled_from(["", "inbound_", "outbound_"]))
            measure = side + draw(st.sampled_from(["answer_rate", "answered_within_7s"]))
            table = [{"below": "0.7", "rate": "0.1"}]
            made.append(head | {"kind": "service_level", "price": "9", "measure": measure, "credits": table})
        else:
            measure = draw(st.sampled_from(["distinct_robots", "distinct_lines", "peak_concurrency"]))
            made.append(head | {"kind": "seat", "item": "x", "counts": "measured", "measure": measure, "price": "80"})
    return [{name: value for name, value in clause.items() if value is not None} for clause in made]


@st.composite
def records(draw: Any, month: date = MONTHS[0]) -> list[CallRecord]:
    # Around the ends of the month, bands and clock changes, close together so that calls overlap.
    last = period_containing(month).days
    moments = ((1, 0), (1, 10), (2, 6), (8, 2), (8, 22), (25, 0), (29, 1), (last, 12), (last, 16))
    anchors = [datetime(month.year, month.month, day, hour, tzinfo=UTC) for day, hour in moments if day <= last]
    made = []
    for number in range(draw(st.integers(1, 14))):
        start = draw(st.sampled_from(anchors)) + timedelta(
            microseconds=draw(st.integers(-5 * 3600, 5 * 3600)) * 1_000_001
        )
        answered = draw(st.booleans()) or draw(st.booleans())
        rings, talks = (
            draw(st.integers(0, 20_000)),
            draw(st.sampled_from([0, 1, 999, 1000, 59_999, 60_000, 60_001, 184_500, 5_400_001])),
        )
        transferred = answered and draw(st.booleans())
        answer = start + timedelta(milliseconds=rings)
        made.append(
            CallRecord(
                call_id=f"call-{number}",
                direction=draw(st.sampled_from(["inbound", "outbound"])),
                started_at=start,
                answered_at=answer if answered else None,
                ended_at=answer + timedelta(milliseconds=talks if answered else 0),
                reported_seconds=draw(st.sampled_from([None, 0, 7, 185])) if answered else None,
                region=draw(st.sampled_from(["310000", "310100", "110000", "440100", ""])),
                robot=draw(st.sampled_from(["r1", "r2", ""])),
                line=draw(st.sampled_from(["l1", "l2"])),
                language=draw(st.sampled_from(["zh", "en"])),
                modules=draw(st.lists(st.sampled_from(["kb", "nav"]), unique=True)),
                counters={"asr": Decimal(draw(st.integers(0, 5)))} if draw(st.booleans()) else {},
                transferred_at=answer if transferred else None,
                agent_ms=draw(st.integers(0, talks)) if transferred else 0,
                labels={"shop": draw(st.sampled_from(["a", "b", "c"]))} if draw(st.booleans()) else {},
            )
        )
    return made


def as_call(record: CallRecord) -> Call:
    return Call(
        started_at=record.started_at,
        answered_at=record.answered_at,
        ended_at=record.ended_at,
        talk_ms=record.talked_ms,
        agent_ms=record.agent_ms,
        reported_s=record.reported_seconds,
        call_id=record.call_id,
        direction=record.direction,
        region=record.region,
        source="s",
        robot=record.robot,
        line=record.line,
        language=record.language,
        modules=tuple(record.modules),
        transferred=record.transferred_at is not None,
        labels=record.labels,
        counters=record.counters,
    )


Changes = dict[str, CallRecord | None]


@st.composite
def changes(draw: Any, calls: list[CallRecord], month: date) -> Changes:
    """Void some calls, and correct some into what another one was."""
    others = draw(records(month))
    found: Changes = {}
    for call, other in zip(calls, others, strict=False):
        what = draw(st.sampled_from(["nothing", "nothing", "void", "correct"]))
        if what != "nothing":
            found[call.call_id] = None if what == "void" else msgspec.structs.replace(other, call_id=call.call_id)
    return found


def counted_by_database(terms: Terms, calls: list[CallRecord], changed: Changes) -> Totals:
    tenant_id = next(TENANTS)
    reporter = Reporter(tenant_id, terms.zone, 1, keep_numbers=False, accept_days_back=7300)
    source = Source(pk=tenant_id, tenant_id=tenant_id, code="s")
    ingest_batch(reporter, source, [Decoded(raw=b"{}", record=c, call_id=c.call_id) for c in calls], "test", NOW)
    why = {"reason": "mistaken", "by": "test", "now": NOW}
    for call_id, record in changed.items():
        if record is None:
            void_call(tenant_id, source.pk, call_id, **why)
        else:
            correct_call(reporter, source, call_id, record, **why)
    count_month(tenant_id, 1, terms)
    return totals_of(tenant_id, 1, terms)


def readable(terms: Terms, totals: Totals) -> dict[str, Any]:
    bill = rate(terms, totals)
    lines = {line.key: (line.amount, line.quantity_used, line.quantity_billed, line.evidence) for line in bill.lines}
    uncovered: dict[str, list[Decimal]] = {}
    for each in totals.uncovered:
        sums = uncovered.setdefault(each.meter, [Decimal(0)] * 3)
        for index, more in enumerate((each.calls, each.talk_ms, each.value)):
            sums[index] += more
    levels = [(each.measure, each.level) for each in totals.measurements]
    return {"lines": lines, "total": bill.total, "uncovered": uncovered, "levels": levels}


@settings(
    max_examples=int(os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES", "150")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)  # each example is a tenant of its own
@given(st.data())
def test_the_database_counts_as_the_engine_does(transactional_db: None, data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(ZONES))
    month = period_containing(data.draw(st.sampled_from(MONTHS)))
    holiday = month.starts_on.replace(day=8).isoformat()
    document = {"version": 1, "currency": "CNY", "bands": BANDS, "calendar": {"holidays": [holiday]}}
    versions = [("1", date(2020, 1, 1), document | {"clauses": data.draw(clauses())})]
    days = st.dates(month.starts_on, month.ends_on - timedelta(days=1))
    cuts = data.draw(st.lists(days, max_size=2, unique=True))
    versions += [(f"from {day}", day, document | {"clauses": data.draw(clauses())}) for day in cuts]
    terms = terms_from_versions(month, zone, versions)
    calls = data.draw(records(month.starts_on))
    changed = data.draw(changes(calls, month.starts_on))
    stand = [changed.get(call.call_id, call) for call in calls]
    inside = [as_call(call) for call in stand if call is not None and period_of(call.started_at, zone) == month]
    assert readable(terms, counted_by_database(terms, calls, changed)) == readable(terms, count(terms, inside))
