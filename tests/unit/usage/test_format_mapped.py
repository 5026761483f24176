"""Callbacks of platforms, by their published fields."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from usage.formats.mappings import fault_of_mapping
from usage.formats.reading import MAPPED, read
from usage.formats.rules import SourceRules


def told(preset, document, **options):
    [found] = read(MAPPED, json.dumps(document).encode(), SourceRules(zone="UTC", preset=preset), **options)
    assert found.record is not None, found.fault
    return found.record


ALIYUN = {"call_id": "100001616500^100001871490", "originate_time": "2020-05-01 10:00:00", "ring_time": "2020-05-01 10:00:03",
          "start_time": "2020-05-01 10:00:10", "end_time": "2020-05-01 10:00:20", "caller": "05711111", "callee": "1390000",
          "duration": "10秒", "status_code": "200010", "hangup_direction": "用户", "out_id": "1"}  # fmt: skip


@pytest.mark.parametrize("duration", ["10", "10秒", 10, "10.0"])
def test_aliyuns_voice_report_is_read_in_chinese_time(duration):
    record = told("aliyun-voice", [ALIYUN | {"duration": duration}])
    assert record.started_at == datetime(2020, 5, 1, 2, 0, tzinfo=UTC)
    assert (record.talked_ms, record.reported_seconds, record.hangup_cause) == (10_000, 10, "200010")


def test_aliyuns_unanswered_call_has_no_answer():
    record = told("aliyun-voice", [ALIYUN | {"start_time": "", "duration": "0", "status_code": "200005"}])
    assert (record.answered_at, record.talked_ms) == (None, 0)


def test_aliyuns_agent_report_in_its_other_spelling_is_read_too():
    names = {"call_id": "callId", "originate_time": "originateTime", "ring_time": "ringTime", "start_time": "startTime",
             "end_time": "endTime", "status_code": "statusCode"}  # fmt: skip
    camel = {names.get(name, name): value for name, value in ALIYUN.items()} | {"duration": 10}
    plain, other = told("aliyun-voice", [ALIYUN]), told("aliyun-voice", [camel])
    assert (plain.started_at, plain.answered_at, plain.call_id) == (other.started_at, other.answered_at, other.call_id)


@pytest.mark.parametrize(("end_type", "answered"), [(1, True), (0, False)])
def test_baidus_callback_is_answered_when_its_end_type_says_so(end_type, answered):
    data = {"sessionId": "s-1", "mobile": "138", "callerNum": "0756", "endType": end_type, "endTypeReason": "", "taskId": 7,
            "startTime": "2021-10-01 10:00:00", "talkingStartTime": "2021-10-01 10:00:08" if answered else None,
            "endTime": "2021-10-01 10:00:38", "durationTimeLen": 38, "talkingTimeLen": 30 if answered else 0}  # fmt: skip
    record = told("baidu", {"callbackType": 0, "data": data})
    assert (record.call_id, record.answered_at is not None, record.talked_ms) == (
        "s-1",
        answered,
        30_000 if answered else 0,
    )
    assert record.labels == {"task": "7"}


@pytest.mark.parametrize("status", ["busy", "failed", "no-answer", "canceled"])
def test_twilios_unanswered_calls_are_calls_without_talk(status):
    body = {"sid": "CA1", "status": status, "direction": "outbound-dial", "from": "+1", "to": "+2", "duration": "0", "price": None,
            "start_time": None, "end_time": "Fri, 18 Oct 2019 17:03:00 +0000", "date_created": "Fri, 18 Oct 2019 17:02:30 +0000"}  # fmt: skip
    record = told("twilio", body)
    assert (record.answered_at, record.hangup_cause, record.started_at.second) == (None, status, 30)


def test_an_epoch_is_told_by_its_digits_where_no_unit_is_stated():
    mapping = {"fields": {"call_id": "id", "started_at": "at", "talk": "len"}}
    for at in (
        1791421200,
        1791421200000,
        1791421200000000,
        "2026-10-08T09:00:00+08:00",
        "2026-10-08 01:00:00",
        "2026/10/8 1:00:00",
    ):
        [found] = read(MAPPED, json.dumps({"id": "x", "at": at, "len": 3}).encode(), SourceRules(mapping=mapping))
        assert found.record.started_at == datetime(2026, 10, 8, 1, tzinfo=UTC), at


def test_a_table_with_a_header_and_lines_of_json_are_read_by_the_same_mapping():
    mapping = {"fields": {"call_id": "id", "started_at": "at", "talk": "len"}}
    table = b"id;x,at,len\n".replace(b";x", b"") + b'"a","2026-10-08 01:00:00",5\nb,2026-10-08 01:00:00,6\n'
    documents = [{"id": "a", "at": "2026-10-08 01:00:00", "len": 5}, {"id": "b", "at": "2026-10-08 01:00:00", "len": 6}]
    jsonl = "\n".join(map(json.dumps, documents)).encode()
    rules = SourceRules(mapping=mapping)
    assert [d.record for d in read(MAPPED, table, rules)] == [d.record for d in read(MAPPED, jsonl, rules)]


@pytest.mark.parametrize(
    ("mapping", "pointer"),
    [
        ([], "/"),
        ({"feilds": {}}, "/feilds"),
        ({"zone": "Mars/Base"}, "/zone"),
        ({"fields": []}, "/fields"),
        ({"fields": {"colour": "x"}}, "/fields/colour"),
        ({"fields": {"caller": 7}}, "/fields/caller"),
        ({"fields": {"caller": {"pfad": "x"}}}, "/fields/caller"),
        ({"fields": {"started_at": {"path": "x", "as": "fortnights"}}}, "/fields/started_at"),
        ({"fields": {"talk": {"path": "x", "unit": "h"}}}, "/fields/talk"),
        ({"skip": ["x"]}, "/skip"),
        ({"skip": [{"path": "x"}]}, "/skip"),
        ({"answered": []}, "/answered"),
    ],
)
def test_a_wrong_mapping_is_refused_where_it_is_wrong(mapping, pointer):
    assert fault_of_mapping(mapping).pointer == pointer
