"""A few records in one statement come out exactly as in a transaction of many."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import psycopg
import pytest
from django.db import connection, connections

from tenants.models import Tenant
from tests.conftest import NOW, call_of
from usage import ingestion, storing
from usage.formats import native
from usage.ingestion import Outcome, Reporter, ingest_batch
from usage.models import Batch, Call, Quarantined, Source, UsageMonth

COUNTS = ("accepted", "duplicate", "conflict", "rejected")


pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note for each delivery whether it was stored in one statement."""
    noted: list[bool] = []
    inner = ingestion._stored_at_once

    def noting(prepared: Any) -> bool:
        noted.append(inner(prepared))
        return noted[-1]

    monkeypatch.setattr(ingestion, "_stored_at_once", noting)
    return noted


@pytest.fixture
def take(tenant: Tenant, source: Source) -> Callable[..., Outcome]:
    def take(*records: dict[str, Any]) -> Outcome:
        reporter = Reporter(tenant.pk, tenant.zone, tenant.billing_day, True, 400)
        return ingest_batch(reporter, source, native.decode(json.dumps(records).encode()), "native", NOW)

    return take


def test_the_first_of_a_month_goes_the_long_way_and_the_next_at_once(
    take: Callable[..., Outcome], at_once: list[bool]
) -> None:
    assert take(call_of(1)).count("accepted") == 1
    assert take(call_of(2), call_of(3, robot='quo"te\\', counters={"n": 1})).count("accepted") == 2
    assert at_once == [False, True]
    by_long_way, by_short_way = Call.objects.get(call_id="call-1"), Call.objects.get(call_id="call-2")
    same = [f.name for f in Call._meta.get_fields() if f.name not in {"pk", "call_id", "batch_id", "content_hash"}]
    assert [bytes(v) if isinstance(v := getattr(by_long_way, n), memoryview) else v for n in same] == [
        bytes(v) if isinstance(v := getattr(by_short_way, n), memoryview) else v for n in same
    ]


def test_repetitions_and_conflicts_come_out(take: Callable[..., Outcome], at_once: list[bool]) -> None:
    take(call_of(1), call_of(2))
    outcome = take(call_of(3), call_of(1), call_of(4), call_of(2))
    assert [outcome.count(name) for name in COUNTS] == [2, 2, 0, 0]
    assert [item.outcome for item in outcome.items] == ["accepted", "duplicate", "accepted", "duplicate"]
    outcome = take(call_of(5), call_of(1, robot="other"))
    assert [outcome.count(name) for name in COUNTS] == [1, 0, 1, 0]
    assert at_once == [False, True, False]
    assert Quarantined.objects.count() == 1
    assert sum(Batch.objects.values_list("accepted", flat=True)) == Call.objects.count() == 5


def test_a_repetition_in_another_month_is_found(take: Callable[..., Outcome], at_once: list[bool]) -> None:
    september = {
        name: f"2026-09-08T09:0{n}:00+08:00" for n, name in enumerate(("started_at", "answered_at", "ended_at"))
    }
    take(call_of(1))
    take(call_of(2, **september))
    outcome = take(call_of(1, **september))
    assert outcome.count("conflict") == 1
    assert at_once == [False, False, False]
    assert Call.objects.count() == 2


def test_a_frozen_or_counted_month_goes_the_long_way(take: Callable[..., Outcome], at_once: list[bool]) -> None:
    take(call_of(1))
    UsageMonth.objects.update(stale_since=None)
    take(call_of(2))
    assert UsageMonth.objects.get().stale_since == NOW
    UsageMonth.objects.filter(period=date(2026, 10, 1)).update(state="frozen")
    take(call_of(3))
    assert at_once == [False, False, False]
    assert Call.objects.get(call_id="call-3").flags == ["late"]


def test_a_quiet_connection_is_believed_and_a_closed_one_made_anew(
    take: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As between two requests: the server's farewell lies on the line, and nothing else is asked."""
    take(call_of(1))
    connection.close_if_unusable_or_obsolete()
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "is_usable", lambda: pytest.fail("asked the server"))
        assert take(call_of(2)).count("accepted") == 1
    own = connection.connection
    with psycopg.connect(own.info.dsn, password=own.info.password) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [own.info.backend_pid])
    connection.close_if_unusable_or_obsolete()
    assert take(call_of(3)).count("accepted") == 1
    assert connection.connection is not own


def test_a_large_delivery_that_was_here_before_writes_no_line_again(
    take: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    inner = storing.copy_lines

    def noting(delivery: Any, candidates: list[Any]) -> list[bytes]:
        written.append(len(candidates))
        return inner(delivery, candidates)

    monkeypatch.setattr(storing, "copy_lines", noting)
    monkeypatch.setattr(ingestion, "copy_lines", noting)
    known, new = [call_of(n) for n in range(40)], [call_of(n) for n in range(40, 60)]
    assert take(*known).count("accepted") == 40
    assert take(*known).count("duplicate") == 40
    assert take(*known[20:], *new).counts == {"accepted": 20, "duplicate": 20, "conflict": 0, "rejected": 0}
    assert take(*new, call_of(60), *known).counts == {"accepted": 1, "duplicate": 60, "conflict": 0, "rejected": 0}
    assert written == [40, 0, 20, 1]
    assert Call.objects.count() == 61
