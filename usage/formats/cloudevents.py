"""CloudEvents 1.0, structured, batch and binary: the event's ``data`` is a native record.

The event's identity is (source, id); the call's is ``data.call_id``, or the event's id where the data has none. Source:
CloudEvents 1.0.2, its JSON event format (data, data_base64) and its HTTP protocol binding (ce- headers, percent-encoded).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from usage.formats import native
from usage.formats.native import KEPT_BYTES, UNREADABLE, UnreadableBody
from usage.formats.record import Decoded, Fault, Unfit
from usage.formats.repeats import refuse_repeated_names

HEADER = "HTTP_CE_"
REQUIRED = ("specversion", "id", "source", "type")
_any = msgspec.json.Decoder()
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(dict[str, msgspec.Raw])


def structured(headers: Mapping[str, Any], body: bytes) -> bytes:
    """Write an event whose attributes travel in ce- headers as one document; any other body stays as it is.

    ``headers`` are named as WSGI names them.
    """
    if f"{HEADER}SPECVERSION" not in headers:
        return body
    attributes = {
        name.removeprefix(HEADER).lower(): unquote(str(value), errors="replace")
        for name, value in headers.items()
        if name.startswith(HEADER)
    }
    return msgspec.json.encode(attributes)[:-1] + b',"data":' + (body.strip() or b"null") + b"}"


def decode(body: bytes) -> list[Decoded]:
    """Read one event or an array of up to 5,000. Raises UnreadableBody when the body is neither."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if body.lstrip()[:1] == b"{":
        return [_decode_event(body)]
    try:
        raws = _parts.decode(body)
    except UNREADABLE as error:
        raise UnreadableBody("not_json", f"The body is no CloudEvents document: {error}.") from None
    native.refuse_too_many(len(raws))
    return [_decode_event(bytes(raw)) for raw in raws]


def _decode_event(raw: bytes) -> Decoded:
    kept = raw[:KEPT_BYTES]
    try:
        event = _event.decode(raw)
        attributes = {name: _any.decode(value) for name, value in event.items() if name != "data"}
        refuse_repeated_names(raw, _any.decode(raw))
    except Unfit as unfit:
        return Decoded(raw=kept, fault=unfit.fault)
    except UNREADABLE as error:
        return Decoded(raw=kept, fault=native.fault_of(error))
    fault = _fault_of_event(attributes, event)
    call_id = attributes.get("id")
    shown = call_id[:128].replace("\x00", "") if isinstance(call_id, str) else ""
    if fault:
        return Decoded(raw=kept, fault=fault, call_id=shown)
    try:
        data = _data_of(event, attributes)
    except Unfit as unfit:
        return Decoded(raw=kept, fault=unfit.fault, call_id=shown)
    found = native.decode_one(data)
    pointer = f"/data{found.fault.pointer}" if found.fault else ""
    inner = Fault(found.fault.code, found.fault.detail, pointer) if found.fault else None
    return Decoded(raw=kept, record=found.record, fault=inner, call_id=found.call_id or shown)


def _fault_of_event(attributes: dict[str, Any], event: dict[str, msgspec.Raw]) -> Fault | None:
    for name in REQUIRED:
        value = attributes.get(name)
        if not isinstance(value, str) or not value:
            return Fault("invalid_event", f"The event's {name} is missing or is no text.", f"/{name}")
    if attributes["specversion"] != "1.0":
        return Fault("invalid_event", "Only CloudEvents 1.0 is understood.", "/specversion")
    if not {"data", "data_base64"} & event.keys():
        return Fault("invalid_event", "The event has no data; put the call record there.", "/data")
    return None


def _data_of(event: dict[str, msgspec.Raw], attributes: dict[str, Any]) -> bytes:
    """Return the event's data as JSON, with the event's id where it names no call. Raises Unfit for broken base64."""
    if "data" in event:
        data = bytes(event["data"])
    else:
        try:
            data = base64.b64decode(str(attributes["data_base64"]), validate=True)
        except (binascii.Error, ValueError):
            raise Unfit("invalid_event", "data_base64 is no base64.", "/data_base64") from None
    try:
        named = "call_id" in _event.decode(data)
    except UNREADABLE:
        named = True  # no object: what it is, is said when it is read as a record
    if named:
        return data
    rest = data.lstrip()[1:].lstrip()
    return b'{"call_id":' + msgspec.json.encode(attributes["id"]) + (b"}" if rest[:1] == b"}" else b"," + rest)
