"""How a record becomes a row: the columns of a call in two spellings, a COPY line for many and JSON for few."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql

from usage.formats.record import CallRecord, Decoded, flags_of
from usage.numbers import kept

COLUMNS = [
    "tenant_id", "source_id", "call_id", "leg", "period", "direction", "caller", "callee", "caller_hash",
    "callee_hash", "caller_number", "callee_number", "started_at", "answered_at", "ended_at", "talk_ms",
    "reported_seconds", "agent_ms", "transferred_at", "hangup_cause", "region", "robot", "line", "language",
    "modules", "counters", "labels", "flags", "content_hash", "batch_id", "version", "received_at",
]  # fmt: skip
_json = msgspec.json.Encoder().encode
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class Candidate(msgspec.Struct, gc=False):
    """A record that may be stored: where it stood in the delivery, what it says, and the month it belongs to."""

    index: int
    decoded: Decoded
    record: CallRecord
    period: date
    content_hash: bytes

    @property
    def key(self) -> tuple[str, str]:
        """Return what tells it from the other calls of its source."""
        return self.record.call_id, self.record.leg


class Delivery(msgspec.Struct, frozen=True):
    """What all rows of a delivery have in common."""

    tenant_id: int
    source_id: int
    batch_id: UUID
    received_at: datetime
    keep_numbers: bool
    frozen: frozenset[date] = frozenset()


def copy_lines(delivery: Delivery, candidates: list[Candidate]) -> list[str]:
    """Write each candidate as one line of COPY's text format.

    One f-string a row: a tuple through psycopg's dumpers costs three times as much, and this is where a record spends
    most of its time outside the database.
    """
    head = f"{delivery.tenant_id}\t{delivery.source_id}\t"
    tail = f"\t{delivery.batch_id}\t1\t{delivery.received_at.isoformat()}\n"
    tenant_id, keep = delivery.tenant_id, delivery.keep_numbers
    records = [candidate.record for candidate in candidates]
    started, ended = _instants([r.started_at for r in records]), _instants([r.ended_at for r in records])
    answered = _instants([r.answered_at or r.started_at for r in records])
    months = {candidate.period: candidate.period.isoformat() for candidate in candidates}
    lines = []
    for n, candidate in enumerate(candidates):
        r = records[n]
        caller, caller_hash = kept(tenant_id, r.caller)
        callee, callee_hash = kept(tenant_id, r.callee)
        texts = f"{r.call_id}{r.leg}{r.caller}{r.callee}{r.hangup_cause}{r.region}{r.robot}{r.line}{r.language}"
        if "\\" in texts or not texts.isprintable():
            r, caller, callee = _escaped(r), caller.translate(_ESCAPES), callee.translate(_ESCAPES)
        clear = f"{r.caller}\t{r.callee}" if keep else "\\N\t\\N"
        seconds, flags = r.reported_seconds, _flags(delivery, candidate)
        lines.append(
            f"{head}{r.call_id}\t{r.leg}\t{months[candidate.period]}\t{r.direction}\t{caller}\t{callee}\t"
            f"\\\\x{caller_hash}\t\\\\x{callee_hash}\t{clear}\t{started[n]}\t{answered[n] if r.answered_at else _NULL}\t"
            f"{ended[n]}\t{r.talked_ms}\t{_NULL if seconds is None else seconds}\t{r.agent_ms}\t"
            f"{r.transferred_at or _NULL}\t{r.hangup_cause}\t{r.region}\t{r.robot}\t{r.line}\t{r.language}\t"
            f"{_array(r.modules) if r.modules else '{}'}\t{_object(r.counters) if r.counters else '{}'}\t"
            f"{_object(r.labels) if r.labels else '{}'}\t{_array(flags) if flags else '{}'}\t"
            f"\\\\x{candidate.content_hash.hex()}{tail}"
        )
    return lines


def _instants(instants: list[datetime]) -> list[str]:
    """Write instants out all at once, ten times as fast as one by one."""
    return _json(instants).decode()[2:-2].split('","')


_NULL = "\\N"


def _escaped(record: CallRecord) -> CallRecord:
    """Return a copy whose texts are safe in a COPY line; hardly any sender needs it."""
    names = ("call_id", "leg", "caller", "callee", "hangup_cause", "region", "robot", "line", "language")
    return msgspec.structs.replace(record, **{name: getattr(record, name).translate(_ESCAPES) for name in names})


def _array(texts: Iterable[str]) -> str:
    inside = ",".join('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return f"{{{inside}}}".translate(_ESCAPES)


def _object(mapping: dict[str, Any]) -> str:
    text = _json(mapping).decode()
    return text.replace("\\", "\\\\") if "\\" in text else text


def json_rows(delivery: Delivery, candidates: Iterable[Candidate]) -> str:
    """Write the candidates as a JSON array of rows, for jsonb_populate_recordset."""
    return _json([row_of(delivery, candidate) for candidate in candidates]).decode()


def row_of(delivery: Delivery, candidate: Candidate) -> dict[str, Any]:
    """Name each column of a candidate's row, its first version."""
    r = candidate.record
    caller, caller_hash = kept(delivery.tenant_id, r.caller)
    callee, callee_hash = kept(delivery.tenant_id, r.callee)
    return {
        "tenant_id": delivery.tenant_id, "source_id": delivery.source_id, "call_id": r.call_id, "leg": r.leg,
        "period": candidate.period, "direction": r.direction, "caller": caller, "callee": callee,
        "caller_hash": f"\\x{caller_hash}", "callee_hash": f"\\x{callee_hash}",
        "caller_number": r.caller if delivery.keep_numbers else None,
        "callee_number": r.callee if delivery.keep_numbers else None,
        "started_at": r.started_at, "answered_at": r.answered_at, "ended_at": r.ended_at, "talk_ms": r.talked_ms,
        "reported_seconds": r.reported_seconds, "agent_ms": r.agent_ms, "transferred_at": r.transferred_at,
        "hangup_cause": r.hangup_cause, "region": r.region, "robot": r.robot, "line": r.line, "language": r.language,
        "modules": r.modules, "counters": r.counters, "labels": r.labels, "flags": _flags(delivery, candidate),
        "content_hash": f"\\x{candidate.content_hash.hex()}", "batch_id": delivery.batch_id, "version": 1,
        "received_at": delivery.received_at,
    }  # fmt: skip


def _flags(delivery: Delivery, candidate: Candidate) -> list[str]:
    """Name what is odd, and whether the month was frozen before the call came."""
    flags = [*candidate.decoded.flags, *flags_of(candidate.record)]
    return [*flags, "late"] if candidate.period in delivery.frozen else flags


# -- statements -------------------------------------------------------------------------------------------------------


def take_locks(cursor: Any, locks: list[tuple[int, bool]]) -> None:
    """Take advisory locks until the end of the transaction, in order; True marks a shared one.

    Along with them, sequential scans are ruled out: the plans that follow are kept, and one made while a month is
    nearly empty must not read the whole month later.
    """
    cursor.execute(
        "SELECT CASE WHEN shared THEN pg_advisory_xact_lock_shared(number) ELSE pg_advisory_xact_lock(number) END, "
        "set_config('enable_seqscan', 'off', true) FROM unnest(%s::int8[], %s::bool[]) AS locks (number, shared)",
        [[number for number, _ in locks], [shared for _, shared in locks]],
        prepare=True,
    )


class Months(msgspec.Struct):
    """What is known of months under the lock: where the source has calls, which are frozen, which are stale already."""

    with_calls: list[date]
    frozen: frozenset[date]
    stale: frozenset[date]

    def note(self, cursor: Any, delivery: Delivery, months: list[date]) -> None:
        """Note that months have calls of this source now and must be counted anew.

        A month that is stale already is not written again: one row must not become the bottleneck of every delivery.
        The shared lock on the month makes that safe: the counter clears the mark under the exclusive one.
        """
        if first := [month for month in months if month not in self.with_calls]:
            cursor.execute(
                "INSERT INTO usage_sourcemonth (tenant_id, source_id, period) SELECT %s, %s, unnest(%s::date[]) "
                "ON CONFLICT DO NOTHING",
                [delivery.tenant_id, delivery.source_id, first],
            )
        if fresh := [month for month in months if month not in self.stale]:
            mark_stale(cursor, delivery.tenant_id, fresh, delivery.received_at)


def mark_stale(cursor: Any, tenant_id: int, months: list[date], now: datetime) -> None:
    """Note that months must be counted anew, or, where frozen, settled later. The caller holds their locks, shared."""
    cursor.execute(
        "INSERT INTO usage_usagemonth AS m (tenant_id, period, state, stale_since) "
        "SELECT %s, month, 'open', %s FROM unnest(%s::date[]) AS month ON CONFLICT (tenant_id, period) DO UPDATE SET "
        "stale_since = CASE WHEN m.state = 'frozen' THEN m.stale_since ELSE EXCLUDED.stale_since END, "
        "late_since = CASE WHEN m.state = 'frozen' THEN EXCLUDED.stale_since ELSE m.late_since END "
        "WHERE m.stale_since IS NULL AND (m.state = 'open' OR m.late_since IS NULL)",
        [tenant_id, now, months],
    )


def mark_late(cursor: Any, tenant_id: int, months: list[date], now: datetime) -> None:
    """Note that months have changes that their own count does not see. The caller holds their locks, shared."""
    cursor.execute(
        "INSERT INTO usage_usagemonth AS m (tenant_id, period, state, late_since) "
        "SELECT %s, month, 'open', %s FROM unnest(%s::date[]) AS month "
        "ON CONFLICT (tenant_id, period) DO UPDATE SET late_since = EXCLUDED.late_since WHERE m.late_since IS NULL",
        [tenant_id, now, months],
    )


def look_at_months(cursor: Any, tenant_id: int, source_id: int, months: list[date]) -> Months:
    """Read what is known of the months of a delivery and of its source. The caller holds the locks."""
    cursor.execute(
        "SELECT period, NULL::bool, NULL::bool FROM usage_sourcemonth WHERE tenant_id = %s AND source_id = %s UNION ALL "
        "SELECT period, state = 'frozen', stale_since IS NOT NULL FROM usage_usagemonth "
        "WHERE tenant_id = %s AND period = ANY(%s::date[])",
        [tenant_id, source_id, tenant_id, months],
        prepare=True,
    )
    rows = cursor.fetchall()
    return Months(
        sorted(month for month, frozen, _ in rows if frozen is None),
        frozenset(month for month, frozen, _ in rows if frozen),
        frozenset(month for month, _, stale in rows if stale),
    )


def store_at_once(
    cursor: Any, delivery: Delivery, candidates: list[Candidate], format_name: str, locks: list[tuple[int, bool]]
) -> list[int] | None:
    """Store a few records with their batch in one statement; return the positions of those that were there before.

    None says that something is unusual and nothing was stored: see migration 0009, which has the function.
    """
    cursor.execute(
        "SELECT usage_store_few(%s, %s, %s::int8[], %s::bool[], %s::date[], %s::jsonb, %s, %s, %s)",
        [
            delivery.tenant_id,
            delivery.source_id,
            _array_of(number for number, _ in locks),
            _array_of(shared for _, shared in locks),
            _array_of({candidate.period for candidate in candidates}),
            json_rows(delivery, candidates),
            delivery.batch_id,
            format_name,
            delivery.received_at,
        ],
        prepare=True,
    )
    known: list[int] | None = cursor.fetchone()[0]
    return known


def _array_of(values: Iterable[object]) -> str:
    return f"{{{','.join(map(str, values))}}}"


def store_few(
    cursor: Any, delivery: Delivery, candidates: list[Candidate], with_calls: list[date]
) -> dict[tuple[str, str], bytes]:
    """Store a few records in one statement; return the content hashes of those that were there before."""
    cursor.execute(_store_few(tuple(with_calls)), [json_rows(delivery, candidates)], prepare=True)
    return {(call_id, leg): bytes(digest) for call_id, leg, digest in cursor.fetchall()}


@functools.lru_cache(maxsize=256)
def _store_few(with_calls: tuple[date, ...]) -> bytes:
    """Build the statement. The months are written out, so that the plan that is kept opens no other partition."""
    return (
        sql.SQL(
            "WITH incoming AS MATERIALIZED (SELECT each, {} AS known_hash FROM jsonb_populate_recordset(NULL::usage_call, "
            "%s::jsonb) AS each), stored AS (INSERT INTO usage_call ({}) SELECT {} FROM incoming WHERE known_hash IS NULL) "
            "SELECT (each).call_id, (each).leg, known_hash FROM incoming WHERE known_hash IS NOT NULL"
        )
        .format(
            _known_hash(with_calls),
            sql.SQL(", ").join(map(sql.Identifier, COLUMNS)),
            sql.SQL(", ").join(sql.SQL("(each).{}").format(sql.Identifier(name)) for name in COLUMNS),
        )
        .as_bytes()
    )


def store_many(
    cursor: Any, delivery: Delivery, candidates: list[Candidate], lines: list[str], with_calls: list[date]
) -> dict[tuple[str, str], bytes]:
    """Store many records by COPY, straight into their partition; return the content hashes of those there before.

    The caller's lock on the source lets nobody add one of them between the look and the COPY; the unique key would
    refuse the whole delivery if somebody did.
    """
    cursor.execute(
        _find_known(tuple(with_calls)),
        [
            delivery.tenant_id,
            delivery.source_id,
            [candidate.record.call_id for candidate in candidates],
            [candidate.record.leg for candidate in candidates],
        ],
    )
    known = {(call_id, leg): bytes(digest) for call_id, leg, digest in cursor.fetchall()}
    if known:
        lines = [line for line, candidate in zip(lines, candidates, strict=True) if candidate.key not in known]
    if lines:
        with cursor.copy(_COPY) as copy:
            copy.write("".join(lines))
    return known


@functools.lru_cache(maxsize=256)
def _find_known(with_calls: tuple[date, ...]) -> bytes:
    return (
        sql.SQL(
            "WITH incoming AS MATERIALIZED (SELECT each.call_id, each.leg, {} AS known_hash "
            "FROM (SELECT *, %s::int8 AS tenant_id, %s::int8 AS source_id FROM unnest(%s::text[], %s::text[]) AS k (call_id, leg)) "
            "AS each) SELECT call_id, leg, known_hash FROM incoming WHERE known_hash IS NOT NULL"
        )
        .format(_known_hash(with_calls))
        .as_bytes()
    )


def _known_hash(with_calls: tuple[date, ...]) -> sql.Composable:
    """Look one key up in the months where the source has calls: an index probe for each."""
    if not with_calls:
        return sql.SQL("NULL::bytea")
    months = sql.SQL(", ").join(sql.SQL("{}::date").format(sql.Literal(month.isoformat())) for month in with_calls)
    return sql.SQL(
        "(SELECT known.content_hash FROM usage_call AS known WHERE known.tenant_id = each.tenant_id AND "
        "known.source_id = each.source_id AND known.call_id = each.call_id AND known.leg = each.leg "
        "AND known.period IN ({}) LIMIT 1)"
    ).format(months)


_COPY = sql.SQL("COPY usage_call ({}) FROM STDIN").format(sql.SQL(", ").join(map(sql.Identifier, COLUMNS)))
