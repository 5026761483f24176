"""What platforms post by themselves, as their documentation writes it: each through its door, with the answer it wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.api.test_senders_switches import seen
from usage.formats.presets import PRESETS
from usage.models import Batch, Call, Quarantined, Source

FORM = "application/x-www-form-urlencoded; charset=UTF-8"


@pytest.fixture
def push(key: str, tenant: Tenant) -> Callable[..., dict[str, Any]]:
    tenant.keep_numbers = True
    tenant.save()

    def push(preset: str, body: Any, zone: str = "Asia/Shanghai") -> dict[str, Any]:
        Source.objects.get_or_create(tenant=tenant, code="p", defaults={"zone": zone, "preset": preset})
        data = body if isinstance(body, str | bytes) else json.dumps(body, ensure_ascii=False)
        form = isinstance(body, str) and "=" in body[:40]
        answer = Client().post(
            "/api/v1/cdr/mapped/p", data=data, content_type=FORM if form else "application/json;charset=utf-8",
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.content
        told: dict[str, Any] = answer.json()
        assert told == PRESETS[preset]["acknowledgement"]
        return told

    return push


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# -- Aliyun -------------------------------------------------------------------------------------------------------------

ROBOT = {"duration": 9, "ringTime": 1640759017000, "calledNo": "15000001234", "code": 200000, "answerTime": 1640759026000,
         "callingNo": "05710000123", "startTime": 1640759017000, "endTime": 1640759034000, "direction": 0}  # fmt: skip


def robot(**changes: Any) -> Any:
    info = {k: v for k, v in (ROBOT | changes).items() if v is not None}
    output = {"slots": [{"nodeName": "开场白节点", "action": "recognized"}], "intentions": ["a"], "tags": "t1,t2"}
    return [{"callId": "1264306^113219835", "robotId": "1000003", "type": "finish", "partnerId": 1, "data": {"info": info, "output": output}}]  # fmt: skip


ROBOT_CALL = {
    "id": "1264306^113219835", "direction": "outbound", "from": "05710000123", "to": "15000001234", "start": at("2021-12-29T06:23:37"),
    "answer": at("2021-12-29T06:23:46"), "end": at("2021-12-29T06:23:54"), "talk": 8000, "seconds": 9, "cause": "200000", "robot": "1000003",
    "labels": {"hangup_by": "robot"},
}  # fmt: skip
VOICE = {"call_id": "100001616500^100001871490", "originate_time": "2020-05-01 10:00:00", "ring_time": "2020-05-01 10:00:03",
         "start_time": "2020-05-01 10:00:10", "end_time": "2020-05-01 10:00:20", "caller": "05711111234", "callee": "13900001234",
         "duration": "10", "status_code": "200000", "hangup_direction": "用户", "out_id": "123456", "voice_type": "voice",
         "toll_type": "LOCAL", "status_msg": "执行完成", "dialog_id": "100001097"}  # fmt: skip
VOICE_CALL = {
    "id": "100001616500^100001871490", "leg": "a", "from": "05711111234", "to": "13900001234", "start": at("2020-05-01T02:00:00"),
    "answer": at("2020-05-01T02:00:10"), "end": at("2020-05-01T02:00:20"), "talk": 10_000, "seconds": 10, "cause": "200000",
    "robot": "100001097", "labels": {"out_id": "123456", "hangup_by": "用户"},
}  # fmt: skip
AGENT = {"taskId": "1181", "detailId": "9662", "batchId": "B202", "callId": "10000161^1000018", "outId": "7", "startTime": "2025-06-01 10:00:00",
         "endTime": "2025-06-01 10:05:30", "duration": 330, "statusCode": "200010", "smartStatusCode": "ANSWERED", "statusMsg": "通话正常结束",
         "caller": "13800001111", "realCaller": "05710001234", "callee": "13900001234", "hangupDirection": "用户",
         "originateTime": "2025-06-01 09:59:45", "ringTime": "2025-06-01 09:59:50", "bDuration": 320}  # fmt: skip
UNANSWERED = {"answer": None, "talk": 0, "seconds": 0}

# -- Baidu --------------------------------------------------------------------------------------------------------------

BAIDU = {"sessionId": "201bd45e-a375-47e1-bcee-e5bcd3c6b523", "tenantId": 10363, "taskId": "732721695686912", "taskName": "任务",
         "robotId": "2765019f", "memberId": 732722324373760, "mobile": "16800008468", "callTimes": 1, "callerNum": "07567171348",
         "endType": 1, "callType": 1, "endTypeReason": "", "contactUUID": "c1ff838e", "durationTimeLen": 38, "ringingTimeLen": 8,
         "talkingTimeLen": 30, "startTime": "1635909010000", "ringStartTime": 1635909010000, "talkingStartTime": 1635909018000,
         "endTime": 1635909048000, "intent": "愿意购买", "collectInfo": {"x": "y"}, "record": [{"role": "voice", "timestamp": 1}]}  # fmt: skip
BAIDU_CALL = {
    "id": "201bd45e-a375-47e1-bcee-e5bcd3c6b523", "from": "07567171348", "to": "16800008468", "start": at("2021-11-03T03:10:10"),
    "answer": at("2021-11-03T03:10:18"), "end": at("2021-11-03T03:10:48"), "talk": 30_000, "seconds": 30, "cause": "1",
    "robot": "2765019f", "labels": {"task": "732721695686912", "intent": "愿意购买", "attempt": "1"},
}  # fmt: skip
NOT_REACHED = {
    "endType": 0,
    "endTypeReason": "poweroff",
    "talkingStartTime": 0,
    "talkingTimeLen": 0,
    "durationTimeLen": 12,
    "endTime": 1635909022000,
}
HOTLINE = {"sessionId": "7440329927666176000", "talkingStartTime": "2026-03-19 17:34:49", "endTime": "2026-03-19 17:35:31",
           "ringingTimeLen": 0, "talkingTimeLen": 42000, "waitTimeLen": 803, "mobile": "01059658100", "calledNum": "02138310700,3102",
           "callStatus": "connected", "hangupParty": "user", "transferResult": "no_transfer", "robotId": "a8063a16"}  # fmt: skip

# -- Volcengine, Tencent, Huawei ----------------------------------------------------------------------------------------

VOLCENGINE = {"accountId": "1", "callId": "NM2001011547", "serviceType": 100, "subServiceType": 101, "numberPoolNo": "NP1601",
              "caller": "13100001111", "callee": "13100002222", "beginCallTime": 1607588903000, "ringTime": 1607588905000,
              "startTime": 1607588910000, "endTime": 1607588930000, "releaseType": 1, "callDuration": 20, "callResult": 1,
              "cdrCreateTime": None, "taskOpenId": "1066668888", "userData": "x", "digits": [], "ext": None}  # fmt: skip
VOLCENGINE_CALL = {
    "id": "NM2001011547", "from": "13100001111", "to": "13100002222", "start": at("2020-12-10T08:28:23"), "answer": at("2020-12-10T08:28:30"),
    "end": at("2020-12-10T08:28:50"), "talk": 20_000, "seconds": 20, "cause": "1",
    "labels": {"task": "1066668888", "number_pool": "NP1601", "hangup_by": "1", "service": "101", "user_data": "x"},
}  # fmt: skip
CENTER = {"SdkAppId": 1400000000, "SessionId": "7cb26a84", "Caller": "008602155501000", "Callee": "008613800001234", "Direction": 1,
          "Duration": 61, "StartTimestamp": 1791421200, "RingTimestamp": 1791421203, "AcceptTimestamp": 1791421205,
          "EndedTimestamp": 1791421266, "HungUpSide": "user", "EndStatusString": "normal", "SeatUser": {"UserId": "li@x"},
          "QueuedSkillGroupName": "售后", "ServeParticipants": [{"Mobile": "1", "AcceptTimestamp": 1791421205}]}  # fmt: skip
VOICE_MESSAGE = {"result": "0", "accept_time": "1470197211", "call_from": "075583763333", "callid": "t-1", "end_calltime": "1470197221",
                 "fee": "1", "mobile": "13800001234", "nationcode": "86", "start_calltime": "1470197196"}  # fmt: skip
VOICE_MESSAGE_CALL = {
    "id": "t-1", "from": "075583763333", "to": "13800001234", "start": at("2016-08-03T04:06:36"), "answer": at("2016-08-03T04:06:51"),
    "end": at("2016-08-03T04:07:01"), "talk": 10_000, "labels": {"minutes": "1", "nation": "86"},
}  # fmt: skip
FEE = {"direction": 1, "spId": "s", "appKey": "k", "icid": "ba171f34", "bindNum": "+8613800000022",
       "sessionId": "1200_1029_4294967295_20190123091514@callenabler246", "callerNum": "+8613800000021", "calleeNum": "+8613800000022",
       "fwdDisplayNum": "+8613800000022", "fwdDstNum": "+8613866887021", "callInTime": "2019-01-23 09:15:14",
       "fwdStartTime": "2019-01-23 09:15:15", "fwdAlertingTime": "2019-01-23 09:15:21", "fwdAnswerTime": "2019-01-23 09:15:36",
       "callEndTime": "2019-01-23 09:16:41", "fwdUnaswRsn": 0, "ulFailReason": 0, "serviceType": "004"}  # fmt: skip
FEE_CALL = {"id": FEE["sessionId"], "direction": "inbound", "to": "+8613866887021", "start": at("2019-01-23T09:15:14"),
            "answer": at("2019-01-23T09:15:36"), "end": at("2019-01-23T09:16:41"), "talk": 65_000, "cause": "0"}  # fmt: skip

# -- Twilio, Vonage, Plivo ----------------------------------------------------------------------------------------------

STATUS = {"CallSid": "CA1", "AccountSid": "AC1", "From": "+13051410009", "To": "+13051910001", "CallStatus": "completed", "ApiVersion": "2010-04-01",
          "Direction": "outbound-api", "ForwardedFrom": "", "CallDuration": "67", "Duration": "2", "SipResponseCode": "200",
          "Timestamp": "Fri, 18 Oct 2019 17:03:07 +0000", "CallbackSource": "call-progress-events", "SequenceNumber": "3"}  # fmt: skip
STATUS_CALL = {"id": "CA1", "direction": "outbound", "from": "+13051410009", "to": "+13051910001", "start": at("2019-10-18T17:02:00"),
               "answer": at("2019-10-18T17:02:00"), "end": at("2019-10-18T17:03:07"), "talk": 67_000, "seconds": 67, "cause": "completed"}  # fmt: skip
VONAGE = {"headers": {}, "end_time": "2026-10-08T01:01:06.000Z", "uuid": "aaaa-bbbb", "network": "23410", "duration": "61",
          "start_time": "2026-10-08T01:00:05.000Z", "rate": "0.00450000", "price": "0.00015000", "from": "442079460000", "to": "447700900000",
          "conversation_uuid": "CON-aaaa", "status": "completed", "direction": "outbound", "timestamp": "2026-10-08T01:01:06.500Z"}  # fmt: skip
PLIVO = {"CallUUID": "p-1", "From": "912235328936", "To": "919943720205", "CallStatus": "completed", "Direction": "outbound", "Duration": "4",
         "BillDuration": "60", "HangupCause": "NORMAL_CLEARING", "HangupCauseName": "Normal Hangup", "StartTime": "2022-12-06 07:01:48",
         "AnswerTime": "2022-12-06 07:01:56", "EndTime": "2022-12-06 07:02:00", "TotalCost": "0.002"}  # fmt: skip
PLIVO_CALL = {"id": "p-1", "from": "912235328936", "to": "919943720205", "start": at("2022-12-06T07:01:48"), "answer": at("2022-12-06T07:01:56"),
              "end": at("2022-12-06T07:02:00"), "talk": 4000, "seconds": 60, "cause": "Normal Hangup"}  # fmt: skip

# -- Genesys Cloud ------------------------------------------------------------------------------------------------------


def _segment(start: str, end: str, kind: str, **more: str) -> dict[str, Any]:
    day = "2024-04-29T"
    return {
        "conference": False,
        "segmentStart": f"{day}{start}Z",
        "segmentEnd": f"{day}{end}Z",
        "segmentType": kind,
        **more,
    }


def _metric(name: str, at: str, value: int) -> dict[str, Any]:
    return {"emitDate": f"2024-04-29T{at}Z", "name": name, "value": value}


def _voice(purpose: str, *segments: dict[str, Any], metrics: Any = (), **more: Any) -> dict[str, Any]:
    session = {"ani": "tel:+5551999500880", "dnis": "tel:+559830200562", "mediaType": "voice", "sessionId": purpose,
               "provider": "Edge", "metrics": list(metrics), "segments": list(segments)}  # fmt: skip
    return {"purpose": purpose, "participantName": "São Luís, Brazil", "sessions": [session | more]}


CUSTOMER = _voice(
    "customer", _segment("17:30:43.077", "17:30:43.320", "system"),
    _segment("17:30:43.320", "17:38:14.971", "interact", disconnectType="endpoint", queueId="39988345"),
    metrics=[_metric("nConnected", "17:30:43.320", 1), _metric("tConnected", "17:38:14.971", 451651)])  # fmt: skip
FLOW = _voice(
    "ivr", _segment("17:30:43.134", "17:31:47.622", "ivr", disconnectType="transfer"), flow={"flowId": "19993269"}
)
QUEUE = _voice("acd", _segment("17:31:47.652", "17:32:00.063", "interact", queueId="39988345"))
MISSED = _voice(
    "agent", _segment("17:31:47.956", "17:31:55.377", "alert"), _segment("17:31:55.626", "17:32:56.626", "wrapup")
)
TALKED = _voice("agent", _segment("17:32:02.450", "17:38:14.900", "interact"), _segment("17:38:14.9", "17:38:17.9", "wrapup", wrapUpCode="659abad8"),
                metrics=[_metric("tTalkComplete", "17:38:14.900", 372450)]) | {"userId": "2eb54224"}  # fmt: skip
GENESYS = {"conversationId": "32d23263-e5bd", "conversationStart": "2024-04-29T17:30:43.090Z", "conversationEnd": "2024-04-29T17:38:17.974Z",
           "divisionIds": ["5b703b3e", "d72e496f"], "originatingDirection": "inbound", "participants": [CUSTOMER, FLOW, QUEUE, MISSED, TALKED]}  # fmt: skip
GENESYS_CALL = {
    "id": "32d23263-e5bd", "leg": "a", "direction": "inbound", "from": "+5551999500880", "to": "+559830200562", "talk": 451_651, "cause": "endpoint", "robot": "19993269",
    "start": at("2024-04-29T17:30:43.090"), "answer": at("2024-04-29T17:30:43.320"), "end": at("2024-04-29T17:38:14.971"),
    "labels": {"queue": "39988345", "agent": "2eb54224", "wrap_up": "659abad8", "division": "5b703b3e"},
}  # fmt: skip
DIALED = _voice("customer", _segment("17:30:43.077", "17:31:20.000", "dialing", disconnectType="noAnswer"), ani="tel:+559830200562",
                dnis="tel:+5551999500880", outboundCampaignId="e4185e91")  # fmt: skip

CALLS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "genesys, as a query returns it": ("genesys", {"conversations": [GENESYS], "totalHits": 1}, GENESYS_CALL),
    "genesys, one conversation posted": ("genesys", GENESYS, GENESYS_CALL),
    "genesys, the robot alone": ("genesys", GENESYS | {"participants": [CUSTOMER, FLOW]}, GENESYS_CALL | {"labels": {"division": "5b703b3e"}}),
    "genesys, numbers as SIP addresses": (
        "genesys", GENESYS | {"participants": [CUSTOMER | {"sessions": [CUSTOMER["sessions"][0] | {"ani": "sip:2001@pbx.example;tgrp=1"}]}]}, {"from": "2001"}),
    "genesys, dialled and nobody answered": (
        "genesys", GENESYS | {"originatingDirection": "outbound", "participants": [DIALED], "conversationEnd": "2024-04-29T17:31:20.000Z"},
        {"direction": "outbound", "from": "+559830200562", "to": "+5551999500880", "answer": None, "talk": 0, "end": at("2024-04-29T17:31:20"),
         "cause": "noAnswer", "labels": {"campaign": "e4185e91", "division": "5b703b3e"}}),
    "aliyun robot, the robot hung up": ("aliyun-robot", robot(), ROBOT_CALL),
    "aliyun robot, the customer hung up": ("aliyun-robot", robot(direction=1), ROBOT_CALL | {"labels": {"hangup_by": "customer"}}),
    "aliyun robot, figures as texts": ("aliyun-robot", robot(duration="9", direction="0", code="200000"), ROBOT_CALL),
    "aliyun robot, nobody answered": (
        "aliyun-robot", robot(answerTime=None, duration=0, code=200005),
        {k: v for k, v in ROBOT_CALL.items() if k != "cause"} | UNANSWERED),
    "aliyun robot, never rang": (
        "aliyun-robot", robot(startTime=None, ringTime=None, answerTime=0, duration=0),
        UNANSWERED | {"start": at("2021-12-29T06:23:54"), "end": at("2021-12-29T06:23:54")}),
    "aliyun voice": ("aliyun-voice", [VOICE], VOICE_CALL),
    "aliyun voice, one object": ("aliyun-voice", VOICE, VOICE_CALL),
    "aliyun voice, seconds with their sign": ("aliyun-voice", [VOICE | {"duration": "10秒"}], VOICE_CALL),
    "aliyun voice, answered by a machine": ("aliyun-voice", [VOICE | {"smart_status_code": "MACHINE"}], {"labels": VOICE_CALL["labels"] | {"answered_by": "MACHINE"}}),
    "aliyun voice, nobody answered": (
        "aliyun-voice", [VOICE | {"start_time": "", "end_time": "2020-05-01 10:00:40", "duration": "0", "status_code": "200005"}],
        UNANSWERED | {"cause": "200005", "start": at("2020-05-01T02:00:00"), "end": at("2020-05-01T02:00:40")}),
    "aliyun voice, nobody answered and no end": (
        "aliyun-voice", [VOICE | {"start_time": "", "end_time": "", "ring_time": "", "duration": "0"}],
        UNANSWERED | {"start": at("2020-05-01T02:00:00"), "end": at("2020-05-01T02:00:00")}),
    "aliyun voice, both legs told": ("aliyun-voice", [VOICE | {"b_start_time": "2020-05-01 10:00:12", "b_end_time": "2020-05-01 10:00:20", "b_duration": 8}], VOICE_CALL),
    "aliyun voice, a transfer": ("aliyun-voice", [VOICE | {"voice_type": "smart_transfer"}], VOICE_CALL | {"leg": "a:transfer"}),
    "aliyun agent": (
        "aliyun-voice", AGENT,
        {"id": "10000161^1000018", "from": "05710001234", "to": "13900001234", "start": at("2025-06-01T01:59:45"), "answer": at("2025-06-01T02:00:00"),
         "end": at("2025-06-01T02:05:30"), "talk": 330_000, "seconds": 330, "cause": "200010",
         "labels": {"out_id": "7", "hangup_by": "用户", "answered_by": "ANSWERED"}}),
    "baidu task": ("baidu", {"callbackType": 0, "data": BAIDU}, BAIDU_CALL),
    "baidu at once": ("baidu", {"callbackType": 3, "data": BAIDU}, BAIDU_CALL),
    "baidu, local times": ("baidu", {"callbackType": 0, "data": BAIDU | {"startTime": "2021-11-03 11:10:10", "talkingStartTime": "2021-11-03 11:10:18", "endTime": "2021-11-03 11:10:48"}}, BAIDU_CALL),
    "baidu, telephone off": ("baidu", {"callbackType": 0, "data": BAIDU | NOT_REACHED}, UNANSWERED | {"cause": "poweroff", "end": at("2021-11-03T03:10:22")}),
    "baidu, empty number": ("baidu", {"callbackType": 0, "data": BAIDU | NOT_REACHED | {"endTypeReason": "notexist", "talkingStartTime": None, "ringStartTime": ""}}, UNANSWERED | {"cause": "notexist"}),
    "baidu, no answer but a talk start": ("baidu", {"callbackType": 0, "data": BAIDU | {"endType": 0, "endTypeReason": "busy", "talkingTimeLen": 0}}, UNANSWERED | {"cause": "busy"}),
    "baidu hotline": (
        "baidu-hotline", {"info": HOTLINE, "details": [{"role": "user"}]},
        {"id": "7440329927666176000", "direction": "inbound", "from": "01059658100", "to": "02138310700,3102", "start": at("2026-03-19T09:34:49"),
         "end": at("2026-03-19T09:35:31"), "talk": 42_000, "cause": "connected", "robot": "a8063a16", "labels": {"hangup_by": "user", "transfer": "no_transfer"}}),
    "baidu hotline, given up": ("baidu-hotline", {"info": HOTLINE | {"callStatus": "abandoned", "talkingTimeLen": 0}}, UNANSWERED | {"cause": "abandoned"}),
    "volcengine": ("volcengine", VOLCENGINE, VOLCENGINE_CALL),
    "volcengine, a list": ("volcengine", [VOLCENGINE], VOLCENGINE_CALL),
    "volcengine, nobody answered": ("volcengine", VOLCENGINE | {"startTime": None, "callDuration": 0, "callResult": 7}, UNANSWERED | {"cause": "7", "start": at("2020-12-10T08:28:23")}),
    "volcengine, busy, with all times filled in": ("volcengine", VOLCENGINE | {"startTime": 1607588930000, "callDuration": 0, "callResult": 8}, UNANSWERED | {"cause": "8"}),
    "volcengine, never rang": ("volcengine", VOLCENGINE | {"ringTime": 0, "startTime": 0, "callDuration": 0, "callResult": 21}, UNANSWERED),
    "volcengine, no result told": ("volcengine", {k: v for k, v in VOLCENGINE.items() if k != "callResult"}, {"talk": 20_000}),
    "tencent center": (
        "tencent-center", CENTER,
        {"id": "7cb26a84", "direction": "outbound", "start": at("2026-10-08T01:00:00"), "answer": at("2026-10-08T01:00:05"), "end": at("2026-10-08T01:01:06"),
         "talk": 61_000, "seconds": 61, "cause": "normal", "labels": {"hangup_by": "user", "agent": "li@x", "skill_group": "售后"}}),
    "tencent center, inbound": ("tencent-center", CENTER | {"Direction": 0}, {"direction": "inbound"}),
    "tencent center, nobody answered": ("tencent-center", CENTER | {"AcceptTimestamp": 0, "Duration": 0, "EndStatusString": "seatGiveUp"}, UNANSWERED | {"cause": "seatGiveUp"}),
    "tencent notice": ("tencent-voice", {"voiceprompt_callback": VOICE_MESSAGE}, VOICE_MESSAGE_CALL | {"cause": "0"}),
    "tencent code": ("tencent-voice", {"voicecode_callback": VOICE_MESSAGE}, VOICE_MESSAGE_CALL),
    "tencent notice, nobody answered": ("tencent-voice", {"voiceprompt_callback": VOICE_MESSAGE | {"result": "1", "accept_time": "0", "fee": "0"}}, {"answer": None, "talk": 0, "cause": "1"}),
    "huawei": ("huawei-voice", {"eventType": "fee", "feeLst": [FEE]}, FEE_CALL),
    "huawei, nobody answered": (
        "huawei-voice", {"eventType": "fee", "feeLst": [{k: v for k, v in FEE.items() if k != "fwdAnswerTime"} | {"fwdUnaswRsn": 2}]},
        {"answer": None, "talk": 0, "cause": "2"}),
    "huawei notice": (
        "huawei-voice", {"eventType": "fee", "feeLst": [{"direction": 0, "sessionId": "1201", "callerNum": "+8675512345678", "calleeNum": "+8613800000021",
         "callOutStartTime": "2019-01-24 03:04:24", "callOutAnswerTime": "2019-01-24 03:04:30", "callEndTime": "2019-01-24 03:04:40"}]},
        {"id": "1201", "direction": "outbound", "to": "+8613800000021", "start": at("2019-01-24T03:04:24"), "talk": 10_000}),
    "twilio status": ("twilio", urlencode(STATUS), STATUS_CALL),
    "twilio, inbound": ("twilio", urlencode(STATUS | {"Direction": "inbound"}), {"direction": "inbound"}),
    "twilio, a child": ("twilio", urlencode(STATUS | {"Direction": "outbound-dial", "ParentCallSid": "CA0"}), {"labels": {"call_group": "CA0"}}),
    "twilio, a machine": ("twilio", urlencode(STATUS | {"AnsweredBy": "machine_start"}), {"labels": {"answered_by": "machine_start"}}),
    "twilio, busy": ("twilio", urlencode(STATUS | {"CallStatus": "busy", "CallDuration": "0"}), UNANSWERED | {"cause": "busy"}),
    "twilio, no answer, no length": ("twilio", urlencode({k: v for k, v in STATUS.items() if k != "CallDuration"} | {"CallStatus": "no-answer"}), {"answer": None, "end": at("2019-10-18T17:03:07")}),
    "vonage": (
        "vonage", VONAGE,
        {"id": "aaaa-bbbb", "from": "442079460000", "to": "447700900000", "start": at("2026-10-08T01:00:05"), "end": at("2026-10-08T01:01:06"), "talk": 61_000,
         "seconds": 61, "cause": "completed", "labels": {"call_group": "CON-aaaa", "price": "0.00015000", "network": "23410"}}),
    "vonage, as the API tells it": ("vonage", VONAGE | {"from": {"type": "phone", "number": "442079460000"}, "to": {"type": "phone", "number": "447700900000"}}, {"from": "442079460000", "to": "447700900000"}),
    "vonage, failed": (
        "vonage", {"uuid": "v", "status": "unanswered", "direction": "outbound", "from": "44", "to": "45", "conversation_uuid": "CON", "timestamp": "2026-10-08T01:00:30.000Z"},
        {"answer": None, "talk": 0, "start": at("2026-10-08T01:00:30"), "cause": "unanswered"}),
    "plivo": ("plivo", urlencode(PLIVO), PLIVO_CALL),
    "plivo, busy": ("plivo", urlencode({k: v for k, v in PLIVO.items() if k != "AnswerTime"} | {"CallStatus": "busy", "Duration": "0", "BillDuration": "0"}), UNANSWERED),
}  # fmt: skip


@pytest.mark.parametrize(("preset", "body", "expected"), CALLS.values(), ids=CALLS.keys())
def test_a_platforms_call_is_stored_as_it_was_however_often_it_comes(
    preset: str, body: Any, expected: dict[str, Any], push: Any
) -> None:
    zone = "UTC" if preset in {"genesys", "plivo", "twilio", "vonage"} else "Asia/Shanghai"
    push(preset, body, zone)
    call = Call.objects.get()
    stored = seen(call)
    assert {name: stored[name] for name in expected} == expected
    push(preset, body, zone)
    assert (Call.objects.count(), Quarantined.objects.count()) == (1, 0)


NO_CALLS: dict[str, tuple[str, Any]] = {
    "genesys, still talking": ("genesys", {"conversations": [{k: v for k, v in GENESYS.items() if k != "conversationEnd"}]}),
    "genesys, a chat": ("genesys", {"conversations": [GENESYS | {"participants": [{"purpose": "customer", "sessions": [{"mediaType": "chat", "sessionId": "x"}]}]}]}),
    "genesys, a detail event": ("genesys", {"detail": {"topicName": "v2.detail.events.conversation.x.customer.end", "eventBody": {"conversationId": "x"}}}),
    "aliyun robot, in the middle of a call": ("aliyun-robot", [robot()[0] | {"type": "process"}]),
    "aliyun voice, a state": ("aliyun-voice", [{"call_id": "1^2", "status_code": "200010", "status_time": "2017-06-01 10:00:00", "out_id": "1", "dtmf": ""}]),
    "aliyun voice, a recording": ("aliyun-voice", [{k: VOICE[k] for k in ("call_id", "start_time", "end_time", "duration", "status_code")} | {"record_file": "http://x"}]),
    "aliyun agent, a recording": ("aliyun-voice", {k: AGENT[k] for k in ("callId", "startTime", "endTime", "duration")} | {"recordFile": "http://x"}),
    "aliyun agent, a note": ("aliyun-voice", [{"callId": "1^2", "majorIntent": "A", "outputTags": {"x": "y"}, "taskId": "1"}]),
    "baidu, a list of numbers done": ("baidu", {"callbackType": 1, "data": {"taskMemberId": "7", "status": 3, "callEndTime": 1723117233000}}),
    "baidu, a task started": ("baidu", {"callbackType": 2, "data": {"taskId": "1", "taskStatus": 2, "updateTime": "2021-03-29 12:15:36"}}),
    "baidu, a text message": ("baidu", {"callbackType": 5, "data": {"smsId": "1", "sessionId": "s", "sendTime": 1734710400000}}),
    "tencent, a key pressed": ("tencent-voice", {"voicekey_callback": {"callid": "t", "keypress": "2"}}),
    "huawei, it rings": ("huawei-voice", {"eventType": "alerting", "statusInfo": {"sessionId": "1201", "timestamp": "2019-01-24 03:04:24"}}),
    "twilio, it rings": ("twilio", urlencode(STATUS | {"CallStatus": "ringing"})),
    "vonage, answered": ("vonage", {"uuid": "v", "status": "answered", "timestamp": "2026-10-08T01:00:00.000Z"}),
    "vonage, a recording": ("vonage", {"recording_url": "https://x", "start_time": "2026-10-08T01:00:00Z", "conversation_uuid": "CON"}),
    "plivo, in progress": ("plivo", urlencode(PLIVO | {"CallStatus": "in-progress"})),
}  # fmt: skip


@pytest.mark.parametrize(("preset", "body"), NO_CALLS.values(), ids=NO_CALLS.keys())
def test_what_is_no_call_is_acknowledged_and_not_stored(preset: str, body: Any, push: Any) -> None:
    push(preset, body)
    assert (Call.objects.count(), Quarantined.objects.count()) == (0, 0)
    assert Batch.objects.get().received == 0


def test_a_recording_that_comes_before_its_call_does_not_stand_in_its_place(push: Any) -> None:
    recording = {k: VOICE[k] for k in ("call_id", "start_time", "end_time", "duration", "status_code")}
    push("aliyun-voice", [recording | {"record_file": "http://x"}])
    push("aliyun-voice", [VOICE])
    assert Call.objects.get().callee_number == "13900001234"


def test_a_transfer_stands_beside_its_call(push: Any) -> None:
    push("aliyun-voice", [VOICE, VOICE | {"voice_type": "smart_transfer", "callee": "02155501000"}])
    assert sorted(Call.objects.values_list("leg", "callee_number")) == [
        ("a", "13900001234"),
        ("a:transfer", "02155501000"),
    ]


RUBBISH: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "unreadable"),
    "no JSON": (b"hello", "unreadable"),
    "XML": (b"<a/>", "unreadable"),
    "half": (json.dumps(VOLCENGINE).encode()[:-9], "unreadable"),
    "depth": (b"[" * 200_000, "unreadable"),
    "1e400": (json.dumps(VOLCENGINE).encode().replace(b": 20,", b": 1e400,"), "unreadable"),
    "a lone surrogate": (json.dumps(VOLCENGINE).encode().replace(b"NM2001011547", b"\\ud800"), "unreadable"),
    "a name twice": (json.dumps(VOLCENGINE).encode()[:-1] + b',"callDuration":99}', "duplicate_key"),
    "a NUL": (VOLCENGINE | {"callId": "a\0b"}, "nul_byte"),
    "no id": ({k: v for k, v in VOLCENGINE.items() if k != "callId"}, "invalid_record"),
    "an id without end": (VOLCENGINE | {"callId": "x" * 300}, "invalid_record"),
    "the year 9999": (VOLCENGINE | {"endTime": 253402300799000}, "too_long"),
    "a start in the year 9999": (
        {"callId": "x", "beginCallTime": 253402300799000, "callDuration": 86400, "callResult": 1}, "beyond_calendar"),
    "beyond any calendar": (VOLCENGINE | {"endTime": 10**17}, "beyond_calendar"),
    "a time in words": (VOLCENGINE | {"endTime": "noon"}, "not_an_instant"),
    "a length in words": (VOLCENGINE | {"callDuration": "long"}, "not_a_duration"),
    "a list of lists": ([[1]], "unreadable"),
    "a list of nothing": ([None], "unreadable"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code"), RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_gets_its_acknowledgement_and_is_kept_as_it_came(body: Any, code: str, push: Any) -> None:
    push("volcengine", body)
    assert (Call.objects.count(), Quarantined.objects.get().code) == (0, code)


def test_a_second_below_nothing_counts_as_nothing(push: Any) -> None:
    push("volcengine", VOLCENGINE | {"callDuration": -1})
    assert Call.objects.get().talk_ms == 0


def test_the_agents_part_begins_when_the_one_who_answered_did(push: Any) -> None:
    push("genesys", GENESYS)
    call = Call.objects.get()
    assert (call.transferred_at, call.agent_ms) == (at("2024-04-29T17:32:02.450"), 372_450)
