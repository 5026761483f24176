"""Verifying the audit trail: the chain, its anchors, the triggers, and each row against what was last written of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from psycopg.sql import SQL, Composable, Identifier, Literal

from invoices.models import TrailAnchor, TrailSeal
from invoices.trail.watching import ALIKE, NAMES, Watched, watched

ENTRIES, SEALS, ANCHORS = "invoices_trailentry", "invoices_trailseal", "invoices_trailanchor"
AT_ONCE = {"entries": 1000, "seals": 5, "rows": 200}  # a seal has some 400 KB
SEALED_WITHIN = timedelta(hours=1)
ANCHORED_WITHIN = timedelta(days=2)
DIGEST_BYTES = 32
SHOWN = 80  # characters of a value

# Triggers are switched off, changed or gone.
TRIGGERS = """
SELECT t.tgname, c.relname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = current_schema()::regnamespace AND t.tgname LIKE 'trail\\_%' AND t.tgenabled IN ('O', 'A')
"""
EVERY_ENTRY = SQL(
    "SELECT e.id, trail_digest(e), e.table_name, e.key, e.what FROM invoices_trailentry AS e ORDER BY e.id"
)
EVERY_SEAL = SQL(
    "SELECT number, number || ' ' || extract(epoch FROM sealed_at), last_id, entries, ids, digests, hash "
    "FROM invoices_trailseal ORDER BY number"
)
PRESENT = """
SELECT COALESCE(rows.key, last.key), rows.content, last.after, last.id, last.what FROM (
    SELECT content ->> {key} AS key, content FROM (SELECT {content} AS content FROM {table} AS r) AS every) AS rows
FULL JOIN (
    SELECT DISTINCT ON (key) key, what, after, id FROM invoices_trailentry WHERE table_name = {name} ORDER BY key, id DESC
) AS last ON last.key = rows.key
WHERE rows.content IS DISTINCT FROM last.after
"""


@dataclass(frozen=True, slots=True)
class Tampered:
    """What does not hold: the table, the key of the row (of a seal its number, of an anchor its day), and how it differs."""

    table: str
    key: str
    how: str


def verify_trail(now: datetime, kept: Mapping[date, str] | None = None) -> Iterator[Tampered]:
    """Yield what in the trail, or in what it watches, is not as it was written; nothing where all is well.

    ``kept`` are the hashes of anchors by their day, as they were kept outside of the database. Reads all of the trail and
    of the tables it watches, in bounded memory.
    """
    yield from missing_triggers()
    yield from broken_links(now)
    yield from broken_anchors(now.date(), kept or {})
    for each in watched():
        yield from changed_rows(each)


def missing_triggers() -> Iterator[Tampered]:
    """Yield the tables that the triggers of the trail do not watch as they should."""
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
        there = set(cursor.fetchall())
    for each in watched():
        for name in NAMES:
            if (f"trail_{name}", each.table) not in there:
                yield Tampered(each.table, "*", f"the trigger trail_{name} is missing or switched off")


def broken_links(now: datetime) -> Iterator[Tampered]:
    """Yield entries that are not as they were sealed, seals that do not follow, and what was not sealed in an hour."""
    before, last_id, entries, number = b"", 0, 0, 0
    unread = _read("entries", EVERY_ENTRY)
    entry = None
    for found, start, last_id_said, entries_said, ids, packed, link in _read("seals", EVERY_SEAL):
        if found != number + 1:
            yield Tampered(SEALS, str(number + 1), f"missing; the next one is {found}")
        number, digests, entries = found, _unpacked(packed), entries + len(ids)
        if (_hash_of(digests, before, start), entries, ids[-1:]) != (bytes(link), entries_said, [last_id_said]):
            yield Tampered(SEALS, str(number), "its hash does not follow from the seal before and its entries")
        # A seal that was itself rewritten is named, and the chain goes on from what it says.
        before, last_id, entries = bytes(link), last_id_said, entries_said
        sealed = dict(zip(ids, digests, strict=False))
        while (entry := entry or next(unread, None)) is not None and entry[0] <= last_id:
            yield from _differing_entry(entry, sealed, number)
            entry = None
        yield from (Tampered(ENTRIES, str(each), f"missing; it was sealed by seal {number}") for each in sorted(sealed))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(id), count(*) FROM invoices_trailentry WHERE id > %s AND at < %s",
            [last_id, now - SEALED_WITHIN],
        )
        first, count = cursor.fetchone()
    if count:
        yield Tampered(ENTRIES, str(first), f"not sealed for more than an hour, with {count - 1} after it")


def broken_anchors(today: date, kept: Mapping[date, str]) -> Iterator[Tampered]:
    """Yield days whose anchor is missing, or is not where the chain was; also by anchors kept elsewhere."""
    hashes = dict[int, str]()
    anchors = {each.day: each for each in TrailAnchor.objects.order_by("day")}
    for seal in TrailSeal.objects.filter(number__in={each.seal for each in anchors.values()}).only("number", "hash"):
        hashes[seal.number] = bytes(seal.hash).hex()
    first = TrailSeal.objects.order_by("number").values_list("sealed_at", flat=True).first()
    since = min([*anchors, *kept, *([first.date()] if first else [])], default=today)
    past = {since + timedelta(days=each) for each in range((today - since).days)}
    for day in sorted(past | kept.keys()):
        anchor = anchors.get(day)
        if anchor is None and (day in kept or day <= today - ANCHORED_WITHIN):
            yield Tampered(ANCHORS, str(day), "missing")
        elif anchor is not None and hashes.get(anchor.seal) != anchor.hash:
            yield Tampered(ANCHORS, str(day), f"the chain's seal {anchor.seal} has another hash, or is missing")
        if anchor is not None and day in kept and kept[day] != anchor.hash:
            yield Tampered(ANCHORS, str(day), f"kept elsewhere as {kept[day]}, here {anchor.hash}")


def changed_rows(each: Watched) -> Iterator[Tampered]:
    """Yield the rows of a table that are not as the trail last wrote them."""
    question = SQL(PRESENT).format(
        key=Literal(each.key), content=each.content(), table=Identifier(each.table), name=Literal(each.table)
    )
    for key, content, after, entry, what in _read("rows", question):
        yield Tampered(each.table, key, _difference(content, after, entry, what))


def _difference(content: Any, after: Any, entry: int | None, what: str | None) -> str:
    if entry is None:
        return "is there, and the trail does not know of it"
    if content is None:
        return f"is gone; entry {entry} is the last the trail knows of it"
    if after is None:
        return f"is there; entry {entry} says it was {what}"
    is_now, was = _fields(content), _fields(after)
    names = sorted(name for name in is_now.keys() | was.keys() if is_now.get(name) != was.get(name))
    told = (f"{name}: {_shown(was.get(name))} → {_shown(is_now.get(name))}" for name in names)
    return f"changed since entry {entry}: " + "; ".join(told)


def _fields(content: Any) -> dict[str, Any]:
    return dict(json.loads(content)) if isinstance(content, str) else dict(content)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:SHOWN]


def _unpacked(digests: Any) -> list[bytes]:
    packed = bytes(digests)
    return [packed[place : place + DIGEST_BYTES] for place in range(0, len(packed), DIGEST_BYTES)]


def _hash_of(digests: list[bytes], before: bytes, start: str) -> bytes:
    found = hashlib.sha256(before + start.encode()).digest()
    for digest in digests:
        found = hashlib.sha256(found + digest).digest()
    return found


def _differing_entry(entry: tuple[Any, ...], sealed: dict[int, bytes], seal: int) -> Iterator[Tampered]:
    """Compare an entry with what was sealed of it, and take it out of what was sealed."""
    number, digest, table, key, what = entry
    if number not in sealed:
        yield Tampered(ENTRIES, str(number), f"of {table} {key} ({what}): put in after seal {seal} was made")
    elif sealed.pop(number) != bytes(digest):
        yield Tampered(ENTRIES, str(number), f"of {table} {key} ({what}): changed after seal {seal} was made")


def _read(name: str, question: Composable) -> Iterator[tuple[Any, ...]]:
    """Read the answer to a question bit by bit, by a cursor of the database; those that read must end in turn."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"{ALIKE}; SET LOCAL statement_timeout = '15min'")
        cursor.execute(SQL("DECLARE {} NO SCROLL CURSOR FOR ").format(Identifier(f"trail_{name}")) + question)
        while rows := _fetched(cursor, name):
            yield from rows
        cursor.execute(f"CLOSE trail_{name}")


def _fetched(cursor: Any, name: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"FETCH {AT_ONCE[name]} FROM trail_{name}")
    return list(cursor.fetchall())
