"""What every API view shares: faults as problem details (RFC 9457), with a stable code and a pointer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError
from django.http import Http404, JsonResponse, QueryDict
from drf_spectacular.utils import OpenApiResponse
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from billing.errors import Refused

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 5


class ApiRequest(WSGIRequest):
    """A machine's request: its address is in UTF-8, whatever charset its body says it is in.

    Django reads the address in the body's charset, in which "?source=x" may mean nothing (UTF-16) or be an error
    outside of any handler (punycode). A plain attribute takes the charset, and nothing reads it.
    """

    encoding = "utf-8"

    @property
    def query_params(self) -> QueryDict:
        """Return the address's parameters by the REST framework's name, for doors that are entered without it."""
        return self.GET


def problem(status: int, code: str, detail: str, *, pointer: str = "", **more: Any) -> dict[str, Any]:
    """Build the body of a problem: ``type`` leads to the page that lists the codes."""
    body = {"type": f"/api/docs#{code}", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    return body | {"detail": detail} | ({"pointer": pointer} if pointer else {}) | more


def problem_response(status: int, code: str, detail: str, *, pointer: str = "") -> JsonResponse:
    """Answer with a problem outside of the REST framework."""
    return JsonResponse(problem(status, code, detail, pointer=pointer), status=status, content_type=PROBLEM_JSON)


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an expected fault into problem+json; what is a bug stays an exception and becomes a 500."""
    headers: dict[str, str] = {}
    if isinstance(error, Refused):
        body = problem(error.status, error.code, error.message, pointer=error.pointer)
    elif isinstance(error, Http404):
        body = problem(404, "not_found", "There is nothing here, or it belongs to another tenant.")
    elif isinstance(error, PermissionDenied):
        body = problem(403, "forbidden", "This is not allowed.")
    elif isinstance(error, OperationalError):
        body = problem(503, "database_unavailable", "The database cannot take this now; nothing was stored; try again.")
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    elif isinstance(error, exceptions.APIException):
        body = problem(error.status_code, _code(error), _sentence(error))
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait) + 1)
        if authenticate := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = authenticate
    else:
        return None
    set_rollback()
    return Response(body, status=body["status"], headers=headers, content_type=PROBLEM_JSON)


def _code(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else "invalid"


def _sentence(error: exceptions.APIException) -> str:
    return error.detail if isinstance(error.detail, str) else str(error.detail)


class ProblemSerializer(serializers.Serializer[Any]):
    """A fault, as RFC 9457 problem details."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable, for programs.")
    detail = serializers.CharField(help_text="A sentence for a person.")
    pointer = serializers.CharField(required=False)


FAULTS = {
    400: "The body or a parameter cannot be read; nothing was stored.",
    401: "No key, or a wrong one.",
    403: "The key lacks the scope.",
    404: "There is no such thing, or it belongs to another tenant.",
    409: "Something else was there first.",
    411: "The body comes in chunks; send its length.",
    413: "The body is larger than 16 MiB, or has more than 5,000 records.",
    415: "The Content-Encoding is not known.",
    422: "Understood, and refused.",
    429: "Too many requests; wait as Retry-After says.",
    503: "Cannot store now; nothing was stored; try again as Retry-After says.",
}


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """Describe the faults of an operation; 401, 403 and 429 belong to all of them."""
    listed = sorted({*statuses, 401, 403, 429})
    return {(s, "application/problem+json"): OpenApiResponse(ProblemSerializer, FAULTS[s]) for s in listed}
