"""Calls that were wrong: voided or corrected, with a reason; and whether the robot may take another one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from tenants.api import TenantView
from tenants.models import ApiKey, Tenant
from usage.api import schemas
from usage.api.bodies import BytesParser, WrongParameter, body_of_request
from usage.correcting import Change, WrongRecord, correct_call, void_call
from usage.formats import native
from usage.formats.native import UnreadableBody, fault_of
from usage.formats.rules import apply_rules
from usage.ingestion import Reporter
from usage.quotas import quota_of
from usage.sources import rules_of, source_of

LONGEST_REASON = 300
LEG = OpenApiParameter("leg", str, description="The leg; “a” when absent.")
REASON = OpenApiParameter("reason", str, required=True, description="Why, for the person who reads the history.")


class ChangeSerializer(serializers.Serializer[Any]):
    """What became of a change."""

    call_id = serializers.CharField()
    leg = serializers.CharField()
    version = serializers.IntegerField(help_text="The call's version now, from 1.")
    late = serializers.BooleanField(help_text="The month is frozen; the change waits as a difference.")
    changed = serializers.BooleanField(help_text="False when the call said the same before.")


class LimitSerializer(serializers.Serializer[Any]):
    """One limit of the contract and how much of it is used."""

    clause = serializers.CharField()
    per = serializers.CharField()
    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    remaining = serializers.IntegerField()
    resets_at = serializers.DateTimeField()
    refuses = serializers.BooleanField(help_text="Whether calls beyond it are refused or only warned of.")


class QuotaSerializer(serializers.Serializer[Any]):
    """Whether the robot may take another call now."""

    allowed = serializers.BooleanField()
    remaining = serializers.IntegerField(allow_null=True, help_text="Null without a limit.")
    resets_at = serializers.DateTimeField(allow_null=True)
    as_of = serializers.DateTimeField()
    fresh_within_seconds = serializers.FloatField(help_text="Calls stored later than this before as_of may be missing.")
    limits = LimitSerializer(many=True)
    stopped_by = serializers.CharField(
        allow_null=True, help_text="The tenant's budget that is used up and stops calls, as of the last count."
    )


class VoidBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why a call is voided."""

    reason: str


class VoidSerializer(serializers.Serializer[Any]):
    """Why a call is voided."""

    reason = serializers.CharField(max_length=LONGEST_REASON)


class VoidView(TenantView):
    """POST /api/v1/calls/<call_id>/void."""

    scope = ApiKey.OPERATE
    parser_classes = [BytesParser]

    @extend_schema(
        operation_id="void_call",
        summary="Void a call",
        description="It is counted no more; its record and the reason stay. In a frozen month it becomes a difference.",
        tags=["calls"],
        request={"application/json": VoidSerializer},
        parameters=[schemas.SOURCE, LEG],
        responses={200: ChangeSerializer, **problems(400, 404, 409, 413, 422, 503)},
        examples=[OpenApiExample("A test call", {"reason": "test call of the integrator"}, request_only=True)],
    )
    def post(self, request: Request, call_id: str) -> Response:
        """Void one leg of a call."""
        try:
            body = msgspec.json.decode(body_of_request(request), type=VoidBody)
        except native.UNREADABLE as error:
            fault = fault_of(error)
            raise UnreadableBody("invalid_body", fault.detail, pointer=fault.pointer) from None
        source = source_of(self.holder.tenant_id, request.query_params.get("source", ""))
        change = void_call(
            self.holder.tenant_id, source.pk, call_id.replace("\x00", ""), leg=leg_of(request),
            reason=checked_reason(body.reason, "/reason"), by=f"key {self.holder.key_id}", now=datetime.now(UTC),
        )  # fmt: skip
        return Response(ChangeSerializer(change).data)


class QuotaView(TenantView):
    """GET /api/v1/quota."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_quota",
        summary="Ask whether the robot may take another call now",
        tags=["quota"],
        parameters=[
            OpenApiParameter("clause", str, description="Only this clause of the contract."),
            OpenApiParameter(
                "group", str, description="The group that asks, such as a shop, where limits are by group."
            ),
        ],
        responses={200: QuotaSerializer, **problems(404, 503)},
    )
    def get(self, request: Request) -> Response:
        """Answer from the contract's daily and monthly limits."""
        asked = {name: request.query_params.get(name, "").replace("\x00", "")[:128] for name in ("clause", "group")}
        tenant = Tenant.objects.get(pk=self.holder.tenant_id)
        found = quota_of(tenant, datetime.now(UTC), clause=asked["clause"], group=asked["group"] or None)
        return Response(QuotaSerializer(found).data)


def correct(view: TenantView, request: Request, call_id: str) -> Change:
    """Read the corrected record of a request and put it in the call's place. Raises Refused."""
    source = source_of(view.holder.tenant_id, request.query_params.get("source", ""))
    body = body_of_request(request)
    if body.lstrip()[:1] != b"{":
        raise UnreadableBody("not_json", "The body is one call record.")
    [decoded] = apply_rules(native.decode(body), rules_of(source))
    if decoded.record is None:
        fault = decoded.fault
        raise WrongRecord(
            fault.code if fault else "invalid_record",
            fault.detail if fault else "",
            pointer=fault.pointer if fault else "",
        )
    holder = view.holder
    reporter = Reporter(holder.tenant_id, holder.zone, holder.billing_day, holder.keep_numbers, holder.accept_days_back)
    reason = checked_reason(request.query_params.get("reason", ""), "?reason")
    by = f"key {holder.key_id}"
    return correct_call(reporter, source, call_id, decoded.record, reason=reason, by=by, now=datetime.now(UTC))


def checked_reason(reason: str, pointer: str) -> str:
    """Return a reason a person can read. Raises WrongParameter."""
    if not reason.strip() or len(reason) > LONGEST_REASON or "\x00" in reason:
        raise WrongParameter("reason_needed", f"Say why, in 1 to {LONGEST_REASON} characters.", pointer=pointer)
    return reason


def leg_of(request: Request) -> str:
    """Return the leg a request names."""
    return request.query_params.get("leg", "a").replace("\x00", "")[:16] or "a"
