"""Huadan's own format: JSON, one object or an array, or one object a line (NDJSON), in the fields of ``CallRecord``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from billing.errors import Refused
from usage.formats.record import CallRecord, Decoded, Fault, Whole

MAX_RECORDS = 5000
KEPT_BYTES = 256 * 1024
POINTER = re.compile(r" - at `\$(.*)`\Z", re.DOTALL)
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_whole = msgspec.json.Decoder(list[CallRecord])
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_one = msgspec.json.Decoder(CallRecord)
_any = msgspec.json.Decoder()
_lenient, _SPACE = json.JSONDecoder(strict=False), re.compile(r"[ \t\n\r]*")


class UnreadableBody(Refused):
    """The body as a whole cannot be read; nothing of it was stored."""

    def as_fault(self) -> Fault:
        """Return the refusal as the fault of one record."""
        return Fault(self.code, self.message, self.pointer)


class TooManyRecords(UnreadableBody):
    """The body has more records than one request may carry."""

    status = 413


def decode(body: bytes) -> Sequence[Decoded]:
    """Read an object or an array of up to 5,000 records; a record that does not fit becomes a fault, not an error.

    Raises UnreadableBody when the body is no JSON array or object, or has too many records.
    """
    if whole := _read_whole(body, _whole.decode, _any.decode, lambda: _parts.decode(body)):
        return whole
    try:
        if body.lstrip()[:1] == b"{":
            _any.decode(body)
            return [decode_one(body)]
        raws = [bytes(raw) for raw in _parts.decode(body)]
    except UNREADABLE as error:
        if all(line.lstrip()[:1] in {b"{", b""} for line in body.split(b"\n")) and body.count(b"\n"):
            return decode_lines(body)  # NDJSON, whatever its Content-Type says
        raws = _elements(body)
        if not raws:
            raise UnreadableBody("not_json", f"The body is no JSON object or array of call records: {error}.") from None
    refuse_too_many(len(raws))
    return [decode_one(raw) for raw in raws]


def _elements(body: bytes) -> list[bytes]:
    """Split an array that the quick decoder refuses as a whole for NaN, half a character or a raw NUL in one record.

    The record that has it is then refused by itself, and takes no other along. Empty when it is no array even so.
    """
    found: list[bytes] = []
    text, at, wanted = body.decode("utf-8", "surrogateescape"), 0, "["
    try:
        while True:
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
            if text[at] == "]" and found:
                return found if not text[at + 1 :].strip(" \t\n\r") else []
            if text[at] != wanted:
                return []
            start = _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
            _, at = _lenient.raw_decode(text, start)
            found.append(text[start:at].encode("utf-8", "surrogateescape"))
            wanted = ","
    except (ValueError, IndexError, RecursionError):
        return []


def decode_lines(body: bytes) -> Sequence[Decoded]:
    """Read NDJSON: one record a line, blank lines ignored. Raises UnreadableBody when there are too many.

    Where each end of a line lies between two objects, and there is one object more than ends, each line is one object:
    nothing has to be split.
    """
    body = body.strip()
    ends = body.count(b"\n")
    if body.count(b"}\n{") == ends:
        whole = _read_whole(body, _one.decode_lines, _any.decode_lines, lambda: body.split(b"\n"))
        if whole and len(whole) == ends + 1:
            return whole
    lines = [line for line in body.split(b"\n") if not line.isspace() and line]
    refuse_too_many(len(lines))
    whole = _read_whole(b"[" + b",".join(lines) + b"]", _whole.decode, _any.decode, lambda: lines)
    return whole if whole and len(whole) == len(lines) else [decode_one(line) for line in lines]


def _read_whole(
    body: bytes,
    typed: Callable[[bytes], list[CallRecord]],
    untyped: Callable[[bytes], Any],
    split: Callable[[], list[bytes] | list[msgspec.Raw]],
) -> Whole | None:
    """Read records none of which has a fault, by two decoders; None when one may have, or when there are too many."""
    try:
        records = typed(body)
        if len(records) > MAX_RECORDS:
            return None
        fields = sum(map(len, untyped(body))) + sum(len(each.counters) + len(each.labels) for each in records)
    except UNREADABLE:
        return None
    return None if names_in(body) > fields else Whole(records, split)


def refuse_too_many(count: int) -> None:
    """Raise TooManyRecords beyond the bound of one request."""
    if count > MAX_RECORDS:
        raise TooManyRecords("too_many_records", f"Send at most {MAX_RECORDS} records at once; these are {count}.")


def may_repeat_names(body: bytes, parsed: Any) -> bool:
    """Tell whether an object may name a field twice: there are not as many colons after names as fields.

    The decoders keep the last of two; a sender that says two things must be asked. Counting is quick and errs on the
    careful side: a text that holds `":` is looked at again, record by record.
    """
    objects = [each for each in (parsed if type(parsed) is list else [parsed]) if type(each) is dict]
    inner = [found for each in objects for name in ("counters", "labels") if type(found := each.get(name)) is dict]
    fields = sum(map(len, objects)) + sum(map(len, inner))
    return names_in(body) > fields


def names_in(body: bytes) -> int:
    """Count the fields that a JSON text names, and beyond them the texts that look like it."""
    return body.translate(None, b" \t\n\r").count(b'":')


def decode_one(raw: bytes) -> Decoded:
    """Read one record; what does not fit becomes a fault with a pointer."""
    try:
        record = _one.decode(raw)
        if may_repeat_names(raw, _any.decode(raw)):
            json.loads(raw, object_pairs_hook=_refuse_repeated)
    except _Repeated as repeated:
        fault = Fault("duplicate_key", f"The field “{repeated.name}” occurs twice in one object.", f"/{repeated.name}")
        return Decoded(raw=raw[:KEPT_BYTES], fault=fault, call_id=_call_id(raw))
    except (*UNREADABLE, ValueError) as error:
        return Decoded(raw=raw[:KEPT_BYTES], fault=fault_of(error), call_id=_call_id(raw))
    return Decoded(raw=raw, record=record, call_id=record.call_id)


class _Repeated(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name[:40]


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Repeated(name)
        found[name] = value
    return found


def fault_of(error: Exception) -> Fault:
    """Put a decoder's message into a fault with a JSON pointer."""
    text = str(error)
    found = POINTER.search(text)
    path = re.sub(r"\[(\.\.\.|\d+)\]", r"/\1", found.group(1)).replace(".", "/").replace("[/", "/") if found else ""
    return Fault("invalid_record", POINTER.sub("", text)[:500] + ".", path.replace("///", "/*")[:200])


def _call_id(raw: bytes) -> str:
    try:
        found = _any.decode(raw)
    except UNREADABLE:
        return ""
    call_id = found.get("call_id") if isinstance(found, dict) else None
    return call_id[:128].replace("\x00", "") if isinstance(call_id, str) else ""
