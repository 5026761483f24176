"""The seller's signature under an evidence bundle: Ed25519, with every key that ever signed published for good."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from invoices.models import EvidenceKey


def seal_manifest(manifest: bytes, now: datetime) -> dict[str, str]:
    """Sign a manifest with the installation's key, and remember the key as published."""
    private = _private_key()
    public = private.public_key().public_bytes_raw().hex()
    EvidenceKey.objects.get_or_create(public_key=public, defaults={"first_used_at": now})
    return {"algorithm": "Ed25519", "public_key": public, "signature": private.sign(manifest).hex()}


def published_keys() -> list[dict[str, str]]:
    """List every public key that signed a bundle, the newest first; the first is in use unless it was replaced."""
    return [
        {"algorithm": "Ed25519", "public_key": key.public_key, "first_used_at": key.first_used_at.isoformat()}
        for key in EvidenceKey.objects.order_by("-first_used_at")
    ]


def _private_key() -> Ed25519PrivateKey:
    """Make the key from its own secret, or from the site's; another secret is a new key, and the old stays published."""
    seed = hmac.new(settings.EVIDENCE_KEY.encode(), b"huadan evidence bundles", hashlib.sha256).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)
