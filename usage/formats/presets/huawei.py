"""Huawei Cloud's fee notifications.

Sources (support.huaweicloud.com, 语音通话): “语音通知话单通知API” and “语音回呼话单通知API” (up to 50 in feeLst; UTC; billed from
fwdAnswerTime to callEndTime; a push without an answer comes again six times, hourly), “语音通知呼叫状态通知API” (other eventTypes: no
calls). The answer is {"resultcode": "0", "resultdesc": "Success"}.
"""

from __future__ import annotations

from typing import Any

VOICE_CALL: dict[str, Any] = {
    "name": "Huawei Cloud VoiceCall fee notification",
    "acknowledgement": {"resultcode": "0", "resultdesc": "Success"},
    "mapping": {
        "zone": "UTC",
        "records": "feeLst",
        "skip": {
            "path": "eventType",
            "in": ["callin", "callout", "alerting", "answer", "collectInfo", "disconnect"],
        },
        "fields": {
            "call_id": "sessionId",
            "direction": {"path": "direction", "values": {"1": "inbound"}, "otherwise": "outbound"},
            "caller": "callerNum",
            "callee": {"path": ["fwdDstNum", "calleeNum"]},
            "started_at": {"path": ["callInTime", "callOutStartTime", "fwdStartTime", "failTime", "callEndTime"]},
            "answered_at": {"path": ["fwdAnswerTime", "callOutAnswerTime"]},
            "ended_at": {"path": ["callEndTime", "failTime"]},
            "hangup_cause": {"path": ["fwdUnaswRsn", "callOutUnaswRsn", "ulFailReason"]},
        },
        "labels": {"icid": "icid", "user_data": "userData", "service": "serviceType"},
    },
}
