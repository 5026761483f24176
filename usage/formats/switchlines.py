"""Lines that switches write: Asterisk's Master.csv (16 to 21 columns) and FreeSWITCH's cdr_csv, told apart by look.

Sources: Asterisk cdr_csv.c (build_csv_record: uniqueid, userfield, then peeraccount, linkedid, sequence, each by
configuration), cdr_custom.conf.sample (its Master.csv has the columns in another order), and mod_cdr_csv's template
"example" (15 columns); real lines in tests/data/cdr.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from usage.formats.clocks import EPOCH, in_zone, later, local_time, zone_of
from usage.formats.native import KEPT_BYTES, fault_of, refuse_too_many
from usage.formats.record import CallRecord, Decoded, Unfit
from usage.formats.rules import SourceRules
from usage.formats.table import MAX_CELL, whole_number

START = 9  # Master.csv's column of the start; cdr_csv has it elsewhere
CUSTOM_COLUMNS = 18  # of cdr_custom's sample, and its sequence
UNIQUEID = re.compile(r"(?:[^\s,]*-)?(\d{9,10})\.\d+\Z", re.ASCII)
UNANSWERED = {"NO ANSWER", "BUSY", "FAILED", "CONGESTION"}
NEVER = "0000-00-00"
SQL = re.compile(r"INSERT INTO \S+ VALUES ?\((.*)\);?\s*\Z", re.IGNORECASE)  # mod_cdr_csv's template "sql"
INBOUND = re.compile(r"inbound|incoming|from-(trunk|pstn|did|external)", re.IGNORECASE)
# Offsets from UTC that zones have: whole hours, and these (in minutes).
ODD_OFFSETS = (-570, -210, -150, 210, 270, 330, 345, 390, 525, 570, 630, 645, 765, 825)
OFFSETS = sorted({*range(-12 * 60, 14 * 60 + 1, 60), *ODD_OFFSETS})


def decode(body: bytes, rules: SourceRules) -> list[Decoded]:
    """Read lines of either kind; one that does not fit becomes a fault. Raises TooManyRecords beyond the bound."""
    lines = [line for line in re.split(r"\r\n|\n|\r", body.decode("utf-8-sig", "replace")) if line.strip()]
    refuse_too_many(len(lines))
    return [_decode_row(_cells(line), line, rules) for line in lines]


def _cells(line: str) -> list[str]:
    """Split one line. A switch writes a record a line: a quote left open is a line cut short, not the next one's too."""
    if line.count('"') % 2 or len(line) > MAX_CELL:
        return []
    statement = SQL.match(line)
    line = statement[1] if statement else line
    quote = "'" if statement and line.startswith("'") else '"'
    try:
        cells = next(csv.reader([line], quotechar=quote, skipinitialspace=bool(statement)), [])
    except csv.Error:
        return []
    return ["" if cell.startswith(NEVER) else cell.strip() for cell in cells]


def _decode_row(row: Sequence[str], line: str, rules: SourceRules) -> Decoded:
    raw = line.encode()[:KEPT_BYTES]
    call_id = ""
    try:
        fields, flags = _fields_of(row, rules)
        call_id = str(fields["call_id"])[:128].replace("\x00", "")
        record = msgspec.convert(fields, CallRecord)
    except Unfit as unfit:
        return Decoded(raw=raw, fault=unfit.fault, call_id=call_id)
    except msgspec.ValidationError as error:
        return Decoded(raw=raw, fault=fault_of(error), call_id=call_id)
    return Decoded(raw=raw, record=record, call_id=record.call_id, flags=flags)


def _fields_of(row: Sequence[str], rules: SourceRules) -> tuple[dict[str, Any], list[str]]:
    if not row:
        raise Unfit("cut_line", "The line ends within a quoted cell; it was cut short.")
    at = _start_column(row)
    if at is None:
        raise Unfit("not_a_cdr_line", "The line has no start, answer and end time with two durations after them.")
    if at == START - 1 and len(row) >= CUSTOM_COLUMNS and UNIQUEID.match(row[CUSTOM_COLUMNS - 2]):
        row, at = _in_order(row), START
    if at != START:
        return _switch_line(row, at, rules)
    if not 16 <= len(row) <= 21:
        raise Unfit("wrong_columns", f"The line has {len(row)} columns; Master.csv has 16 to 21.")
    return _master_line(row, rules)


def _start_column(row: Sequence[str]) -> int | None:
    """Find the column of the start: a time, an answer or nothing, a time, and two whole numbers."""
    for at in range(len(row) - 4):
        start, answer, end, duration, talk = row[at : at + 5]
        times = local_time(start) and local_time(end) and (not answer or local_time(answer))
        if times and duration.lstrip("-").isdecimal() and talk.lstrip("-").isdecimal():
            return at
    return None


# -- Asterisk ---------------------------------------------------------------------------------------------------------


def _in_order(row: Sequence[str]) -> list[str]:
    """Put the columns of cdr_custom's Master.csv, as Asterisk ships it, into the order of cdr_csv's.

    It begins with the caller's name, has the account after the flags, and ends with uniqueid, userfield, sequence and
    whatever else its mapping names, which nobody here knows.
    """
    clid, caller, callee, context, *middle = row[: CUSTOM_COLUMNS - 3]
    account, unique_id, user = row[CUSTOM_COLUMNS - 3 : CUSTOM_COLUMNS]
    sequence = row[CUSTOM_COLUMNS] if len(row) > CUSTOM_COLUMNS else ""
    return [account, caller, callee, context, clid, *middle, unique_id, user, "", "", sequence]


def _master_line(row: Sequence[str], rules: SourceRules) -> tuple[dict[str, Any], list[str]]:
    """Read one line of Master.csv.

    One uniqueid may have several lines (a robot's part, then a person's): the leg tells them apart by start, far
    channel and sequence. The seconds are truncated after subtraction, so billsec is believed, not the printed times.
    """
    account, caller, callee, _, clid, channel, far_channel = row[:7]
    unique_id, linked_id, sequence = _identity(row[16:])
    wall = _wall(row[START])
    offset, inferred = _offset(wall, unique_id, rules.zone)
    flags = ["zone_inferred"] if inferred else []
    start, answer, end = (_instant(row[START + n], offset, rules.zone) for n in range(3))
    seconds = {name: whole_number(row[12 + n], name) for n, name in enumerate(("duration", "billsec"))}
    fields, odd = _times(start, answer, end, seconds, row[14])
    identity = "|".join((row[START], far_channel, sequence))
    if not unique_id:
        unique_id = f"line-{_digest('|'.join((row[START], channel, far_channel, caller, callee, row[11])), 16)}"
    group = linked_id if linked_id and linked_id != unique_id else ""
    later = bool(group) or _is_later_part(wall, unique_id, offset)
    labels = {name: value for name, value in (("account", account), ("call_group", group)) if value}
    if later and not group:
        labels["call_group"] = unique_id
    return fields | {
        "call_id": unique_id,
        "leg": f"a:{_digest(identity, 10)}",
        "direction": "inbound" if INBOUND.search(row[3]) else "outbound",
        "caller": (caller or _number_of(clid))[:64],
        "callee": callee[:64],
        "hangup_cause": row[14][:64],
        "labels": {name: value[:256] for name, value in labels.items()},
    }, flags + odd


def _identity(tail: Sequence[str]) -> tuple[str, str, str]:
    """Return uniqueid, linkedid and sequence from the columns after the 16th, which depend on the configuration."""
    own, new = (tail[:-3], tail[-3:]) if len(tail) >= 3 else (tail, ["", "", ""])
    unique_id = own[0] if len(own) == 2 or (own and UNIQUEID.match(own[0])) else ""
    return unique_id, new[1], new[2]


def _offset(wall: datetime, unique_id: str, zone: str) -> tuple[timedelta | None, bool]:
    """Return the server's offset from UTC as the uniqueid tells it, and whether the source's zone says otherwise.

    A uniqueid begins with the second its channel was made, which is UTC; the line's start is the local clock's. A
    later part of the call starts later, so the source's zone is believed for up to four hours of difference, unless
    the difference is within a minute of another offset. None without such a uniqueid: the zone is all there is.
    """
    found = UNIQUEID.match(unique_id)
    if not found:
        return None, False
    made = int(found[1])
    ahead = (wall - datetime(1970, 1, 1)) // timedelta(seconds=1) - made  # noqa: DTZ001 - wall clocks
    stated = in_zone(wall, zone).astimezone(zone_of(zone)).utcoffset() or timedelta()
    since = ahead - int(stated.total_seconds())
    if -2 <= since < 900:
        return None, False
    fitting = [minutes for minutes in OFFSETS if ahead + 2 >= minutes * 60]
    if not fitting or ahead - fitting[-1] * 60 >= 86_400:
        return None, False  # no clock is that wrong; the uniqueid is something else
    rest = ahead - fitting[-1] * 60
    if 0 <= since <= 4 * 3600 and rest > 60:
        return None, False
    return timedelta(minutes=fitting[-1]), True


def _is_later_part(wall: datetime, unique_id: str, offset: timedelta | None) -> bool:
    found = UNIQUEID.match(unique_id)
    if not found:
        return False
    seconds = (wall - datetime(1970, 1, 1)) // timedelta(seconds=1) - int(found[1])  # noqa: DTZ001 - wall clocks
    if offset is not None:
        return seconds - offset.total_seconds() > 2
    return seconds % 900 > 2


def _wall(text: str) -> datetime:
    found = local_time(text)
    if found is None:
        raise Unfit("not_an_instant", f"“{text[:40]}” is not a local date and time.", "/start")
    return found


def _instant(text: str, offset: timedelta | None, zone: str) -> datetime | None:
    if not text:
        return None
    wall = _wall(text)
    if wall.year <= 1970:
        return None  # the epoch itself, in whatever zone: never
    if offset is None:
        return in_zone(wall, zone)
    return later(EPOCH + (wall - datetime(1970, 1, 1)), -offset)  # noqa: DTZ001 - wall clocks


def _number_of(caller_id: str) -> str:
    found = re.search(r"<([^<>]*)>", caller_id)
    return found[1] if found else ""


# -- FreeSWITCH -------------------------------------------------------------------------------------------------------


def _switch_line(row: Sequence[str], at: int, rules: SourceRules) -> tuple[dict[str, Any], list[str]]:
    """Read one line of mod_cdr_csv's template "example", wherever its times stand."""
    if not 3 <= at <= 5 or not at + 7 <= len(row) <= at + 14:
        raise Unfit("wrong_columns", "The line is neither Master.csv nor the cdr_csv template “example”.")
    start, answer, end = (_instant(row[at + n], None, rules.zone) for n in range(3))
    seconds = {name: whole_number(row[at + 3 + n], name) for n, name in enumerate(("duration", "billsec"))}
    fields, flags = _times(start, answer, end, seconds, "")
    uuid, other, account = (row[n] if len(row) > n else "" for n in (at + 6, at + 7, at + 8))
    labels = {name: value[:256] for name, value in (("account", account), ("bleg_id", other)) if value}
    return fields | {
        "call_id": uuid,
        "leg": "a",
        "direction": "outbound",
        "caller": row[at - 3][:64],
        "callee": row[at - 2][:64],
        "hangup_cause": row[at + 5][:64],
        "labels": labels,
    }, flags


# -- both -------------------------------------------------------------------------------------------------------------


def _times(
    start: datetime | None, answer: datetime | None, end: datetime | None, seconds: dict[str, int], disposition: str
) -> tuple[dict[str, Any], list[str]]:
    """Return instants and talk; the answer time tells whether somebody answered, not the cause or the disposition."""
    flags = []
    if start is None:
        raise Unfit("no_start", "The line has no start.", "/start")
    duration, talk = (max(seconds[name], 0) for name in ("duration", "billsec"))
    if min(seconds.values()) < 0:
        flags.append("clamped_duration")
    if end is None or end < start:
        end = later(start, timedelta(seconds=min(duration, 7 * 86_400)))
        flags.append("clamped_end")
    unanswered = disposition in UNANSWERED
    if unanswered and talk:
        flags.append("disposition_differs_from_talk")
    if answer is None and talk and not unanswered:
        answer = max(start, later(end, -timedelta(seconds=min(talk, 7 * 86_400))))
    if answer is not None and not start <= answer <= end:  # across the hour that a clock shows twice
        answer = max(start, later(end, -timedelta(seconds=min(talk, 7 * 86_400))))
    fields: dict[str, Any] = {"started_at": start, "answered_at": answer, "ended_at": end, "reported_seconds": talk}
    return fields | ({"talk_ms": talk * 1000} if answer is not None else {}), flags


def _digest(text: str, length: int) -> str:
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=length // 2).hexdigest()
