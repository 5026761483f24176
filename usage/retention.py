"""Taking a whole month of calls out of the books by hand: its partition is detached, exported, dropped.

What tenants' own rules remove, month by month, is ``usage.removing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db import connection, transaction
from psycopg import sql

from billing.errors import Refused
from usage.ingestion import lock_key
from usage.models import SourceMonth, UsageMonth
from usage.partitions import PARTITIONS_LOCK, forget_partitions

PREFIX = "usage_call_"


class CannotDetach(Refused):
    """The month is still needed."""

    status = 409


def attached_months() -> list[date]:
    """List the months that have a partition, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
            "WHERE inhparent = 'usage_call'::regclass ORDER BY relname"
        )
        names = [row[0].removeprefix(PREFIX) for row in cursor.fetchall()]
    return [date(int(name[:4]), int(name[5:]), 1) for name in names]


def detach_month(month: date, now: datetime, *, keep_from: date) -> str:
    """Take a month's calls out of the books' table; return the name of the table they lie in, whole, to export or drop.

    Refused for a month that is not before ``keep_from``, and while a billing period that begins in it is open: its
    calls may still be counted. The answer to "was this call here already?" goes with the month: a sender may report
    such a call again only within the tenant's window, which must be shorter than the retention.
    """
    first = month.replace(day=1)
    if first >= keep_from.replace(day=1) or keep_from > now.date():
        raise CannotDetach(
            "still_kept", f"{first:%Y-%m} is not yet to be taken away; the first month kept is {keep_from:%Y-%m}."
        )
    name = f"{PREFIX}{first:%Y_%m}"
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        if first not in attached_months():
            raise CannotDetach("no_such_month", f"There is no partition for {first:%Y-%m}.")
        cursor.execute(
            sql.SQL("SELECT DISTINCT tenant_id, period FROM {} ORDER BY tenant_id, period").format(sql.Identifier(name))
        )
        held = cursor.fetchall()
        for tenant_id, period in held:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("period", tenant_id, period)])
        _refuse_open(held)
        cursor.execute(sql.SQL("ALTER TABLE usage_call DETACH PARTITION {}").format(sql.Identifier(name)))
        cursor.execute(
            sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(f"detached_{name}"))
        )
        SourceMonth.objects.filter(period__in={period for _, period in held}).delete()
    forget_partitions()
    return f"detached_{name}"


def drop_detached(table: str) -> None:
    """Delete a detached month for good. Raises CannotDetach for any other table."""
    if not table.startswith(f"detached_{PREFIX}"):
        raise CannotDetach("not_detached", "Only a detached month can be dropped.")
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(table)))


def _refuse_open(held: Iterable[tuple[int, date]]) -> None:
    for tenant_id, period in held:
        if not UsageMonth.objects.filter(tenant_id=tenant_id, period=period, state=UsageMonth.FROZEN).exists():
            raise CannotDetach(
                "month_open", f"Tenant {tenant_id} is not yet billed for the month from {period}; bill it first."
            )
