"""Huadan's own format: JSON, one object or an array, in the fields of ``CallRecord``."""

from __future__ import annotations

import re

import msgspec

from billing.errors import Refused
from usage.formats.record import CallRecord, Decoded, Fault

MAX_RECORDS = 5000
KEPT_BYTES = 64 * 1024
POINTER = re.compile(r" - at `\$(.*)`\Z")
_whole = msgspec.json.Decoder(list[CallRecord])
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_one = msgspec.json.Decoder(CallRecord)


class UnreadableBody(Refused):
    """The body as a whole cannot be read; nothing of it was stored."""


def decode(body: bytes) -> list[Decoded]:
    """Read an object or an array of up to 5,000 records; a record that does not fit becomes a fault, not an error.

    Raises UnreadableBody when the body is no JSON array or object, or has too many records.
    """
    if body.lstrip()[:1] == b"{":
        return [_decode_one(body)]
    try:
        raws = _parts.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBody("not_json", f"The body is not a JSON array of call records: {error}.") from None
    if len(raws) > MAX_RECORDS:
        raise UnreadableBody("too_many_records", f"Send at most {MAX_RECORDS} records at once; these are {len(raws)}.")
    try:
        records = _whole.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_decode_one(bytes(raw)) for raw in raws]  # one is wrong: find out which, and take the others
    return [
        Decoded(raw=bytes(raw), record=record, call_id=record.call_id) for raw, record in zip(raws, records, strict=True)
    ]


def _decode_one(raw: bytes) -> Decoded:
    try:
        record = _one.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Decoded(raw=raw[:KEPT_BYTES], fault=fault_of(error), call_id=_call_id(raw))
    return Decoded(raw=raw, record=record, call_id=record.call_id)


def fault_of(error: Exception) -> Fault:
    """Put a decoder's message into a fault with a JSON pointer."""
    text = str(error)
    found = POINTER.search(text)
    path = re.sub(r"\[(\.\.\.|\d+)\]", r"/\1", found.group(1)).replace(".", "/").replace("[/", "/") if found else ""
    return Fault("invalid_record", POINTER.sub("", text) + ".", path.replace("///", "/*"))


def _call_id(raw: bytes) -> str:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    call_id = found.get("call_id") if isinstance(found, dict) else None
    return call_id[:128].replace("\x00", "") if isinstance(call_id, str) else ""
