"""Who may call the API: the key names the tenant, or the seller, and nothing else does."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import structlog
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from tenants.keys import KeyHolder, SellerKeyHolder, holder_of
from tenants.models import ApiKey, Contract

LARGEST_BODY = 1024 * 1024


class KeyAuthentication(BaseAuthentication):
    """``Authorization: Bearer hd_live_…``, or HTTP Basic with the key as password (mod_json_cdr's ``cred``)."""

    def authenticate(self, request: Request) -> tuple[KeyHolder | SellerKeyHolder, str] | None:
        """Return the key's holder; None without credentials; AuthenticationFailed with wrong ones."""
        text = key_in(get_authorization_header(request))
        if text is None:
            return None
        holder = holder_of(text, datetime.now(UTC))
        if holder is None:
            raise AuthenticationFailed("The API key is unknown, expired or revoked.", code="wrong_key")
        structlog.contextvars.bind_contextvars(tenant_id=getattr(holder, "tenant_id", None), key_id=holder.key_id)
        return holder, text[:12]

    def authenticate_header(self, request: Request) -> str:
        """Tell how to authenticate, so that a missing key is 401."""
        return 'Bearer realm="huadan"'


def key_in(authorization: bytes) -> str | None:
    """Return the key that an Authorization header names, whatever it looks like; None without Bearer and Basic."""
    scheme, _, credentials = authorization.partition(b" ")
    match scheme.lower():
        case b"bearer":
            return credentials.decode("ascii", "replace").strip()
        case b"basic":
            return _password(credentials)
        case _:
            return None


class HasScope(BasePermission):
    """Let a key through that has the scope the view names in ``scope``."""

    code = "missing_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the key may; the refusal says what it lacks."""
        holder, scope = request.user, getattr(view, "scope", None)
        self.message = f"The API key lacks the scope “{scope}”; use one that has it."
        return isinstance(holder, KeyHolder) and scope in holder.scopes


class MayOperate(BasePermission):
    """Let a seller's key through, and a tenant's with the scope ``operate`` where the view is for tenants too."""

    message = "The API key lacks the scope for this; a seller's key, or the tenant's own with operate, is needed."
    code = "missing_scope"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Tell whether the key may."""
        may = ApiKey.OPERATE in getattr(request.user, "scopes", ())
        open_to = ("for_tenants", "tenants_read") if request.method in SAFE_METHODS else ("for_tenants",)
        return may and (
            isinstance(request.user, SellerKeyHolder) or any(getattr(view, name, False) for name in open_to)
        )


class BoundedJSON(JSONParser):
    """JSON of at most 1 MiB, nested as deep as Python reads."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the document. Raises ParseError (400) for anything else."""
        content = stream.read(LARGEST_BODY + 1)
        if len(content) > LARGEST_BODY:
            raise ParseError("The body is larger than 1 MiB.")
        try:
            document = super().parse(BytesIO(content), media_type, parser_context)
            # What the database cannot keep: NUL, half a character, a number beyond all bounds.
            if b"\\u0000" in content or not json.dumps(document, ensure_ascii=False, allow_nan=False).encode():
                raise ParseError("The body has a NUL character; leave it out.")
        except (RecursionError, ValueError):
            raise ParseError("The body is nested too deep, or has text or numbers that cannot be kept.") from None
        return document


class TenantView(APIView):
    """A door of the API: the key names the tenant, ``scope`` what the key must be allowed."""

    authentication_classes = [KeyAuthentication]
    permission_classes = [HasScope]
    scope: str

    @cached_property
    def holder(self) -> KeyHolder:
        """Return whose key it is; the permission class has made sure that there is one."""
        return cast("KeyHolder", self.request.user)


class OperatorView(APIView):
    """A door for setting things up: a seller's key sees the seller's tenants, a tenant's key its own contracts.

    ``for_tenants`` lets tenants' keys with the scope ``operate`` in, ``tenants_read`` to look only; the rest is for the
    seller's alone.
    """

    authentication_classes = [KeyAuthentication]
    permission_classes = [MayOperate]
    parser_classes = [BoundedJSON]
    for_tenants = False
    tenants_read = False

    @property
    def by(self) -> str:
        """Name the key, for the history."""
        return f"key {cast('KeyHolder | SellerKeyHolder', self.request.user).key_id}"

    @property
    def seller_id(self) -> int:
        """Return whose tenants these are; only where tenants' keys are not let in."""
        return cast("SellerKeyHolder", self.request.user).seller_id

    def contracts(self) -> QuerySet[Contract]:
        """List the contracts the key may see."""
        holder = self.request.user
        found = Contract.objects.select_related("tenant__seller")
        if isinstance(holder, SellerKeyHolder):
            return found.filter(tenant__seller_id=holder.seller_id)
        return found.filter(tenant_id=cast("KeyHolder", holder).tenant_id)

    def contract(self, code: str) -> Contract:
        """Find one of the contracts the key may see; 404 for any other."""
        return get_object_or_404(self.contracts(), code=code.replace("\x00", ""))


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes the key."""

    target_class = "tenants.api.authentication.KeyAuthentication"
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
