"""Request bodies as bytes, within bounds, and the parameters beside them."""

from __future__ import annotations

from typing import Any

from django.http import UnreadablePostError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from billing.errors import Refused
from usage.formats.bodies import MAX_BYTES, BodyTooLarge, unpack

TRUE, FALSE = {"true", "1", "yes"}, {"false", "0", "no", ""}


class WrongParameter(Refused):
    """A parameter of the address has a value that means nothing."""


class LengthRequired(Refused):
    """The body comes without its length."""

    status = 411


class BytesParser(BaseParser):  # type: ignore[misc, unused-ignore]
    """Leave the body alone: each door reads its own bytes, whatever the header calls them."""

    media_type = "*/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the body as it came, up to one byte more than is allowed."""
        return bytes(stream.read(MAX_BYTES + 1))


def body_of_request(request: Request) -> bytes:
    """Return a request's body without its content encoding. Raises Refused beyond the bounds."""
    headers = request.META
    if headers.get("HTTP_TRANSFER_ENCODING"):
        raise LengthRequired("length_required", "Send the body with its Content-Length, not in chunks.")
    if int(headers.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
        raise BodyTooLarge("body_too_large", "The body is larger than 16 MiB; send it in parts.")
    try:
        body: bytes = request.body
    except (UnreadablePostError, ConnectionError):
        raise LengthRequired("body_cut_short", "The body ended before its Content-Length.") from None
    return unpack(body, headers.get("HTTP_CONTENT_ENCODING", ""))


def flag(request: Request, name: str) -> bool:
    """Read a parameter that is true or false. Raises WrongParameter."""
    value = request.query_params.get(name, "").lower()
    if value not in TRUE | FALSE:
        raise WrongParameter("wrong_parameter", f"{name} is true or false.", pointer=f"?{name}")
    return value in TRUE


def every_item(request: Request) -> bool:
    """Tell whether every record's outcome is wanted. Raises WrongParameter."""
    value = request.query_params.get("items", "")
    if value not in {"", "all"}:
        raise WrongParameter("wrong_parameter", "items is “all” or absent.", pointer="?items")
    return value == "all"
