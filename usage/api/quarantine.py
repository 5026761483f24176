"""Batches to look up, and quarantine to read and replay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from tenants.api import TenantView
from tenants.models import ApiKey, Tenant
from usage import quarantine
from usage.api.bodies import BytesParser, WrongParameter
from usage.models import Batch, Quarantined, Source
from usage.sources import source_of

PAGE = 100


class BatchSerializer(serializers.Serializer[Any]):
    """A delivery and what became of it."""

    id = serializers.UUIDField()
    source = serializers.CharField()  # type: ignore[assignment]
    format = serializers.CharField()
    received_at = serializers.DateTimeField()
    received = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    rejected = serializers.IntegerField()


class QuarantinedSerializer(serializers.Serializer[Any]):
    """A record that could not be taken, with the reason."""

    id = serializers.UUIDField()
    batch = serializers.UUIDField(source="batch_id")
    position = serializers.IntegerField(help_text="Position of the record in its batch, from 0.")
    call_id = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    detail = serializers.CharField()
    pointer = serializers.CharField(allow_blank=True)
    received_at = serializers.DateTimeField()
    resolution = serializers.CharField(allow_blank=True, help_text="Empty while it waits; replayed or discarded.")


class QuarantinedRawSerializer(QuarantinedSerializer):
    """A quarantined record with its text as it came, bytes that are no UTF-8 replaced."""

    raw = serializers.SerializerMethodField()

    def get_raw(self, record: Quarantined) -> str:
        """Return what came."""
        return bytes(record.raw).decode("utf-8", "replace")


class PageSerializer(serializers.Serializer[Any]):
    """A page of quarantined records, the newest first."""

    items = QuarantinedSerializer(many=True)
    next = serializers.UUIDField(allow_null=True, help_text="Give it as before= for the next page.")


class ReplayedSerializer(serializers.Serializer[Any]):
    """What became of the records that were read anew."""

    tried = serializers.IntegerField()
    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    conflicts = serializers.IntegerField()
    rejected = serializers.IntegerField()
    batches = serializers.ListField(child=serializers.UUIDField())


class BatchView(TenantView):
    """GET /api/v1/batches/<id>."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_batch", summary="Look up a delivery", tags=["calls"],
        responses={200: BatchSerializer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, batch_id: UUID) -> Response:
        """Return a batch's counts."""
        found = Batch.objects.filter(tenant_id=self.holder.tenant_id, id=batch_id).first()
        if found is None:
            raise Http404
        source = Source.objects.filter(tenant_id=self.holder.tenant_id, pk=found.source_id).first()
        found.source = source.code if source else ""  # type: ignore[attr-defined]
        return Response(BatchSerializer(found).data)


class QuarantineView(TenantView):
    """GET /api/v1/quarantine."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="list_quarantine",
        summary="List records in quarantine",
        tags=["quarantine"],
        parameters=[
            OpenApiParameter("source", str, description="Only this source's."),
            OpenApiParameter("code", str, description="Only this reason."),
            OpenApiParameter("before", UUID, description="Continue a list: its next."),
        ],
        responses={200: PageSerializer, **problems(400, 404)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of what waits."""
        found = _waiting(self.holder.tenant_id, request)
        if before := request.query_params.get("before"):
            found = found.filter(id__lt=_uuid(before))
        page = list(found[: PAGE + 1])
        following = page[PAGE - 1].id if len(page) > PAGE else None
        return Response(PageSerializer({"items": page[:PAGE], "next": following}).data)


class QuarantinedView(TenantView):
    """GET /api/v1/quarantine/<id>."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_quarantined", summary="Read a quarantined record as it came", tags=["quarantine"],
        responses={200: QuarantinedRawSerializer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, record_id: UUID) -> Response:
        """Return the record with its text."""
        return Response(QuarantinedRawSerializer(_one(self.holder.tenant_id, record_id)).data)


class ReplayView(TenantView):
    """POST /api/v1/quarantine/<id>/replay."""

    scope = ApiKey.INGEST
    parser_classes = [BytesParser]

    @extend_schema(
        operation_id="replay_quarantined", summary="Read a record anew", tags=["quarantine"], request=None,
        description="After the source's mapping, zone or rules were fixed. One that is still wrong gets a new entry.",
        responses={200: ReplayedSerializer, **problems(404, 409, 503)},
    )  # fmt: skip
    def post(self, request: Request, record_id: UUID) -> Response:
        """Deliver one record again."""
        record = _one(self.holder.tenant_id, record_id)
        tenant = Tenant.objects.get(pk=self.holder.tenant_id)
        return Response(ReplayedSerializer(quarantine.replay(tenant, [record], datetime.now(UTC))).data)


class ReplayAllView(TenantView):
    """POST /api/v1/quarantine/replay."""

    scope = ApiKey.INGEST
    parser_classes = [BytesParser]

    @extend_schema(
        operation_id="replay_quarantine", summary="Read all waiting records anew", tags=["quarantine"], request=None,
        description="The newest 1,000 that wait, of one source or reason if named; conflicts are left alone.",
        parameters=[
            OpenApiParameter("source", str, description="Only this source's."),
            OpenApiParameter("code", str, description="Only this reason."),
        ],
        responses={200: ReplayedSerializer, **problems(404, 409, 503)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Deliver what waits again."""
        found = _waiting(self.holder.tenant_id, request).exclude(code="conflict")
        tenant = Tenant.objects.get(pk=self.holder.tenant_id)
        records = list(found[: quarantine.AT_ONCE])
        return Response(ReplayedSerializer(quarantine.replay(tenant, records, datetime.now(UTC))).data)


def _waiting(tenant_id: int, request: Request) -> Any:
    source = request.query_params.get("source", "")
    source_id = source_of(tenant_id, source).pk if source else None
    code = request.query_params.get("code", "").replace("\x00", "")
    return quarantine.open_records(tenant_id, source_id=source_id, code=code)


def _one(tenant_id: int, record_id: UUID) -> Quarantined:
    found = Quarantined.objects.filter(tenant_id=tenant_id, id=record_id).first()
    if found is None:
        raise Http404
    return found


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise WrongParameter("wrong_parameter", "before is the “next” of a page.", pointer="?before") from None
