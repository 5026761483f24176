"""The quota tells whether another call may begin, by the contract's limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from billing.periods import Period
from tenants.models import Contract, Tenant
from tests.conftest import call_of
from usage.aggregation import count_if_stale
from usage.formats import native
from usage.ingestion import Reporter, ingest_batch
from usage.models import Source
from usage.quotas import FRESH_SECONDS, forget_answers, quota_of

NOON = datetime(2026, 10, 8, 4, 0, tzinfo=UTC)  # noon in Shanghai
LIMITED = {
    "code": "calls", "kind": "calls", "name": {"zh": "通话", "en": "Calls"}, "price": {"kind": "flat", "price": "0.1"},
    "limit_per_day": 3, "limit_per_month": 5, "beyond_limit": "refuse",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _ask_anew() -> None:
    forget_answers()


@pytest.fixture
def take(tenant: Tenant, source: Source) -> Callable[..., None]:
    def take(*numbers: int, day: int = 8, **changes: Any) -> None:
        when = {
            name: f"2026-10-{day:02}T09:0{n}:00+08:00"
            for n, name in enumerate(("started_at", "answered_at", "ended_at"))
        }
        body = json.dumps([call_of(number, **when, **changes) for number in numbers]).encode()
        reporter = Reporter(tenant.pk, tenant.zone, tenant.billing_day, True, 400)
        assert ingest_batch(reporter, source, native.decode(body), "native", NOON).count("accepted") == len(numbers)
        forget_answers()

    return take


def test_a_tenant_without_limits_may_always(tenant: Tenant, contract: Contract) -> None:
    quota = quota_of(tenant, NOON)
    assert (quota.allowed, quota.remaining, quota.resets_at) == (True, None, None)


def test_the_day_runs_full_and_resets_at_local_midnight(
    tenant: Tenant, make_contract: Callable[..., Contract], take: Callable[..., None]
) -> None:
    make_contract(LIMITED)
    take(1, 2)
    quota = quota_of(tenant, NOON)
    assert (quota.allowed, quota.remaining) == (True, 1)
    take(3)
    quota = quota_of(tenant, NOON)
    assert (quota.allowed, quota.remaining) == (False, 0)
    assert quota.resets_at == datetime(2026, 10, 8, 16, 0, tzinfo=UTC)
    assert quota_of(tenant, NOON + timedelta(days=1)).remaining == 2, "5 a month, 3 used"


@pytest.mark.parametrize("counted", [False, True])
def test_the_month_runs_full_whether_counted_or_not(
    tenant: Tenant, make_contract: Callable[..., Contract], take: Callable[..., None], *, counted: bool
) -> None:
    make_contract(LIMITED)
    take(1, 2, 3, day=6)
    take(4, day=7)
    if counted:
        count_if_stale(tenant, Period(date(2026, 10, 1), date(2026, 11, 1)), NOON)
    take(5)
    quota = quota_of(tenant, NOON)
    assert (quota.allowed, quota.remaining) == (False, 0)
    assert quota.resets_at == datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert {(limit.per, limit.used) for limit in quota.limits} == {("day", 1), ("month", 5)}


def test_calls_beyond_may_be_charged_instead(
    tenant: Tenant, make_contract: Callable[..., Contract], take: Callable[..., None]
) -> None:
    make_contract(LIMITED | {"beyond_limit": "free"})
    take(1, 2, 3, 4)
    quota = quota_of(tenant, NOON)
    assert (quota.allowed, quota.remaining) == (True, 0)


def test_another_legs_and_unanswered_calls_use_nothing(
    tenant: Tenant, make_contract: Callable[..., Contract], take: Callable[..., None]
) -> None:
    make_contract(LIMITED)
    take(1, leg="b")
    assert quota_of(tenant, NOON).remaining == 3


def test_each_group_has_its_own_limit(
    tenant: Tenant, make_contract: Callable[..., Contract], take: Callable[..., None]
) -> None:
    make_contract(LIMITED | {"group_by": "robot", "tiers_per": "group"})
    take(1, 2, 3, robot="r1")
    take(4, robot="r2")
    assert not quota_of(tenant, NOON, group="r1").allowed
    assert quota_of(tenant, NOON, group="r2").remaining == 2
    assert quota_of(tenant, NOON, group="r3").remaining == 3
    assert not quota_of(tenant, NOON).allowed, "the fullest group counts when none is named"


def test_an_answer_is_as_fresh_as_it_says(
    tenant: Tenant, make_contract: Callable[..., Contract], take: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_contract(LIMITED)
    assert quota_of(tenant, NOON).remaining == 3
    monkeypatch.setattr("tests.verbs.test_quotas.forget_answers", lambda: None)
    take(1)
    assert quota_of(tenant, NOON + timedelta(seconds=FRESH_SECONDS)).remaining == 3
    assert quota_of(tenant, NOON + timedelta(seconds=FRESH_SECONDS + 0.1)).remaining == 2
