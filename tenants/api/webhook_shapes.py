"""What the API of webhooks takes and gives."""

from __future__ import annotations

from rest_framework import serializers

from tenants.api.shapes import Shape
from tenants.models import WebhookEndpoint, WebhookMessage

KINDS = [kind for kind, _name in WebhookEndpoint.TYPES]


class WebhookShape(Shape):
    """An endpoint to be made."""

    name = serializers.CharField(max_length=100)
    url = serializers.CharField(max_length=500, help_text="https://…, of a public host.")
    types = serializers.ListField(child=serializers.ChoiceField(KINDS), min_length=1, max_length=20)
    tenant = serializers.CharField(
        max_length=40, required=False, allow_null=True, help_text="Its code; null: all of the seller's. Fixed."
    )
    enabled = serializers.BooleanField(required=False)


class WebhookAnswer(Shape):
    """An endpoint as it is; the secret is told once, when it is made or rotated."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField())
    tenant = serializers.CharField(source="tenant.code", default=None, allow_null=True)
    enabled = serializers.BooleanField()
    disabled_at = serializers.DateTimeField(allow_null=True)
    disabled_because = serializers.CharField(help_text="person, gone, failing, or empty.")
    failing_since = serializers.DateTimeField(allow_null=True)
    secret = serializers.CharField(required=False, help_text="Only in the answer that made it.")


class WebhookTryAnswer(Shape):
    """One try; ``status`` is null when no answer came."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(allow_null=True)
    took_ms = serializers.IntegerField()
    answer = serializers.CharField(help_text="Its first 300 characters, or why there is none.")


class WebhookMessageAnswer(Shape):
    """A message and how its tries went; ``id`` is the webhook-id it bears."""

    id = serializers.CharField(source="__str__")
    type = serializers.CharField()
    created_at = serializers.DateTimeField()
    state = serializers.ChoiceField(list(dict(WebhookMessage.STATES)))
    due_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
    tries = WebhookTryAnswer(source="log", many=True)


class WebhookMessagesAnswer(Shape):
    """A page of messages, the newest first."""

    items = WebhookMessageAnswer(many=True)
    next = serializers.CharField(allow_null=True, help_text="Give it as before= for the next page.")


class ReplayShape(Shape):
    """What is sent again: one message, or all from an instant on."""

    message = serializers.RegexField(r"^msg_[0-9a-f]{32}$", required=False, help_text="Its webhook-id.")
    since = serializers.DateTimeField(required=False)


class ReplayAnswer(Shape):
    """How many messages are sent again."""

    sent_again = serializers.IntegerField()


class WebhookChange(Shape):
    """What changes of an endpoint."""

    name = serializers.CharField(max_length=100, required=False)
    url = serializers.CharField(max_length=500, required=False)
    types = serializers.ListField(
        child=serializers.ChoiceField(KINDS), min_length=1, max_length=20, required=False
    )  # fmt: skip
    enabled = serializers.BooleanField(required=False)
