"""CloudEvents 1.0, structured and batch: the event's ``data`` is a native record.

The event's identity is (source, id); the call's is ``data.call_id``, or the event's id where the data has none.
"""

from __future__ import annotations

from typing import Any

import msgspec

from usage.formats import native
from usage.formats.native import KEPT_BYTES, UNREADABLE, UnreadableBody
from usage.formats.record import Decoded, Fault

REQUIRED = ("specversion", "id", "source", "type")
_any = msgspec.json.Decoder()
_parts = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(body: bytes) -> list[Decoded]:
    """Read one event or an array of up to 5,000. Raises UnreadableBody when the body is neither."""
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
    except UNREADABLE as error:
        return Decoded(raw=kept, fault=native.fault_of(error))
    fault = _fault_of_event(attributes, event)
    call_id = attributes.get("id")
    shown = call_id[:128].replace("\x00", "") if isinstance(call_id, str) else ""
    if fault:
        return Decoded(raw=kept, fault=fault, call_id=shown)
    data = bytes(event["data"])
    if b'"call_id"' not in data and data.lstrip()[:1] == b"{":
        rest = data.lstrip()[1:].lstrip()
        data = b'{"call_id":' + msgspec.json.encode(call_id) + (b"}" if rest == b"}" else b"," + rest)
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
    if "data" not in event:
        return Fault("invalid_event", "The event has no data; put the call record there.", "/data")
    return None
