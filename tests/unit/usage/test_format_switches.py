"""Asterisk's and FreeSWITCH's records: columns, zones, legs, numbers, odd times."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from usage.formats import freeswitch, switchlines
from usage.formats.reading import ASTERISK, FREESWITCH, read
from usage.formats.rules import SourceRules

SHANGHAI = SourceRules(zone="Asia/Shanghai")
START = datetime(2026, 10, 8, 1, 0, tzinfo=UTC)
EPOCH = int(START.timestamp())
HEAD = ('"acc","8001","8002","from-internal","""8001"" <8001>","SIP/1-2","SIP/2-3","Dial","x","2026-10-08 09:00:00",'
        '"2026-10-08 09:00:05","2026-10-08 09:01:05",65,60,"ANSWERED","DOCUMENTATION"')  # fmt: skip


def lines(text, rules=SHANGHAI):
    return switchlines.decode(text.encode(), rules)


@pytest.mark.parametrize(
    ("tail", "call_id"),
    [
        ("", None),
        (f',"{EPOCH}.7"', f"{EPOCH}.7"),
        (f',"pbx-{EPOCH}.7"', f"pbx-{EPOCH}.7"),
        (',"user field"', None),
        (f',"{EPOCH}.7","user, field"', f"{EPOCH}.7"),
        (',"","",0', None),
        (f',"{EPOCH}.7","","{EPOCH}.7",3', f"{EPOCH}.7"),
        (f',"{EPOCH}.8","","","{EPOCH}.7",3', f"{EPOCH}.8"),
    ],
    ids=[16, 17, "17 with system name", "17 without uniqueid", 18, 19, 20, 21],
)
def test_every_width_of_master_csv_is_read(tail, call_id):
    [found] = lines(HEAD + tail + "\n")
    record = found.record
    assert record is not None, found.fault
    assert record.started_at == START
    assert (record.talked_ms, record.reported_seconds, record.caller, record.callee) == (60_000, 60, "8001", "8002")
    assert record.call_id == call_id if call_id else record.call_id.startswith("line-")
    if "8" in tail:
        assert record.labels.get("call_group") == f"{EPOCH}.7"


def test_a_line_without_an_identity_is_the_same_call_when_it_comes_again_and_another_when_it_differs():
    [one], [again] = lines(HEAD), lines(HEAD + "\r\n")
    [other] = lines(HEAD.replace("SIP/2-3", "SIP/2-4"))
    assert one.record == again.record
    assert one.record.call_id != other.record.call_id


@pytest.mark.parametrize("columns", [1, 8, 15, 22, 30])
def test_another_width_is_a_fault(columns):
    cells = (HEAD + ',"u","f","p","l",1' + ',"x"' * 20).split('","')
    [found] = lines('","'.join(cells)[: 30 * columns] if columns < 16 else HEAD + ',"x"' * (columns - 16))
    assert found.record is None


def test_the_uniqueid_tells_the_servers_offset_where_the_zone_is_wrong():
    line = HEAD + f',"{EPOCH}.7",""'
    told = [
        lines(line, SourceRules(zone=zone))[0] for zone in ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Tokyo")
    ]
    assert {each.record.started_at for each in told} == {START}
    assert [bool(each.flags) for each in told] == [False, True, True, True]


@pytest.mark.parametrize(
    "later", [timedelta(minutes=14), timedelta(minutes=40, seconds=7), timedelta(hours=3, minutes=20)]
)
def test_a_later_part_of_a_long_call_does_not_look_like_another_zone(later):
    line = HEAD + f',"{EPOCH - int(later.total_seconds())}.7",""'
    [found] = lines(line)
    assert found.record.started_at == START
    assert found.record.labels["call_group"].startswith(str(EPOCH - int(later.total_seconds())))


def test_a_local_time_in_the_hour_shown_twice_is_told_by_the_uniqueid():
    wall = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)
    line = HEAD.replace("2026-10-08 09", "2026-10-25 02").replace(":00:0", ":30:0").replace(":01:05", ":31:05")
    [found] = lines(line + f',"{int(wall.timestamp())}.7",""', SourceRules(zone="Europe/Berlin"))
    assert found.record.started_at == wall.astimezone(UTC)


def test_no_answer_with_talk_is_taken_as_reported_and_flagged():
    [found] = lines(HEAD.replace('"ANSWERED"', '"NO ANSWER"'))
    assert (found.record.hangup_cause, found.record.reported_seconds) == ("NO ANSWER", 60)
    assert "disposition_differs_from_talk" in found.flags


def test_a_negative_duration_is_clamped_and_flagged():
    [found] = lines(HEAD.replace("65,60", "-1,-1"))
    assert (found.record.talked_ms, "clamped_duration" in found.flags) == (0, True)


def test_lines_of_cdr_csv_are_told_from_master_csv_at_either_door():
    line = '"A","9007","0034688","public","2026-10-08 09:00:00","2026-10-08 09:00:05","2026-10-08 09:01:05","65","60","NORMAL_CLEARING","u-1","u-2","acc","PCMA","PCMA"'
    for text in (line, f'"10.0.0.1",{line}'):
        for door in (ASTERISK, FREESWITCH):
            [found] = read(door, text.encode(), SHANGHAI)
            record = found.record
            assert (record.call_id, record.caller, record.callee, record.talked_ms) == (
                "u-1",
                "9007",
                "0034688",
                60_000,
            )
            assert record.labels == {"account": "acc", "bleg_id": "u-2"}


def document(**variables):
    times = {"uuid": "u-1", "start_uepoch": str(EPOCH * 10**6), "end_uepoch": str((EPOCH + 60) * 10**6)}
    return {"variables": times | variables}


def switch(doc):
    return freeswitch.decode(json.dumps(doc).encode())


@pytest.mark.parametrize(
    "doc",
    [
        document(originating_leg_uuid="u-0"),
        document(originator="u-0"),
        document()
        | {"callflow": [{"caller_profile": {"originator": {"originator_caller_profiles": [{"uuid": "u-0"}]}}}]},
    ],
)
def test_a_second_leg_is_known_by_its_originator_and_tied_to_the_first(doc):
    found = switch(doc)
    assert (found.record.leg, found.record.labels["call_group"]) == ("b", "u-0")
    assert read(FREESWITCH, json.dumps(doc).encode(), SourceRules(leg_policy="each"))[0].record.leg == "a:b"


def test_the_caller_of_an_originated_call_is_the_one_that_called():
    profile = {"caller_id_number": "138", "destination_number": "138", "ani": "021"}
    flipped = switch(document() | {"callflow": [{"caller_profile": profile}]})
    named = switch(document(origination_caller_id_number="022") | {"callflow": [{"caller_profile": profile}]})
    plain = switch(document() | {"callflow": [{"caller_profile": profile | {"caller_id_number": "023"}}]})
    assert [each.record.caller for each in (flipped, named, plain)] == ["021", "022", "023"]


def test_talk_is_the_finest_that_the_switch_tells():
    answer = {"answer_uepoch": str((EPOCH + 1) * 10**6)}
    told = [
        {"billusec": "1234567", "billmsec": "9", "billsec": "8"},
        {"billmsec": "1235", "billsec": "8"},
        {"billsec": "8"},
        {},
    ]
    assert [switch(document(**answer, **each)).record.talked_ms for each in told] == [1235, 1235, 8000, 59_000]


def test_values_are_decoded_once_and_only_when_they_were_encoded():
    encoded = switch(document(start_stamp="2026-10-08%2009%3A00%3A00", hd_label_note="100%25%20sure%2520"))
    plain = switch(document(start_stamp="2026-10-08 09:00:00", hd_label_note="100%25 sure"))
    assert encoded.record.labels["note"] == "100% sure%20"
    assert plain.record.labels["note"] == "100%25 sure"


def test_utf8_cut_in_the_middle_costs_a_character_and_not_the_call():
    body = json.dumps(document(hd_label_note="测试")).encode().decode("unicode_escape").encode()
    found = freeswitch.decode(body.replace("试".encode(), "试".encode()[:2]))
    assert found.record.labels["note"].startswith("测")


def test_declared_variables_are_kept_as_labels_and_others_are_not():
    body = json.dumps(document(sip_h_X_task="t-1", secret="s")).encode()
    [found] = read(FREESWITCH, body, SourceRules(variables={"task": "sip_h_X_task"}))
    assert found.record.labels == {"task": "t-1"}
