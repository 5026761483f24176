"""API keys: made once, shown once, stored as a hash, looked up on every request."""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from tenants.models import ApiKey, Seller, Tenant

ALPHABET = string.digits + string.ascii_letters
SHAPE = re.compile(r"hd_live_[0-9A-Za-z]{40}\Z")
RANDOM_CHARACTERS = 34  # 202 bits
CACHED_FOR_SECONDS = 30.0
OVERLAP = timedelta(hours=24)  # how long a rotated key works on


class CannotRotate(Refused):
    """The key cannot be replaced."""

    status = 409


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Who speaks: the tenant that a key names, and what the key may do. Never taken from a request's body."""

    key_id: int
    tenant_id: int
    tenant_code: str
    zone: str
    billing_day: int
    keep_numbers: bool
    accept_days_back: int
    scopes: frozenset[str]
    is_authenticated: bool = True


@dataclass(frozen=True, slots=True)
class SellerKeyHolder:
    """Who speaks: a seller's own system, which sets up its tenants and contracts."""

    key_id: int
    seller_id: int
    seller_code: str
    scopes: frozenset[str]
    is_authenticated: bool = True


def make_key(
    holder: Tenant | Seller, name: str, scopes: Iterable[str], *, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Make a key for a tenant, or for a seller; return the row and the key itself, which nobody will ever see again."""
    owner = {"seller": holder} if isinstance(holder, Seller) else {"tenant": holder}
    body = "".join(secrets.choice(ALPHABET) for _each in range(RANDOM_CHARACTERS))
    text = f"hd_live_{body}{_checksum(body)}"
    row = ApiKey.objects.create(
        **owner, name=name, prefix=text[:12], sha256=_digest(text), scopes=sorted(scopes), expires_at=expires_at
    )
    return row, text


def revoke_key(key: ApiKey, now: datetime) -> None:
    """Revoke a key; every process has forgotten it after ``CACHED_FOR_SECONDS``."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now)


def rotate_key(key: ApiKey, now: datetime, *, overlap: timedelta = OVERLAP) -> tuple[ApiKey, str]:
    """Make a key that may what an old one may; the old one works on for the ``overlap``, so nobody is locked out.

    Return the new row and the key itself. Raises CannotRotate when the old one is revoked or expired.
    """
    with transaction.atomic(durable=True):
        key = ApiKey.objects.select_for_update().get(pk=key.pk)
        if key.revoked_at or (key.expires_at and key.expires_at <= now):
            raise CannotRotate("key_dead", _("%(key)s works no more; make a new key instead.") % {"key": key})
        holder = key.tenant or key.seller
        assert holder is not None  # the database knows no key of nobody  # noqa: S101  # nosec B101
        made = make_key(holder, key.name, key.scopes, expires_at=key.expires_at)
        key.expires_at = min(key.expires_at or now + overlap, now + overlap)
        key.save(update_fields=["expires_at"])
    return made


def holder_of(text: str, now: datetime) -> KeyHolder | SellerKeyHolder | None:
    """Return who holds a key, or None when it is malformed, unknown, expired, revoked, or its tenant inactive."""
    if not SHAPE.match(text) or _checksum(text[8:-6]) != text[-6:]:
        return None  # a typing error is found without asking the database
    digest = _digest(text)
    known = _cache.get(digest)
    if known is None or known[0] < time.monotonic():
        known = (time.monotonic() + CACHED_FOR_SECONDS, _look_up(digest, now))
        if len(_cache) > 10_000:
            _cache.clear()
        _cache[digest] = known
    return known[1]


def _look_up(digest: bytes, now: datetime) -> KeyHolder | SellerKeyHolder | None:
    row = ApiKey.objects.select_related("tenant", "seller").filter(sha256=digest, revoked_at__isnull=True).first()
    if row is None or (row.expires_at and row.expires_at <= now) or (row.tenant and not row.tenant.active):
        return None
    if row.last_used_on != now.date():
        ApiKey.objects.filter(pk=row.pk).update(last_used_on=now.date())
    if row.seller is not None:
        return SellerKeyHolder(row.pk, row.seller.pk, row.seller.code, frozenset(row.scopes))
    tenant = cast("Tenant", row.tenant)
    return KeyHolder(
        key_id=row.pk,
        tenant_id=tenant.pk,
        tenant_code=tenant.code,
        zone=tenant.zone,
        billing_day=tenant.billing_day,
        keep_numbers=tenant.keep_numbers,
        accept_days_back=tenant.accept_days_back,
        scopes=frozenset(row.scopes),
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _each in range(6):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


_cache: dict[bytes, tuple[float, KeyHolder | SellerKeyHolder | None]] = {}
