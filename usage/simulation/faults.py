"""Break a record in a way a receiver must refuse."""

from __future__ import annotations

import uuid
from typing import Any


def broken_id(call_id: str) -> str:
    """Return the id a broken record goes by, so that it never meets the good one's."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, call_id))


def break_native(record: dict[str, Any], fault: str) -> dict[str, Any]:
    """Return the native record with one of `FAULTS`; raises KeyError for a fault nobody knows."""
    broken = {**record, "call_id": broken_id(record["call_id"])}
    if fault == "missing call_id":
        del broken["call_id"]
        return broken
    started_at = record["started_at"]
    changes: dict[str, dict[str, Any]] = {
        "overlong call_id": {"call_id": broken["call_id"] * 4},
        "negative talk": {"talk_ms": -5_000},
        "end before start": {"ended_at": f"2001{started_at[4:]}"},
        "no zone": {"started_at": started_at[:19]},
        "year 9999": {"ended_at": f"9999{started_at[4:]}"},
        "NUL": {"robot": "robot\0one"},
        "unknown field": {"colour": "blue"},
        "wrong type": {"counters": "plenty"},
    }
    return broken | changes[fault]


def break_csv(row: dict[str, str], fault: str) -> dict[str, str]:
    """Return the CSV row with the fault; what a table cannot express becomes an unreadable number."""
    broken = {**row, "call_id": broken_id(row["call_id"])}
    if fault in ("unknown field", "wrong type"):
        return broken | {"counters.asr_seconds": "plenty"}
    if fault == "missing call_id":
        return broken | {"call_id": ""}
    return {name: str(value) for name, value in break_native(row, fault).items()}


def break_freeswitch(document: dict[str, Any], fault: str) -> dict[str, Any]:
    """Return the document with the fault, in the terms of a switch.

    A switch has no zone, no unknown variable and clamps its negative durations, so those faults become an
    instant that is not a number.
    """
    call_id = document["variables"]["uuid"]
    variables = {**document["variables"], "uuid": broken_id(call_id), "call_uuid": broken_id(call_id)}
    if fault == "missing call_id":
        del variables["uuid"], variables["call_uuid"]
        return {**document, "variables": variables, "callflow": []}
    changes = {
        "overlong call_id": {"uuid": call_id * 4, "call_uuid": call_id * 4},
        "year 9999": {"end_uepoch": "253402300799000000"},
        "NUL": {"hd_robot": "robot\0one"},
    }
    variables |= changes.get(fault, {"start_uepoch": "soon", "start_epoch": "soon"})
    return {**document, "variables": variables}


def break_asterisk(line: str) -> str:
    """Return the line cut in the middle, as a full disk leaves it."""
    return line[: len(line) // 2]
