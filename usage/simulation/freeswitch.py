"""Tell a simulated call as FreeSWITCH's mod_json_cdr writes it."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from usage.simulation.numbers import national
from usage.simulation.traffic import SimulatedCall

BodyForm = Literal["json", "urlencoded", "base64"]

# As sofia reports them; causes of the switch's own making (over 127) are shown as a normal end.
Q850 = {
    "UNALLOCATED_NUMBER": "1",
    "NORMAL_CLEARING": "16",
    "USER_BUSY": "17",
    "NO_ANSWER": "19",
    "SUBSCRIBER_ABSENT": "20",
    "CALL_REJECTED": "21",
    "NORMAL_TEMPORARY_FAILURE": "41",
}

# The set in switch_utils.c; all else printable goes through as it is.
_UNSAFE = frozenset(b'\r\n "#%&+:;<=>?@[\\]^`{|}')
_ENCODED = {byte: f"%{byte:02X}" if byte in _UNSAFE or not 32 <= byte <= 126 else chr(byte) for byte in range(256)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def url_encode(text: str) -> str:
    """Percent-encode as the switch does, which leaves `/` and `,` alone."""
    return "".join([_ENCODED[byte] for byte in text.encode()])


def uepoch(at: datetime | None) -> int:
    """Return microseconds since 1970; 0 is the switch's word for never."""
    return 0 if at is None else (at - _EPOCH) // timedelta(microseconds=1)


def to_freeswitch(call: SimulatedCall, zone: tzinfo, *, encode_values: bool = False) -> dict[str, Any]:
    """Return the document of the call's billable leg; stamps are local to the zone, without saying so.

    `encode_values` percent-encodes every variable's value once, the module's default setting.
    """
    times = _times(call)
    variables = {
        **_identity(call),
        **_hangup(call),
        **_clocks(times, zone),
        **_durations(times),
        **_robot(call),
    }
    if encode_values:
        variables = {name: url_encode(value) for name, value in variables.items()}
    return {
        "core-uuid": "60e127b7-2c12-49ca-aacf-00bba4eea101",
        "switchname": f"switch-{call.line}",
        "channel_data": {
            "state": "CS_REPORTING",
            "direction": call.direction,
            "state_number": "11",
            "flags": "0=1;1=1;3=1;20=1;37=1;38=1;40=1;43=1;48=1;53=1",
            "caps": "1=1;2=1;3=1;4=1;5=1;6=1",
        },
        "callStats": {},
        "variables": variables,
        "app_log": {"applications": [{"app_name": "playback", "app_data": "greeting.wav"}]},
        "callflow": _callflow(call, times),
    }


def freeswitch_body(document: Mapping[str, Any] | bytes, form: BodyForm = "json") -> tuple[bytes, str]:
    """Return the body and its content type in one of the module's three ways of posting.

    Base64 goes out with its `+`, `/` and `=` bare, as the module sends it. Bytes are taken as ready JSON.
    """
    raw = document if isinstance(document, bytes) else _compact(document)
    if form == "json":
        return raw, "application/json"
    if form == "urlencoded":
        encoded = "".join([_ENCODED[byte] for byte in raw])
        return f"cdr={encoded}".encode("ascii"), "application/x-www-form-urlencoded"
    return b"cdr=" + base64.b64encode(raw), "application/x-www-form-base64-encoded"


def _compact(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _times(call: SimulatedCall) -> dict[str, int]:
    start, end = uepoch(call.started_at), uepoch(call.ended_at)
    answer = uepoch(call.answered_at)
    # An outbound call rings before it is answered; a refused one never gets that far.
    rang = call.hangup_cause not in ("UNALLOCATED_NUMBER", "SUBSCRIBER_ABSENT", "NORMAL_TEMPORARY_FAILURE")
    progress = start + min(60_000, ((answer or end) - start) // 2) if answer or rang else 0
    bridge = end - call.agent_ms * 1000 if call.agent_ms else 0
    return {"start": start, "progress": progress, "answer": answer, "bridge": bridge, "end": end}


def _identity(call: SimulatedCall) -> dict[str, str]:
    caller, callee = national(call.caller), national(call.callee)
    variables = {
        "direction": call.direction,
        "uuid": call.call_id,
        "call_uuid": call.call_id,
        "session_id": str(int(call.call_id[:5], 16)),
        "sip_gateway_name": call.line,
        "read_codec": "PCMA",
        "write_codec": "PCMA",
    }
    if call.direction == "inbound":
        return variables | {
            "sip_from_user": caller,
            "sip_to_user": callee,
            "sip_req_user": callee,
            "channel_name": f"sofia/external/{caller}@192.0.2.77",
            "caller_id": f'"{caller}" <{caller}>',
        }
    # The switch flips a call it originates: the caller id shows the called party from here on.
    return variables | {
        "is_outbound": "true",
        "channel_name": f"sofia/external/{callee}",
        "origination_caller_id_name": caller,
        "origination_caller_id_number": caller,
        "originate_early_media": "true",
        "endpoint_disposition": "ANSWER" if call.answered_at else "EARLY MEDIA",
        "pre_transfer_caller_id_name": caller,
        "pre_transfer_caller_id_number": caller,
        "channel_cid_flipped": "yes",
        "caller_id": f'"Outbound Call" <{callee}>',
    }


def _hangup(call: SimulatedCall) -> dict[str, str]:
    variables = {
        "hangup_cause": call.hangup_cause,
        "hangup_cause_q850": Q850.get(call.hangup_cause, "16"),
        "digits_dialed": "none",
        "last_app": "bridge" if call.transferred_at else "playback",
        "sip_hangup_disposition": "recv_bye" if call.answered_at else "recv_refuse",
    }
    if call.transferred_at is None:
        return variables
    agent_leg = _agent_leg(call)
    return variables | {
        "bridge_uuid": agent_leg,
        "last_bridge_to": agent_leg,
        "originated_legs": f"ARRAY::{agent_leg};Outbound Call;agent",
        "bridge_hangup_cause": "NORMAL_CLEARING",
    }


def _agent_leg(call: SimulatedCall) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, call.call_id))


def _clocks(times: Mapping[str, int], zone: tzinfo) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name in ("start", "answer", "bridge", "progress", "end"):
        micros = times[name]
        if micros:
            local = datetime.fromtimestamp(micros // 1_000_000, zone)
            variables[f"{name}_stamp"] = local.strftime("%Y-%m-%d %H:%M:%S")
        variables[f"{name}_epoch"] = str(micros // 1_000_000)
        variables[f"{name}_uepoch"] = str(micros)
    return variables


def _durations(times: Mapping[str, int]) -> dict[str, str]:
    spans = {
        "duration": (times["start"], times["end"]),
        "bill": (times["answer"], times["end"]),
        "progress": (times["start"], times["progress"]),
        "answer": (times["start"], times["answer"]),
        "wait": (times["start"], times["bridge"]),
        "flow_bill": (times["start"], times["end"]),
    }
    variables: dict[str, str] = {}
    for name, (since, until) in spans.items():
        # Seconds and milliseconds are differences of truncated clocks, which is why 67.54 s become 68.
        happened = bool(since and until)
        seconds, millis, micros = (
            str(until // unit - since // unit) if happened else "0" for unit in (1_000_000, 1_000, 1)
        )
        if name == "duration":
            variables |= {"duration": seconds, "mduration": millis, "uduration": micros}
        else:
            variables |= {f"{name}sec": seconds, f"{name}msec": millis, f"{name}usec": micros}
    return variables


def _robot(call: SimulatedCall) -> dict[str, str]:
    """Return the channel variables a dialplan sets for billing."""
    variables = {
        "hd_robot": call.robot,
        "hd_line": call.line,
        "hd_region": call.region,
        "hd_language": call.language,
    }
    if call.modules:
        variables["hd_modules"] = ",".join(call.modules)
    if call.transferred_at is not None:
        variables["hd_transferred_uepoch"] = str(uepoch(call.transferred_at))
        variables["hd_agent_ms"] = str(call.agent_ms)
    variables |= {f"hd_counter_{name}": str(value) for name, value in call.counters.items()}
    return variables | {f"hd_label_{name}": value for name, value in call.labels.items()}


def _callflow(call: SimulatedCall, times: Mapping[str, int]) -> list[dict[str, Any]]:
    """List the profiles, newest first: a transfer starts a second one and leaves the first unended."""
    if call.transferred_at is None:
        return [_profile(call, 1, times, transferred=0)]
    moved = uepoch(call.transferred_at)
    first = {"start": times["start"], "progress": 0, "answer": 0, "bridge": 0, "end": 0}
    return [_profile(call, 2, times, transferred=0), _profile(call, 1, first, transferred=moved)]


def _profile(call: SimulatedCall, index: int, times: Mapping[str, int], transferred: int) -> dict[str, Any]:
    caller, callee = national(call.caller), national(call.callee)
    inbound = call.direction == "inbound"
    return {
        "dialplan": "XML",
        "profile_index": str(index),
        "extension": {
            "name": "robot",
            "number": callee,
            "applications": [{"app_name": "playback", "app_data": "greeting.wav"}],
        },
        "caller_profile": {
            "username": "",
            "dialplan": "XML" if inbound else "",
            "caller_id_name": caller if inbound else "Outbound Call",
            "ani": caller,
            "aniii": "",
            "caller_id_number": caller if inbound else callee,
            "network_addr": "192.0.2.77",
            "rdnis": "",
            "destination_number": callee,
            "uuid": call.call_id,
            "source": "mod_sofia" if inbound else "src/switch_ivr_originate.c",
            "context": "default",
            "chan_name": f"sofia/external/{caller if inbound else callee}",
        },
        "times": {
            "created_time": str(times["start"]),
            "profile_created_time": str(times["start"]),
            "progress_time": str(times["progress"]),
            "progress_media_time": "0",
            "answered_time": str(times["answer"]),
            "bridged_time": str(times["bridge"]),
            "last_hold_time": "0",
            "hold_accum_time": "0",
            "hangup_time": str(times["end"]),
            "resurrect_time": "0",
            "transfer_time": str(transferred),
        },
    }
