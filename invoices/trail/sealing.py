"""Sealing the audit trail: chained every minute behind everybody's back, anchored once a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db import connection

from invoices.models import TrailAnchor

ENTRIES_A_SEAL = 10_000
PATIENCE_SECONDS = 20


def seal_trail(*, at_most: int = ENTRIES_A_SEAL, patience_seconds: float = PATIENCE_SECONDS) -> int:
    """Chain the entries that nothing can come in between any more; return how many.

    Waits for the transactions that were running when it came, but lets nobody wait. What is left when they take longer,
    the next call seals. Two at once: the second does nothing. To be called outside of a transaction.
    """
    sealed = 0
    while (some := _ask("SELECT trail_seal(%s, make_interval(secs => %s))", at_most, patience_seconds)[0][0]) > 0:
        sealed += some
        if some < at_most:
            break
    return sealed


def anchor_days(today: date) -> list[TrailAnchor]:
    """Write down where the chain ended on each day before ``today`` (UTC) that has no anchor yet; return the new ones."""
    return list(TrailAnchor.objects.raw("SELECT * FROM trail_anchor(%s)", [today]))


def _ask(question: str, *words: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(question, words)
        return list(cursor.fetchall())
