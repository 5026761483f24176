"""Check an Ed25519 signature, where the one package that can is installed."""

from __future__ import annotations


def is_signed(content: bytes, signature: str, public_key: str) -> bool | None:
    """Tell whether the key signed the content; None when the package ``cryptography`` is not there.

    Signature and key are hexadecimal; what is not counts as not signed.
    """
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), content)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True
