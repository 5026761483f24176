"""Tencent Cloud's call reports.

Sources: Tencent Cloud Contact Center “Data Push: Voice Call Records” (seconds since 1970; Direction 0 is inbound; Duration is
EndedTimestamp − AcceptTimestamp), 语音消息 “语音通知状态通知” and “语音验证码状态通知” (result 0 is answered; fee is in minutes; the answer
is {"result": 0, "errmsg": "OK"}).
"""

from __future__ import annotations

from typing import Any

CONTACT_CENTER: dict[str, Any] = {
    "name": "Tencent Cloud Contact Center call records",
    "acknowledgement": {"code": 0},
    "mapping": {
        "fields": {
            "call_id": "SessionId",
            "direction": {"path": "Direction", "values": {"0": "inbound"}, "otherwise": "outbound"},
            "caller": "Caller",
            "callee": "Callee",
            "started_at": {"path": ["StartTimestamp", "RingTimestamp", "AcceptTimestamp"], "as": "s"},
            "answered_at": {"path": "AcceptTimestamp", "as": "s"},
            "ended_at": {"path": "EndedTimestamp", "as": "s"},
            "reported": "Duration",
            "hangup_cause": {"path": ["EndStatusString", "EndStatus"]},
        },
        "labels": {"hangup_by": "HungUpSide", "agent": "SeatUser.UserId", "skill_group": "QueuedSkillGroupName"},
    },
}


def _either(name: str) -> list[str]:
    return [f"voiceprompt_callback.{name}", f"voicecode_callback.{name}"]


VOICE_MESSAGE: dict[str, Any] = {
    "name": "Tencent Cloud voice message status",
    "acknowledgement": {"result": 0, "errmsg": "OK"},
    "mapping": {
        "skip": {"path": ["voicekey_callback.callid", "voice_failure_callback.callid"], "present": True},
        "answered": {"path": _either("result"), "in": ["0"]},
        "fields": {
            "call_id": {"path": _either("callid")},
            "direction": {"constant": "outbound"},
            "caller": {"path": _either("call_from")},
            "callee": {"path": _either("mobile")},
            "started_at": {"path": _either("start_calltime"), "as": "s"},
            "answered_at": {"path": _either("accept_time"), "as": "s"},
            "ended_at": {"path": _either("end_calltime"), "as": "s"},
            "hangup_cause": {"path": _either("result")},
        },
        "labels": {"minutes": {"path": _either("fee")}, "nation": {"path": _either("nationcode")}},
    },
}
