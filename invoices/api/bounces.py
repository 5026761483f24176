"""Where a mail server or a provider reports mails that came back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from invoices.api.shapes import Shape
from invoices.bouncing import note_bounces, read_reports
from tenants.api import OperatorView
from tenants.api.authentication import LARGEST_BODY
from tenants.models import Bounce

EXAMPLE = {
    "message_id": "<178@billing.example.com>", "recipient": "finance@north.example", "kind": "hard",
    "diagnostic": "550 5.1.1 no such user",
}  # fmt: skip


class BounceShape(Shape):
    """A mail that came back."""

    message_id = serializers.CharField(help_text="Its Message-ID.")
    kind = serializers.ChoiceField(list(dict(Bounce.KINDS)))
    recipient = serializers.CharField(required=False)
    diagnostic = serializers.CharField(required=False, help_text="What the other mail server said.")


class NotedAnswer(Shape):
    """How many reports were new, known already, and of mails nobody here sent."""

    noted = serializers.IntegerField()
    known = serializers.IntegerField()
    unknown = serializers.IntegerField()


class BouncesView(OperatorView):
    """POST /api/v1/bounces."""

    @extend_schema(
        operation_id="report_bounces", summary="Report mails that came back", tags=["mails"],
        description="One or a list; SES notifications, also by SNS; or a whole RFC 3464 message. The same again changes nothing.",
        request={"application/json": BounceShape, "message/rfc822": OpenApiTypes.BINARY},
        examples=[OpenApiExample("Example", EXAMPLE, request_only=True, media_type="application/json")],
        responses={200: NotedAnswer, **problems(400)},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Note what came back."""
        # As it comes: who reports bounces often names its content wrongly.
        content = request.stream.read(LARGEST_BODY + 1) if request.stream else b""
        if len(content) > LARGEST_BODY:
            raise ParseError("The body is larger than 1 MiB.")
        noted = note_bounces(self.seller_id, read_reports(content), datetime.now(UTC))
        return Response(NotedAnswer(asdict(noted)).data)
