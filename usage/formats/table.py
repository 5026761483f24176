"""Native records as CSV: a header of native fields, ``counters.NAME`` and ``labels.NAME`` for what has names.

Empty cells are absent; lists are joined by commas. RFC 4180, UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import functools
import io
from collections.abc import Sequence
from itertools import compress, groupby
from operator import itemgetter
from typing import Any

import msgspec

from usage.formats.native import KEPT_BYTES, UnreadableBody, fault_of, refuse_too_many
from usage.formats.record import CallRecord, Decoded, Unfit, Whole

FIELDS = frozenset(CallRecord.__struct_fields__) - {"counters", "labels"}
WHOLE = frozenset({"talk_ms", "reported_seconds", "agent_ms"})
TEXT, MARKS = '"%s"', {"modules": '["%s"]'} | dict.fromkeys(WHOLE, "%s")
REQUIRED = frozenset({"call_id", "direction", "started_at", "ended_at"})
MAX_CELL = 64 * 1024
_encode = msgspec.json.encode
_whole = msgspec.json.Decoder(list[CallRecord])
csv.field_size_limit(MAX_CELL)


def decode(body: bytes) -> Sequence[Decoded]:
    """Read a table of call records; a row that does not fit becomes a fault.

    Raises UnreadableBody when the header is missing or names a column that is not a native field.
    """
    rows = read_rows(body)
    if not rows:
        raise UnreadableBody("no_header", "The table is empty; its first line names the columns.")
    (header, head), *records = rows
    header, records = _without_empty_ends(header, records)
    _check_header(header)
    refuse_too_many(len(records))
    try:  # all at once is quicker; if one row is wrong, find out which, and take the others
        made = _whole.decode(_as_json(header, records, escapes=b'"' in body or b"\\" in body))
    except (Unfit, msgspec.MsgspecError):
        return [_decode_row(header, head, row, line) for row, line in records]
    return Whole(made, lambda: [f"{head}\n{line}".encode() for _, line in records])


def _as_json(header: list[str], records: list[tuple[list[str], str]], *, escapes: bool) -> str:
    """Write rows as a JSON array; what has nothing to escape goes between the names as it is. Raises Unfit.

    That and its decoding take half the time of making a mapping of each row. ``escapes`` tells whether any row may have
    something to escape.
    """
    order = sorted(range(len(header)), key=lambda at: _group_of(header[at]))
    names, pick, objects = [header[at] for at in order], itemgetter(*order), []
    numbers = [at for at, name in enumerate(header) if name in WHOLE]
    templates: dict[tuple[bool, ...], str] = {}
    width, whole = len(header), _template(names)
    for row, line in records:
        plain = len(row) == width and not (escapes and ('"' in line or "\\" in line))
        if not plain or (numbers and not _are_digits("".join([row[at] for at in numbers]))):
            objects.append(_encode(_fields_of(header, row)).decode())
            continue
        cells = pick(row)
        if all(cells):
            objects.append(whole % cells)
            continue
        filled = tuple(map(bool, cells))
        if filled not in templates:
            templates[filled] = _template(list(compress(names, filled)))
        objects.append(templates[filled] % tuple(filter(None, cells)))
    return f"[{','.join(objects)}]"


def _are_digits(text: str) -> bool:
    return text.isascii() and (text.isdigit() or not text)


def _group_of(name: str) -> str:
    return name.partition(".")[0] if "." in name else ""


def _template(names: list[str]) -> str:
    """Write the JSON object of some columns, those of one group side by side, with %s where each cell goes."""
    parts = []
    for group, grouped in groupby(names, _group_of):
        fields = ",".join(f"{_name(name)}:{MARKS.get(name, TEXT)}" for name in grouped)
        parts.append(f'"{group}":{{{fields}}}' if group else fields)
    return f"{{{','.join(parts)}}}"


def _name(name: str) -> str:
    return _encode(name.split(".", 1)[-1]).decode().replace("%", "%%")


def read_rows(body: bytes) -> list[tuple[list[str], str]]:
    """Split a body into rows, each with its text, blank ones dropped; broken UTF-8 becomes U+FFFD, NUL stays.

    A row that the csv module cannot read (a cell beyond 64 KiB) is one row with one cell.
    """
    text = body.decode("utf-8-sig", "replace")
    lines = text.replace("\r\n", "\n").split("\n")
    rows = _read_quickly(lines)
    if rows is None:
        return _read_slowly(text)
    if len(text.split()) > len(lines):  # somewhere is a blank within a line
        rows = [list(map(str.strip, row)) for row in rows]
    return [(row, line) for row, line in zip(rows, lines, strict=True) if line and not line.isspace()]


def _read_quickly(lines: list[str]) -> list[list[str]] | None:
    """Split lines each of which is a row; only those with quotes need the csv module. None when a cell has a line break."""
    quoted = [line for line in lines if '"' in line or len(line) > MAX_CELL]
    if any("\r" in line for line in lines):
        return None
    try:
        found = list(csv.reader([*quoted, ""]))
    except csv.Error:
        return None
    if len(found) <= len(quoted):
        return None
    read = iter(found)
    return [next(read) if '"' in line or len(line) > MAX_CELL else line.split(",") for line in lines]


def _read_slowly(text: str) -> list[tuple[list[str], str]]:
    source = _Lines(text)
    reader = csv.reader(source, strict=False)
    rows: list[tuple[list[str], str]] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:
            row = [""]
        line = source.taken()
        if row and line.strip():
            rows.append(([cell.strip() for cell in row], line))
    return rows


class _Lines:
    """The lines of a text, remembering those that the reader took for one row."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            raise StopIteration
        self._taken.append(line)
        return line

    def taken(self) -> str:
        text = "".join(self._taken).rstrip("\r\n")
        self._taken.clear()
        return text


def _without_empty_ends(
    header: list[str], records: list[tuple[list[str], str]]
) -> tuple[list[str], list[tuple[list[str], str]]]:
    """Leave out the cells beyond the last name, where they are all empty: spreadsheets end lines with commas."""
    width = max((at for at, name in enumerate(header, 1) if name), default=0)
    if len(header) == width and all(len(row) <= width for row, _ in records):
        return header, records
    cut = [(row if any(row[width:]) else row[:width], line) for row, line in records]
    return (header if any(len(row) > width for row, _ in cut) else header[:width]), cut


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in FIELDS and not name.startswith(("counters.", "labels."))]
    if unknown:
        raise UnreadableBody("unknown_column", f"There is no field “{unknown[0][:40]}”.", pointer=f"/{unknown[0][:40]}")
    if len(set(header)) < len(header):
        raise UnreadableBody("duplicate_column", "A column occurs twice in the header.")
    if missing := sorted(REQUIRED - set(header)):
        raise UnreadableBody("missing_column", f"The column {missing[0]} is missing.", pointer=f"/{missing[0]}")


def _decode_row(header: list[str], head: str, row: list[str], line: str) -> Decoded:
    raw = f"{head}\n{line}".encode()[:KEPT_BYTES]
    call_id = ""
    try:
        fields = _fields_of(header, row)
        call_id = str(fields.get("call_id", ""))[:128]
        record = msgspec.convert(fields, CallRecord)
    except Unfit as unfit:
        return Decoded(raw=raw, fault=unfit.fault, call_id=call_id)
    except msgspec.ValidationError as error:
        return Decoded(raw=raw, fault=fault_of(error), call_id=call_id)
    return Decoded(raw=raw, record=record, call_id=record.call_id)


def _fields_of(header: list[str], row: list[str]) -> dict[str, Any]:
    if len(row) != len(header):
        raise Unfit("wrong_columns", f"The row has {len(row)} cells, the header {len(header)}.")
    fields: dict[str, Any] = dict(compress(zip(header, row, strict=True), row))
    within, whole = _columns(tuple(header))
    for name, group, inner in within:
        if name in fields:
            fields.setdefault(group, {})[inner] = fields.pop(name)
    if modules := fields.get("modules"):
        fields["modules"] = [code.strip() for code in modules.split(",") if code.strip()]
    for name in whole:
        if name in fields:
            fields[name] = whole_number(fields[name], name)
    return fields


@functools.lru_cache(maxsize=64)
def _columns(header: tuple[str, ...]) -> tuple[list[tuple[str, str, str]], list[str]]:
    """List the columns of what has names (counters.asr_seconds, counters, asr_seconds), and those of whole numbers."""
    within = [(name, *name.split(".", 1)) for name in header if "." in name]
    return within, [name for name in header if name in WHOLE]  # type: ignore[return-value]


def whole_number(text: str, name: str) -> int:
    """Read a whole number of a cell. Raises Unfit with the column's name."""
    if text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 19:
        return int(text)
    raise Unfit("not_a_number", f"{name} is not a whole number.", f"/{name}")
