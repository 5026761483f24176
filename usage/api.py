"""The doors calls come in by."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from billing.errors import Refused
from billing.health import free_disk_percent
from tenants.api import TenantView
from tenants.models import ApiKey
from usage.formats import freeswitch, native
from usage.formats.record import Decoded
from usage.ingestion import Outcome, Reporter, ingest_batch
from usage.models import Source


class UnknownSource(Refused):
    """The tenant has no such source, or several and the request names none."""

    status = 404


class DiskFull(Refused):
    """There is too little room to promise anything; the sender keeps the record and tries again."""

    status = 503


class BytesParser(BaseParser):  # type: ignore[misc, unused-ignore]
    """Leave the body alone: each door reads its own bytes, whatever the header calls them."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> bytes:
        """Return the body as it came."""
        return bytes(stream.read())


class ItemSerializer(serializers.Serializer[Any]):
    """What became of one record."""

    index = serializers.IntegerField(help_text="Position of the record in the delivery, from 0.")
    call_id = serializers.CharField()
    outcome = serializers.ChoiceField(["accepted", "duplicate", "conflict", "rejected"])
    code = serializers.CharField(required=False, help_text="Stable code of the fault.")
    detail = serializers.CharField(required=False, help_text="What is wrong and what to do, for a person.")
    pointer = serializers.CharField(required=False, help_text="JSON pointer into the record.")


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

    call_id = serializers.CharField(max_length=128)
    leg = serializers.CharField(max_length=16, default="a")
    direction = serializers.ChoiceField(["inbound", "outbound"])
    caller = serializers.CharField(max_length=64, default="")
    callee = serializers.CharField(max_length=64, default="")
    started_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True, default=None, help_text="Absent when nobody answered.")
    ended_at = serializers.DateTimeField()
    talk_ms = serializers.IntegerField(required=False, help_text="Whole answered time; absent: ended − answered.")
    reported_seconds = serializers.IntegerField(required=False, help_text="Seconds as the sender rounds them.")
    hangup_cause = serializers.CharField(max_length=64, default="")
    region = serializers.CharField(max_length=16, default="", help_text="GB/T 2260 code of the other party, or your own.")
    robot = serializers.CharField(max_length=64, default="")
    line = serializers.CharField(max_length=64, default="")
    language = serializers.CharField(max_length=16, default="")
    modules = serializers.ListField(child=serializers.CharField(max_length=64), default=list)
    counters = serializers.DictField(child=serializers.DecimalField(max_digits=21, decimal_places=6), default=dict)
    transferred_at = serializers.DateTimeField(allow_null=True, default=None)
    agent_ms = serializers.IntegerField(default=0, help_text="Part of the talk after the transfer to a person.")
    labels = serializers.DictField(child=serializers.CharField(max_length=256), default=dict)


class ProblemSerializer(serializers.Serializer[Any]):
    """A fault, as RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="A sentence for a person.")
    pointer = serializers.CharField(required=False)


PROBLEMS = {
    (400, "application/problem+json"): OpenApiResponse(ProblemSerializer, "The body cannot be read; nothing was stored."),
    (401, "application/problem+json"): OpenApiResponse(ProblemSerializer, "No key, or a wrong one."),
    (403, "application/problem+json"): OpenApiResponse(ProblemSerializer, "The key lacks the scope."),
    (404, "application/problem+json"): OpenApiResponse(ProblemSerializer, "The tenant has no such source."),
    (413, "application/problem+json"): OpenApiResponse(ProblemSerializer, "The body is too large."),
    (503, "application/problem+json"): OpenApiResponse(ProblemSerializer, "Cannot store now; nothing was stored; try again."),
}
EXAMPLE = {
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


class IngestView(TenantView):
    """What the doors share: the tenant from the key, the source by its code, one clock reading."""

    scope = ApiKey.INGEST
    parser_classes = [BytesParser]

    def store(self, code: str, decoded: list[Decoded], format_name: str) -> Outcome:
        """Store a delivery of the key's tenant."""
        holder = self.holder
        if free_disk_percent() < settings.ENVIRONMENT.minimum_free_disk_percent:
            raise DiskFull("disk_full", "The disk is nearly full; nothing was stored; keep the record and try again.")
        reporter = Reporter(
            holder.tenant_id, holder.zone, holder.billing_day, holder.keep_numbers, holder.accept_days_back
        )
        return ingest_batch(reporter, source_of(holder.tenant_id, code), decoded, format_name, datetime.now(UTC))


class CallsView(IngestView):
    """POST /api/v1/calls."""

    @extend_schema(
        operation_id="report_calls",
        summary="Report calls",
        description="One call record or an array of up to 5,000. 200 means that they are stored; each call is stored once.",
        tags=["calls"],
        request={"application/json": CallSerializer(many=True)},
        responses={200: OutcomeSerializer, **PROBLEMS},
        parameters=[
            OpenApiParameter("source", str, description="The source's code; needed when the tenant has several."),
            OpenApiParameter("items", str, enum=["all"], description="Return every record's outcome."),
        ],
        examples=[OpenApiExample("One answered call", [EXAMPLE], request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Store the records of the body."""
        decoded = native.decode(request.data or b"")
        outcome = self.store(request.query_params.get("source", ""), decoded, "native")
        return Response(body_of(outcome, every_item=request.query_params.get("items") == "all"))


class FreeswitchView(IngestView):
    """POST /api/v1/cdr/freeswitch/<source>: the address to write into json_cdr.conf.xml."""

    @extend_schema(
        operation_id="report_freeswitch_cdr",
        summary="Report a FreeSWITCH CDR (mod_json_cdr)",
        description="Takes what mod_json_cdr posts: raw JSON, or `cdr=` percent-encoded or base64. A body that cannot be "
        "read is kept in quarantine and answered 200, so that the switch does not post it for ever.",
        tags=["calls"],
        request={"application/json": dict, "application/x-www-form-urlencoded": dict},
        responses={200: OutcomeSerializer, **PROBLEMS},
        parameters=[OpenApiParameter("uuid", str, description="The call's uuid, as mod_json_cdr appends it.")],
    )
    def post(self, request: Request, source: str) -> Response:
        """Store the one record of the body."""
        decoded = freeswitch.decode(request.data or b"", request.query_params.get("uuid", "").removeprefix("a_"))
        return Response(body_of(self.store(source, [decoded], "freeswitch"), every_item=True))


def source_of(tenant_id: int, code: str) -> Source:
    """Find a tenant's source by code, or its only one when no code is given. Raises UnknownSource."""
    sources = Source.objects.filter(tenant_id=tenant_id)
    if code:
        found = sources.filter(code=code).first()
        if found is None:
            raise UnknownSource("unknown_source", f"This tenant has no source “{code[:40]}”; create it first.")
        return found
    several = list(sources[:2])
    if len(several) != 1:
        raise UnknownSource("name_the_source", "Name the source: /api/v1/calls?source=CODE.")
    return several[0]


def body_of(outcome: Outcome, *, every_item: bool) -> dict[str, Any]:
    """Build the answer's body from an outcome."""
    counts = {
        f"{name}{'' if name in {'accepted', 'rejected'} else 's'}": outcome.count(name)
        for name in ("accepted", "duplicate", "conflict", "rejected")
    }
    items = []
    for item in outcome.items:
        if every_item or item.outcome != "accepted":
            told = {"index": item.index, "call_id": item.call_id, "outcome": item.outcome}
            if item.fault:
                told |= {"code": item.fault.code, "detail": item.fault.detail, "pointer": item.fault.pointer}
            items.append(told)
    return {"batch": outcome.batch_id, "received": len(outcome.items), **counts, "items": items}


