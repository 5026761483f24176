"""The monthly partitions of calls: made ahead by beat, and on demand when a sender is earlier or later than thought."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from billing.periods import add_months

PARTITIONS_LOCK = 0x68_75_61_64  # any number that nobody else uses
_known: set[date] = set()


def ensure_partitions(periods: Iterable[date]) -> None:
    """Create the partitions that hold periods beginning on the given days, if they are missing.

    Each is built aside and attached, which takes no lock that would stop readers or writers of the others.
    """
    months = {period.replace(day=1) for period in periods} - _known
    for month in sorted(months):
        _create(month)
        _known.add(month)


def ensure_partitions_around(today: date, months_ahead: int = 3) -> None:
    """Create this month's partition and the next ones."""
    ensure_partitions(add_months(today.replace(day=1), ahead) for ahead in range(-1, months_ahead + 1))


def forget_partitions() -> None:
    """Forget which partitions exist, after some were detached or a transaction that made one was rolled back."""
    _known.clear()


def _create(month: date) -> None:
    name = f"usage_call_{month:%Y_%m}"
    with transaction.atomic(), connection.cursor() as cursor:
        if _exists(cursor, name):
            return
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PARTITIONS_LOCK])
        if _exists(cursor, name):
            return  # someone else was quicker
        partition, parent = sql.Identifier(name), sql.Identifier("usage_call")
        cursor.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(partition, parent))
        bounds = sql.SQL("FROM ({}) TO ({})").format(sql.Literal(month), sql.Literal(add_months(month, 1)))
        cursor.execute(sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES {}").format(parent, partition, bounds))


def _exists(cursor: Any, name: str) -> bool:
    """Look the table up in the catalogue itself: to_regclass() answers from a cache that an advisory lock leaves stale."""
    cursor.execute(
        "SELECT FROM pg_class WHERE relname = %s AND relnamespace = "
        "(SELECT relnamespace FROM pg_class WHERE oid = 'usage_call'::regclass)",
        [name],
    )
    return cursor.fetchone() is not None
