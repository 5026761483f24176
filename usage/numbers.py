"""Telephone numbers as they are kept: a mask to show, a keyed hash to find, clear text only where the tenant says so."""

from __future__ import annotations

import functools
import hashlib

from django.conf import settings


def mask(number: str) -> str:
    """Hide the middle of a number: 13912345678 → 139****5678; short internal numbers lose all but the last digit."""
    if len(number) >= 7:
        return f"{number[:3]}****{number[-4:]}" if len(number) >= 10 else f"{number[:2]}****{number[-1:]}"
    return f"{'*' * (len(number) - 1)}{number[-1:]}" if number else ""


def hasher(tenant_id: int) -> hashlib.blake2b:
    """Return a keyed hash to copy for each number; its key is the installation's, its person the tenant."""
    return _hasher(tenant_id).copy()


@functools.lru_cache(maxsize=4096)
def _hasher(tenant_id: int) -> hashlib.blake2b:
    key = hashlib.sha256(settings.NUMBER_KEY.encode()).digest()
    return hashlib.blake2b(key=key, digest_size=16, person=tenant_id.to_bytes(8, "big", signed=True))


def number_hash(tenant_id: int, number: str) -> bytes:
    """Return the 16 bytes a number is found by, within one tenant."""
    digest = hasher(tenant_id)
    digest.update(number.encode())
    return digest.digest()


@functools.lru_cache(maxsize=8192)
def kept(tenant_id: int, number: str) -> tuple[str, str]:
    """Return a number's mask and its hash as PostgreSQL writes bytes; robots call from few numbers, and often again."""
    digest = _hasher(tenant_id).copy()
    digest.update(number.encode())
    return mask(number), f"\\x{digest.hexdigest()}"
