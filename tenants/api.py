"""Who may call the API: the tenant is named by the key, and by nothing else."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import cast

import structlog
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.keys import KeyHolder, SellerKeyHolder, holder_of


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer hd_live_…``, or HTTP Basic with the key as password (mod_json_cdr's ``cred``)."""

    def authenticate(self, request: Request) -> tuple[KeyHolder | SellerKeyHolder, str] | None:
        """Return the key's holder; None without credentials; AuthenticationFailed with wrong ones."""
        scheme, _, credentials = get_authorization_header(request).partition(b" ")
        match scheme.lower():
            case b"bearer":
                text = credentials.decode("ascii", "replace").strip()
            case b"basic":
                text = _password(credentials)
            case _:
                return None
        holder = holder_of(text, datetime.now(UTC))
        if holder is None:
            raise AuthenticationFailed("The API key is unknown, expired or revoked.", code="wrong_key")
        structlog.contextvars.bind_contextvars(tenant_id=getattr(holder, "tenant_id", None), key_id=holder.key_id)
        return holder, text[:12]

    def authenticate_header(self, request: Request) -> str:
        """Tell how to authenticate, so that a missing key is 401."""
        return 'Bearer realm="huadan"'


class HasScope(BasePermission):
    """Let a key through that has the scope the view names in ``scope``."""

    message = "The API key lacks the scope for this."
    code = "missing_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the key may."""
        return isinstance(request.user, KeyHolder) and getattr(view, "scope", None) in request.user.scopes


class TenantView(APIView):
    """A door of the API: the key names the tenant, ``scope`` what the key must be allowed."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [HasScope]
    scope: str

    @property
    def holder(self) -> KeyHolder:
        """Return whose key it is; the permission class has made sure that there is one."""
        return cast("KeyHolder", self.request.user)


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the key."""

    target_class = "tenants.api.KeyAuthentication"
    name = ["bearer", "basic"]

    def get_security_definition(self, auto_schema: object) -> list[dict[str, str]]:
        """Describe both spellings."""
        return [
            {"type": "http", "scheme": "bearer", "description": "The API key, hd_live_…"},
            {"type": "http", "scheme": "basic", "description": "Any user name, the API key as password."},
        ]


def _password(credentials: bytes) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
