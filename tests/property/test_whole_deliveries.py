"""A delivery read, judged and written as a whole comes out exactly as record by record, whatever is mixed in it."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.models import Tenant
from tests.conftest import NOW, call_of
from tests.property.test_ingestion_once import table_of
from usage import ingestion
from usage.formats import native, table
from usage.formats.record import CallRecord, Whole, accept_all, refusal_of
from usage.ingestion import FEW_RECORDS, Reporter, ingest_batch
from usage.models import Batch, Call, Quarantined, Source, SourceMonth

EARLIEST = datetime(2026, 6, 1, tzinfo=UTC)
texts = st.text(max_size=12) | st.sampled_from(
    ["", "null", "NULL", "\\N", "\\.", '"', "\\", '\\"', "a\tb", "a\r\nb", "\x1f", "\x7f", "\u2028", "\x85", "快递", "🤖", "{a,b}", "],[", '":']
)  # fmt: skip
instants = st.sampled_from(
    ["2026-10-08T09:00:00+08:00", "2026-10-08T01:00:05Z", "2026-10-08T09:01:06.123456+08:00", "2026-09-30T23:59:59+08:00",
     "2026-09-30T16:00:00Z", "2026-10-15T09:00:00+08:00", "2026-05-01T00:00:00Z", "2027-01-01T00:00:00Z", "2026-10-08T09:00:05-03:30"]
)  # fmt: skip
# What a sender may change about a good record; much of it makes the record a bad one.
changes = st.fixed_dictionaries(
    {},
    optional={
        "call_id": texts, "leg": st.sampled_from(["a", "b", "a:2"]), "direction": st.sampled_from(["inbound", "sideways"]),
        "caller": texts, "callee": texts, "started_at": instants, "answered_at": instants | st.none(), "ended_at": instants,
        "talk_ms": st.integers(-1, 700_000_000) | st.none() | st.just("x"), "reported_seconds": st.integers(0, 100) | st.none(),
        "hangup_cause": texts, "region": texts, "robot": texts, "line": texts, "language": texts,
        "modules": st.lists(texts, max_size=3), "transferred_at": instants | st.none(), "agent_ms": st.integers(0, 70_000),
        "counters": st.dictionaries(
            texts,
            st.integers(-(10**16), 10**16) | st.sampled_from([0.1, 1e-7, 1e15, "NaN", "sNaN", "1.0000000", "0.000001", "-1E+3"]),
            max_size=3),
        "labels": st.dictionaries(texts, texts, max_size=3), "unknown": st.just(1),
    },
)  # fmt: skip


@st.composite
def records(draw: Any, least: int = 0, most: int = 5) -> list[dict[str, Any]]:
    """Make records, most of them good, each with an id of its own unless it was changed."""
    count = draw(st.integers(least, most))
    return [call_of(number) | (draw(changes) if draw(st.integers(0, 3)) == 0 else {}) for number in range(count)]


def told(decoded: Any, *, end: bytes = b"") -> list[str]:
    """Spell out what was read, since a counter that is no number does not even equal itself."""
    return [repr((bytes(e.raw).removesuffix(end), e.record, e.fault, e.call_id, list(e.flags))) for e in decoded]


@settings(max_examples=400, deadline=None)
@given(records(), st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]), st.booleans())
def test_json_read_as_a_whole_says_what_each_record_says(
    made: list[dict[str, Any]], separators: tuple[str, str], ascii_only: bool
) -> None:
    parts = [json.dumps(each, separators=separators, ensure_ascii=ascii_only).encode() for each in made]
    alone = told(map(native.decode_one, parts))
    assert told(native.decode(b"[" + b" ,".join(parts) + b"]")) == alone
    if separators[0] != " ,\n":
        assert told(native.decode_lines(b"\r\n".join(parts)), end=b"\r") == alone
        assert told(native.decode_lines(b"\n".join(parts) + b"\n")) == alone


@pytest.mark.parametrize("layout", [b"%s %s\n%s", b"%s\n%s %s\n", b"%s %s\n{\n%s", b"%s\n{}\n%s,%s"])
def test_a_line_is_a_record_even_where_objects_and_ends_of_lines_are_equally_many(layout: bytes) -> None:
    parts = [json.dumps(call_of(number)).encode() for number in range(3)]
    body = layout % (*parts[:2], parts[2].removeprefix(b"{") if b"{\n" in layout else parts[2])
    lines = [line for line in body.split(b"\n") if line]
    assert told(native.decode_lines(body)) == told(map(native.decode_one, lines))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "call_id": texts,
                "robot": texts,
                "labels.50%": texts,
                "counters.asr": st.sampled_from(["", "1.50", "x"]),
                "talk_ms": st.sampled_from(["", "5", "5", "x", "007", "null", "1e3", "٣"]),
                "modules": st.sampled_from(["", "qa", "qa,asr"]),
            }
        ),
        max_size=4,
    )
)
def test_a_table_read_as_a_whole_says_what_each_row_says(rows: list[dict[str, str]]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(
        out, list(call_of(1) | dict.fromkeys(["robot", "labels.50%", "talk_ms", "counters.asr", "modules"], ""))
    )
    writer.writeheader()
    writer.writerows(call_of(1) | row for row in rows)
    (header, head), *lines = table.read_rows(out.getvalue().encode())
    alone = [table._decode_row(header, head, row, line) for row, line in lines]
    assert told(table.decode(out.getvalue().encode())) == told(alone)


def _understood(made: list[dict[str, Any]]) -> list[CallRecord]:
    read = (native.decode_one(json.dumps(each).encode()).record for each in made)
    return [record for record in read if record is not None]


@settings(max_examples=400, deadline=None)
@given(records(least=1))
def test_what_is_accepted_as_a_whole_is_refused_by_nobody(made: list[dict[str, Any]]) -> None:
    understood = _understood(made)
    if understood and (hashes := accept_all(understood, EARLIEST, NOW)) is not None:
        assert [refusal_of(record, EARLIEST, NOW) for record in understood] == [None] * len(understood)
        assert hashes == [record.content_hash for record in understood]


@pytest.mark.parametrize(
    "changes",
    [
        {"started_at": "2026-05-01T00:00:00Z"}, {"started_at": "2026-12-24T00:00:00Z", "answered_at": None},
        {"ended_at": "2026-10-08T08:59:59+08:00"}, {"ended_at": "2026-10-16T09:00:00+08:00"}, {"answered_at": None, "talk_ms": 1},
        {"answered_at": "2026-10-08T08:59:59+08:00"}, {"answered_at": "2026-10-08T09:01:07+08:00"},
        {"transferred_at": "2026-10-08T08:00:00+08:00"}, {"agent_ms": 61_001}, {"counters": {"n": 10**15}},
        {"counters": {"n": "NaN"}}, {"counters": {"n": 1e-7}}, {"counters": {"n": 1, "m": "Infinity"}}, {"robot": "a\x00b"},
    ],
)  # fmt: skip
def test_one_untrue_record_is_seen_among_good_ones(changes: dict[str, Any]) -> None:
    good, bad = _understood([call_of(1), call_of(2) | changes])
    assert refusal_of(bad, EARLIEST, NOW)
    assert accept_all([good, bad, good], EARLIEST, NOW) is None
    assert accept_all([good, good], EARLIEST, NOW) == [good.content_hash] * 2


def test_an_ordinary_delivery_is_read_and_judged_as_a_whole() -> None:
    ordinary = [call_of(n, counters={"asr_seconds": 12.345, "n": -3}, labels={"waybill": "SF1"}) for n in range(30)]
    decoded = native.decode(json.dumps(ordinary).encode())
    assert isinstance(decoded, Whole)
    assert isinstance(native.decode_lines(b"\n".join(json.dumps(each).encode() for each in ordinary)), Whole)
    assert accept_all(decoded.records, EARLIEST, NOW)
    assert decoded.records[0].counters["asr_seconds"] == Decimal("12.345")


def test_the_hash_of_a_record_is_the_one_that_is_stored_since_the_first_day() -> None:
    record = native.decode(json.dumps([call_of(1, counters={"b": 1.5, "a": 2}, labels={"店": "x"})]).encode())[0].record
    assert record.content_hash.hex() == "ea7a764d0e175550b712b53c8addfc79"


@pytest.fixture
def reporter(tenant: Tenant) -> Reporter:
    return Reporter(tenant.pk, tenant.zone, tenant.billing_day, True, 100)


def _empty(tenant: Tenant) -> None:
    for each in (Call, Batch, Quarantined, SourceMonth):
        each.objects.filter(tenant_id=tenant.pk).delete()


def _quarantine(tenant: Tenant) -> list[tuple[Any, ...]]:
    names = ("position", "call_id", "code", "detail", "pointer", "raw", "content_hash")
    found = Quarantined.objects.filter(tenant_id=tenant.pk).order_by("position").values_list(*names)
    return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in found]


@given(made=records(least=FEW_RECORDS + 4, most=FEW_RECORDS + 12), again=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_delivery_taken_as_a_whole_is_stored_as_record_by_record(
    reporter: Reporter, tenant: Tenant, source: Source, made: list[dict[str, Any]], *, again: bool
) -> None:
    body, found = json.dumps(made).encode(), []
    for whole in (True, False):
        _empty(tenant)
        with pytest.MonkeyPatch.context() as patch:
            if not whole:
                patch.setattr(ingestion, "_take_all", lambda *_: [])
                patch.setattr(native, "_read_whole", lambda *_: None)
            outcomes = [ingest_batch(reporter, source, native.decode(body), "native", NOW) for _ in range(1 + again)]
        found.append(([outcome.items for outcome in outcomes], table_of(tenant), _quarantine(tenant)))
    assert found[0] == found[1]


@given(given_texts=st.lists(texts, min_size=FEW_RECORDS + 2, max_size=FEW_RECORDS + 8))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_copied_as_it_came(
    reporter: Reporter, tenant: Tenant, source: Source, given_texts: list[str]
) -> None:
    made = [
        call_of(n, call_id=f"{n}{text}", robot=text, line=text[::-1], caller=text, modules=[text, "x"], labels={text: text},
                counters={text: n})
        for n, text in enumerate(given_texts)
    ]  # fmt: skip
    _empty(tenant)
    many = ingest_batch(reporter, source, native.decode(json.dumps(made).encode()), "native", NOW)
    copied = table_of(tenant)
    _empty(tenant)
    items = [
        ingest_batch(reporter, source, native.decode(json.dumps([each]).encode()), "native", NOW).items[0]
        for each in made
    ]
    assert [item.outcome for item in many.items] == [item.outcome for item in items]
    assert copied == table_of(tenant)
    taken = {each["call_id"]: each for each in made}
    assert all(call.robot == taken[call.call_id]["robot"] for call in Call.objects.filter(tenant_id=tenant.pk))
