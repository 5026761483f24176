"""Calls as they are stored, and what senders declare of them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from tenants.api import TenantView
from tenants.models import ApiKey, Tenant
from usage.api import changes, schemas
from usage.api.bodies import BytesParser, WrongParameter, body_of_request
from usage.declarations import Completeness, compare, completeness, declare
from usage.formats.native import UnreadableBody, fault_of
from usage.formats.rules import counts
from usage.models import Call, Source
from usage.sources import source_of

LEGS = 200


class LegSerializer(serializers.Serializer[Any]):
    """One leg of a call as it is stored; numbers are masked."""

    call_id = serializers.CharField()
    leg = serializers.CharField()
    counted = serializers.SerializerMethodField()
    version = serializers.IntegerField()
    direction = serializers.CharField()
    caller = serializers.CharField()
    callee = serializers.CharField()
    started_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField()
    talk_ms = serializers.IntegerField()
    reported_seconds = serializers.IntegerField(allow_null=True)
    agent_ms = serializers.IntegerField()
    transferred_at = serializers.DateTimeField(allow_null=True)
    hangup_cause = serializers.CharField()
    region = serializers.CharField()
    robot = serializers.CharField()
    line = serializers.CharField()
    language = serializers.CharField()
    modules = serializers.ListField(child=serializers.CharField())
    counters = serializers.DictField(child=serializers.CharField())
    labels = serializers.DictField(child=serializers.CharField())
    flags = serializers.ListField(child=serializers.CharField())
    period = serializers.DateField(help_text="First day of the billing month, fixed when the call was accepted.")
    batch = serializers.UUIDField(source="batch_id")
    received_at = serializers.DateTimeField()

    def get_counted(self, call: Call) -> bool:
        """Tell whether the leg is billed."""
        return counts(call.leg)


class LegsSerializer(serializers.Serializer[Any]):
    """The legs of one call, by start: same id, or the same call_group."""

    items = LegSerializer(many=True)


class CallView(TenantView):
    """GET and PUT /api/v1/calls/<call_id>."""

    parser_classes = [BytesParser]

    @property
    def scope(self) -> str:  # type: ignore[override]
        """Anyone who may read looks a call up; correcting one changes bills."""
        return ApiKey.OPERATE if self.request.method == "PUT" else ApiKey.READ

    @extend_schema(
        operation_id="get_call",
        summary="Look up a call with all its legs",
        tags=["calls"],
        parameters=[schemas.SOURCE],
        responses={200: LegsSerializer, **problems(404)},
    )
    def get(self, request: Request, call_id: str) -> Response:
        """Return the legs of a call: robot's, agent's, transfers."""
        source = source_of(self.holder.tenant_id, request.query_params.get("source", ""))
        name = call_id.replace("\x00", "")
        legs = Call.objects.filter(tenant_id=self.holder.tenant_id, source_id=source.pk)
        own = list(legs.filter(call_id=name).order_by("started_at", "leg")[:LEGS])
        groups = {name, *(leg.labels.get("call_group", "") for leg in own)} - {""}
        near = legs.none()
        if own:
            # The months beside the call's own: labels have no index, and a call's legs are not further apart.
            months = sorted({leg.period for leg in own})
            tied = Q(labels__call_group__in=sorted(groups)) | Q(call_id__in=sorted(groups - {name}))
            near = legs.filter(tied, period__range=(months[0], months[-1])).exclude(call_id=name)
        found = sorted([*own, *near[:LEGS]], key=lambda leg: (leg.started_at, leg.leg))
        if not found:
            raise Http404
        return Response(LegsSerializer({"items": found}).data)

    @extend_schema(
        operation_id="correct_call",
        summary="Correct a call",
        description="A new version with the corrected record; the old one is kept. In a frozen month the change becomes a "
        "difference.",
        tags=["calls"],
        request={"application/json": schemas.CallSerializer},
        parameters=[schemas.SOURCE, changes.REASON],
        responses={200: changes.ChangeSerializer, **problems(400, 404, 409, 413, 422, 503)},
        examples=[
            schemas.example(
                "The same call, ten seconds shorter", schemas.CALL | {"ended_at": "2026-10-08T09:16:02.000+08:00"}
            )
        ],
    )
    def put(self, request: Request, call_id: str) -> Response:
        """Put a corrected record in the place of one leg."""
        return Response(changes.ChangeSerializer(changes.correct(self, request, call_id.replace("\x00", ""))).data)


class DeclaredBody(msgspec.Struct, forbid_unknown_fields=True):
    """A declaration as it is posted."""

    starts_on: date
    ends_on: date
    calls: int
    talk_seconds: int
    source: str = ""


class DeclarationSerializer(serializers.Serializer[Any]):
    """A sender's own totals of some local days."""

    source = serializers.CharField(required=False, allow_blank=True, help_text="Absent: all together.")  # type: ignore[assignment]
    starts_on = serializers.DateField()
    ends_on = serializers.DateField(help_text="The day after the last.")
    calls = serializers.IntegerField(min_value=0)
    talk_seconds = serializers.IntegerField(min_value=0)


class CompletenessSerializer(serializers.Serializer[Any]):
    """A declaration beside the calls that are there."""

    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    starts_on = serializers.DateField()
    ends_on = serializers.DateField()
    declared_calls = serializers.IntegerField()
    stored_calls = serializers.IntegerField()
    missing_calls = serializers.IntegerField()
    declared_talk_seconds = serializers.IntegerField()
    stored_talk_seconds = serializers.IntegerField()
    complete = serializers.BooleanField()
    sentence = serializers.CharField()


class CompletenessListSerializer(serializers.Serializer[Any]):
    """Declarations of a range of days, compared."""

    items = CompletenessSerializer(many=True)


class DeclarationsView(TenantView):
    """POST and GET /api/v1/declarations."""

    parser_classes = [BytesParser]

    @property
    def scope(self) -> str:  # type: ignore[override]
        """Writing is for senders, reading for anyone who may read."""
        return ApiKey.INGEST if self.request.method == "POST" else ApiKey.READ

    @extend_schema(
        operation_id="declare", summary="Declare what was sent", tags=["declarations"],
        description="Your own totals of a day or month. The close compares and says what is missing; a newer figure stands.",
        request={"application/json": DeclarationSerializer},
        responses={200: CompletenessSerializer, **problems(400, 404, 422)},
        examples=[OpenApiExample("A day", {"starts_on": "2026-10-08", "ends_on": "2026-10-09", "calls": 1, "talk_seconds": 65},
                                 request_only=True)],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Store the declaration and compare it at once."""
        tenant_id = self.holder.tenant_id
        try:
            body = msgspec.json.decode(body_of_request(request), type=DeclaredBody)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fault = fault_of(error)
            raise UnreadableBody("invalid_declaration", fault.detail, pointer=fault.pointer) from None
        source_id = source_of(tenant_id, body.source).pk if body.source else 0
        days = (body.starts_on, body.ends_on)
        found = declare(tenant_id, source_id, days, (body.calls, body.talk_seconds), datetime.now(UTC))
        [told] = _told(tenant_id, [compare(Tenant.objects.get(pk=tenant_id), found)])
        return Response(CompletenessSerializer(told).data)

    @extend_schema(
        operation_id="list_declarations", summary="Compare declarations with what is there", tags=["declarations"],
        parameters=[
            OpenApiParameter("starts_on", date, required=True),
            OpenApiParameter("ends_on", date, required=True, description="The day after the last."),
        ],
        responses={200: CompletenessListSerializer, **problems(400)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return the comparison of every declaration of a range."""
        days = [_day(request, name) for name in ("starts_on", "ends_on")]
        found = completeness(Tenant.objects.get(pk=self.holder.tenant_id), days[0], days[1])
        return Response(CompletenessListSerializer({"items": _told(self.holder.tenant_id, found)}).data)


def _told(tenant_id: int, comparisons: list[Completeness]) -> list[dict[str, Any]]:
    codes = dict(Source.objects.filter(tenant_id=tenant_id).values_list("id", "code"))
    properties = ("missing_calls", "complete", "sentence")
    return [
        asdict(each) | {name: getattr(each, name) for name in properties} | {"source": codes.get(each.source_id, "")}
        for each in comparisons
    ]


def _day(request: Request, name: str) -> date:
    try:
        return date.fromisoformat(request.query_params.get(name, ""))
    except ValueError:
        raise WrongParameter("wrong_parameter", f"{name} is a day such as 2026-10-08.", pointer=f"?{name}") from None
