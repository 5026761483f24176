"""A tenant's fit reports: what its issued months were paid and not used, and the service levels promised in them."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from invoices.api.documents import page_of
from invoices.api.shapes import NameShape, Shape, money
from invoices.models import FitReport
from tenants.api import TenantView
from tenants.models import ApiKey


class SentenceShape(Shape):
    """A sentence in both languages; empty where there is nothing to say."""

    zh = serializers.CharField(allow_blank=True)
    en = serializers.CharField(allow_blank=True)


@extend_schema_field({"type": "object", "additionalProperties": True})
class FiguresField(serializers.JSONField):
    """Figures by name: exact numbers as strings, names in both languages."""


class FoundShape(Shape):
    """One statement with its figures, and how they were reckoned; ``saving`` is the difference of two rated bills."""

    code = serializers.CharField()
    title = NameShape()
    text = NameShape()
    how = NameShape()
    saves = SentenceShape()
    saving = serializers.DecimalField(18, 3, allow_null=True, help_text="Without tax; null where none is said.")
    figures = FiguresField()


class PromiseShape(Shape):
    """A service level: the level below which credit is given, what was measured, and what the invoice gave back."""

    clause = serializers.CharField()
    name = NameShape()
    version = serializers.CharField()
    measure = serializers.CharField()
    target = serializers.CharField(allow_null=True)
    level = serializers.CharField(allow_null=True, help_text="Null: nothing was measured, so nothing was missed.")
    rate = serializers.CharField(help_text="The share given back.")
    credit = money()


class FitItem(Shape):
    """The report of one invoice."""

    invoice = serializers.CharField(source="invoice.number")
    contract = serializers.CharField(source="invoice.contract.code")
    period_starts_on = serializers.DateField(source="invoice.period_starts_on")
    period_ends_on = serializers.DateField(source="invoice.period_ends_on", help_text="Exclusive.")
    currency = serializers.CharField(source="invoice.currency")
    reckoned_at = serializers.DateTimeField(source="tried_at")
    findings = FoundShape(many=True, source="document.findings")
    service_levels = PromiseShape(many=True, source="document.service_levels")


class FitShape(Shape):
    """Reports, the latest first; ``next`` continues the list."""

    items = FitItem(many=True)
    next = serializers.IntegerField(allow_null=True)


class FitView(TenantView):
    """GET /api/v1/fit."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="list_fit_reports", summary="List fit reports", tags=["invoices"],
        parameters=[OpenApiParameter("before", int, description="Continue a list: its next.")],
        responses={200: FitShape, **problems(400)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List what issued months were paid and not used, with figures, savings and service levels."""
        kept = FitReport.objects.filter(invoice__tenant_id=self.holder.tenant_id).exclude(document__isnull=True)
        page, following = page_of(kept.select_related("invoice__contract"), request)
        return Response(FitShape({"items": page, "next": following}).data)
