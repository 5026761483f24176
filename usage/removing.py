"""Removing what tenants no longer keep: calls, numbers in clear, quarantine; bounded, noted, and killable at any moment.

A month's calls go when the tenant's months are over, its invoice is issued, late calls and changes of it are settled and
no more can come: with the calls goes the memory of their ids. Totals, invoices and the digests on their lines stay. When every tenant of a
partition is that far, the partition is dropped whole; until then each tenant's rows are deleted batch by batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import F, Q
from psycopg import sql

from billing.periods import add_months, midnight, period_containing
from usage.ingestion import lock_key
from usage.models import CallVersion, Quarantined, Removal, RetentionPolicy, SourceMonth, UsageMonth
from usage.partitions import PARTITIONS_LOCK, forget_partitions
from usage.recounting import Late, late_of
from usage.retention import PREFIX, attached_months

AT_ONCE = 10_000
MARGIN_DAYS = 2  # a call may begin in the day before its month by another clock
WAIT_FOR_LOCK = "3s"


@dataclass(frozen=True, slots=True)
class Due:
    """One tenant's month of which something is to be removed; ``keeps`` says whose rule it is."""

    keeps: RetentionPolicy
    period: date
    what: str


def removals_due(now: datetime) -> Iterator[Due]:
    """List what is to be removed, tenant by tenant, the oldest month first; what is gone is not listed again."""
    for policy in RetentionPolicy.objects.select_related("tenant").order_by("tenant_id"):
        tenant_id, billed = policy.tenant_id, _months(policy.tenant_id)
        for period, settled in billed:
            if settled and calls_are_over(policy, period, now):
                if _has_rows(tenant_id, period, Removal.CALLS):
                    yield Due(policy, period, Removal.CALLS)
            elif numbers_are_over(policy, period, now) and _has_rows(tenant_id, period, Removal.NUMBERS):
                yield Due(policy, period, Removal.NUMBERS)
        over = [period for period, _ in billed if calls_are_over(policy, period, now)]
        if over and _quarantine(policy, over[-1]).exists():
            yield Due(policy, over[-1], Removal.QUARANTINE)


def calls_are_over(policy: RetentionPolicy, period: date, now: datetime) -> bool:
    """Tell whether a tenant's calls of a month need be kept no longer, and none of them may be reported again."""
    if policy.calls_months is None:
        return False
    ends_on, today = _ends_on(policy, period), now.astimezone(ZoneInfo(policy.tenant.zone)).date()
    window_starts_on = today - timedelta(days=policy.tenant.accept_days_back + MARGIN_DAYS)
    return add_months(ends_on, policy.calls_months) <= today and ends_on <= window_starts_on


def numbers_are_over(policy: RetentionPolicy, period: date, now: datetime) -> bool:
    """Tell whether a tenant's clear numbers of a month need be kept no longer."""
    if policy.numbers_months is None:
        return False
    today = now.astimezone(ZoneInfo(policy.tenant.zone)).date()
    return add_months(_ends_on(policy, period), policy.numbers_months) <= today


def remove_batch(due: Due, now: datetime) -> bool:
    """Remove up to 10,000 rows of what is due and note how many, in one transaction; return whether it was the last.

    A month that was opened again meanwhile is left alone. Waits three seconds at most for deliveries to the month;
    raises django.db.OperationalError beyond that, and the next run goes on.
    """
    tenant_id, period = due.keeps.tenant_id, due.period
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", [WAIT_FOR_LOCK])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("period", tenant_id, period)])
        if due.what == Removal.CALLS and not _settled(tenant_id, period):
            return True
        removed = _remove(cursor, due)
        last = removed < AT_ONCE
        if last:
            _remove_traces(due)
        _note(tenant_id, period, due.what, removed, now, last=last)
    return last


def drop_month(month: date, now: datetime) -> bool:
    """Drop a partition whole when every tenant's calls in it are over; note each tenant's rows; return whether it went."""
    name = f"{PREFIX}{month:%Y_%m}"
    policies = {policy.tenant_id: policy for policy in RetentionPolicy.objects.select_related("tenant")}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s; SET LOCAL statement_timeout = '5min'", [WAIT_FOR_LOCK])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        if month not in attached_months():
            return False
        months = UsageMonth.objects.filter(period__gte=month, period__lt=add_months(month, 1))
        held = sorted(months.values_list("tenant_id", "period"))
        for tenant_id, period in held:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("period", tenant_id, period)])
        # What is not seen here cannot be written any more: a month that began meanwhile would go unnoticed otherwise.
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(name)))
        counted = "SELECT tenant_id, period, count(*) FROM {} GROUP BY 1, 2 ORDER BY 1, 2"
        cursor.execute(sql.SQL(counted).format(sql.Identifier(name)))
        rows = cursor.fetchall()
        for tenant_id, period, _ in rows:
            policy = policies.get(tenant_id)
            if policy is None or not calls_are_over(policy, period, now) or not _settled(tenant_id, period):
                return False
        for tenant_id, period, count in rows:
            _remove_traces(Due(policies[tenant_id], period, Removal.CALLS))
            _note(tenant_id, period, Removal.CALLS, count, now, last=True)
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    forget_partitions()
    return True


def months_to_drop(now: datetime) -> list[date]:
    """List the partitions in which some tenant's calls are over and no tenant's month is open or still kept."""
    policies = {policy.tenant_id: policy for policy in RetentionPolicy.objects.select_related("tenant")}
    over: dict[date, bool] = {}
    settled = set(UsageMonth.objects.filter(_SETTLED).values_list("tenant_id", "period"))
    for tenant_id, period in UsageMonth.objects.values_list("tenant_id", "period"):
        policy, month = policies.get(tenant_id), period.replace(day=1)
        gone = policy is not None and (tenant_id, period) in settled and calls_are_over(policy, period, now)
        over[month] = over.get(month, True) and gone
    return [month for month in attached_months() if over.get(month)]


def kept_for_late_calls(now: datetime) -> list[tuple[int, date]]:
    """List the tenants' months that are over and stay only because something came late for them."""
    policies = {policy.tenant_id: policy for policy in RetentionPolicy.objects.select_related("tenant")}
    late = UsageMonth.objects.filter(state=UsageMonth.FROZEN, late_since__isnull=False, tenant_id__in=policies)
    found = late.order_by("tenant_id", "period").values_list("tenant_id", "period")
    return [(tenant_id, period) for tenant_id, period in found if calls_are_over(policies[tenant_id], period, now)]


def let_go(tenant_id: int, period: date, settled: Late) -> bool:
    """Note that all that came late for a month is settled; False, with nothing done, when more came than that."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = %s", [WAIT_FOR_LOCK])
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("period", tenant_id, period)])
        if late_of(tenant_id, period) != settled:
            return False
        return bool(UsageMonth.objects.filter(tenant_id=tenant_id, period=period).update(late_since=None))


def _ends_on(policy: RetentionPolicy, period: date) -> date:
    return period_containing(period, policy.tenant.billing_day).ends_on


# Billed, and no late call or change waits for a later invoice.
_SETTLED = Q(state=UsageMonth.FROZEN, late_since__isnull=True)


def _months(tenant_id: int) -> list[tuple[date, bool]]:
    months = UsageMonth.objects.filter(tenant_id=tenant_id)
    settled = set(months.filter(_SETTLED).values_list("period", flat=True))
    return [(period, period in settled) for period in months.order_by("period").values_list("period", flat=True)]


def _settled(tenant_id: int, period: date) -> bool:
    return UsageMonth.objects.filter(_SETTLED, tenant_id=tenant_id, period=period).exists()


_CLEAR = "AND (caller_number IS NOT NULL OR callee_number IS NOT NULL)"
_ROWS = {Removal.CALLS: "", Removal.NUMBERS: _CLEAR}
_CHANGE = {
    Removal.CALLS: "DELETE FROM usage_call",
    Removal.NUMBERS: "UPDATE usage_call SET caller_number = NULL, callee_number = NULL",
}
_NO_NUMBERS = '{"caller_number": null, "callee_number": null}'


def _has_rows(tenant_id: int, period: date, what: str) -> bool:
    with connection.cursor() as cursor:
        found = f"SELECT EXISTS (SELECT FROM usage_call WHERE tenant_id = %s AND period = %s {_ROWS[what]})"  # noqa: S608 - from the table above  # nosec B608
        cursor.execute(found, [tenant_id, period])
        return bool(cursor.fetchone()[0])


def _remove(cursor: Any, due: Due) -> int:
    if due.what == Removal.QUARANTINE:
        ids = _quarantine(due.keeps, due.period).values_list("id", flat=True)[:AT_ONCE]
        return int(Quarantined.objects.filter(tenant_id=due.keeps.tenant_id, id__in=list(ids)).delete()[0])
    # The row's place is enough to name it: one period lies in one partition.
    cursor.execute(
        f"{_CHANGE[due.what]} WHERE tenant_id = %s AND period = %s AND ctid = ANY(ARRAY(SELECT ctid FROM usage_call "  # noqa: S608 - likewise  # nosec B608
        f"WHERE tenant_id = %s AND period = %s {_ROWS[due.what]} LIMIT %s))",
        [due.keeps.tenant_id, due.period] * 2 + [AT_ONCE],
    )
    return int(cursor.rowcount)


def _remove_traces(due: Due) -> None:
    """Remove what else tells of the calls: replaced versions, or their numbers; and the note that the source had calls."""
    tenant_id, period = due.keeps.tenant_id, due.period
    if due.what == Removal.CALLS:
        CallVersion.objects.filter(tenant_id=tenant_id, period=period).delete()
        SourceMonth.objects.filter(tenant_id=tenant_id, period=period).delete()
    elif due.what == Removal.NUMBERS:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE usage_callversion SET replaced = replaced || %s, replacement = replacement || %s "
                "WHERE tenant_id = %s AND period = %s",
                [_NO_NUMBERS, _NO_NUMBERS, tenant_id, period],
            )


def _quarantine(policy: RetentionPolicy, period: date) -> Any:
    """Return the records that came before the month after ``period``: their calls are older than the window."""
    before = midnight(_ends_on(policy, period), policy.tenant.zone)
    return Quarantined.objects.filter(tenant_id=policy.tenant_id, received_at__lt=before)


def _note(tenant_id: int, period: date, what: str, rows: int, now: datetime, *, last: bool) -> None:
    noted, _ = Removal.objects.get_or_create(tenant_id=tenant_id, period=period, what=what, defaults={"began_at": now})
    Removal.objects.filter(pk=noted.pk).update(rows=F("rows") + rows, ended_at=now if last else None)
