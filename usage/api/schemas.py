"""How the OpenAPI document describes calls, outcomes and faults. Nothing is validated with these: msgspec does that."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from billing.api import problems


class ItemSerializer(serializers.Serializer[Any]):
    """What became of one record."""

    index = serializers.IntegerField(help_text="Position of the record in the delivery, from 0.")
    call_id = serializers.CharField(allow_blank=True)
    outcome = serializers.ChoiceField(["accepted", "duplicate", "conflict", "rejected"])
    code = serializers.CharField(required=False, help_text="Stable code of the fault.")
    detail = serializers.CharField(required=False, help_text="What is wrong and what to do, for a person.")
    pointer = serializers.CharField(required=False, allow_blank=True, help_text="JSON pointer into the record.")


class OutcomeSerializer(serializers.Serializer[Any]):
    """What became of a delivery: received = accepted + duplicates + conflicts + rejected."""

    batch = serializers.UUIDField()
    received = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    rejected = serializers.IntegerField()
    items = ItemSerializer(many=True, help_text="The records that were not accepted; all of them with items=all.")


class CallSerializer(serializers.Serializer[Any]):
    """One leg of a call, in Huadan's own format. Instants carry a zone; unknown fields are refused."""

    call_id = serializers.CharField(min_length=1, max_length=128)
    leg = serializers.CharField(
        min_length=1, max_length=16, default="a", help_text="a and a:… are counted, others kept."
    )
    direction = serializers.ChoiceField(["inbound", "outbound"])
    caller = serializers.CharField(max_length=64, default="")
    callee = serializers.CharField(max_length=64, default="")
    started_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True, default=None, help_text="Absent when nobody answered.")
    ended_at = serializers.DateTimeField()
    talk_ms = serializers.IntegerField(required=False, help_text="Whole answered time; absent: ended − answered.")
    reported_seconds = serializers.IntegerField(required=False, help_text="Seconds as the sender rounds them.")
    hangup_cause = serializers.CharField(max_length=64, default="")
    region = serializers.CharField(
        max_length=16, default="", help_text="GB/T 2260 code of the other party, or your own."
    )
    robot = serializers.CharField(max_length=64, default="")
    line = serializers.CharField(max_length=64, default="")
    language = serializers.CharField(max_length=16, default="")
    modules = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    counters = serializers.DictField(child=serializers.DecimalField(max_digits=21, decimal_places=6), default=dict)
    transferred_at = serializers.DateTimeField(allow_null=True, default=None)
    agent_ms = serializers.IntegerField(default=0, help_text="Part of the talk after the transfer to a person.")
    labels = serializers.DictField(child=serializers.CharField(max_length=256), default=dict)


class EventSerializer(serializers.Serializer[Any]):
    """A CloudEvents 1.0 event in structured mode."""

    specversion = serializers.ChoiceField(["1.0"])
    id = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    type = serializers.CharField()
    data = CallSerializer()  # type: ignore[assignment]


BODY_PROBLEMS = problems(400, 404, 409, 411, 413, 415, 422, 503)
SOURCE = OpenApiParameter("source", str, description="The source's code; needed when the tenant has several.")
ITEMS = OpenApiParameter("items", str, enum=["all"], description="Return every record's outcome.")
ATOMIC = OpenApiParameter("atomic", bool, description="Store all records or none.")
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="The same key with the same body gives the same answer, however often it is sent.",
)
CALL = {
    "call_id": "c-20261008-000001",
    "direction": "outbound",
    "caller": "+862155501000",
    "callee": "+8613800001234",
    "started_at": "2026-10-08T09:15:00.120+08:00",
    "answered_at": "2026-10-08T09:15:07.480+08:00",
    "ended_at": "2026-10-08T09:16:12.000+08:00",
    "hangup_cause": "NORMAL_CLEARING",
    "robot": "delivery-1",
    "modules": ["voice_navigation"],
    "labels": {"campaign": "autumn"},
}
EVENT = {
    "specversion": "1.0",
    "id": "c-20261008-000001",
    "source": "/robots/delivery-1",
    "type": "call.ended",
    "data": CALL,
}
NDJSON = (
    '{"call_id":"c-1","direction":"outbound","started_at":"2026-10-08T09:15:00Z","ended_at":"2026-10-08T09:15:31Z"}\n'
)
CSV = "call_id,direction,started_at,answered_at,ended_at\r\nc-1,inbound,2026-10-08T09:15:00Z,,2026-10-08T09:15:31Z\r\n"
MASTER = (
    '"","8001","8002","sip0","""8001"" <8001>","SIP/1","SIP/2","Dial","SIP/8002","2026-10-08 09:15:00",'
    '"2026-10-08 09:15:07","2026-10-08 09:16:12",72,65,"ANSWERED","DOCUMENTATION","1791422100.99",""\n'
)
CDR = {
    "variables": {
        "uuid": "16c22a18-eccc-4974-adf9-44d2b6152838",
        "direction": "outbound",
        "start_uepoch": "1791422100120000",
        "answer_uepoch": "1791422107480000",
        "end_uepoch": "1791422172000000",
        "billsec": "65",
        "billusec": "64520000",
        "hangup_cause": "NORMAL_CLEARING",
    }
}
CALLBACK = {"callId": "NM1", "caller": "13100001111", "callee": "13100002222", "beginCallTime": 1791422100000,
            "startTime": 1791422107000, "endTime": 1791422172000, "callDuration": 65, "callResult": 1}  # fmt: skip
OUTCOME = {
    "batch": "0199b2f0-5e0a-7c3c-8a54-3f1d2c9b7e10",
    "received": 3,
    "accepted": 1,
    "duplicates": 1,
    "conflicts": 0,
    "rejected": 1,
    "items": [
        {"index": 1, "call_id": "c-20261008-000001", "outcome": "duplicate"},
        {
            "index": 2,
            "call_id": "c-20261008-000009",
            "outcome": "rejected",
            "code": "ends_before_start",
            "detail": "The call ends before it starts.",
            "pointer": "/ended_at",
        },
    ],
}
ANSWER = OpenApiExample("Three records", OUTCOME, response_only=True, status_codes=["200"])


def example(name: str, value: Any, media_type: str = "application/json") -> OpenApiExample:
    """Make an example of a request's body."""
    return OpenApiExample(name, value, request_only=True, media_type=media_type)
