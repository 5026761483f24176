"""No column of any table the trail watches is changed behind its triggers without being named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from invoices.trail.verifying import changed_rows
from invoices.trail.watching import Watched, watched

pytestmark = pytest.mark.django_db(transaction=True)
COLUMNS = """
SELECT a.attname, t.typname, a.attnotnull, a.atttypmod FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' ORDER BY a.attnum
"""
# A first value, and another one made of it.
VALUES = {
    "bool": ("false", "NOT {}"),
    "int2": ("1", "{} + 1"),
    "int4": ("1", "{} + 1"),
    "int8": ("1", "{} + 1"),
    "float8": ("1", "{} + 1"),
    "numeric": ("1", "{} + 1"),
    "varchar": ("'a'", "reverse('b' || substr({}, 2))"),
    "text": ("'a'", "{} || 'b'"),
    "date": ("'2026-10-01'", "{} + 1"),
    "timestamptz": ("'2026-10-01 00:00+08'", "{} + interval '1 microsecond'"),
    "interval": ("'1 hour'", "{} + interval '1 microsecond'"),
    "jsonb": ("'[]'", "{} || '[1]'"),
    "bytea": ("'a'", "{} || 'b'"),
    "uuid": ("gen_random_uuid()", "gen_random_uuid()"),
    "inet": ("'10.0.0.1'", "{} + 1"),
    "_varchar": ("'{{a}}'", "{} || '{{b}}'"),
    "_text": ("'{{a}}'", "{} || '{{b}}'"),
    "_int8": ("'{{1}}'", "{} || '{{2}}'"),
    "_int4": ("'{{1}}'", "{} || '{{2}}'"),
    "_int2": ("'{{1}}'", "{} || '{{2}}'"),
}


@contextmanager
def one_row(each: Watched) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Put one row in, whatever the rules of the table say; the trail sees that, and nothing after it."""
    table = each.table
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER trail_added")
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'x')", [table]
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute(COLUMNS, [table])
        columns = [(name, kind) for name, kind, _required, _size in cursor.fetchall()]
        names = ", ".join(f'"{name}"' for name, _kind in columns)
        values = ", ".join(_first(name, kind) for name, kind in columns)
        cursor.execute(f'INSERT INTO {table} ({names}) VALUES ({values}) RETURNING "{each.key}"::text')
        yield cursor.fetchone()[0], columns
        transaction.set_rollback(True)


def _first(name: str, kind: str) -> str:
    if name in {"id", "invoice_id"} and kind != "uuid":
        return "4711"
    return VALUES[kind][0].replace("{{", "{").replace("}}", "}")


@pytest.mark.parametrize("each", watched(), ids=lambda each: each.table)
def test_every_column_is_watched(each: Watched) -> None:
    with one_row(each) as (key, columns):
        assert list(changed_rows(each)) == []
        for column, kind in columns:
            if column in each.left_out:
                continue
            other = VALUES[kind][1].format(f'"{column}"')
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f'UPDATE {each.table} SET "{column}" = {other} WHERE "{each.key}"::text = %s', [key])
                assert cursor.rowcount == 1
                found = list(changed_rows(each))
                assert key in {one.key for one in found}, column
                assert all(one.table == each.table for one in found)
                assert column == each.key or column in found[0].how
                transaction.set_rollback(True)
