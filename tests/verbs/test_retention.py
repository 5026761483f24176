"""Calls are kept as long as they may be, and their numbers no longer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction

from tenants.models import Tenant
from tests.conftest import NOW, call_of
from usage.formats import native
from usage.ingestion import Outcome, Reporter, ingest_batch
from usage.models import Call, Source, SourceMonth, Unmasking, UsageMonth
from usage.retention import CannotDetach, attached_months, detach_month, drop_detached
from usage.unmasking import CannotUnmask, unmask_call

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)


@pytest.fixture
def take(tenant: Tenant, source: Source) -> Any:
    def take(*records: dict[str, Any], keep_numbers: bool = True) -> Outcome:
        reporter = Reporter(tenant.pk, tenant.zone, tenant.billing_day, keep_numbers, 400)
        return ingest_batch(reporter, source, native.decode(json.dumps(records).encode()), "native", NOW)

    return take


def test_a_billed_month_is_taken_away_whole(tenant: Tenant, take: Any) -> None:
    november = {
        name: f"2026-11-08T09:0{n}:00+08:00" for n, name in enumerate(("started_at", "answered_at", "ended_at"))
    }
    take(call_of(1), call_of(2), call_of(3, **november))
    UsageMonth.objects.update(state="frozen")
    table = detach_month(OCTOBER, NOW, keep_from=NOVEMBER)
    assert set(Call.objects.filter(tenant_id=tenant.pk).values_list("call_id", flat=True)) == {"call-3"}
    assert set(SourceMonth.objects.values_list("period", flat=True)) == {NOVEMBER}
    assert OCTOBER not in attached_months()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone() == (2,)
    assert take(call_of(4)).count("accepted") == 1, "a late call has its partition made anew"
    drop_detached(table)


@pytest.mark.parametrize("keep_from", [OCTOBER, date(2027, 1, 1)])
def test_a_month_still_kept_stays(take: Any, keep_from: date) -> None:
    take(call_of(1))
    UsageMonth.objects.update(state="frozen")
    with pytest.raises(CannotDetach, match="not yet"):
        detach_month(OCTOBER, NOW, keep_from=keep_from)


def test_a_month_not_yet_billed_stays(take: Any) -> None:
    take(call_of(1))
    with pytest.raises(CannotDetach, match="not yet billed"):
        detach_month(OCTOBER, NOW, keep_from=NOVEMBER)
    with pytest.raises(CannotDetach, match="no partition"):
        detach_month(date(2020, 1, 1), NOW, keep_from=NOVEMBER)


@pytest.mark.parametrize("table", ["usage_call", "usage_call_2026_10", "auth_user"])
def test_only_what_was_detached_can_be_dropped(db: None, table: str) -> None:
    with pytest.raises(CannotDetach):
        drop_detached(table)


@pytest.fixture
def auditor(db: None) -> User:
    user = User.objects.create_user("auditor")
    user.user_permissions.add(Permission.objects.get(codename="unmask_call"))
    return User.objects.get(pk=user.pk)


def test_a_number_is_shown_for_a_reason_and_noted(tenant: Tenant, source: Source, take: Any, auditor: User) -> None:
    take(call_of(1))
    numbers = unmask_call(auditor, tenant.pk, source.pk, "call-1", reason=" complaint 17 ", now=NOW)
    assert numbers.callee == "+8613800001234"
    noted = Unmasking.objects.get()
    assert (noted.tenant, noted.source, noted.call_id, noted.leg) == (tenant, source, "call-1", "a")
    assert (noted.seen_by, noted.user_id, noted.seen_at, noted.reason) == ("auditor", auditor.pk, NOW, "complaint 17")


def test_a_note_of_who_saw_a_number_cannot_be_changed_or_deleted(
    tenant: Tenant, source: Source, take: Any, auditor: User
) -> None:
    take(call_of(1))
    unmask_call(auditor, tenant.pk, source.pk, "call-1", reason="complaint 17", now=NOW)
    for statement in ("UPDATE usage_unmasking SET reason = 'none'", "DELETE FROM usage_unmasking"):
        with (
            pytest.raises(IntegrityError, match="kept as it was noted"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert Unmasking.objects.get().reason == "complaint 17"


def test_a_number_is_not_shown_otherwise(tenant: Tenant, source: Source, take: Any, auditor: User) -> None:
    take(call_of(1))
    take(call_of(2), keep_numbers=False)
    clerk = User.objects.create_user("clerk")
    for user, call_id, reason in (
        (clerk, "call-1", "why"),
        (auditor, "call-1", " "),
        (auditor, "call-1", "x" * 301),
        (auditor, "call-2", "why"),
        (auditor, "x", "y"),
    ):
        with pytest.raises(CannotUnmask):
            unmask_call(user, tenant.pk, source.pk, call_id, reason=reason, now=datetime.now(UTC))
    assert not Unmasking.objects.exists()
