"""How a record becomes a row: the columns of a call in two spellings, a COPY line for many and JSON for few."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from itertools import chain, repeat
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from psycopg import sql

from usage.formats.record import CallRecord, flags_of
from usage.numbers import kept

COLUMNS = [
    "tenant_id", "source_id", "call_id", "leg", "period", "direction", "caller", "callee", "caller_hash",
    "callee_hash", "caller_number", "callee_number", "started_at", "answered_at", "ended_at", "talk_ms",
    "reported_seconds", "agent_ms", "transferred_at", "hangup_cause", "region", "robot", "line", "language",
    "modules", "counters", "labels", "flags", "content_hash", "batch_id", "version", "received_at",
]  # fmt: skip
AS_THEY_ARE = [
    "call_id", "leg", "direction", "started_at", "answered_at", "ended_at", "reported_seconds", "agent_ms",
    "transferred_at", "hangup_cause", "region", "robot", "line", "language",
]  # fmt: skip
_encoder = msgspec.json.Encoder()
_json, _json_lines = _encoder.encode, _encoder.encode_lines
_texts_of = attrgetter("call_id", "leg", "caller", "callee", "hangup_cause", "region", "robot", "line", "language")
_ESCAPE = re.compile(rb"\\(?:u[0-9a-fA-F]{4}|.)")


class Candidate(msgspec.Struct, gc=False):
    """A record that may be stored: where it stood in the delivery, what it says, and the month it belongs to."""

    index: int
    record: CallRecord
    flags: Sequence[str]
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


def copy_lines(delivery: Delivery, candidates: list[Candidate]) -> list[bytes]:
    """Write each candidate as one line of COPY's CSV format, without its end.

    Column by column, and then all rows at once as JSON arrays: JSON's quotes and backslashes are those that COPY is
    told to expect, and what else JSON escapes, hardly any text has. Row by row costs three times as much.
    """
    records = [candidate.record for candidate in candidates]
    callers = [kept(delivery.tenant_id, record.caller) for record in records]
    callees = [kept(delivery.tenant_id, record.callee) for record in records]
    nowhere = repeat(None)
    columns: dict[str, Iterable[Any]] = {name: map(attrgetter(name), records) for name in AS_THEY_ARE} | {
        "tenant_id": repeat(delivery.tenant_id),
        "source_id": repeat(delivery.source_id),
        "period": [candidate.period for candidate in candidates],
        "caller": [mask for mask, _ in callers],
        "callee": [mask for mask, _ in callees],
        "caller_hash": [digest for _, digest in callers],
        "callee_hash": [digest for _, digest in callees],
        "caller_number": [record.caller for record in records] if delivery.keep_numbers else nowhere,
        "callee_number": [record.callee for record in records] if delivery.keep_numbers else nowhere,
        "talk_ms": [record.talked_ms for record in records],
        "modules": [_codes(tuple(record.modules)) for record in records],
        "counters": _objects([record.counters for record in records]),
        "labels": _objects([record.labels for record in records]),
        "flags": [_codes(tuple(_flags(delivery, candidate))) for candidate in candidates],
        "content_hash": [f"\\x{candidate.content_hash.hex()}" for candidate in candidates],
        "batch_id": repeat(str(delivery.batch_id)),
        "version": repeat(1),
        "received_at": repeat(delivery.received_at.isoformat()),
    }
    rows = _json_lines(list(zip(*(columns[name] for name in COLUMNS), strict=False)))
    lines = rows[1:-2].split(b"]\n[") if rows else []
    texts = chain(chain.from_iterable(map(_texts_of, records)), columns["modules"])
    return lines if "".join(texts).isprintable() else [_ESCAPE.sub(_unescaped, line) for line in lines]


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """Write out a character that JSON escapes and COPY does not; quotes and backslashes stay escaped."""
    text = escape[0]
    return text if text in {b'\\"', b"\\\\"} else str(msgspec.json.decode(b'"' + text + b'"')).encode()


def _array(texts: Collection[str]) -> str:
    """Write an array of texts as PostgreSQL does."""
    inside = "\x00".join(texts).replace("\\", "\\\\").replace('"', '\\"').replace("\x00", '","')  # no text holds a NUL
    return f'{{"{inside}"}}' if texts else "{}"


_codes = functools.lru_cache(maxsize=1024)(_array)  # robots use few modules, and records have few flags


def _objects(mappings: list[Any]) -> list[str]:
    """Write each mapping as JSON, all at once."""
    return _json_lines(mappings).decode().split("\n")[:-1]  # not splitlines(): U+2028 ends no line here


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
        "caller_hash": caller_hash, "callee_hash": callee_hash,
        "caller_number": r.caller if delivery.keep_numbers else None,
        "callee_number": r.callee if delivery.keep_numbers else None,
        "started_at": r.started_at, "answered_at": r.answered_at, "ended_at": r.ended_at, "talk_ms": r.talked_ms,
        "reported_seconds": r.reported_seconds, "agent_ms": r.agent_ms, "transferred_at": r.transferred_at,
        "hangup_cause": r.hangup_cause, "region": r.region, "robot": r.robot, "line": r.line, "language": r.language,
        "modules": r.modules, "counters": r.counters, "labels": r.labels, "flags": _flags(delivery, candidate),
        "content_hash": f"\\x{candidate.content_hash.hex()}", "batch_id": delivery.batch_id, "version": 1,
        "received_at": delivery.received_at,
    }  # fmt: skip


def _flags(delivery: Delivery, candidate: Candidate) -> Sequence[str]:
    """Name what is odd, and whether the month was frozen before the call came."""
    flags = [*candidate.flags, *flags_of(candidate.record)] if candidate.record.talk_ms is not None else candidate.flags
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
    cursor: Any, delivery: Delivery, candidates: list[Candidate], lines: list[bytes], with_calls: list[date]
) -> dict[tuple[str, str], bytes]:
    """Store many records by COPY, straight into their partition; return the content hashes of those there before.

    ``lines`` are the candidates', or none where they are still to be written. The caller's lock on the source lets
    nobody add one of them between the look and the COPY; the unique key would refuse the whole delivery if somebody did.
    """
    known = find_known(cursor, delivery, candidates, with_calls)
    if not lines:
        lines = copy_lines(delivery, [candidate for candidate in candidates if candidate.key not in known])
    elif known:
        lines = [line for line, candidate in zip(lines, candidates, strict=True) if candidate.key not in known]
    if lines:
        with cursor.copy(_COPY) as copy:
            copy.write(b"\n".join(lines))
    return known


def is_known(cursor: Any, delivery: Delivery, candidate: Candidate) -> bool:
    """Tell whether a record's id is known in its own month, without any lock; planned anew, for want of take_locks."""
    cursor.execute(
        "SELECT EXISTS (SELECT FROM usage_call WHERE tenant_id = %s AND source_id = %s AND call_id = %s AND leg = %s "
        "AND period = %s)",
        [delivery.tenant_id, delivery.source_id, *candidate.key, candidate.period],
        prepare=False,
    )
    return bool(cursor.fetchone()[0])


def find_known(
    cursor: Any, delivery: Delivery, candidates: list[Candidate], with_calls: list[date]
) -> dict[tuple[str, str], bytes]:
    """Look many keys up in the months where the source has calls; return the content hashes of those that are there.

    One descent of each month's key for all of them: a scan for sorted ids goes from leaf to leaf. It may return a leg
    that only another id of the delivery has, which nobody asks for.
    """
    if not with_calls:
        return {}
    ids = _array({candidate.record.call_id for candidate in candidates})
    legs = _array({candidate.record.leg for candidate in candidates})
    who = {"tenant": delivery.tenant_id, "source": delivery.source_id}
    cursor.execute(_find_known(tuple(with_calls)), who | {"ids": ids, "legs": legs}, prepare=True)
    return {(call_id, leg): bytes(digest) for call_id, leg, digest in cursor.fetchall()}


@functools.lru_cache(maxsize=256)
def _find_known(with_calls: tuple[date, ...]) -> bytes:
    """Build the statement. The months are written out, so that the plan that is kept opens no other partition."""
    month = sql.SQL(
        "SELECT call_id, leg, content_hash FROM usage_call WHERE tenant_id = %(tenant)s AND source_id = %(source)s "
        "AND call_id = ANY(%(ids)s::text[]) AND leg = ANY(%(legs)s::text[]) AND period = {}::date"
    )
    months = [month.format(sql.Literal(each.isoformat())) for each in with_calls]
    return sql.SQL(" UNION ALL ").join(months).as_bytes()


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


_COPY = sql.SQL("COPY usage_call ({}) FROM STDIN (FORMAT csv, ESCAPE '\\', NULL 'null')").format(
    sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
)
