"""Webhooks, by the seller's own system, and by a tenant's for itself: set up, tested, looked into, sent again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from tenants.api import shapes
from tenants.api import webhook_shapes as told
from tenants.api.authentication import OperatorView
from tenants.keys import KeyHolder, SellerKeyHolder
from tenants.models import Tenant, WebhookEndpoint, WebhookMessage
from tenants.webhooks.announcing import announce_test, send_again
from tenants.webhooks.endpoints import keep_endpoint, rotate_secret
from tenants.webhooks.signing import secret_of

PAGE, AT_ONCE = 100, 500
BEFORE = OpenApiParameter("before", str, description="Continue a list: its next.")
STATE = OpenApiParameter("state", str, enum=list(dict(WebhookMessage.STATES)), description="Only those.")
NEW = {"name": "ERP", "url": "https://erp.example.com/huadan", "types": ["invoice.issued", "invoice.paid"]}
TAG = ["webhooks"]


class WebhookDoor(OperatorView):
    """A door to endpoints: a seller's key sees all of the seller's, a tenant's key the tenant's own."""

    for_tenants = True

    def endpoints(self) -> QuerySet[WebhookEndpoint]:
        """List the endpoints the key may see."""
        holder, found = self.request.user, WebhookEndpoint.objects.select_related("tenant", "seller")
        if isinstance(holder, SellerKeyHolder):
            return found.filter(seller_id=holder.seller_id)
        return found.filter(tenant_id=cast("KeyHolder", holder).tenant_id)

    def endpoint(self, webhook: str) -> WebhookEndpoint:
        """Find one of the endpoints the key may see; 404 for any other."""
        return get_object_or_404(self.endpoints(), pk=UUID(webhook))

    def owner(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Say whose a new endpoint is: as the body says for a seller's key, the key's own tenant for a tenant's."""
        holder, code = self.request.user, asked.get("tenant")
        if not isinstance(holder, SellerKeyHolder):
            tenant = Tenant.objects.get(pk=cast("KeyHolder", holder).tenant_id)
            if code not in (None, tenant.code):
                raise shapes.WrongBody("wrong_tenant", "The key is of another tenant.", pointer="/tenant")
            return {"tenant": tenant, "seller_id": tenant.seller_id}
        found = Tenant.objects.filter(seller_id=holder.seller_id, code=code).first()
        if code is not None and found is None:
            raise shapes.WrongBody("wrong_tenant", "The seller has no such tenant.", pointer="/tenant")
        return {"tenant": found, "seller_id": holder.seller_id}


class WebhooksView(WebhookDoor):
    """GET and POST /api/v1/webhooks."""

    @extend_schema(
        operation_id="list_webhooks", summary="List webhooks", tags=TAG,
        responses={200: told.WebhookAnswer(many=True), **problems()},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List endpoints, disabled ones too."""
        return Response(told.WebhookAnswer(self.endpoints().order_by("pk")[:AT_ONCE], many=True).data)

    @extend_schema(
        operation_id="make_webhook", summary="Have an address told of events", tags=TAG,
        description="The secret is told in this answer and never again.",
        request={"application/json": told.WebhookShape}, examples=shapes.example(NEW),
        responses={201: told.WebhookAnswer, **problems(400, 415, 422)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Make an endpoint."""
        asked = shapes.read(told.WebhookShape, request)
        made = WebhookEndpoint(**(asked | self.owner(asked)))
        keep_endpoint(made, datetime.now(UTC))
        return Response(told.WebhookAnswer(made).data | {"secret": secret_of(made)}, status=201)


class WebhookView(WebhookDoor):
    """GET and PUT /api/v1/webhooks/<id>."""

    @extend_schema(
        operation_id="get_webhook", summary="Look a webhook up", tags=TAG,
        responses={200: told.WebhookAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, webhook: str) -> Response:
        """Show an endpoint."""
        return Response(told.WebhookAnswer(self.endpoint(webhook)).data)

    @extend_schema(
        operation_id="put_webhook", summary="Change, enable or disable a webhook", tags=TAG,
        description="Enabled anew, what it is owed is sent. Whose it is stays.",
        request={"application/json": told.WebhookChange}, examples=shapes.example({"enabled": False}),
        responses={200: told.WebhookAnswer, **problems(400, 404, 415, 422)},
    )  # fmt: skip
    def put(self, request: Request, webhook: str) -> Response:
        """Change what the body names."""
        endpoint = self.endpoint(webhook)
        for name, value in shapes.read(told.WebhookChange, request).items():
            setattr(endpoint, name, value)
        keep_endpoint(endpoint, datetime.now(UTC))
        return Response(told.WebhookAnswer(endpoint).data)


class RotateView(WebhookDoor):
    """POST /api/v1/webhooks/<id>/rotate."""

    @extend_schema(
        operation_id="rotate_webhook", summary="Give a webhook a new secret", tags=TAG, request=None,
        description="For 24 hours messages bear two signatures, by the new secret and by the old one.",
        responses={200: told.WebhookAnswer, **problems(404)},
    )  # fmt: skip
    def post(self, request: Request, webhook: str) -> Response:
        """Make a new secret and tell it this once."""
        secret = rotate_secret(self.endpoint(webhook).pk, datetime.now(UTC))
        return Response(told.WebhookAnswer(self.endpoint(webhook)).data | {"secret": secret})


class TestView(WebhookDoor):
    """POST /api/v1/webhooks/<id>/test."""

    @extend_schema(
        operation_id="send_test_webhook", summary="Send a test message", tags=TAG, request=None,
        responses={202: told.WebhookMessageAnswer, **problems(404, 409)},
    )  # fmt: skip
    def post(self, request: Request, webhook: str) -> Response:
        """Owe a message of the type webhook.test; it is sent within seconds."""
        message = announce_test(self.endpoint(webhook), datetime.now(UTC))
        return Response(told.WebhookMessageAnswer(message).data, status=202)


class MessagesView(WebhookDoor):
    """GET /api/v1/webhooks/<id>/messages."""

    @extend_schema(
        operation_id="list_webhook_messages", summary="List what a webhook was told, and how it answered", tags=TAG,
        parameters=[STATE, BEFORE], responses={200: told.WebhookMessagesAnswer, **problems(400, 404)},
    )  # fmt: skip
    def get(self, request: Request, webhook: str) -> Response:
        """List messages with their tries, the newest first."""
        found = self.endpoint(webhook).messages.prefetch_related("log").order_by("-pk")
        if state := request.query_params.get("state"):
            if state not in dict(WebhookMessage.STATES):
                raise shapes.WrongBody("wrong_parameter", "state is owed, delivered or failed.", pointer="?state")
            found = found.filter(state=state)
        if before := request.query_params.get("before"):
            found = found.filter(pk__lt=_id_in(before, "?before"))
        page = list(found[: PAGE + 1])
        following = str(page[PAGE - 1]) if len(page) > PAGE else None
        return Response(told.WebhookMessagesAnswer({"items": page[:PAGE], "next": following}).data)


class ReplayView(WebhookDoor):
    """POST /api/v1/webhooks/<id>/replay."""

    @extend_schema(
        operation_id="replay_webhook", summary="Send messages again", tags=TAG,
        description="One, or all since an instant, with the ids they had; kept for 90 days.",
        request={"application/json": told.ReplayShape}, examples=shapes.example({"since": "2026-11-01T00:00:00Z"}),
        responses={200: told.ReplayAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def post(self, request: Request, webhook: str) -> Response:
        """Owe messages anew."""
        endpoint, asked = self.endpoint(webhook), shapes.read(told.ReplayShape, request)
        if len(asked) != 1:
            raise shapes.WrongBody("invalid_body", "Give message or since, one of them.")
        chosen = [_id_in(asked["message"], "/message")] if "message" in asked else None
        if chosen:
            get_object_or_404(endpoint.messages, pk=chosen[0])
        count = send_again(endpoint, datetime.now(UTC), messages=chosen, since=asked.get("since"))
        return Response(told.ReplayAnswer({"sent_again": count}).data)


def _id_in(text: str, pointer: str) -> UUID:
    """Read the id of a message. Raises WrongBody for what is none."""
    try:
        return UUID(text.removeprefix("msg_"))
    except ValueError:
        raise shapes.WrongBody("wrong_parameter", "It is the id of a message, msg_…", pointer=pointer) from None
