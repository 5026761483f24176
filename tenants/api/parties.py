"""Tenants and their keys, by the seller's own system."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from tenants.api import shapes
from tenants.api.authentication import OperatorView
from tenants.keys import make_key, revoke_key
from tenants.models import ApiKey, Tenant
from tenants.registering import register_tenant

PAGE = 200
AT_ONCE = 1000
AFTER = OpenApiParameter("after", str, description=f"Only what comes after this code; {PAGE} come at once, in order.")
TENANT = {
    "name_zh": "北方速运", "name_en": "Northern Express", "zone": "Asia/Shanghai", "tax_id": "91110108MA01A2B34N",
    "contacts": [{"name": "Wang Fang", "email": "finance@north.example"}],
}  # fmt: skip


class TenantsView(OperatorView):
    """GET /api/v1/tenants."""

    @extend_schema(
        operation_id="list_tenants", summary="List the seller's tenants", tags=["tenants"], parameters=[AFTER],
        responses={200: shapes.TenantAnswer(many=True), **problems(400, 404)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List tenants by code."""
        after = request.query_params.get("after", "").replace("\x00", "")
        found = Tenant.objects.filter(seller_id=self.seller_id, code__gt=after).prefetch_related("contacts")
        return Response(shapes.TenantAnswer(found.order_by("code")[:PAGE], many=True).data)


class TenantDetailView(OperatorView):
    """GET and PUT /api/v1/tenants/<code>."""

    @extend_schema(
        operation_id="get_tenant", summary="Look a tenant up", tags=["tenants"],
        responses={200: shapes.TenantAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, tenant: str) -> Response:
        """Show a tenant."""
        found = get_object_or_404(Tenant, seller_id=self.seller_id, code=tenant)
        return Response(shapes.TenantAnswer(found).data)

    @extend_schema(
        operation_id="put_tenant", summary="Make or change a tenant", tags=["tenants"],
        description="The same again changes nothing. Zone, billing day and currency stand once there is a contract.",
        request={"application/json": shapes.TenantShape}, examples=shapes.example(TENANT),
        responses={200: shapes.TenantAnswer, 201: shapes.TenantAnswer, **problems(400, 404, 409, 415, 422)},
    )  # fmt: skip
    def put(self, request: Request, tenant: str) -> Response:
        """Make or change a tenant."""
        made, new = register_tenant(self.seller_id, tenant, shapes.read(shapes.TenantShape, request))
        return Response(shapes.TenantAnswer(made).data, status=201 if new else 200)


class KeysView(OperatorView):
    """GET /api/v1/tenants/<tenant>/keys."""

    @extend_schema(
        operation_id="list_keys", summary="List a tenant's keys", tags=["tenants"],
        responses={200: shapes.KeyAnswer(many=True), **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, tenant: str) -> Response:
        """List keys, revoked ones too, newest first; never the keys themselves."""
        found = get_object_or_404(Tenant, seller_id=self.seller_id, code=tenant).keys.order_by("-pk")
        return Response(shapes.KeyAnswer(found[:AT_ONCE], many=True).data)


class KeyView(OperatorView):
    """PUT and DELETE /api/v1/tenants/<tenant>/keys/<name>."""

    def _key(self, tenant: str, name: str) -> tuple[Tenant, ApiKey | None]:
        found = get_object_or_404(Tenant, seller_id=self.seller_id, code=tenant)
        return found, found.keys.filter(name=name, revoked_at=None).order_by("pk").last()

    @extend_schema(
        operation_id="put_key", summary="Make a key for a tenant", tags=["tenants"],
        description="The key is told in this answer (201) and never again; asked again while it lives, 200 without it.",
        request={"application/json": shapes.KeyShape}, examples=shapes.example({"scopes": ["ingest", "read"]}),
        responses={200: shapes.KeyAnswer, 201: shapes.KeyAnswer, **problems(400, 404, 415)},
    )  # fmt: skip
    def put(self, request: Request, tenant: str, name: str) -> Response:
        """Make a key, unless a living one has this name."""
        asked = shapes.read(shapes.KeyShape, request)
        owner, known = self._key(tenant, name)
        if known is not None:
            return Response(shapes.KeyAnswer(known).data)
        key, text = make_key(owner, name, asked["scopes"], expires_at=asked.get("expires_at"))
        told: dict[str, Any] = shapes.KeyAnswer(key).data
        return Response(told | {"key": text}, status=201)

    @extend_schema(
        operation_id="revoke_key", summary="Revoke a tenant's key", tags=["tenants"],
        responses={200: shapes.KeyAnswer, **problems(404)},
    )  # fmt: skip
    def delete(self, request: Request, tenant: str, name: str) -> Response:
        """Revoke the living key of this name; it stops working within 30 seconds."""
        owner, known = self._key(tenant, name)
        key = known or get_object_or_404(owner.keys.filter(name=name).order_by("-pk")[:1])
        revoke_key(key, datetime.now(UTC))
        key.refresh_from_db()
        return Response(shapes.KeyAnswer(key).data)
