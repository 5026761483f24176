"""Aliyun's call reports, pushed over HTTP in batches, and the acknowledgement it looks for.

Sources (help.aliyun.com): “RobotCallReportAiccs” (AICCS, 机器人呼叫记录消息; ``direction`` is who hung up, 0 the robot, 1 the
customer), “VoiceReport” (语音服务, 呼叫记录消息; start_time is when the callee answered, empty when nobody did),
“AlicomAgentCallReport-呼叫记录消息” (通信智能体; the same in camel case), and what may come to the same address and is no call:
“VoiceCallReport” (status_time), “VoiceRecordReport” and “AlicomAgentCallRecord” (record_file), “AlicomAgentCallNote”
(majorIntent). “HTTP批量推送模式” names the answer; it waits 700 ms for it.
"""

from __future__ import annotations

from typing import Any

RECEIVED: dict[str, Any] = {"code": 0, "msg": "接收成功"}
HUNG_UP_BY = {"0": "robot", "1": "customer"}
LIVE = ["start", "ring", "answer", "begin", "process"]

ROBOT: dict[str, Any] = {
    "name": "Aliyun AICCS RobotCallReport",
    "acknowledgement": RECEIVED,
    "mapping": {
        "skip": {"path": "type", "in": LIVE},
        "fields": {
            "call_id": "callId",
            "direction": {"constant": "outbound"},
            "caller": "data.info.callingNo",
            "callee": "data.info.calledNo",
            "started_at": {"path": ["data.info.startTime", "data.info.ringTime", "data.info.endTime"], "as": "ms"},
            "answered_at": {"path": "data.info.answerTime", "as": "ms"},
            "ended_at": {"path": "data.info.endTime", "as": "ms"},
            "reported": "data.info.duration",
            "hangup_cause": "data.info.code",
            "robot": "robotId",
        },
        "labels": {"hangup_by": {"path": "data.info.direction", "values": HUNG_UP_BY}},
    },
}

# A transfer has a report of its own under the same id: its own leg, which is billed like the first.
LEG = {"path": ["voice_type", "voiceType"], "values": {"smart_transfer": "a:transfer"}, "otherwise": "a"}
STARTED = ["originate_time", "originateTime", "ring_time", "ringTime", "start_time", "startTime", "end_time", "endTime"]

VOICE: dict[str, Any] = {
    "name": "Aliyun VoiceReport, AlicomAgentCallReport",
    "acknowledgement": RECEIVED,
    "mapping": {
        "zone": "Asia/Shanghai",
        "skip": [
            {"path": ["status_time", "statusTime"], "present": True},
            {"path": ["record_file", "recordFile"], "present": True},
            {"path": ["majorIntent", "conversationRecord"], "present": True},
        ],
        "fields": {
            "call_id": {"path": ["call_id", "callId"]},
            "leg": LEG,
            "caller": {"path": ["realCaller", "caller"]},
            "callee": "callee",
            "started_at": {"path": STARTED},
            "answered_at": {"path": ["start_time", "startTime"]},
            "ended_at": {"path": ["end_time", "endTime"]},
            "reported": "duration",
            "hangup_cause": {"path": ["status_code", "statusCode"]},
            "robot": {"path": ["dialog_id", "taskId"]},
        },
        "labels": {
            "out_id": {"path": ["out_id", "outId"]},
            "hangup_by": {"path": ["hangup_direction", "hangupDirection"]},
            "answered_by": {"path": ["smart_status_code", "smartStatusCode"]},
        },
    },
}
