"""FreeSWITCH's mod_json_cdr, as the switch posts it: raw JSON, ``cdr=`` percent-encoded or base64, whatever the header says.

Source: mod_json_cdr.c, switch_utils.c (switch_url_encode), switch_ivr_generate_json_cdr; real payloads in tests/data/cdr.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

import msgspec

from usage.formats.clocks import later
from usage.formats.native import KEPT_BYTES, fault_of
from usage.formats.record import CallRecord, Decoded, Fault, Unfit
from usage.formats.repeats import refuse_repeated_names

URL_SAFE = bytes.maketrans(b"-_", b"+/")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHOLE = re.compile(r"-?\d{1,18}\Z", re.ASCII)
ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
NEVER_PLAIN = re.compile(r"[ \"#&+:;<=>?@\[\]^`{|}]")  # what encode-values never leaves as it is
LABELS = {"campaign_id": "sip_h_X-campaignId"}
NO_LABELS: Mapping[str, str] = {}
LONGEST_MS = 7 * 86_400_000
Variables = dict[str, str]


class Unreadable(Exception):
    """The body is no mod_json_cdr document."""


def decode(body: bytes, uuid: str = "", labels: Mapping[str, str] = NO_LABELS) -> Decoded:
    """Read one posted document.

    ``uuid`` is the identity in the query, for a body that lost its own; ``labels`` maps a label to the channel
    variable it is kept from, besides ``hd_label_…``.
    """
    try:
        document = _document(body)
        variables = _variables(document)
        record, flags = _record(document, variables, uuid, {**LABELS, **labels})
        return Decoded(raw=body[:KEPT_BYTES], record=record, call_id=record.call_id, flags=flags)
    except Unreadable as error:
        return Decoded(raw=body[:KEPT_BYTES], fault=Fault("unreadable_cdr", str(error)), call_id=uuid[:128])
    except Unfit as unfit:
        return Decoded(raw=body[:KEPT_BYTES], fault=unfit.fault, call_id=uuid[:128])
    except msgspec.ValidationError as error:
        return Decoded(raw=body[:KEPT_BYTES], fault=fault_of(error), call_id=uuid[:128])


def _document(body: bytes) -> dict[str, Any]:
    """Sniff the three forms of the body; the content type cannot be believed."""
    content = body.removeprefix(b"\xef\xbb\xbf").strip()
    if b"cdr=" in content[:256] and not content.startswith(b"{"):
        content = content[content.index(b"cdr=") + 4 :]
        if not content.startswith(b"{"):
            content = content.partition(b"&")[0]  # another field of the form; the encoded value itself holds none
        # Base64 comes unescaped, and a form parser on the way may have made spaces of its "+"; the percent-encoding
        # never leaves a "+", so one that is there was a space.
        encoded = content[:1] in {b"%", b"{"}
        content = unquote_to_bytes(content.replace(b"+", b" ")) if encoded else _base64(content)
    # UTF-8 may be cut in the middle by the switch's buffers: keep what is readable.
    try:
        document = msgspec.json.decode(content.decode("utf-8", "replace"))
        refuse_repeated_names(content, document)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("variables"), dict):
        raise Unreadable("The document has no variables; is this mod_json_cdr?")
    return document


def _base64(content: bytes) -> bytes:
    restored = unquote_to_bytes(content).replace(b" ", b"+").translate(URL_SAFE, b"\r\n").rstrip(b"=")
    try:
        return base64.b64decode(restored + b"=" * (-len(restored) % 4), validate=True)
    except binascii.Error:
        raise Unreadable("The body begins with cdr= but is neither percent-encoded nor base64.") from None


def _variables(document: dict[str, Any]) -> Variables:
    """Return the channel's variables as text; percent-decoded where encode-values wrote them so."""
    variables = {
        name: value if type(value) is str else str(value)
        for name, value in document["variables"].items()
        if type(value) in {str, int}
    }
    if not _is_encoded(variables):
        return variables
    return {name: unquote(value) if "%" in value else value for name, value in variables.items()}


def _is_encoded(variables: Variables) -> bool:
    """Tell whether encode-values wrote the values: a stamp always holds a colon, so it gives the document away."""
    stamps = [variables[name] for name in ("start_stamp", "profile_start_stamp", "end_stamp") if variables.get(name)]
    if stamps:
        return any("%3A" in stamp.upper() for stamp in stamps)
    texts = variables.values()
    return any(ESCAPE.search(text) for text in texts) and not any(NEVER_PLAIN.search(text) for text in texts)


def _record(
    document: dict[str, Any], variables: Variables, uuid: str, labels: Mapping[str, str]
) -> tuple[CallRecord, list[str]]:
    flags: list[str] = []
    start, answer, end = (_instant(variables, f"{name}_uepoch") for name in ("start", "answer", "end"))
    if start is None:
        raise Unreadable("start_uepoch is missing or 0; the call's time cannot be known.")
    talk_ms = _talk_ms(variables) if answer else None
    if end is None or end < start:
        # Hung up before it was ever up, and the switch writes a negative duration; or it never learnt of the end.
        end = later(max(start, answer or start), timedelta(milliseconds=min(talk_ms or 0, LONGEST_MS)))
        flags.append("clamped_end")
    if answer is not None and not start <= answer <= end:
        answer = min(max(answer, start), end)  # the clock was set in between
        flags.append("clamped_answer")
    call_id = variables.get("uuid") or uuid
    if not call_id:
        raise Unreadable("Neither the document nor the address names the call's uuid.")
    caller, callee = _parties(document, variables)
    second = _is_second_leg(document, variables)
    fields = {
        "call_id": call_id,
        "leg": "b" if second else "a",
        "direction": _direction(document, variables),
        "caller": caller,
        "callee": callee,
        "started_at": start,
        "answered_at": answer,
        "ended_at": end,
        "talk_ms": talk_ms,
        "reported_seconds": _whole(variables, "billsec") if answer else None,
        "hangup_cause": variables.get("hangup_cause") or variables.get("hangup_cause_q850", ""),
        "transferred_at": _instant(variables, "hd_transferred_uepoch"),
        "agent_ms": _whole(variables, "hd_agent_ms") or 0,
        "modules": [module for module in variables.get("hd_modules", "").split(",") if module],
        "counters": _counters(variables),
        "labels": _labels(document, variables, labels, second=second),
    } | {name: variables.get(f"hd_{name}", "") for name in ("robot", "line", "region", "language")}
    return msgspec.convert(fields, CallRecord), flags


def _parties(document: dict[str, Any], variables: Variables) -> tuple[str, str]:
    """Return caller and callee; for calls the switch originates it shows the called party as the caller."""
    profile = next(iter(_profiles(document)), {})
    callee = _text(profile, "destination_number") or _first(
        variables, "destination_number", "sip_req_user", "sip_to_user"
    )
    shown = _text(profile, "caller_id_number") or variables.get("caller_id_number", "")
    flipped = variables.get("channel_cid_flipped") == "yes" or (shown and shown == callee)
    originated = variables.get("origination_caller_id_number") or (_text(profile, "ani") if flipped else "")
    caller = originated or shown or variables.get("sip_from_user", "")
    return caller[:64], callee[:64]


def _is_second_leg(document: dict[str, Any], variables: Variables) -> bool:
    """Tell a b-leg, which the switch posts by default and nobody pays for twice."""
    if variables.get("originating_leg_uuid") or variables.get("originator"):
        return True
    return any(profile.get("originator") for profile in _profiles(document))


def _profiles(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the caller profiles of the call, the newest first."""
    flow = document.get("callflow")
    found = [each.get("caller_profile") for each in flow if isinstance(each, dict)] if isinstance(flow, list) else []
    return [profile for profile in found if isinstance(profile, dict)]


def _direction(document: dict[str, Any], variables: Variables) -> str:
    channel = document.get("channel_data")
    named = variables.get("direction") or (_text(channel, "direction") if isinstance(channel, dict) else "")
    return "outbound" if named.lower() == "outbound" else "inbound"


def _labels(
    document: dict[str, Any], variables: Variables, declared: Mapping[str, str], *, second: bool
) -> dict[str, str]:
    """Keep declared variables, and what ties the legs of a call together: call_group on a second leg, bleg_id on a first."""
    found = {label: variables[name][:256] for label, name in declared.items() if variables.get(name)}
    if second:
        found["call_group"] = _first_leg(document, variables)
    elif other := variables.get("bridge_uuid") or variables.get("last_bridge_to"):
        found["bleg_id"] = other[:256]
    found |= {name.removeprefix("hd_label_"): v for name, v in variables.items() if name.startswith("hd_label_")}
    return {label: value for label, value in found.items() if value}


def _first_leg(document: dict[str, Any], variables: Variables) -> str:
    named = variables.get("originating_leg_uuid") or variables.get("originator")
    for profile in _profiles(document):
        originator = profile.get("originator")
        callers = originator.get("originator_caller_profiles") if isinstance(originator, dict) else None
        if not named and isinstance(callers, list) and callers and isinstance(callers[0], dict):
            named = _text(callers[0], "uuid")
    return (named or variables.get("call_uuid", ""))[:256]


def _talk_ms(variables: Variables) -> int | None:
    """Prefer microseconds: billsec is a difference of truncated seconds (67.54 s → 68)."""
    micros = _whole(variables, "billusec")
    if micros is not None:
        return (micros + 500) // 1000
    millis = _whole(variables, "billmsec")
    return millis if millis is not None else _whole(variables, "billsec", 1000)


def _first(variables: Variables, *names: str) -> str:
    return next((variables[name] for name in names if variables.get(name)), "")


def _whole(variables: Variables, name: str, factor: int = 1) -> int | None:
    text = variables.get(name, "")
    return max(int(text), 0) * factor if WHOLE.match(text) else None


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
    hold_ms = _whole(variables, "hold_accum_ms") or (_whole(variables, "hold_accum_usec") or 0) // 1000
    counters = {"hold_ms": Decimal(hold_ms)} if hold_ms else {}
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
