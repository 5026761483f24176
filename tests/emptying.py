"""Empty the database after a test that committed: only the tables that hold rows, in a few milliseconds.

Django truncates every table (a new file for each of them and of their indexes) and makes all content types and
permissions again; with a hundred tables that takes longer than most tests. The rows go past the triggers that freeze
and audit them, which only the server's owner may do. Without its address (DATABASE_URL from outside) Django's way remains.
"""

from __future__ import annotations

import os
from functools import cache

import psycopg
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from psycopg import sql

# Made by migrate from the code alone: the same before and after every test.
KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}

# What the audit trail knows of them stays with them; nobody is to wonder why it is not sealed.
TRAIL = """
WITH gone AS (DELETE FROM invoices_trailentry WHERE table_name <> ALL(%(kept)s))
UPDATE invoices_trailentry SET at = now() WHERE table_name = ANY(%(kept)s) AND at < now() - interval '10 minutes'
"""
BEHIND_WHAT_STAYS = sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), (SELECT max(id) FROM {}))")


def install() -> None:
    """Have transactional tests leave the database by this door, where the server's owner is known."""
    if not os.environ.get("SUPERUSER_URL"):
        return
    begin_anew = TransactionTestCase._reset_sequences  # type: ignore[attr-defined]

    def begin_behind_what_stays(database: str) -> None:
        begin_anew(database)
        with connection.cursor() as cursor:
            for table in sorted(KEPT | {"invoices_trailentry"}):
                cursor.execute(BEHIND_WHAT_STAYS.format(sql.Literal(table), sql.Identifier(table)))

    TransactionTestCase._reset_sequences = staticmethod(begin_behind_what_stays)  # type: ignore[attr-defined]
    TransactionTestCase._fixture_teardown = lambda test: empty()  # type: ignore[attr-defined]


def empty() -> None:
    """Delete every row of every model's table of the test database, whatever its triggers say."""
    address = os.environ["SUPERUSER_URL"].replace("/postgres?", f"/{settings.DATABASES['default']['NAME']}?")
    with psycopg.connect(address, options="-c session_replication_role=replica") as owner:
        for (table,) in owner.execute(_which_hold_rows()).fetchall():
            owner.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        owner.execute(TRAIL, {"kept": list(KEPT)})


@cache
def _which_hold_rows() -> sql.Composed:
    names = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    one = sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})")
    return sql.SQL(" UNION ALL ").join(
        one.format(sql.Literal(each), sql.Identifier(each)) for each in sorted(names - KEPT - {"invoices_trailentry"})
    )
