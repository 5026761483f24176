"""What every API view shares: faults as problem details (RFC 9457), with a stable code and a pointer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from billing.errors import Refused

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER_SECONDS = 5


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
