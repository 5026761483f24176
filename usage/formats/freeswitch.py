"""FreeSWITCH's mod_json_cdr, as the switch posts it: raw JSON, ``cdr=`` percent-encoded or base64, whatever the header says.

Source: mod_json_cdr.c, switch_utils.c (switch_url_encode), switch_ivr_generate_json_cdr; real payloads in tests/data/cdr.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from usage.formats.native import KEPT_BYTES, fault_of
from usage.formats.record import CallRecord, Decoded, Fault

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Variables = dict[str, str]


class Unreadable(ValueError):
    """The body is no mod_json_cdr document."""


def decode(body: bytes, uuid: str = "") -> Decoded:
    """Read one posted document; ``uuid`` is the identity in the query, for a body that lost its own."""
    try:
        document = _document(body)
        variables = _variables(document)
        record, flags = _record(document, variables, uuid)
        return Decoded(raw=body[:KEPT_BYTES], record=record, call_id=record.call_id, flags=flags)
    except Unreadable as error:
        return Decoded(raw=body[:KEPT_BYTES], fault=Fault("unreadable_cdr", str(error)), call_id=uuid[:128])
    except msgspec.ValidationError as error:
        return Decoded(raw=body[:KEPT_BYTES], fault=fault_of(error), call_id=uuid[:128])


def _document(body: bytes) -> dict[str, Any]:
    """Sniff the three forms of the body; the content type cannot be believed."""
    content = body.strip()
    if content.startswith(b"cdr="):
        content = content[4:]
        # Base64 comes unescaped, and a form parser on the way may have made spaces of its "+".
        content = unquote_to_bytes(content) if content[:1] in b"%{" else _base64(content)
    # UTF-8 may be cut in the middle by the switch's buffers: keep what is readable.
    try:
        document = msgspec.json.decode(content.decode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("variables"), dict):
        raise Unreadable("The document has no variables; is this mod_json_cdr?")
    return document


def _base64(content: bytes) -> bytes:
    restored = unquote_to_bytes(content).replace(b" ", b"+")
    try:
        return base64.b64decode(restored + b"=" * (-len(restored) % 4), validate=True)
    except binascii.Error:
        raise Unreadable("The body begins with cdr= but is neither percent-encoded nor base64.") from None


def _variables(document: dict[str, Any]) -> Variables:
    """Return the channel's variables as text; percent-decoded where encode-values wrote them so."""
    variables = {name: value for name, value in document["variables"].items() if isinstance(value, str)}
    # A stamp always holds a colon, so an encoded document gives itself away.
    encoded = any("%3A" in variables.get(f"{name}_stamp", "") for name in ("start", "end", "profile_start"))
    return {name: unquote(value) for name, value in variables.items()} if encoded else variables


def _record(document: dict[str, Any], variables: Variables, uuid: str) -> tuple[CallRecord, list[str]]:
    flags: list[str] = []
    start, answer, end = (_instant(variables, f"{name}_uepoch") for name in ("start", "answer", "end"))
    if start is None:
        raise Unreadable("start_uepoch is missing or 0; the call's time cannot be known.")
    if end is None or end < start:
        end = max(start, answer or start)
        flags.append("clamped_end")  # hung up before it was ever up: the switch writes a negative duration
    call_id = variables.get("uuid") or uuid
    if not call_id:
        raise Unreadable("Neither the document nor the address names the call's uuid.")
    caller, callee = _parties(document, variables)
    transferred = _instant(variables, "hd_transferred_uepoch")
    fields = {
        "call_id": call_id,
        "leg": "b" if _is_second_leg(document, variables) else "a",
        "direction": _direction(document, variables),
        "caller": caller,
        "callee": callee,
        "started_at": start,
        "answered_at": answer,
        "ended_at": end,
        "talk_ms": _talk_ms(variables) if answer else None,
        "reported_seconds": _whole(variables, "billsec") if answer else None,
        "hangup_cause": variables.get("hangup_cause", ""),
        "transferred_at": transferred,
        "agent_ms": _whole(variables, "hd_agent_ms") or 0,
        "modules": [module for module in variables.get("hd_modules", "").split(",") if module],
        "counters": _counters(variables),
        "labels": {n.removeprefix("hd_label_"): v for n, v in variables.items() if n.startswith("hd_label_")},
    } | {name: variables.get(f"hd_{name}", "") for name in ("robot", "line", "region", "language")}
    return msgspec.convert(fields, CallRecord), flags


def _parties(document: dict[str, Any], variables: Variables) -> tuple[str, str]:
    """Return caller and callee; for calls the switch originates it shows the called party as the caller."""
    flow = document.get("callflow")
    newest = flow[0] if isinstance(flow, list) and flow and isinstance(flow[0], dict) else {}
    profile = newest.get("caller_profile")
    profile = profile if isinstance(profile, dict) else {}
    callee = _text(profile, "destination_number") or variables.get("destination_number") or variables.get("sip_req_user", "")
    originated = variables.get("origination_caller_id_number") or (
        _text(profile, "ani") if variables.get("channel_cid_flipped") == "yes" else ""
    )
    caller = originated or _text(profile, "caller_id_number") or variables.get("sip_from_user", "")
    return caller[:64], callee[:64]


def _is_second_leg(document: dict[str, Any], variables: Variables) -> bool:
    """Tell a b-leg, which the switch posts by default and nobody pays for twice."""
    if variables.get("originating_leg_uuid") or variables.get("originator"):
        return True
    flow = document.get("callflow")
    profiles = [each.get("caller_profile") for each in flow if isinstance(each, dict)] if isinstance(flow, list) else []
    return any(isinstance(profile, dict) and profile.get("originator") for profile in profiles)


def _direction(document: dict[str, Any], variables: Variables) -> str:
    channel = document.get("channel_data")
    named = variables.get("direction") or (_text(channel, "direction") if isinstance(channel, dict) else "")
    return "outbound" if named == "outbound" else "inbound"


def _talk_ms(variables: Variables) -> int | None:
    """Prefer microseconds: billsec is a difference of truncated seconds (67.54 s → 68)."""
    micros = _whole(variables, "billusec")
    return None if micros is None else (micros + 500) // 1000


def _whole(variables: Variables, name: str) -> int | None:
    text = variables.get(name, "")
    return max(int(text), 0) if text.lstrip("-").isdecimal() and len(text) < 19 else None


def _instant(variables: Variables, name: str) -> datetime | None:
    """Read microseconds since 1970; "0" is never. Seconds are the fallback where a switch sends no microseconds."""
    micros = _whole(variables, name)
    if micros is None:
        seconds = _whole(variables, name.replace("_uepoch", "_epoch"))
        micros = None if seconds is None else seconds * 1_000_000
    try:
        return EPOCH + timedelta(microseconds=micros) if micros else None
    except OverflowError:
        raise Unreadable(f"{name} is beyond any calendar.") from None


def _counters(variables: Variables) -> dict[str, Decimal]:
    counters = {}
    for name, value in variables.items():
        if name.startswith("hd_counter_"):
            try:
                counters[name.removeprefix("hd_counter_")] = Decimal(value)
            except InvalidOperation:
                raise Unreadable(f"{name} is not a number.") from None
    return counters


def _text(mapping: dict[str, Any], name: str) -> str:
    value = mapping.get(name)
    return value if isinstance(value, str) else ""
