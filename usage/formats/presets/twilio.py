"""Twilio, and platforms that tell of calls in their own but similar way: Vonage and Plivo.

Sources: Twilio's Call resource and “Track the status of outbound calls” (StatusCallback; CallDuration is in seconds,
Duration in begun minutes); Vonage “Voice API Webhooks Reference” (a completed call has start_time and end_time, one that
failed only a timestamp); Plivo “XML request” and “The Call object” (BillDuration; times in the account's zone). All three
look at the HTTP status only.
"""

from __future__ import annotations

from typing import Any

TAKEN: dict[str, Any] = {"received": True}
LIVE = ["queued", "initiated", "ringing", "in-progress"]

TWILIO: dict[str, Any] = {
    "name": "Twilio Call resource and StatusCallback",
    "acknowledgement": TAKEN,
    "mapping": {
        "records": "calls",
        "skip": {"path": ["status", "CallStatus"], "in": LIVE},
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
}

VONAGE: dict[str, Any] = {
    "name": "Vonage Voice events",
    "acknowledgement": TAKEN,
    "mapping": {
        "skip": [
            {"path": "status", "in": ["started", "ringing", "answered", "machine", "human", "input", "record", "transfer", "disconnected"]},
            {"path": ["recording_url", "speech"], "present": True},
        ],
        "answered": {"path": "status", "in": ["completed"]},
        "fields": {
            "call_id": "uuid",
            "direction": {"path": "direction", "values": {"inbound": "inbound"}, "otherwise": "outbound"},
            "caller": {"path": ["from.number", "from"]},
            "callee": {"path": ["to.number", "to"]},
            "started_at": {"path": ["start_time", "timestamp"]},
            "answered_at": "start_time",
            "ended_at": {"path": ["end_time", "timestamp"]},
            "talk": "duration",
            "hangup_cause": "status",
        },
        "labels": {"call_group": "conversation_uuid", "price": "price", "network": "network"},
    },
}  # fmt: skip

PLIVO: dict[str, Any] = {
    "name": "Plivo hangup callback and Call object",
    "acknowledgement": TAKEN,
    "mapping": {
        "records": "objects",
        "skip": {"path": "CallStatus", "in": LIVE},
        "answered": {"path": "CallStatus", "in": ["completed"]},
        "fields": {
            "call_id": {"path": ["CallUUID", "call_uuid"]},
            "direction": {
                "path": ["Direction", "call_direction"],
                "values": {"inbound": "inbound"},
                "otherwise": "outbound",
            },
            "caller": {"path": ["From", "from_number"]},
            "callee": {"path": ["To", "to_number"]},
            "started_at": {"path": ["StartTime", "initiation_time"]},
            "answered_at": {"path": ["AnswerTime", "answer_time"]},
            "ended_at": {"path": ["EndTime", "end_time"]},
            "talk": {"path": ["Duration", "call_duration"]},
            "reported": {"path": ["BillDuration", "bill_duration"]},
            "hangup_cause": {"path": ["HangupCauseName", "HangupCause", "hangup_cause_name", "CallStatus"]},
        },
        "labels": {"call_group": {"path": ["ALegUUID", "parent_call_uuid"]}},
    },
}
