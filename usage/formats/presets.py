"""Mappings for senders whose callbacks are published, and the acknowledgement each wants.

Sources: Aliyun help.aliyun.com document_detail/383430 (RobotCallReportAiccs) and vms/voicereport-7 (VoiceReport);
Baidu cloud.baidu.com/doc/CCC pkt9hkwsl (call callback); Volcengine volcengine.com docs 6358/173373; Twilio's Call
resource and StatusCallback; CDR-Stats' import file.
"""

from __future__ import annotations

from typing import Any

_ALIYUN_TIMES: dict[str, Any] = {
    "started_at": {"path": ["originate_time", "originateTime", "ring_time", "ringTime", "start_time", "startTime", "end_time", "endTime"]},
    "answered_at": {"path": ["start_time", "startTime"]},
    "ended_at": {"path": ["end_time", "endTime"]},
}  # fmt: skip

PRESETS: dict[str, dict[str, Any]] = {
    "aliyun-robot": {
        "name": "Aliyun AICCS RobotCallReport",
        "acknowledgement": {"code": 0, "msg": "接收成功"},
        "mapping": {
            "skip": {"path": "type", "in": ["start", "ring", "answer", "begin", "process"]},
            "fields": {
                "call_id": "callId",
                "direction": {"path": "data.info.direction", "values": {"1": "inbound"}, "otherwise": "outbound"},
                "caller": "data.info.callingNo",
                "callee": "data.info.calledNo",
                "started_at": {"path": ["data.info.startTime", "data.info.ringTime"], "as": "ms"},
                "answered_at": {"path": "data.info.answerTime", "as": "ms"},
                "ended_at": {"path": "data.info.endTime", "as": "ms"},
                "reported": "data.info.duration",
                "hangup_cause": "data.info.code",
                "robot": "robotId",
            },
        },
    },
    "aliyun-voice": {
        "name": "Aliyun VoiceReport",
        "acknowledgement": {"code": 0, "msg": "成功"},
        "mapping": {
            "zone": "Asia/Shanghai",
            "fields": {
                "call_id": {"path": ["call_id", "callId"]},
                "caller": {"path": ["caller", "realCaller"]},
                "callee": "callee",
                **_ALIYUN_TIMES,
                "reported": "duration",
                "hangup_cause": {"path": ["status_code", "statusCode"]},
                "robot": "dialog_id",
            },
            "labels": {
                "out_id": {"path": ["out_id", "outId"]},
                "hangup_by": {"path": ["hangup_direction", "hangupDirection"]},
            },
        },
    },
    "baidu": {
        "name": "Baidu outbound call callback",
        "acknowledgement": {"code": 200, "msg": "success"},
        "mapping": {
            "zone": "Asia/Shanghai",
            "records": "data",
            "skip": {"path": "callbackType", "in": ["1", "2"]},
            "answered": {"path": "endType", "in": ["1"]},
            "fields": {
                "call_id": "sessionId",
                "caller": "callerNum",
                "callee": {"path": ["mobile", "calledNum"]},
                "started_at": {"path": ["startTime", "ringStartTime", "talkingStartTime", "endTime"]},
                "answered_at": "talkingStartTime",
                "ended_at": "endTime",
                "duration": "durationTimeLen",
                "reported": "talkingTimeLen",
                "hangup_cause": {"path": ["endTypeReason", "endType"]},
                "robot": "robotId",
            },
            "labels": {"task": "taskId", "intent": "intent"},
        },
    },
    "volcengine": {
        "name": "Volcengine voice CDR",
        "acknowledgement": {"code": 0, "message": "success"},
        "mapping": {
            "fields": {
                "call_id": "callId",
                "caller": "caller",
                "callee": "callee",
                "started_at": {"path": ["beginCallTime", "ringTime", "startTime"], "as": "ms"},
                "answered_at": {"path": "startTime", "as": "ms"},
                "ended_at": {"path": "endTime", "as": "ms"},
                "talk": "callDuration",
                "hangup_cause": {"path": ["callResult", "releaseType"]},
            },
            "labels": {"task": "taskOpenId", "number_pool": "numberPoolNo"},
        },
    },
    "twilio": {
        "name": "Twilio Call resource and StatusCallback",
        "acknowledgement": {"received": True},
        "mapping": {
            "records": "calls",
            "skip": {"path": ["status", "CallStatus"], "in": ["queued", "initiated", "ringing", "in-progress"]},
            "answered": {"path": ["status", "CallStatus"], "in": ["completed"]},
            "fields": {
                "call_id": {"path": ["sid", "CallSid"]},
                "direction": {
                    "path": ["direction", "Direction"],
                    "values": {"inbound": "inbound", "trunking-originating": "outbound"},
                    "otherwise": "outbound",
                },
                "caller": {"path": ["from", "From"]},
                "callee": {"path": ["to", "To"]},
                "started_at": {"path": ["start_time", "date_created"], "as": "rfc2822"},
                "answered_at": {"path": "start_time", "as": "rfc2822"},
                "ended_at": {"path": ["end_time", "Timestamp"], "as": "rfc2822"},
                "talk": {"path": ["duration", "CallDuration"]},
                "hangup_cause": {"path": ["status", "CallStatus"]},
            },
            "labels": {
                "answered_by": {"path": ["answered_by", "AnsweredBy"]},
                "call_group": {"path": ["parent_call_sid", "ParentCallSid"]},
                "price": {"path": "price", "negate": True},
                "currency": "price_unit",
            },
        },
    },
    "cdr-stats": {
        "name": "CDR-Stats import file",
        "acknowledgement": {},
        "mapping": {
            "fields": {
                "call_id": "callid",
                "direction": {"path": "direction", "values": {"0": "inbound"}, "otherwise": "outbound"},
                "caller": "caller_id_number",
                "callee": "destination_number",
                "started_at": "starting_date",
                "duration": "duration",
                "talk": "billsec",
                "hangup_cause": {"path": ["hangup_cause_id", "hangup_cause"]},
            },
            "labels": {"account": "accountcode"},
        },
    },
}
