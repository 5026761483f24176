"""Tell a simulated call in the native format (JSON, CSV) and as Asterisk writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

from usage.simulation.numbers import national
from usage.simulation.traffic import SimulatedCall

CSV_COLUMNS = (
    *("call_id", "leg", "direction", "caller", "callee", "started_at", "answered_at", "ended_at", "talk_ms"),
    *("hangup_cause", "region", "robot", "line", "language", "modules", "transferred_at", "agent_ms"),
    *("counters.asr_seconds", "counters.analyses", "labels.waybill", "labels.campaign", "labels.shop"),
)

DISPOSITIONS = {
    "NO_ANSWER": "NO ANSWER",
    "NORMAL_CLEARING": "NO ANSWER",
    "ORIGINATOR_CANCEL": "NO ANSWER",
    "USER_BUSY": "BUSY",
    "CALL_REJECTED": "BUSY",
}


def rfc3339(at: datetime | None, zone: tzinfo = UTC) -> str | None:
    """Write an instant with microseconds and its offset, `Z` for UTC; None stays None."""
    if at is None:
        return None
    text = at.astimezone(zone).isoformat(timespec="microseconds")
    return text[:-6] + "Z" if zone is UTC else text


def to_native(call: SimulatedCall, zone: tzinfo = UTC) -> dict[str, Any]:
    """Return the record `POST /api/v1/calls` takes, every field present."""
    return {
        "call_id": call.call_id,
        "leg": "a",
        "direction": call.direction,
        "caller": call.caller,
        "callee": call.callee,
        "started_at": rfc3339(call.started_at, zone),
        "answered_at": rfc3339(call.answered_at, zone),
        "ended_at": rfc3339(call.ended_at, zone),
        "talk_ms": call.talk_ms,
        "hangup_cause": call.hangup_cause,
        "region": call.region,
        "robot": call.robot,
        "line": call.line,
        "language": call.language,
        "modules": list(call.modules),
        "counters": dict(call.counters),
        "transferred_at": rfc3339(call.transferred_at, zone),
        "agent_ms": call.agent_ms,
        "labels": dict(call.labels),
    }


def to_csv(record: Mapping[str, Any]) -> dict[str, str]:
    """Flatten a native record to `CSV_COLUMNS`; lists joined by commas, absent values empty."""
    row: dict[str, str] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            row.update({f"{name}.{key}": str(inner) for key, inner in value.items()})
        elif isinstance(value, list):
            row[name] = ",".join(value)
        else:
            row[name] = "" if value is None else str(value)
    return row


def csv_body(records: Iterable[Mapping[str, Any]]) -> bytes:
    """Write native records as one CSV document with its header.

    Raises ValueError for a counter, label or field that has no column: nothing is dropped silently.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(to_csv(record) for record in records)
    return out.getvalue().encode()


def to_asterisk(call: SimulatedCall, zone: tzinfo) -> list[str]:
    """Return the lines Asterisk's Master.csv gets for the call, local time, whole seconds, no newline.

    A transferred call is two lines that share one uniqueid: the robot's part, then the agent's.
    """
    if call.transferred_at is None:
        return [_master_line(call, zone, (call.started_at, call.answered_at, call.ended_at), "SIP/robot")]
    moved = call.transferred_at
    return [
        _master_line(call, zone, (call.started_at, call.answered_at, moved), f"Local/{call.robot}@robots-1;1"),
        _master_line(call, zone, (moved, moved, call.ended_at), "SIP/agent"),
    ]


def asterisk_talk_seconds(call: SimulatedCall) -> int:
    """Return the sum of billsec over the call's lines: what such a switch says was talked."""
    if call.answered_at is None:
        return 0
    parts = [call.answered_at, call.ended_at]
    if call.transferred_at is not None:
        parts.insert(1, call.transferred_at)
    return sum(_whole_seconds(end - start) for start, end in pairwise(parts))


def _whole_seconds(length: timedelta) -> int:
    return length // timedelta(seconds=1)


def _master_line(
    call: SimulatedCall,
    zone: tzinfo,
    span: tuple[datetime, datetime | None, datetime],
    far_channel: str,
) -> str:
    start, answer, end = span
    source, target = national(call.caller), national(call.callee)
    serial = int(call.call_id[:8], 16)
    disposition = "ANSWERED" if answer else DISPOSITIONS.get(call.hangup_cause, "FAILED")
    local = [at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else None for at in span]
    cells: list[str | int | None] = [
        call.robot,
        source,
        target,
        f"{call.direction}-robots",
        f'"{source}" <{source}>',
        f"SIP/{call.line}-{serial:08x}",
        f"{far_channel}-{serial:08x}",
        "Dial",
        f"SIP/{target}@{call.line},30,t",
        *local,
        _whole_seconds(end - start),
        _whole_seconds(end - answer) if answer else 0,
        disposition,
        "DOCUMENTATION",
        # Asterisk names a call by its second of creation and a running number.
        f"{int(call.started_at.timestamp())}.{serial % 100_000}",
        call.call_id,
    ]
    return ",".join(_master_cell(cell) for cell in cells)


def _master_cell(value: str | int | None) -> str:
    # Texts are always quoted, numbers never, and a missing answer is nothing at all.
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace('"', '""') + '"'
