"""Signatures as Standard Webhooks 1.0 has them; secrets are made when needed and lie in no row."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from datetime import datetime

from django.conf import settings

from tenants.models import WebhookEndpoint

PREFIX = "whsec_"


def secret_of(endpoint: WebhookEndpoint, number: int | None = None) -> str:
    """Make the secret of an endpoint: ``whsec_`` and 32 bytes in base64; ``number`` asks for an earlier one."""
    told = f"webhook {endpoint.pk} {number or endpoint.secret_number}".encode()
    return PREFIX + b64encode(hmac.digest(settings.SECRET_KEY.encode(), told, hashlib.sha256)).decode()


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> str:
    """Sign a message for one secret: ``v1,`` and the HMAC-SHA256 of ``id.seconds.body`` in base64."""
    signed = f"{message_id}.{int(at.timestamp())}.".encode() + body
    return "v1," + b64encode(hmac.digest(b64decode(secret.removeprefix(PREFIX)), signed, hashlib.sha256)).decode()


def headers_of(endpoint: WebhookEndpoint, message_id: str, now: datetime, body: bytes) -> dict[str, str]:
    """Give the three headers; while an old secret is still good there are two signatures, the new one first."""
    numbers = [endpoint.secret_number]
    if endpoint.old_secret_until and now < endpoint.old_secret_until:
        numbers.append(endpoint.secret_number - 1)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(sign(secret_of(endpoint, number), message_id, now, body) for number in numbers),
    }
