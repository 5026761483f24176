"""A tenant's payments and its balance."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from invoices.ageing import balances
from invoices.api import shapes
from invoices.api.documents import page_of
from invoices.models import Payment
from invoices.refunding import credit_of
from tenants.api import TenantView
from tenants.models import ApiKey

BALANCE = {"items": [{"currency": "CNY", "balance": "560.000", "credit": "0.000"}]}


class PaymentsView(TenantView):
    """GET /api/v1/payments."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="list_payments", summary="List payments", tags=["invoices"],
        parameters=[OpenApiParameter("before", int, description="Continue a list: its next.")],
        responses={200: shapes.PaymentsShape, **problems(400)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List what was received, and what of it is still on account."""
        page, following = page_of(Payment.objects.filter(tenant_id=self.holder.tenant_id), request)
        return Response(shapes.PaymentsShape({"items": page, "next": following}).data)


class BalanceView(TenantView):
    """GET /api/v1/balance."""

    scope = ApiKey.READ

    @extend_schema(
        operation_id="get_balance", summary="Look the balance up", tags=["invoices"],
        responses={200: shapes.BalanceShape, **problems()},
        examples=[OpenApiExample("Example", BALANCE, response_only=True, status_codes=["200"])],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Show what is owed, by currency."""
        found = sorted(balances(self.holder.tenant_id).items())
        tenant_id = self.holder.tenant_id
        items = [
            {"currency": currency, "balance": balance, "credit": credit_of(tenant_id, currency)}
            for currency, balance in found
        ]
        return Response(shapes.BalanceShape({"items": items}).data)
