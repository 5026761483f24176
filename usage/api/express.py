"""A delivery in which nothing is unusual, answered by its door without the framework around it.

A switch posts each call by itself, and middleware, REST framework and signals took more of the worker's time than all
that is done for the call: docs/decisions/0011. What is decided here is only whether nothing is unusual; whatever is
goes the whole way from the beginning, which words refusals, logs them and answers them.
"""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.urls import resolve
from django.utils.module_loading import import_string
from rest_framework.request import Request

from billing.api import ApiRequest
from billing.metrics import count_answer
from tenants.api import key_in
from tenants.keys import KeyHolder, holder_of
from usage.api.doors import IngestView

PER_REQUEST = {"billing.metrics.RequestMetrics", "billing.requestlog.RequestLog"}  # done here, and only for faults
Headers = list[tuple[str, str]]


class _HungUp(io.RawIOBase):
    """What is left of a body whose sender is gone: the same fault for whoever reads it next."""

    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError


def answer(environ: dict[str, Any], start_response: Callable[[str, Headers], Any]) -> list[bytes] | None:
    """Answer 200 to a usual delivery at a door, committed; None, with the body unread again, to anything else.

    A delivery that was stored and then failed here is a repetition on its way through the framework: stored once.
    """
    begun = time.perf_counter()
    door = _door(environ["PATH_INFO"]) if environ["REQUEST_METHOD"] == "POST" else None
    headers = _outer_headers(environ["wsgi.url_scheme"], *(environ.get(name, "") for name in _decisive()))
    if door is None or headers is None:
        return None
    request = ApiRequest(environ)
    try:
        response = _pass(door[0], request, door[1])
    except UnreadablePostError:
        environ["wsgi.input"] = _HungUp()
        return None
    except Exception:  # noqa: BLE001 - whatever it is, the framework will meet it, too, and say so
        if hasattr(request, "_body"):
            environ["wsgi.input"] = io.BytesIO(request.body)
        return None
    if response is None:
        return None
    body = response.content
    start_response("200 OK", [("Content-Type", response["Content-Type"]), ("Content-Length", str(len(body))), *headers])
    count_answer(door[2], "POST", 200, time.perf_counter() - begun)
    return [body]


def _pass(view: type[IngestView], request: ApiRequest, parameters: dict[str, str]) -> HttpResponse | None:
    """Let a request with a key for this door in; None for any other. Raises what the door refuses."""
    text = key_in(request.META.get("HTTP_AUTHORIZATION", "").encode("latin-1"))
    holder = holder_of(text, datetime.now(UTC)) if text else None
    if not isinstance(holder, KeyHolder) or view.scope not in holder.scopes:
        return None
    request.body  # noqa: B018 - read here, so that it can be given back
    connection.close_if_unusable_or_obsolete()
    door: Any = view()
    door.request, door.holder = cast("Request", request), holder
    door.admit()
    response: HttpResponse = door.post(request, **parameters)
    return response


@functools.lru_cache(maxsize=1024)
def _door(path: str) -> tuple[type[IngestView], dict[str, str], str] | None:
    """Find the door at an address: its view, what the address says to it, and its name; None where there is none."""
    try:
        match = resolve(path.encode("latin-1").decode())
    except (Http404, UnicodeDecodeError):
        return None
    view = getattr(match.func, "cls", None)
    return (view, match.kwargs, match.view_name) if isinstance(view, type) and issubclass(view, IngestView) else None


@functools.cache
def _decisive() -> tuple[str, ...]:
    """Name the headers that decide, with the scheme, what the middleware before the doors says."""
    behind_proxy = cast("tuple[str, str] | None", settings.SECURE_PROXY_SSL_HEADER)
    return ("HTTP_HOST", behind_proxy[0]) if behind_proxy else ("HTTP_HOST",)


@functools.lru_cache(maxsize=256)
def _outer_headers(scheme: str, *values: str) -> Headers | None:
    """Ask the middleware once what it says to a host and scheme: the headers it adds, or None when it answers itself."""
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "SERVER_NAME": "", "SERVER_PORT": "80", "wsgi.url_scheme": scheme,
               "wsgi.input": io.BytesIO(), **{n: v for n, v in zip(_decisive(), values, strict=True) if v}}  # fmt: skip
    passed: list[HttpRequest] = []

    def door(request: HttpRequest) -> HttpResponse:
        passed.append(request)
        return HttpResponse()

    chain: Callable[[HttpRequest], HttpResponse] = door
    for name in reversed([n for n in settings.MIDDLEWARE if n not in settings.BROWSER_MIDDLEWARE | PER_REQUEST]):
        chain = import_string(name)(chain)
    try:
        response = chain(WSGIRequest(environ))
    except SuspiciousOperation:
        return None
    own = {"Content-Type", "Content-Length"}
    return [(name, value) for name, value in response.items() if name not in own] if passed else None
