"""A count that is killed in the middle is noticed: the month is told as waiting, and the next tick counts it."""

from __future__ import annotations

from datetime import date
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from billing.periods import period_containing
from invoices.forecasting import outlook
from tests.conftest import NOW, call_of
from usage import aggregation
from usage.aggregation import count_if_stale, count_now, counted_at, stale_months
from usage.ingestion import lock_key
from usage.models import UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))
TODAY = date(2026, 10, 20)


@pytest.fixture
def killed(tenant: Any, contract: Any, post: Any, monkeypatch: Any) -> Any:
    """A month of which the last call was about to be counted when the server killed the one who counted."""
    post(call_of(1))
    count_now(tenant, OCTOBER, NOW)
    post(call_of(2))

    def killed_here(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as dying:
        dying.setattr(aggregation, "count_month", killed_here)
        with pytest.raises(OperationalError):
            count_if_stale(tenant, OCTOBER, NOW)
    connection.close()
    return contract


def test_a_month_whose_count_was_killed_is_said_to_wait(killed: Any) -> None:
    assert UsageMonth.objects.get().stale_since is None  # the mark was taken, and nobody is left to give it back
    found = outlook(killed, OCTOBER, TODAY)
    assert found.waiting_since is not None
    assert sum(row.calls for row in found.totals.rows) == 1
    assert counted_at(killed.tenant_id, OCTOBER.starts_on) is None


def test_the_next_tick_counts_a_month_whose_count_was_killed(killed: Any) -> None:
    assert stale_months(10) == [(killed.tenant_id, OCTOBER.starts_on)]
    assert count_if_stale(killed.tenant, OCTOBER, NOW)
    found = outlook(killed, OCTOBER, TODAY)
    assert found.waiting_since is None
    assert sum(row.calls for row in found.totals.rows) == 2
    assert stale_months(10) == []


def test_a_tick_leaves_a_month_alone_that_somebody_counts(tenant: Any, contract: Any, post: Any) -> None:
    post(call_of(1))
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": None}) as other:
        key = lock_key("counting", tenant.pk, OCTOBER.starts_on)
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        assert not count_if_stale(tenant, OCTOBER, NOW)
        assert stale_months(10) == [(tenant.pk, OCTOBER.starts_on)]
        other.execute("SELECT pg_advisory_unlock(%s)", [key])
    assert count_if_stale(tenant, OCTOBER, NOW)


def test_a_count_that_fails_leaves_the_month_stale_since_its_first_call(
    tenant: Any, contract: Any, post: Any, monkeypatch: Any
) -> None:
    post(call_of(1))
    since = UsageMonth.objects.get().stale_since
    monkeypatch.setattr(aggregation, "count_month", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        count_if_stale(tenant, OCTOBER, NOW)
    month = UsageMonth.objects.get()
    assert (month.stale_since, month.counting_since) == (since, None)
