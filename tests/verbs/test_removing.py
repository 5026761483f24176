"""What tenants no longer keep is removed, bounded and noted; what is still owed to anyone stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client

from billing.periods import period_containing
from tenants.models import Seller, Tenant
from tests.conftest import call_of
from usage import removing
from usage.aggregation import CallsRemoved, count_now
from usage.correcting import void_call
from usage.formats import native
from usage.ingestion import Outcome, Reporter, ingest_batch, lock_key
from usage.models import (
    Call,
    CallVersion,
    Quarantined,
    Removal,
    RetentionPolicy,
    Source,
    SourceMonth,
    UsageMonth,
    UsageTotal,
)
from usage.removing import drop_month, months_to_drop, removals_due, remove_batch
from usage.retention import attached_months
from usage.tasks import apply_retention

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
FEBRUARY = datetime(2027, 2, 1, 3, 0, tzinfo=UTC)  # three full months after October


@pytest.fixture
def tenant(tenant: Tenant) -> Tenant:
    tenant.accept_days_back, tenant.keep_numbers = 60, True
    tenant.save()
    return tenant


@pytest.fixture
def take(tenant: Tenant, source: Source) -> Callable[..., Outcome]:
    def take(*records: dict[str, Any], whose: Source = source, now: datetime = NOW) -> Outcome:
        owner = whose.tenant
        reporter = Reporter(owner.pk, owner.zone, owner.billing_day, owner.keep_numbers, owner.accept_days_back)
        return ingest_batch(reporter, whose, native.decode(json.dumps(records).encode()), "native", now)

    return take


@pytest.fixture
def october(take: Callable[..., Outcome]) -> None:
    """Five calls, one void, one in quarantine; billed."""
    take(*(call_of(n) for n in range(5)), {"call_id": "wrong"})
    call = Call.objects.get(call_id="call-0")
    void_call(call.tenant_id, call.source_id, "call-0", reason="test", by="li", now=NOW)
    UsageMonth.objects.update(state="frozen")


@pytest.fixture
def keep(tenant: Tenant) -> Callable[..., RetentionPolicy]:
    def keep(whose: Tenant = tenant, **months: int) -> RetentionPolicy:
        return RetentionPolicy.objects.create(tenant=whose, **months)

    return keep


def due(now: datetime) -> set[tuple[date, str]]:
    return {(each.period, each.what) for each in removals_due(now)}


def remove_all(now: datetime) -> int:
    batches = 0
    for each in removals_due(now):
        batches += 1
        while not remove_batch(each, now):
            batches += 1
    return batches


def test_calls_are_kept_for_ever_unless_somebody_says_otherwise(october: None, keep: Any) -> None:
    assert due(NOW + timedelta(days=20_000)) == set()
    keep()
    assert due(NOW + timedelta(days=20_000)) == set()
    assert months_to_drop(NOW + timedelta(days=20_000)) == []


def test_a_month_is_over_after_its_full_months_to_the_day(october: None, keep: Any) -> None:
    keep(calls_months=3)
    the_day_before = datetime(2027, 1, 31, 15, 59, tzinfo=UTC)  # one minute to February in Shanghai
    assert due(the_day_before) == set()
    assert due(the_day_before + timedelta(minutes=1)) == {(OCTOBER, "calls")}


def test_a_month_not_yet_billed_stays_whatever_the_rule_says(october: None, keep: Any) -> None:
    UsageMonth.objects.update(state="open")
    keep(calls_months=1)
    assert due(FEBRUARY) == set()
    assert months_to_drop(FEBRUARY) == []
    assert not drop_month(OCTOBER, FEBRUARY)


def test_a_month_whose_late_calls_wait_for_an_invoice_stays(october: None, keep: Any) -> None:
    UsageMonth.objects.update(late_since=NOW)
    keep(calls_months=1)
    assert due(FEBRUARY) == set()
    assert months_to_drop(FEBRUARY) == []
    assert not drop_month(OCTOBER, FEBRUARY)


def test_a_month_whose_calls_are_gone_is_not_counted_again(
    contract: Any, october: None, keep: Any, tenant: Tenant
) -> None:
    month = period_containing(OCTOBER)
    count_now(tenant, month, NOW)
    before = list(UsageTotal.objects.values_list("clause", "calls"))
    assert before
    keep(calls_months=3)
    remove_all(FEBRUARY)
    with pytest.raises(CallsRemoved, match="removed"):
        count_now(tenant, month, FEBRUARY)
    assert list(UsageTotal.objects.values_list("clause", "calls")) == before


def test_a_month_opened_again_in_between_stays(october: None, keep: Any) -> None:
    keep(calls_months=3)
    [found] = [each for each in removals_due(FEBRUARY) if each.what == "calls"]
    UsageMonth.objects.update(state="open")
    assert remove_batch(found, FEBRUARY)
    assert Call.objects.count() == 5


def test_calls_that_may_be_reported_again_are_not_forgotten(october: None, keep: Any, tenant: Tenant) -> None:
    keep(calls_months=3)
    tenant.accept_days_back = 400
    tenant.save()
    assert due(FEBRUARY) == set()


def test_calls_go_batch_by_batch_with_their_versions_and_a_note_while_totals_stay(
    october: None, keep: Any, tenant: Tenant, take: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "AT_ONCE", 2)
    take(call_of(9, **dict.fromkeys(("started_at", "answered_at", "ended_at"), "2026-11-08T09:00:00+08:00")))
    keep(calls_months=3)
    remove_all(FEBRUARY)
    assert list(Call.objects.values_list("call_id", flat=True)) == ["call-9"]
    assert not CallVersion.objects.exists()
    assert list(SourceMonth.objects.values_list("period", flat=True)) == [date(2026, 11, 1)]
    noted = Removal.objects.get(what="calls")
    assert (noted.tenant, noted.period, noted.rows, noted.ended_at) == (tenant, OCTOBER, 5, FEBRUARY)
    assert UsageMonth.objects.filter(period=OCTOBER, state="frozen").exists()
    assert remove_all(FEBRUARY + timedelta(hours=1)) == 0, "a second run finds nothing"
    assert take(call_of(1), now=FEBRUARY).count("rejected") == 1, "too old to come again"


def test_a_run_killed_half_way_goes_on_where_it_was(october: None, keep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "AT_ONCE", 2)
    keep(calls_months=3)
    [found] = [each for each in removals_due(FEBRUARY) if each.what == "calls"]
    assert not remove_batch(found, FEBRUARY)
    half = Removal.objects.get()
    assert (half.rows, half.ended_at, Call.objects.count()) == (2, None, 3)
    remove_all(FEBRUARY + timedelta(hours=1))
    assert Removal.objects.get(what="calls").rows == 5


def test_two_runs_at_once_count_each_row_once(october: None, keep: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removing, "AT_ONCE", 1)
    keep(calls_months=3)

    def run(_: int) -> None:
        try:
            remove_all(FEBRUARY)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    assert (Call.objects.count(), Removal.objects.get(what="calls").rows) == (0, 5)


def test_numbers_go_before_the_calls_and_masks_stay(october: None, keep: Any, take: Any) -> None:
    keep(numbers_months=1, calls_months=12)
    first_of_december = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert due(first_of_december - timedelta(seconds=1)) == set()
    assert due(first_of_december) == {(OCTOBER, "numbers")}
    remove_all(first_of_december)
    call = Call.objects.get(call_id="call-1")
    assert (call.caller_number, call.callee_number, call.callee) == (None, None, "+86****1234")
    version = CallVersion.objects.get()
    assert version.replaced["callee_number"] is None
    assert "13800001234" not in json.dumps([version.replaced, version.replacement])
    assert take(call_of(1)).count("duplicate") == 1
    assert due(first_of_december) == set()


def test_quarantine_goes_with_the_calls_it_might_have_become(october: None, keep: Any, tenant: Tenant) -> None:
    keep(calls_months=1)
    UsageMonth.objects.create(tenant_id=tenant.pk, period=date(2026, 11, 1), state="frozen")
    assert (date(2026, 11, 1), "quarantine") not in due(datetime(2026, 12, 31, 3, 0, tzinfo=UTC))
    assert (date(2026, 11, 1), "quarantine") in due(datetime(2027, 2, 5, tzinfo=UTC))
    remove_all(datetime(2027, 2, 5, tzinfo=UTC))
    assert not Quarantined.objects.exists()
    assert Removal.objects.get(what="quarantine").rows == 1


def test_a_partition_goes_whole_only_when_every_tenant_is_that_far(
    october: None, keep: Any, take: Any, seller: Seller, tenant: Tenant
) -> None:
    other = Tenant.objects.create(
        seller=seller, code="south", name_zh="南", name_en="South", zone="UTC", accept_days_back=60
    )
    take(call_of(1), whose=Source.objects.create(tenant=other, code="s", zone="UTC"))
    keep(calls_months=3)
    assert months_to_drop(FEBRUARY) == []
    assert not drop_month(OCTOBER, FEBRUARY)
    keep(other, calls_months=2)
    assert months_to_drop(FEBRUARY) == [], "the other's month is not billed"
    UsageMonth.objects.update(state="frozen")
    assert months_to_drop(FEBRUARY) == [OCTOBER]
    apply_at(FEBRUARY)
    assert OCTOBER not in attached_months()
    noted = set(Removal.objects.filter(what="calls").values_list("tenant__code", "rows"))
    assert noted == {("north", 5), ("south", 1)}
    apply_at(FEBRUARY)


def apply_at(now: datetime) -> None:
    for month in months_to_drop(now):
        assert drop_month(month, now)
    remove_all(now)


def test_a_month_that_began_while_it_was_to_be_dropped_is_seen(october: None, keep: Any, seller: Seller) -> None:
    """A delivery commits after the list was made: its rows are found under the table's lock, and nothing is dropped."""
    keep(calls_months=3)
    assert months_to_drop(FEBRUARY) == [OCTOBER]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_call SELECT (r).* FROM (SELECT jsonb_populate_record(c, '{\"tenant_id\": 999}') AS r "
            "FROM usage_call c WHERE call_id = 'call-1') AS rows"
        )
    assert not drop_month(OCTOBER, FEBRUARY)
    assert Call.objects.count() == 6


def test_a_delivery_on_its_way_is_waited_for_and_the_task_tries_again(
    october: None, keep: Any, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    keep(calls_months=3)
    monkeypatch.setattr(removing, "WAIT_FOR_LOCK", "100ms")
    time_machine.move_to(FEBRUARY)

    def apply() -> None:
        try:
            apply_retention()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [lock_key("period", tenant.pk, OCTOBER)])
            pool.submit(apply).result()
        assert Call.objects.count() == 5
        pool.submit(apply).result()
    assert Call.objects.count() == 0


def test_the_admin_shows_the_rule_refuses_one_that_cannot_be_followed_and_lists_what_went(
    october: None, tenant: Tenant
) -> None:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("boss"))
    add = "/admin/usage/retentionpolicy/add/"
    refused = client.post(add, {"tenant": tenant.pk, "calls_months": "2", "numbers_months": ""})
    assert b"at most 56 days first" in refused.content
    assert client.post(add, {"tenant": tenant.pk, "calls_months": "3", "numbers_months": ""}).status_code == 302
    remove_all(FEBRUARY)
    page = client.get("/admin/usage/removal/").content
    assert b"Northern Express" in page
    assert client.post("/admin/usage/removal/add/").status_code == 403
