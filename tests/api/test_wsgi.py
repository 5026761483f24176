"""Machines and people get the same answers, machines without the browser's middleware."""

from __future__ import annotations

import gc
import io
import sys
from typing import Any

import pytest
from django.conf import settings
from django.utils.module_loading import import_string

pytestmark = pytest.mark.django_db(transaction=True)


def _get(path: str, **headers: str) -> tuple[str, dict[str, str]]:
    from billing.wsgi import application

    answer: dict[str, Any] = {}
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "QUERY_STRING": "",
        **headers,
    }

    def start(status: str, answered: list[tuple[str, str]], exc_info: Any = None) -> None:
        answer["status"], answer["headers"] = status, dict(answered)

    response = application(environ, start)
    list(response)
    response.close()  # type: ignore[attr-defined]
    return answer["status"], answer["headers"]


def test_a_worker_keeps_the_collector_and_the_lock_of_the_interpreter_out_of_the_way() -> None:
    _get("/api/v1/quota")
    assert gc.get_freeze_count() > 100_000, "what was loaded is walked through again and again"
    assert sys.getswitchinterval() < 0.001, "an answer of the database waits for another delivery to be read"


@pytest.mark.parametrize("charset", ["punycode", "utf-16"])
def test_an_address_is_no_text_in_the_charset_of_the_body(charset: str) -> None:
    status, _ = _get("/api/v1/quota", QUERY_STRING="source=x", CONTENT_TYPE=f"text/csv; charset={charset}")
    assert status.startswith("401")


def test_the_api_asks_for_a_key_and_sets_no_cookie() -> None:
    status, headers = _get("/api/v1/quota")
    assert status.startswith("401")
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in headers


def test_pages_keep_the_browsers_protection() -> None:
    _, headers = _get("/admin/login/")
    assert headers["X-Frame-Options"] == "DENY"
    assert "Content-Security-Policy" in headers
    assert "Set-Cookie" in headers


def test_what_is_left_out_is_really_in_the_list_and_exists() -> None:
    assert set(settings.MIDDLEWARE) >= settings.BROWSER_MIDDLEWARE
    assert all(import_string(name) for name in settings.BROWSER_MIDDLEWARE)
    assert "django.middleware.security.SecurityMiddleware" not in settings.BROWSER_MIDDLEWARE
