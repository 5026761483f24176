"""Genesys Cloud's conversation details, as analytics queries and jobs return them and a data action or trigger posts them.

From published material: the fields of AnalyticsConversation, AnalyticsParticipant, AnalyticsSession and its segments and
metrics (Platform API reference), and an inbound conversation as the API returned it: the customer's voice session carries
``nConnected`` when it was connected and ``tConnected``, milliseconds, when it ended; an agent who did not pick up has a
session without interaction; numbers are tel: addresses. From memory: that an outbound call's customer session has the
dialled number as ``dnis``, and that one which nobody answered has no ``nConnected``. Genesys wants no body as an answer.
"""

from __future__ import annotations

from typing import Any

CUSTOMER = [f"participants[purpose={who}].sessions[mediaType=voice]" for who in ("customer", "external")]
AGENT = "participants[purpose=agent].sessions[mediaType=voice]"
INTERACTION = "segments[segmentType=interact]"


def _customers(path: str) -> list[str]:
    return [f"{session}.{path}" for session in CUSTOMER]


CONVERSATION: dict[str, Any] = {
    "name": "Genesys Cloud conversation details",
    "acknowledgement": {"received": True},
    "mapping": {
        "records": "conversations",
        "skip": [
            {"path": ["topicName", "detail.topicName"], "present": True},
            {"path": "conversationEnd", "absent": True},
            {"path": _customers("sessionId"), "absent": True},
        ],
        "fields": {
            "call_id": "conversationId",
            "direction": {"path": "originatingDirection", "values": {"inbound": "inbound"}, "otherwise": "outbound"},
            "caller": {"path": _customers("ani")},
            "callee": {"path": [*_customers("dnis"), *_customers("sessionDnis")]},
            "started_at": "conversationStart",
            "answered_at": {
                "path": [*_customers("metrics[name=nConnected].emitDate"), *_customers(f"{INTERACTION}.segmentStart")]
            },
            "ended_at": {"path": [*_customers("metrics[name=tConnected].emitDate"), "conversationEnd"]},
            "talk": {"path": _customers("metrics[name=tConnected].value"), "unit": "ms"},
            "transferred_at": f"{AGENT}.{INTERACTION}.segmentStart",
            "agent": {"path": f"{AGENT}.metrics[name=tTalkComplete].value", "unit": "ms"},
            "hangup_cause": {"path": [*_customers(f"{INTERACTION}.disconnectType"), *_customers("segments[0].disconnectType")]},
            "robot": "participants[purpose=ivr].sessions[mediaType=voice].flow.flowId",
        },
        "labels": {
            "queue": "participants[purpose=acd].sessions[mediaType=voice].segments[segmentType=interact].queueId",
            "agent": "participants[purpose=agent].userId",
            "wrap_up": f"{AGENT}.segments[segmentType=wrapup].wrapUpCode",
            "campaign": {"path": _customers("outboundCampaignId")},
            "division": "divisionIds[0]",
        },
    },
}  # fmt: skip
