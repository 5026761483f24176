"""Baidu's call callbacks.

Sources (cloud.baidu.com): “任务单通电话回调” and “实时调用单通电话回调” (times in milliseconds, lengths in seconds, endType 1 is
answered; the answer is {"code": 200, "msg": "success"}), “任务号码组终态回调”, “任务状态变更回调” and “短信明细推送回调” (callbackType 1, 2, 5:
no calls), “热线通话记录回调” (calls to a hotline: local times, lengths in milliseconds, mobile is the caller).
"""

from __future__ import annotations

from typing import Any

SUCCESS: dict[str, Any] = {"code": 200, "msg": "success"}

OUTBOUND: dict[str, Any] = {
    "name": "Baidu outbound call callback",
    "acknowledgement": SUCCESS,
    "mapping": {
        "zone": "Asia/Shanghai",
        "records": "data",
        "skip": {"path": "callbackType", "in": ["1", "2", "5"]},
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
            "hangup_cause": {"path": ["endTypeReason", "sipCode", "endType"]},
            "robot": "robotId",
        },
        "labels": {"task": "taskId", "intent": "intent", "attempt": "callTimes"},
    },
}

HOTLINE: dict[str, Any] = {
    "name": "Baidu hotline call callback",
    "acknowledgement": SUCCESS,
    "mapping": {
        "zone": "Asia/Shanghai",
        "answered": {"path": ["info.callStatus", "callStatus"], "in": ["connected"]},
        "fields": {
            "call_id": {"path": ["info.sessionId", "sessionId"]},
            "direction": {"constant": "inbound"},
            "caller": {"path": ["info.mobile", "mobile"]},
            "callee": {"path": ["info.calledNum", "calledNum"]},
            "started_at": {"path": ["info.startTime", "startTime", "info.talkingStartTime", "talkingStartTime", "info.endTime", "endTime"]},
            "answered_at": {"path": ["info.talkingStartTime", "talkingStartTime"]},
            "ended_at": {"path": ["info.endTime", "endTime"]},
            "talk": {"path": ["info.talkingTimeLen", "talkingTimeLen"], "unit": "ms"},
            "hangup_cause": {"path": ["info.callStatus", "callStatus"]},
            "robot": {"path": ["info.robotId", "robotId"]},
        },
        "labels": {
            "hangup_by": {"path": ["info.hangupParty", "hangupParty"]},
            "transfer": {"path": ["info.transferResult", "transferResult"]},
        },
    },
}  # fmt: skip
