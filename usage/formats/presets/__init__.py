"""Mappings for senders whose callbacks are published, and the acknowledgement each wants; each file names its sources."""

from __future__ import annotations

from typing import Any

from usage.formats.presets import aliyun, baidu, genesys, huawei, tencent, twilio, volcengine

# CDR-Stats' CSV import: 25 columns with a header, local times, Q.850 causes.
CDR_STATS: dict[str, Any] = {
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
}

PRESETS: dict[str, dict[str, Any]] = {
    "aliyun-robot": aliyun.ROBOT,
    "aliyun-voice": aliyun.VOICE,
    "baidu": baidu.OUTBOUND,
    "baidu-hotline": baidu.HOTLINE,
    "volcengine": volcengine.VOICE,
    "tencent-center": tencent.CONTACT_CENTER,
    "tencent-voice": tencent.VOICE_MESSAGE,
    "huawei-voice": huawei.VOICE_CALL,
    "twilio": twilio.TWILIO,
    "vonage": twilio.VONAGE,
    "plivo": twilio.PLIVO,
    "genesys": genesys.CONVERSATION,
    "cdr-stats": CDR_STATS,
}
