"""The keys of staff's telephones, encrypted: whoever reads the database, or a copy of it, makes nobody's codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

NONCE_BYTES = 12
KEY_BYTES = 20


class KeyLost(Exception):
    """A telephone's key was encrypted by a secret that no setting names any more."""


def new_key(user_id: int) -> str:
    """Make a telephone's key and encrypt it for its person."""
    return encrypt(secrets.token_bytes(KEY_BYTES), user_id)


def renewed(told: str, user_id: int) -> str:
    """Return the key encrypted by the first secret, as it is if it is so already. Raises KeyLost."""
    try:
        _open(_ciphers()[0], told, user_id)
    except InvalidTag:
        return encrypt(decrypt(told, user_id), user_id)
    return told


def encrypt(key: bytes, user_id: int) -> str:
    """Encrypt up to 32 bytes by the first secret, in at most 80 characters; the row of another person cannot use it."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return urlsafe_b64encode(nonce + _ciphers()[0].encrypt(nonce, key, _owner(user_id))).decode()


def decrypt(told: str, user_id: int) -> bytes:
    """Return the key; raise KeyLost for one that none of the secrets opens."""
    for cipher in _ciphers():
        with suppress(InvalidTag):
            return _open(cipher, told, user_id)
    raise KeyLost


def _open(cipher: AESGCM, told: str, user_id: int) -> bytes:
    raw = urlsafe_b64decode(told)
    return cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], _owner(user_id))


def _ciphers() -> list[AESGCM]:
    made = (hmac.digest(each.encode(), b"huadan telephones", hashlib.sha256) for each in settings.TELEPHONE_KEYS)
    return [AESGCM(each) for each in made]


def _owner(user_id: int) -> bytes:
    return f"user {user_id}".encode()
