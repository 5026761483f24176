"""Storing calls exactly once: 2xx means committed, and the row's own key is the deduplication, for ever."""

from __future__ import annotations

import bisect
import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuids
from django.db import connection, transaction
from psycopg import sql
from psycopg.types.json import Jsonb

from billing.periods import periods
from usage.formats.record import CallRecord, Decoded, Fault, flags_of, refusal_of
from usage.models import Source
from usage.numbers import mask, number_hash
from usage.partitions import ensure_partitions

BUCKETS = 64
FEW_RECORDS = 16
COLUMNS = (
    "position call_id leg period direction caller callee caller_hash callee_hash caller_number callee_number "
    "started_at answered_at ended_at talk_ms reported_seconds agent_ms transferred_at hangup_cause region robot line "
    "language modules counters labels flags content_hash"
).split()
TYPES = (
    "int4 text text date text text text bytea bytea text text "
    "timestamptz timestamptz timestamptz int8 int4 int8 timestamptz text text text text "
    "text text[] jsonb jsonb text[] bytea"
).split()


@dataclass(frozen=True, slots=True)
class Reporter:
    """Whose calls these are, and what the tenant allows; from the key, never from the records."""

    tenant_id: int
    zone: str
    billing_day: int
    keep_numbers: bool
    accept_days_back: int


@dataclass(slots=True)
class Item:
    """What became of one record: accepted, duplicate, conflict or rejected, and why."""

    index: int
    call_id: str
    outcome: str
    fault: Fault | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a delivery. received = accepted + duplicates + conflicts + rejected."""

    batch_id: UUID
    items: list[Item] = field(default_factory=list)

    def count(self, outcome: str) -> int:
        """Count the records with one outcome."""
        return sum(item.outcome == outcome for item in self.items)


@dataclass(slots=True)
class _Candidate:
    index: int
    decoded: Decoded
    record: CallRecord
    period: date
    content_hash: bytes


def ingest_batch(
    reporter: Reporter, source: Source, decoded: Sequence[Decoded], format_name: str, now: datetime
) -> Outcome:
    """Store a delivery in one transaction: new calls once, repetitions not again, the rest in quarantine with reasons.

    Raises django.db.OperationalError when the database cannot take it; then nothing is stored and the sender tries
    again.
    """
    outcome = Outcome(uuids.uuid7())
    candidates, rejected = _sift(reporter, decoded, now, outcome)
    ensure_partitions({candidate.period for candidate in candidates})
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        _lock(cursor, reporter, source, candidates)
        rejected += _store(cursor, reporter, source, candidates, outcome, now)
        _quarantine(cursor, reporter, source, rejected, outcome, now)
        _record_batch(cursor, reporter, source, format_name, outcome, now)
    return outcome


def _sift(
    reporter: Reporter, decoded: Sequence[Decoded], now: datetime, outcome: Outcome
) -> tuple[list[_Candidate], list[tuple[int, Decoded, Fault]]]:
    """Set aside what cannot be true and what the delivery itself repeats; name the period of the rest."""
    earliest = now - timedelta(days=reporter.accept_days_back)
    seen: dict[tuple[str, str], bytes] = {}
    candidates: list[_Candidate] = []
    rejected: list[tuple[int, Decoded, Fault]] = []
    period_of = period_finder(reporter.zone, reporter.billing_day)
    for index, each in enumerate(decoded):
        item = Item(index, each.call_id, "accepted", each.fault)
        outcome.items.append(item)
        record = each.record
        fault = each.fault or (refusal_of(record, earliest, now) if record else None)
        if fault or record is None:
            item.outcome, item.fault = "rejected", fault
            rejected.append((index, each, fault or Fault("unreadable", "The record cannot be read.")))
            continue
        digest = record.content_hash
        known = seen.setdefault((record.call_id, record.leg), digest)
        if known is not digest:
            item.outcome = "duplicate" if known == digest else "conflict"
            if item.outcome == "conflict":
                item.fault = _conflict()
                rejected.append((index, each, item.fault))
            continue
        candidates.append(_Candidate(index, each, record, period_of(record.started_at), digest))
    return candidates, rejected


def _lock(cursor: Any, reporter: Reporter, source: Source, candidates: list[_Candidate]) -> None:
    """Keep others from storing the same ids in another month meanwhile, and a month from being frozen.

    The unique key finds a repetition within a partition; one in another month is found by looking, which is exact
    only while nobody else can add it. A large delivery locks its source; a few records lock only their ids' buckets,
    so that single records from one switch are committed together.
    """
    periods_first = [lock_key("period", reporter.tenant_id, period) for period in sorted({c.period for c in candidates})]
    whole_source = lock_key("source", reporter.tenant_id, source.pk)
    shared, exclusive = periods_first, [whole_source]
    if len(candidates) <= FEW_RECORDS:
        buckets = {hashlib.blake2b(c.record.call_id.encode(), digest_size=1).digest()[0] % BUCKETS for c in candidates}
        shared, exclusive = [*periods_first, whole_source], [whole_source + 1 + bucket for bucket in sorted(buckets)]
    cursor.execute(
        "SELECT pg_advisory_xact_lock_shared(k) FROM unnest(%s::int8[]) AS k", [shared]
    )
    cursor.execute("SELECT pg_advisory_xact_lock(k) FROM unnest(%s::int8[]) AS k", [exclusive])


def lock_key(kind: str, *parts: object) -> int:
    """Return the advisory lock number of a thing, the same in every process."""
    text = ":".join(map(str, (kind, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True) & ~0xFF


def _store(
    cursor: Any,
    reporter: Reporter,
    source: Source,
    candidates: list[_Candidate],
    outcome: Outcome,
    now: datetime,
) -> list[tuple[int, Decoded, Fault]]:
    """Copy the records aside, insert those that are new in any month, and compare the others with what is there."""
    if not candidates:
        return []
    frozen = _mark_stale(cursor, reporter, {candidate.period for candidate in candidates}, now)
    rows = _rows(reporter, candidates)
    incoming, values = _written_out(rows) if len(candidates) <= FEW_RECORDS else _copied(cursor, rows)
    whose = values | {"tenant": reporter.tenant_id, "source": source.pk, "batch": outcome.batch_id, "now": now, "frozen": frozen}
    cursor.execute(_INSERT_NEW.format(incoming=incoming, names=_names), whose)
    stored = set(cursor.fetchall())
    known = {}
    if len(stored) < len(candidates):
        cursor.execute(_FIND_KNOWN.format(incoming=incoming), whose)
        known = {position: bytes(digest) for position, digest in cursor.fetchall()}
    rejected = []
    for candidate in candidates:
        if (candidate.record.call_id, candidate.record.leg) in stored:
            continue
        item = outcome.items[candidate.index]
        item.outcome = "duplicate" if known[candidate.index] == candidate.content_hash else "conflict"
        if item.outcome == "conflict":
            item.fault = _conflict()
            rejected.append((candidate.index, candidate.decoded, item.fault))
    return rejected


def _copied(cursor: Any, rows: Iterator[tuple[Any, ...]]) -> tuple[sql.Composable, dict[str, Any]]:
    """Copy rows into a temporary table and name it."""
    cursor.execute(_CREATE_INCOMING)
    with cursor.copy(_COPY_INCOMING) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)
    return sql.SQL("incoming"), {}


def _written_out(rows: Iterator[tuple[Any, ...]]) -> tuple[sql.Composable, dict[str, Any]]:
    """Name a few rows as parameters of the statement itself; a temporary table would cost more than the rows."""
    values: dict[str, Any] = {}
    written = []
    for number, row in enumerate(rows):
        names = [f"v{number}_{column}" for column in COLUMNS]
        values |= dict(zip(names, row, strict=True))
        written.append(_list.join(_typed(name, kind) for name, kind in zip(names, TYPES, strict=True)))
    rows_sql = _list.join(sql.SQL("({})").format(row) for row in written)
    return sql.SQL("(VALUES {}) AS incoming ({})").format(rows_sql, _list.join(map(sql.Identifier, COLUMNS))), values


def _typed(name: str, kind: str) -> sql.Composable:
    return sql.SQL("{}::{}").format(sql.Placeholder(name), sql.SQL(kind))  # type: ignore[arg-type]


def _rows(reporter: Reporter, candidates: list[_Candidate]) -> Iterator[tuple[Any, ...]]:
    number_of = functools.partial(number_hash, reporter.tenant_id)
    for candidate in candidates:
        record = candidate.record
        yield (
            candidate.index, record.call_id, record.leg, candidate.period, record.direction,
            mask(record.caller), mask(record.callee), number_of(record.caller), number_of(record.callee),
            record.caller if reporter.keep_numbers else None, record.callee if reporter.keep_numbers else None,
            record.started_at, record.answered_at, record.ended_at, record.talked_ms, record.reported_seconds,
            record.agent_ms, record.transferred_at, record.hangup_cause, record.region, record.robot, record.line,
            record.language, record.modules,
            Jsonb({name: str(value) for name, value in record.counters.items()}), Jsonb(record.labels),
            [*candidate.decoded.flags, *flags_of(record)], candidate.content_hash,
        )  # fmt: skip


def _mark_stale(cursor: Any, reporter: Reporter, months: set[date], now: datetime) -> list[date]:
    """Note that months must be counted anew; return those already frozen, whose calls are late.

    A month that is stale already is not written again: one row must not become the bottleneck of every delivery.
    The shared lock on the month makes that safe: the counter clears the mark under the exclusive one.
    """
    cursor.execute(
        "SELECT period, state, stale_since IS NOT NULL FROM usage_usagemonth WHERE tenant_id = %s AND period = ANY(%s)",
        [reporter.tenant_id, list(months)],
    )
    found = {period: (state, stale) for period, state, stale in cursor.fetchall()}
    fresh = [month for month in sorted(months) if not found.get(month, ("", False))[1]]
    if fresh:
        cursor.execute(
            "INSERT INTO usage_usagemonth (tenant_id, period, state, stale_since) "
            "SELECT %s, month, 'open', %s FROM unnest(%s::date[]) AS month "
            "ON CONFLICT (tenant_id, period) DO UPDATE SET stale_since = EXCLUDED.stale_since "
            "WHERE usage_usagemonth.stale_since IS NULL",
            [reporter.tenant_id, now, fresh],
        )
    return [month for month, (state, _) in found.items() if state == "frozen"]


def _quarantine(
    cursor: Any,
    reporter: Reporter,
    source: Source,
    rejected: list[tuple[int, Decoded, Fault]],
    outcome: Outcome,
    now: datetime,
) -> None:
    for index, decoded, fault in rejected:
        digest = decoded.record.content_hash if decoded.record else None
        cursor.execute(
            "INSERT INTO usage_quarantined (tenant_id, id, batch_id, source_id, position, call_id, code, detail, "
            "pointer, raw, content_hash, received_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [reporter.tenant_id, uuids.uuid7(), outcome.batch_id, source.pk, index, decoded.call_id.replace("\x00", ""),
             fault.code, fault.detail.replace("\x00", ""), fault.pointer.replace("\x00", ""), decoded.raw, digest, now],
        )  # fmt: skip


def _record_batch(
    cursor: Any, reporter: Reporter, source: Source, format_name: str, outcome: Outcome, now: datetime
) -> None:
    cursor.execute(
        "INSERT INTO usage_batch (tenant_id, id, source_id, format, received_at, received, accepted, duplicates, "
        "conflicts, rejected) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [reporter.tenant_id, outcome.batch_id, source.pk, format_name, now, len(outcome.items),
         outcome.count("accepted"), outcome.count("duplicate"), outcome.count("conflict"), outcome.count("rejected")],
    )  # fmt: skip


def _conflict() -> Fault:
    return Fault("conflict", "This id is known with other content; the first record stands. Void or correct it.", "/call_id")


@functools.lru_cache(maxsize=1024)
def period_finder(zone: str, billing_day: int) -> Any:
    """Return a quick function from an instant to the first local day of its billing period."""
    starts: list[datetime] = []
    days: list[date] = []
    for period, start, _ in periods(billing_day, zone, since=date(2000, 1, 1)):
        starts.append(start)
        days.append(period.starts_on)
        if period.starts_on.year > 2100:
            break

    def find(instant: datetime) -> date:
        return days[max(bisect.bisect_right(starts, instant) - 1, 0)]

    return find


_list = sql.SQL(", ")
_CREATE_INCOMING = sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS incoming ({}) ON COMMIT DELETE ROWS").format(
    _list.join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in zip(COLUMNS, TYPES, strict=True)  # type: ignore[arg-type]
    )
)
_COPY_INCOMING = sql.SQL("COPY incoming ({}) FROM STDIN (FORMAT BINARY)").format(
    _list.join(map(sql.Identifier, COLUMNS))
)
_names = _list.join(sql.Identifier(name) for name in COLUMNS if name not in {"position", "flags"})
_INSERT_NEW = sql.SQL(
    "INSERT INTO usage_call (tenant_id, source_id, {names}, flags, batch_id, version, received_at) "
    "SELECT %(tenant)s, %(source)s, {names}, CASE WHEN period = ANY(%(frozen)s::date[]) THEN flags || 'late'::text "
    "ELSE flags END, %(batch)s, 1, %(now)s FROM {incoming} WHERE NOT EXISTS ("
    "SELECT 1 FROM usage_call AS known WHERE known.tenant_id = %(tenant)s AND known.source_id = %(source)s "
    "AND known.call_id = incoming.call_id AND known.leg = incoming.leg) RETURNING call_id, leg"
)
_FIND_KNOWN = sql.SQL(
    "SELECT incoming.position, known.content_hash FROM {incoming} JOIN usage_call AS known "
    "ON known.tenant_id = %(tenant)s AND known.source_id = %(source)s "
    "AND known.call_id = incoming.call_id AND known.leg = incoming.leg AND known.batch_id <> %(batch)s"
)
