"""Voiding and correcting calls: a new version with a reason, the old one kept whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import psycopg
from django.db import connection, transaction
from psycopg import sql
from psycopg.types.json import Jsonb

from billing.errors import Refused
from usage.formats.record import CallRecord, refusal_of
from usage.ingestion import Reporter, lock_call, lock_key, period_finder
from usage.models import CallVersion, Source
from usage.partitions import ensure_partitions
from usage.storing import COLUMNS, Candidate, Delivery, look_at_months, mark_late, row_of, take_locks

VOIDED, CHANGED_LATE = "voided", "changed_late"
KEPT_WITH_THE_CALL = ("batch_id", "received_at")


class UnknownCall(Refused):
    """The source has no such call, or it belongs to another tenant."""

    status = 404


class CannotChange(Refused):
    """The change makes no sense for this call as it stands."""

    status = 409


class WrongRecord(Refused):
    """The corrected record cannot be true."""

    status = 422


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a change: the call's version now; whether it waits as a difference because the month was frozen."""

    call_id: str
    leg: str
    version: int
    late: bool
    changed: bool = True


def void_call(
    tenant_id: int, source_id: int, call_id: str, *, leg: str = "a", reason: str, by: str, now: datetime
) -> Change:
    """Say that a call never was: it is counted no more, and its row stays with a reason.

    Raises UnknownCall, and CannotChange when it is void already or no reason is given. In a frozen month the row stays
    as it was billed and the change is kept for the next invoice.
    """
    _ask_for_reason(reason)
    with transaction.atomic(durable=True):
        cursor = psycopg.Cursor(connection.connection)
        row = _locked(cursor, tenant_id, source_id, call_id, leg=leg, months=())
        if VOIDED in row["flags"] or _waits_for_void(row):
            raise CannotChange("already_void", "This call is void already.")
        months = look_at_months(cursor, tenant_id, source_id, [_period(row)])
        late = _period(row) in months.frozen
        _keep(row, None, CallVersion.VOID, late=late, reason=reason, by=by, now=now)
        changed = row | {"flags": [*row["flags"], VOIDED], "version": row["version"] + 1}
        _replace(cursor, row, _as_billed(row) if late else changed)
        if late:
            mark_late(cursor, tenant_id, [_period(row)], now)
        else:
            months.note(cursor, _delivery(row, now), [_period(row)])
    return Change(call_id, leg, row["version"] + 1, late)


def correct_call(
    reporter: Reporter, source: Source, call_id: str, record: CallRecord, *, reason: str, by: str, now: datetime
) -> Change:
    """Put a corrected record in the place of a call; a call moved to another month is counted there.

    The same record again changes nothing. Raises UnknownCall; WrongRecord when the record is another call's or cannot
    be true; CannotChange without a reason. In a frozen month the row stays as it was billed and the change is kept for
    the next invoice; a void call that is corrected is no longer void.
    """
    _ask_for_reason(reason)
    _refuse_untrue(reporter, call_id, record, now)
    period = period_finder(reporter.zone, reporter.billing_day)(record.started_at)
    ensure_partitions([period])
    with transaction.atomic(durable=True):
        cursor = psycopg.Cursor(connection.connection)
        row = _locked(cursor, reporter.tenant_id, source.pk, call_id, leg=record.leg, months=(period,))
        if _says_already(row, record):
            return Change(call_id, record.leg, row["version"], late=False, changed=False)
        both = sorted({_period(row), period})
        months = look_at_months(cursor, reporter.tenant_id, source.pk, both)
        late = _period(row) in months.frozen
        delivery = Delivery(
            reporter.tenant_id, source.pk, row["batch_id"], now, reporter.keep_numbers, months.frozen - {_period(row)}
        )
        candidate = Candidate(0, record, (), period, record.content_hash)
        kept = {name: row[name] for name in KEPT_WITH_THE_CALL} | {"version": row["version"] + 1}
        changed = json.loads(msgspec.json.encode(row_of(delivery, candidate) | kept))
        _keep(row, changed, CallVersion.CORRECTION, late=late, reason=reason, by=by, now=now)
        _replace(cursor, row, _as_billed(row) if late else changed)
        if late:
            mark_late(cursor, reporter.tenant_id, both, now)
        else:
            months.note(cursor, delivery, both)
    return Change(call_id, record.leg, row["version"] + 1, late)


def apply_waiting_changes(cursor: Any, tenant_id: int, period: date, now: datetime) -> int:
    """Make the changes that waited because a month was frozen, and return how many; the caller holds its lock alone.

    A call that was corrected into another month goes there, and is late there if that month is frozen.
    """
    cursor.execute(
        "SELECT to_jsonb(c) FROM usage_call AS c WHERE tenant_id = %s AND period = %s AND flags && %s",
        [tenant_id, period, [CHANGED_LATE]],
    )
    waiting = [row for (row,) in cursor.fetchall()]
    for row in waiting:
        last = _last_change(row)
        kept = [flag for flag in row["flags"] if flag != CHANGED_LATE]
        replacement = last.replacement if last else None
        if replacement is None:
            _replace(cursor, row, row | {"flags": [*kept, VOIDED], "version": row["version"] + 1})
        else:
            _move(cursor, row, replacement, now)
    return len(waiting)


def _move(cursor: Any, row: dict[str, Any], replacement: dict[str, Any], now: datetime) -> None:
    """Put the record that waited in the place of the call, in whichever month it belongs to."""
    month = _period(replacement)
    take_locks(cursor, [(lock_key("period", row["tenant_id"], month), True)])
    months = look_at_months(cursor, row["tenant_id"], row["source_id"], [month])
    flags = [flag for flag in replacement["flags"] if flag != "late"]
    late = month != _period(row) and month in months.frozen
    changed = replacement | {"flags": [*flags, "late"] if late else flags, "version": row["version"] + 1}
    _replace(cursor, row, changed)
    months.note(cursor, _delivery(row, now), [month])


def _ask_for_reason(reason: str) -> None:
    if not reason.strip() or len(reason) > 300:
        raise CannotChange("reason_needed", "Say in up to 300 characters why the call is changed.", pointer="/reason")


def _refuse_untrue(reporter: Reporter, call_id: str, record: CallRecord, now: datetime) -> None:
    if record.call_id != call_id:
        raise WrongRecord("another_call", "The record names another call than the address.", pointer="/call_id")
    earliest = now - timedelta(days=reporter.accept_days_back)
    if fault := refusal_of(record, earliest, now):
        raise WrongRecord(fault.code, fault.detail, pointer=fault.pointer)


def _locked(
    cursor: Any, tenant_id: int, source_id: int, call_id: str, *, leg: str, months: tuple[date, ...]
) -> dict[str, Any]:
    """Lock a call's months, then the call, as deliveries do; return its row."""
    while True:
        before = _find(cursor, tenant_id, source_id, call_id, leg)
        wanted = sorted({_period(before), *months})
        take_locks(cursor, [(lock_key("period", tenant_id, month), True) for month in wanted])
        lock_call(cursor, tenant_id, source_id, call_id)
        row = _find(cursor, tenant_id, source_id, call_id, leg)
        if _period(row) in wanted:
            return row  # else it was moved meanwhile: look again


def _find(cursor: Any, tenant_id: int, source_id: int, call_id: str, leg: str) -> dict[str, Any]:
    cursor.execute(
        "SELECT to_jsonb(usage_call) FROM usage_call WHERE tenant_id = %s AND source_id = %s AND call_id = %s AND leg = %s",
        [tenant_id, source_id, call_id, leg],
    )
    found = cursor.fetchone()
    if found is None:
        raise UnknownCall("unknown_call", "This source has no such call.")
    return found[0] if isinstance(found[0], dict) else json.loads(found[0])


def _keep(
    row: dict[str, Any],
    replacement: dict[str, Any] | None,
    kind: str,
    *,
    late: bool,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    CallVersion.objects.create(
        tenant_id=row["tenant_id"], source_id=row["source_id"], call_id=row["call_id"], leg=row["leg"],
        version=row["version"], period=_period(row), kind=kind, late=late, reason=reason.strip(), changed_by=by[:150],
        changed_at=now, content_hash=bytes.fromhex(row["content_hash"][2:]), replaced=row, replacement=replacement,
    )  # fmt: skip


def _replace(cursor: Any, row: dict[str, Any], by: dict[str, Any]) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    cursor.execute(
        sql.SQL(
            "UPDATE usage_call SET ({}) = (SELECT {} FROM jsonb_populate_record(NULL::usage_call, %s)) WHERE tenant_id = %s "
            "AND source_id = %s AND call_id = %s AND leg = %s AND period = %s AND version = %s"
        ).format(names, names),
        [Jsonb(by), *(row[name] for name in ("tenant_id", "source_id", "call_id", "leg", "period", "version"))],
    )
    if cursor.rowcount != 1:
        raise CannotChange("changed_meanwhile", "The call was changed at the same time; look at it again.")


def _as_billed(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as the frozen month counted it, marked as changed since."""
    flags = row["flags"] if CHANGED_LATE in row["flags"] else [*row["flags"], CHANGED_LATE]
    return row | {"flags": flags, "version": row["version"] + 1}


def _waits_for_void(row: dict[str, Any]) -> bool:
    last = _last_change(row)
    return last is not None and last.late and last.kind == CallVersion.VOID


def _says_already(row: dict[str, Any], record: CallRecord) -> bool:
    """Tell whether a call, or the change that waits for it, says what the record says."""
    last = _last_change(row) if CHANGED_LATE in row["flags"] else None
    stands = last.replacement if last else row
    return (
        stands is not None
        and stands["content_hash"] == f"\\x{record.content_hash.hex()}"
        and VOIDED not in stands["flags"]
    )


def _last_change(row: dict[str, Any]) -> CallVersion | None:
    versions = CallVersion.objects.filter(
        tenant_id=row["tenant_id"], source_id=row["source_id"], call_id=row["call_id"], leg=row["leg"]
    )
    return versions.order_by("-version").first()


def _period(row: dict[str, Any]) -> date:
    return date.fromisoformat(row["period"])


def _delivery(row: dict[str, Any], now: datetime) -> Delivery:
    return Delivery(row["tenant_id"], row["source_id"], row["batch_id"], now, keep_numbers=False)
