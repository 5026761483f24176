"""A call is voided or corrected as a new version; what was before is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from billing.periods import Period
from tenants.contracts import terms_for
from tenants.models import Contract, Tenant
from tests.conftest import NOW, call_of
from usage.aggregation import count_if_stale, totals_of
from usage.correcting import CannotChange, Change, UnknownCall, WrongRecord, correct_call, void_call
from usage.formats import native
from usage.ingestion import Outcome, Reporter, ingest_batch
from usage.models import Call, CallVersion, Source, SourceMonth, UsageMonth

OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))


@pytest.fixture
def reporter(tenant: Tenant) -> Reporter:
    return Reporter(tenant.pk, tenant.zone, tenant.billing_day, True, 400)


@pytest.fixture
def take(reporter: Reporter, source: Source) -> Callable[..., Outcome]:
    def take(*records: dict[str, Any]) -> Outcome:
        return ingest_batch(reporter, source, native.decode(json.dumps(records).encode()), "native", NOW)

    return take


@pytest.fixture
def correct(reporter: Reporter, source: Source) -> Callable[..., Change]:
    def correct(record: dict[str, Any], **options: Any) -> Change:
        decoded = native.decode(json.dumps(record).encode())[0].record
        assert decoded
        named = {"call_id": decoded.call_id, "reason": "clock was wrong", "by": "Li Lei", "now": NOW} | options
        return correct_call(reporter, source, named.pop("call_id"), decoded, **named)

    return correct


def _talked(tenant: Tenant, contract: Contract) -> int:
    count_if_stale(tenant, OCTOBER, NOW)
    rows = totals_of(tenant.pk, contract.pk, terms_for(contract, OCTOBER)).rows
    return sum(row.calls for row in rows)


def test_a_void_call_is_counted_no_more(
    tenant: Tenant, source: Source, contract: Contract, take: Callable[..., Outcome]
) -> None:
    take(call_of(1), call_of(2))
    assert _talked(tenant, contract) == 2
    change = void_call(tenant.pk, source.pk, "call-1", reason="test call", by="Li Lei", now=NOW)
    assert change == Change("call-1", "a", 2, late=False)
    assert _talked(tenant, contract) == 1
    kept = CallVersion.objects.get(tenant_id=tenant.pk)
    assert (kept.version, kept.kind, kept.reason, kept.replaced["talk_ms"]) == (1, "void", "test call", 61000)


def test_a_void_call_sent_again_stays_void(tenant: Tenant, source: Source, take: Callable[..., Outcome]) -> None:
    take(call_of(1))
    void_call(tenant.pk, source.pk, "call-1", reason="test call", by="Li Lei", now=NOW)
    assert take(call_of(1)).count("duplicate") == 1
    assert "voided" in Call.objects.get(tenant_id=tenant.pk).flags


@pytest.mark.parametrize("again", ["call-1", "call-9"])
def test_what_cannot_be_voided_is_refused(
    tenant: Tenant, source: Source, take: Callable[..., Outcome], again: str
) -> None:
    take(call_of(1))
    void_call(tenant.pk, source.pk, "call-1", reason="test call", by="Li Lei", now=NOW)
    with pytest.raises((CannotChange, UnknownCall)):
        void_call(tenant.pk, source.pk, again, reason="test call", by="Li Lei", now=NOW)
    with pytest.raises(CannotChange, match="why"):
        void_call(tenant.pk, source.pk, "call-1", reason=" ", by="Li Lei", now=NOW)


def test_a_correction_replaces_the_content_and_keeps_the_old_one(
    tenant: Tenant, take: Callable[..., Outcome], correct: Callable[..., Change]
) -> None:
    batch = take(call_of(1)).batch_id
    UsageMonth.objects.update(stale_since=None)
    longer = call_of(1, ended_at="2026-10-08T09:02:06+08:00", robot='quo"te\\d', counters={"asr_seconds": 1.5})
    assert correct(longer) == Change("call-1", "a", 2, late=False)
    call = Call.objects.get(tenant_id=tenant.pk)
    assert (call.talk_ms, call.version, call.robot, call.batch_id) == (121000, 2, 'quo"te\\d', batch)
    assert call.counters == {"asr_seconds": "1.5"}
    assert UsageMonth.objects.get().stale_since == NOW
    assert correct(longer) == Change("call-1", "a", 2, late=False, changed=False)
    assert CallVersion.objects.count() == 1


def test_both_contents_are_known_afterwards(take: Callable[..., Outcome], correct: Callable[..., Change]) -> None:
    longer = call_of(1, ended_at="2026-10-08T09:02:06+08:00")
    take(call_of(1))
    correct(longer)
    assert take(call_of(1)).count("duplicate") == 1, "the sender's nightly file repeats the first content"
    assert take(longer).count("duplicate") == 1
    assert take(call_of(1, robot="third")).count("conflict") == 1


def test_a_call_moves_to_the_month_it_was_in(
    tenant: Tenant, take: Callable[..., Outcome], correct: Callable[..., Change]
) -> None:
    take(call_of(1))
    september = {"started_at": "2026-09-08T09:00:00+08:00", "answered_at": "2026-09-08T09:00:05+08:00",
                 "ended_at": "2026-09-08T09:01:06+08:00"}  # fmt: skip
    correct(call_of(1, **september))
    assert Call.objects.get(tenant_id=tenant.pk).period == date(2026, 9, 1)
    assert set(SourceMonth.objects.values_list("period", flat=True)) == {date(2026, 9, 1), date(2026, 10, 1)}
    assert take(call_of(1, **september)).count("duplicate") == 1
    assert take(call_of(1)).count("duplicate") == 1


def test_a_change_in_a_frozen_month_waits(
    tenant: Tenant, source: Source, contract: Contract, take: Callable[..., Outcome], correct: Callable[..., Change]
) -> None:
    take(call_of(1), call_of(2))
    assert _talked(tenant, contract) == 2
    UsageMonth.objects.update(state="frozen", stale_since=None)
    assert void_call(tenant.pk, source.pk, "call-1", reason="test call", by="Li Lei", now=NOW).late
    assert correct(call_of(2, ended_at="2026-10-08T09:02:06+08:00")).late
    with pytest.raises(CannotChange, match="void already"):
        void_call(tenant.pk, source.pk, "call-1", reason="test call", by="Li Lei", now=NOW)
    calls = Call.objects.filter(tenant_id=tenant.pk)
    assert {(call.talk_ms, tuple(call.flags)) for call in calls} == {(61000, ("changed_late",))}
    assert UsageMonth.objects.get().stale_since is None
    late = CallVersion.objects.filter(tenant_id=tenant.pk, late=True).order_by("call_id")
    assert [each.replacement and each.replacement["talk_ms"] for each in late] == [None, 121000]


def test_a_record_that_cannot_be_true_is_refused(take: Callable[..., Outcome], correct: Callable[..., Change]) -> None:
    take(call_of(1))
    with pytest.raises(WrongRecord, match="ends before"):
        correct(call_of(1, ended_at="2026-10-08T08:00:00+08:00"))
    with pytest.raises(WrongRecord, match="another call"):
        correct(call_of(1), call_id="call-2")
