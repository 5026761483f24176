"""Volcengine's voice CDR push.

Sources (volcengine.com, 语音服务): “呼叫记录(话单)” (times in milliseconds, beginCallTime when the call was begun, startTime when it
was answered, callDuration in seconds), its enumerations (callResult 1 is answered, all others are not), “消息回执 简介” (any 2xx
is an acknowledgement; a push that failed comes again five times, then every two hours).
"""

from __future__ import annotations

from typing import Any

VOICE: dict[str, Any] = {
    "name": "Volcengine voice CDR",
    "acknowledgement": {"code": 0, "message": "success"},
    "mapping": {
        "answered": {"path": "callResult", "in": ["1"]},
        "fields": {
            "call_id": "callId",
            "caller": "caller",
            "callee": "callee",
            "started_at": {"path": ["beginCallTime", "ringTime", "startTime", "endTime"], "as": "ms"},
            "answered_at": {"path": "startTime", "as": "ms"},
            "ended_at": {"path": "endTime", "as": "ms"},
            "talk": "callDuration",
            "hangup_cause": {"path": ["callResult", "releaseType"]},
        },
        "labels": {
            "task": "taskOpenId",
            "number_pool": "numberPoolNo",
            "hangup_by": "releaseType",
            "service": "subServiceType",
            "single": "singleOpenId",
            "user_data": "userData",
        },
    },
}
