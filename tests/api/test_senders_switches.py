"""What switches may post that is in no sample: each through its door, looked at in the table."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from tenants.models import Tenant
from usage.models import Call, Quarantined, Source

NINE = datetime(2026, 10, 8, 1, 0, tzinfo=UTC)  # nine o'clock in Shanghai


@pytest.fixture
def door(key: str, source: Source, tenant: Tenant) -> Callable[..., dict[str, Any]]:
    tenant.keep_numbers = True
    tenant.save()

    def send(path: str, body: bytes | str, content_type: str = "application/json") -> dict[str, Any]:
        answer = Client().post(
            f"/api/v1/cdr/{path}", data=body, content_type=content_type, headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == 200, answer.content
        told: dict[str, Any] = answer.json()
        return told

    return send


def seen(call: Call) -> dict[str, Any]:
    """Return what the tables below may name of a call."""
    return {
        "id": call.call_id, "leg": call.leg, "direction": call.direction, "from": call.caller_number, "to": call.callee_number,
        "start": call.started_at, "answer": call.answered_at, "end": call.ended_at, "talk": call.talk_ms,
        "seconds": call.reported_seconds, "cause": call.hangup_cause, "labels": call.labels, "flags": call.flags,
        "counters": call.counters, "modules": call.modules, "agent": call.agent_ms, "transfer": call.transferred_at,
        "robot": call.robot,
    }  # fmt: skip


def at(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


# -- FreeSWITCH ---------------------------------------------------------------------------------------------------------

VARIABLES = {
    "uuid": "u-1", "direction": "outbound", "start_stamp": "2026-10-08 09:00:00", "start_epoch": "1791421200",
    "start_uepoch": "1791421200120000", "answer_epoch": "1791421205", "answer_uepoch": "1791421205480000",
    "end_epoch": "1791421266", "end_uepoch": "1791421266000000", "duration": "66", "billsec": "61", "billmsec": "60520",
    "billusec": "60520000", "hangup_cause": "NORMAL_CLEARING", "caller_id_number": "02155501000",
    "destination_number": "13800001234",
}  # fmt: skip
USUAL = {
    "id": "u-1", "leg": "a", "direction": "outbound", "from": "02155501000", "to": "13800001234", "start": at(0.12),
    "answer": at(5.48), "end": at(66), "talk": 60_520, "seconds": 61, "cause": "NORMAL_CLEARING", "labels": {}, "flags": [],
}  # fmt: skip
UNANSWERED = {"answer": None, "talk": 0, "seconds": None}
NEVER = {"answer_uepoch": "0", "answer_epoch": "0", "billsec": "0", "billusec": "0", "billmsec": "0"}


def document(*without: str, **changes: Any) -> dict[str, Any]:
    return {"variables": {k: v for k, v in (VARIABLES | changes).items() if k not in without}}


def encoded(variables: dict[str, str]) -> dict[str, Any]:
    return {"variables": {name: quote(value, safe="") for name, value in variables.items()}}


PROFILE = {"caller_id_number": "13800001234", "ani": "02155501000", "destination_number": "13800001234"}
FREESWITCH: dict[str, tuple[Any, dict[str, Any]]] = {
    "as usual": (document(), {}),
    "nobody answered, cleared normally": (document(**NEVER), UNANSWERED),
    "nobody answered, though seconds are told": (document(answer_uepoch="0", answer_epoch="0"), UNANSWERED),
    "originator cancelled": (document(**NEVER, hangup_cause="ORIGINATOR_CANCEL"), UNANSWERED | {"cause": "ORIGINATOR_CANCEL"}),
    "negative seconds": (document(**NEVER | {"duration": "-1791421200", "billsec": "-1791421200"}), UNANSWERED),
    "no microseconds": (
        document("start_uepoch", "answer_uepoch", "end_uepoch", "billusec", "billmsec"),
        {"start": at(0), "answer": at(5), "talk": 61_000},
    ),
    "milliseconds at best": (document("billusec"), {"talk": 60_520}),
    "numbers for texts": (document(start_uepoch=1791421200120000, billsec=61), {}),
    "the end was never written": (document("end_uepoch", "end_epoch"), {"end": at(66), "flags": ["clamped_end"]}),
    "the end is before the start": (document(end_uepoch="1791421100000000"), {"end": at(66), "flags": ["clamped_end"]}),
    "the clock was set back before the answer": (
        document(answer_uepoch="1791421199000000"), {"answer": at(0.12), "flags": ["clamped_answer", "talk_differs_from_clock"]}),
    "the answer is after the end": (
        document(answer_uepoch="1791421300000000"),
        {"answer": at(66), "flags": ["clamped_answer", "talk_differs_from_clock"]}),
    "answered for no time": (document(billsec="0", billusec="0", billmsec="0"), {"talk": 0, "seconds": 0, "flags": ["talk_differs_from_clock"]}),
    "a name in Chinese": (document(caller_id_name="张三"), {}),
    "every value percent-encoded": (encoded(VARIABLES | {"caller_id_name": "张三 & Co", "destination_number": "+8613800001234"}), {"to": "+8613800001234"}),
    "a percent sign that is none": (document(sip_user_agent="100% Phone: v2"), {}),
    "a plus in a number": (document(destination_number="+8613800001234"), {"to": "+8613800001234"}),
    "parties only as SIP users": (
        document("caller_id_number", "destination_number", sip_from_user="1001", sip_to_user="1002"),
        {"from": "1001", "to": "1002"}),
    "inbound by the channel": ({"channel_data": {"direction": "inbound"}} | document("direction"), {"direction": "inbound"}),
    "the direction in capitals": (document(direction="Outbound"), {}),
    "a second leg by originator": (document(originator="u-0"), {"leg": "b", "labels": {"call_group": "u-0"}}),
    "a second leg by originating_leg_uuid": (document(originating_leg_uuid="u-0"), {"leg": "b", "labels": {"call_group": "u-0"}}),
    "a second leg by the caller's profile": (
        document() | {"callflow": [{"caller_profile": PROFILE | {"originator": {"originator_caller_profiles": [{"uuid": "u-0"}]}}}]},
        {"leg": "b", "labels": {"call_group": "u-0"}}),
    "a first leg that was bridged": (document(bridge_uuid="u-9"), {"labels": {"bleg_id": "u-9"}}),
    "the caller flipped": (document(caller_id_number="13800001234", origination_caller_id_number="02155501000"), {}),
    "the caller flipped, known by its ani": (document("caller_id_number") | {"callflow": [{"caller_profile": PROFILE}]}, {}),
    "a transfer to a person": (
        document(hd_transferred_uepoch="1791421240000000", hd_agent_ms="26000"),
        {"transfer": at(40), "agent": 26_000}),
    "billing variables of the dialplan": (
        document(hd_modules="asr, tts,", hd_counter_asr_seconds="12.5", hd_label_waybill="SF1", hd_robot="r-1"),
        {"labels": {"waybill": "SF1"}, "counters": {"asr_seconds": "12.5"}, "robot": "r-1"}),
    "time on hold": (document(hold_accum_usec="7139000"), {"counters": {"hold_ms": "7139"}}),
    "lists, nothing and yes among the variables": (document(x=True, y=None, z=[1], w={"a": 1}), {}),
    "no cause but a number": (document("hangup_cause", hangup_cause_q850="17"), {"cause": "17"}),
    "the long document with everything around": (
        {"core-uuid": "c", "switchname": "s", "channel_data": {"state": "CS_REPORTING", "direction": "inbound"},
         "app_log": {"applications": [{"app_name": "bridge", "app_data": 'a":b'}]}, "callflow": {"dialplan": "XML"}} | document(), {}),
}  # fmt: skip


def assert_stored(expected: dict[str, Any]) -> None:
    stored = seen(Call.objects.get())
    assert {name: stored[name] for name in expected} == expected


@pytest.mark.parametrize(("posted", "changes"), FREESWITCH.values(), ids=FREESWITCH.keys())
def test_a_freeswitch_call_is_stored_as_it_was(posted: Any, changes: dict[str, Any], door: Any) -> None:
    told = door("freeswitch/switch-1", json.dumps(posted, ensure_ascii=False))
    assert told["accepted"] == 1, told
    assert_stored(USUAL | changes)
    assert door("freeswitch/switch-1/", json.dumps(posted))["duplicates"] == 1


RAW = json.dumps(document()).encode()
BODIES = {
    "raw JSON as a form": (RAW, "application/x-www-form-urlencoded"),
    "with a byte order mark": (b"\xef\xbb\xbf" + RAW, "application/json"),
    "percent-encoded": (b"cdr=" + quote(RAW, safe="").encode(), "application/x-www-form-urlencoded"),
    "percent-encoded, spaces as plus": (b"cdr=" + quote(RAW).replace("%20", "+").encode(), "text/plain"),
    "the uuid before it": (b"uuid=u-1&cdr=" + quote(RAW, safe="").encode(), "application/x-www-form-urlencoded"),
    "the uuid after it": (b"cdr=" + quote(RAW, safe="").encode() + b"&uuid=u-1", "application/x-www-form-urlencoded"),
    "base64": (b"cdr=" + base64.b64encode(RAW), "application/x-www-form-base64-encoded"),
    "base64 whose plus became a space": (b"cdr=" + base64.b64encode(RAW + b" " * 3).replace(b"+", b" "), ""),
    "base64 in lines": (b"cdr=" + base64.encodebytes(RAW), "application/octet-stream"),
    "base64 without padding": (b"cdr=" + base64.b64encode(RAW).rstrip(b"="), "x/y"),
    "base64 for addresses": (b"cdr=" + base64.urlsafe_b64encode(RAW), "application/json"),
    "a name cut within a character": (
        RAW.replace(b'"uuid"', b'"caller_id_name":"\xe5\xbc","uuid"'),
        "application/json",
    ),
    "over many lines": (json.dumps(document(), indent=2).encode(), "application/json; charset=utf-8"),
}


@pytest.mark.parametrize(("body", "content_type"), BODIES.values(), ids=BODIES.keys())
def test_a_freeswitch_body_is_read_in_every_form(body: bytes, content_type: str, door: Any) -> None:
    assert door("freeswitch/switch-1", body, content_type or "application/json")["accepted"] == 1
    assert_stored(USUAL)


REFUSED = {
    "cut short": (RAW[:-30], "unreadable_cdr"),
    "XML": (b"<cdr><variables/></cdr>", "unreadable_cdr"),
    "no start": (json.dumps(document("start_uepoch", "start_epoch")).encode(), "unreadable_cdr"),
    "1e400": (RAW.replace(b'"61"', b"1e400"), "unreadable_cdr"),
    "a lone surrogate": (RAW.replace(b"02155501000", b"\\ud800"), "unreadable_cdr"),
    "a NUL as it is": (RAW.replace(b"0215", b"02\x0015"), "unreadable_cdr"),
    "a NUL escaped": (RAW.replace(b"0215", b"02\\u000015"), "nul_byte"),
    "a name twice": (RAW[:-2] + b',"billsec":"999"}}', "duplicate_key"),
    "depth": (b'{"variables":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "unreadable_cdr"),
    "the year 9999": (json.dumps(document(end_uepoch="253402300799000000")).encode(), "too_long"),
    "a start in the year 9999": (json.dumps(document(start_uepoch="253402300799000000")).encode(), "beyond_calendar"),
    "beyond any calendar": (json.dumps(document(end_uepoch="9" * 18)).encode(), "unreadable_cdr"),
    "more of an agent than of talk": (json.dumps(document(hd_agent_ms="99000000")).encode(), "agent_exceeds_talk"),
    "a counter that is no number": (json.dumps(document(hd_counter_asr="lots")).encode(), "unreadable_cdr"),
    "a counter that is not finite": (json.dumps(document(hd_counter_asr="NaN")).encode(), "counter_out_of_bounds"),
    "an id without end": (json.dumps(document(uuid="u" * 200)).encode(), "invalid_record"),
}


@pytest.mark.parametrize(("body", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_a_freeswitch_body_that_cannot_be_true_is_answered_200_and_kept_as_it_came(
    body: bytes, code: str, door: Any
) -> None:
    told = door("freeswitch/switch-1?uuid=a_u-1", body)
    assert (told["rejected"], told["items"][0]["code"]) == (1, code), told
    assert bytes(Quarantined.objects.get().raw) == body[: 256 * 1024]
    assert not Call.objects.exists()


# -- Asterisk and cdr_csv -----------------------------------------------------------------------------------------------


def line(**cells: str) -> str:
    """Write a line of Master.csv; times and durations are given as they stand in it."""
    usual = {
        "account": "", "src": "8001", "dst": "8002", "context": "default", "clid": '"""Li"" <8001>"', "channel": "SIP/1",
        "far": "SIP/2", "app": "Dial", "data": "SIP/8002,30", "start": "2026-10-08 09:00:00", "answer": "2026-10-08 09:00:05",
        "end": "2026-10-08 09:01:06", "duration": "66", "billsec": "61", "disposition": "ANSWERED", "ama": "DOCUMENTATION",
        "tail": ',"1791421200.7",""',
    } | cells  # fmt: skip
    plain = {"duration", "billsec", "clid"}
    written = [v if k in plain or (k == "answer" and not v) else f'"{v}"' for k, v in usual.items() if k != "tail"]
    return ",".join(written) + usual["tail"]


def switch_line(*cells: str) -> str:
    return ",".join(f'"{cell}"' for cell in cells)


LINE = {
    "id": "1791421200.7", "direction": "outbound", "from": "8001", "to": "8002", "start": at(0), "answer": at(5),
    "end": at(66), "talk": 61_000, "seconds": 61, "cause": "ANSWERED", "labels": {}, "flags": [],
}  # fmt: skip
BERLIN = {"flags": [], "from": "8001"}
EXAMPLE = (
    "Li",
    "8001",
    "8002",
    "default",
    "2026-10-08 09:00:00",
    "2026-10-08 09:00:05",
    "2026-10-08 09:01:06",
    "66",
    "61",
)
SQL = 'INSERT INTO cdr VALUES ("Li","8001","8002","default","2026-10-08 09:00:00","2026-10-08 09:00:05","2026-10-08 09:01:06","66","61","NORMAL_CLEARING","u-1","", "acc");'
NOT_ANSWERED = {"answer": None, "talk": 0, "seconds": 0}
ASTERISK: dict[str, tuple[str, str, dict[str, Any]]] = {
    "18 columns": (line(), "", {}),
    "17 columns": (line(tail=',"1791421200.7"'), "", {}),
    "21 columns, linked": (line(tail=',"1791421200.7","uf","peer","1791421199.5","42"'), "", {"labels": {"call_group": "1791421199.5"}}),
    "20 columns": (line(tail=',"1791421200.7","peer","1791421200.7","42"'), "", {}),
    "an account": (line(account="acme"), "", {"labels": {"account": "acme"}}),
    "a named system": (line(tail=',"pbx1-1791421200.7",""'), "", {"id": "pbx1-1791421200.7"}),
    "nobody answered": (line(answer="", billsec="0", disposition="NO ANSWER"), "", NOT_ANSWERED | {"cause": "NO ANSWER"}),
    "nobody answered, written as zeros": (line(answer="0000-00-00 00:00:00", billsec="0", disposition="NO ANSWER"), "", NOT_ANSWERED | {"cause": "NO ANSWER"}),
    "nobody answered, written as the epoch": (line(answer="1970-01-01 08:00:00", billsec="0", disposition="NO ANSWER"), "", NOT_ANSWERED | {"cause": "NO ANSWER"}),
    "not answered for 15 seconds": (
        line(billsec="15", disposition="NO ANSWER"), "",
        {"cause": "NO ANSWER", "talk": 15_000, "seconds": 15, "flags": ["disposition_differs_from_talk", "talk_differs_from_clock"]}),
    "busy": (line(answer="", billsec="0", disposition="BUSY"), "", NOT_ANSWERED | {"cause": "BUSY"}),
    "congestion": (line(answer="", billsec="0", disposition="CONGESTION"), "", NOT_ANSWERED | {"cause": "CONGESTION"}),
    "failed at once": (line(answer="", end="2026-10-08 09:00:00", duration="0", billsec="0", disposition="FAILED"), "", NOT_ANSWERED | {"end": at(0), "cause": "FAILED"}),
    "negative seconds": (line(answer="", duration="-1", billsec="-1", disposition="FAILED"), "", NOT_ANSWERED | {"cause": "FAILED", "flags": ["clamped_duration"]}),
    "answered for nothing": (line(billsec="0"), "", {"talk": 0, "seconds": 0, "flags": ["talk_differs_from_clock"]}),
    "quotes in the name": (line(clid='"""O\'Neil """"Bob"""" "" <8001>"'), "", {}),
    "a comma in the name": (line(clid='"""Li, Wang"" <8001>"'), "", {}),
    "a caller only in the name": (line(src="", clid='"""Li"" <02155501000>"'), "", {"from": "02155501000"}),
    "quotes in the data": (line(data='SIP/trunk/138,60,gU(x^""a"")'), "", {}),
    "from a trunk": (line(context="from-trunk", src="+8613800001234"), "", {"direction": "inbound", "from": "+8613800001234"}),
    "the server writes UTC": (
        line(start="2026-10-08 01:00:00", answer="2026-10-08 01:00:05", end="2026-10-08 01:01:06"), "", {"flags": ["zone_inferred"]}),
    "the hour shown twice, the first": (
        line(start="2026-10-25 02:30:00", answer="2026-10-25 02:30:05", end="2026-10-25 02:31:06", tail=',"1792888200.1",""'),
        "Europe/Berlin", {"id": "1792888200.1", "start": datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "answer": datetime(2026, 10, 25, 0, 30, 5, tzinfo=UTC), "end": datetime(2026, 10, 25, 0, 31, 6, tzinfo=UTC)}),
    "the hour shown twice, the second": (
        line(start="2026-10-25 02:30:00", answer="2026-10-25 02:30:05", end="2026-10-25 02:31:06", tail=',"1792891800.1",""'),
        "Europe/Berlin", {"id": "1792891800.1", "start": datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "answer": datetime(2026, 10, 25, 1, 30, 5, tzinfo=UTC), "end": datetime(2026, 10, 25, 1, 31, 6, tzinfo=UTC), "flags": ["zone_inferred"]}),
    "across the hour shown twice": (
        line(start="2026-10-25 02:59:50", answer="2026-10-25 02:00:05", end="2026-10-25 02:01:06", duration="76", tail=',"1792889990.1",""'),
        "Europe/Berlin", {"id": "1792889990.1", "start": datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC), "answer": datetime(2026, 10, 25, 1, 0, 5, tzinfo=UTC), "end": datetime(2026, 10, 25, 1, 1, 6, tzinfo=UTC), "flags": ["clamped_end"]}),
    "in the hour that never was": (
        line(start="2026-03-29 02:30:00", answer="2026-03-29 03:00:05", end="2026-03-29 03:01:06", tail=',"1774747800.1",""'),
        "Europe/Berlin", {"id": "1774747800.1", "start": datetime(2026, 3, 29, 1, 30, tzinfo=UTC), "answer": datetime(2026, 3, 29, 2, 0, 5, tzinfo=UTC), "end": datetime(2026, 3, 29, 2, 1, 6, tzinfo=UTC), "flags": ["zone_inferred"]}),
    "FreeSWITCH's template “asterisk”": (
        switch_line("", "8001", "8002", "default", '""Li"" <8001>', "sofia/1", "sofia/2", "bridge", "user/8002", *EXAMPLE[4:7], "66", "61", "ANSWERED", "DOCUMENTATION", "a5c9f6c0-e752", "uf"),
        "", {"id": "a5c9f6c0-e752"}),
    "FreeSWITCH's template “example”": (switch_line(*EXAMPLE, "NORMAL_CLEARING", "u-1", "", "acc", "PCMA", "PCMA"), "", {"id": "u-1", "leg": "a", "cause": "NORMAL_CLEARING", "labels": {"account": "acc"}}),
    "the same with a quote nobody doubled": (switch_line('Li "Bob" O', *EXAMPLE[1:], "NORMAL_CLEARING", "u-1", "", "", "", ""), "", {"id": "u-1", "cause": "NORMAL_CLEARING"}),
    "FreeSWITCH's template “sql”": (SQL, "", {"id": "u-1", "cause": "NORMAL_CLEARING", "labels": {"account": "acc"}}),
    "the same with single quotes": (SQL.replace('"', "'"), "", {"id": "u-1", "cause": "NORMAL_CLEARING", "labels": {"account": "acc"}}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "zone", "changes"), ASTERISK.values(), ids=ASTERISK.keys())
def test_a_line_of_a_switch_is_stored_as_it_was(text: str, zone: str, changes: dict[str, Any], door: Any) -> None:
    if zone:
        Source.objects.update(zone=zone)
    told = door("asterisk/switch-1?items=all", f"{text}\r\n{text}\n", "text/csv")
    assert (told["accepted"], told["duplicates"]) == (1, 1), told
    assert_stored(LINE | changes)


WRONG_LINES = {
    "cut short": (line()[:100], "cut_line"),
    "a header": (
        "accountcode,src,dst,dcontext,clid,channel,dstchannel,lastapp,lastdata,start,answer,end",
        "not_a_cdr_line",
    ),
    "epochs for times": (line(start="1791421200", answer="1791421205", end="1791421266"), "not_a_cdr_line"),
    "too many columns": (line(tail=',"1791421200.7"' + ',"x"' * 9), "wrong_columns"),
    "the year 9999": (line(start="9999-12-31 23:59:59", end="9999-12-31 23:59:59", tail=""), "in_the_future"),
    "an end in the year 9999, by a server west of us": (
        line(start="2026-10-07 16:00:00", answer="", end="9999-12-31 23:59:59"),
        "beyond_calendar",
    ),
    "the year 1": (line(start="0001-01-01 00:00:00", end="0001-01-01 00:00:01", tail=""), "no_start"),
    "a NUL": (line(src="80\x0001"), "nul_byte"),
    "a cell without end": (line(data="x" * 70_000), "cut_line"),
    "digits without end": (line(duration="9" * 400), "not_a_number"),
    "depth": ("[" * 5000, "not_a_cdr_line"),
}


@pytest.mark.parametrize(("text", "code"), WRONG_LINES.values(), ids=WRONG_LINES.keys())
def test_a_line_that_cannot_be_true_is_kept_and_takes_no_neighbour_along(text: str, code: str, door: Any) -> None:
    told = door("asterisk/switch-1", f"{line()}\n{text}\n", "text/csv")
    assert (told["accepted"], told["rejected"], told["items"][0]["code"]) == (1, 1, code), told
    assert Quarantined.objects.get().code == code
