"""The doors' short way: the same answers as through the framework, and anything unusual goes through it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from prometheus_client import REGISTRY

from tenants.keys import make_key
from tests.conftest import call_of
from usage.api import doors, express
from usage.models import Call, Quarantined

pytestmark = pytest.mark.django_db(transaction=True)
CALLS = "/api/v1/calls"
BODY = json.dumps(call_of(1)).encode()
CDR = json.dumps({"variables": {"uuid": "u-1", "start_uepoch": "1791504000000000", "end_uepoch": "1791504030000000"}})


class _Breaking(io.BytesIO):
    """A connection that was reset says so once, and then that it has ended."""

    broken = False

    def read(self, *sizes: Any) -> bytes:
        if self.broken:
            return b""
        self.broken = True
        raise ConnectionResetError


@pytest.fixture
def ask(key, source):
    """Pass a request to the application, or to the framework alone; return status, headers and body."""
    from billing import wsgi

    def post(path, body=BODY, *, whole=False, method="POST", **more):
        environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SERVER_NAME": "localhost", "SERVER_PORT": "80",
            "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost", "wsgi.url_scheme": "http", "wsgi.errors": io.StringIO(),
            "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json",
            "HTTP_AUTHORIZATION": f"Bearer {key}", **more,
        }  # fmt: skip
        said: list[Any] = []
        handler = wsgi._api if whole else wsgi.application
        answer = handler(environ, lambda status, headers: said.extend((status, dict(headers))))
        content = b"".join(answer)
        return said[0], said[1], content, type(answer) is list

    return post


@pytest.mark.parametrize(
    ("path", "body", "more"),
    [
        (CALLS, BODY, {}),
        (CALLS, BODY, {"QUERY_STRING": "items=all&source=switch-1"}),
        (CALLS, BODY, {"HTTP_IDEMPOTENCY_KEY": "once"}),
        ("/api/v1/cdr/freeswitch/switch-1/", CDR.encode(), {"QUERY_STRING": "uuid=a_u-1"}),
        ("/api/v1/cdr/mapped/switch-1", b"{}", {}),
    ],
    ids=["one call", "parameters", "idempotency key", "freeswitch", "mapped"],
)
def test_both_ways_give_the_same_answer(path, body, more, ask):
    ask(path, body, **more)
    status, headers, content, short = ask(path, body, **more)
    whole_status, whole_headers, whole_content, whole_short = ask(path, body, **more, whole=True)
    assert (short, whole_short) == (True, False)
    assert status == whole_status
    own = {"Content-Length", "Allow"}  # a repetition's may differ by a digit; the framework tells of other methods
    assert {n: v for n, v in headers.items() if n not in own} == {
        n: v for n, v in whole_headers.items() if n not in own
    }
    assert {**json.loads(content), "batch": ""} == {**json.loads(whole_content), "batch": ""}


def test_a_delivery_that_fails_after_it_was_stored_is_stored_once(ask, monkeypatch):
    told, faults = doors.told, [RuntimeError("after the commit")]
    monkeypatch.setattr(
        doors, "told", lambda *a, **k: told(*a, **k) if not faults else (_ for _ in ()).throw(faults.pop())
    )
    _, _, content, short = ask(CALLS)
    assert (short, json.loads(content)["duplicates"], Call.objects.count()) == (False, 1, 1)


def test_a_connection_that_failed_is_tried_once_more_by_the_framework(ask, monkeypatch):
    store, faults = doors.ingest_batch, [OperationalError("server closed the connection")]
    monkeypatch.setattr(
        doors, "ingest_batch", lambda *a, **k: store(*a, **k) if not faults else (_ for _ in ()).throw(faults.pop())
    )
    status, _, content, short = ask(CALLS)
    assert (status, short, json.loads(content)["accepted"]) == ("200 OK", False, 1)


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"HTTP_AUTHORIZATION": ""}, "401", "not_authenticated"),
        ({"HTTP_AUTHORIZATION": "Bearer hd_live_no"}, "401", "wrong_key"),
        ({"QUERY_STRING": "source=elsewhere"}, "404", "unknown_source"),
        ({"QUERY_STRING": "items=some"}, "400", "wrong_parameter"),
        ({"HTTP_CONTENT_ENCODING": "br"}, "415", "unknown_encoding"),
        ({"CONTENT_LENGTH": str(17 * 2**20)}, "413", "body_too_large"),
        ({"wsgi.input": _Breaking()}, "411", "body_cut_short"),
        ({"method": "DELETE"}, "405", "method_not_allowed"),
    ],
    ids=["no key", "wrong key", "unknown source", "parameter", "encoding", "too large", "hung up", "method"],
)
def test_what_is_unusual_is_worded_by_the_framework(more, status, code, ask):
    answered, headers, content, short = ask(CALLS, **more)
    assert (answered[:3], short, headers["Content-Type"]) == (status, False, "application/problem+json")
    assert json.loads(content)["code"] == code
    assert (Call.objects.count(), Quarantined.objects.count()) == (0, 0)


def test_a_key_without_the_scope_is_refused(ask, tenant):
    _, reader = make_key(tenant, "reader", ["read"])
    status, _, content, _ = ask(CALLS, HTTP_AUTHORIZATION=f"Bearer {reader}")
    assert (status[:3], json.loads(content)["code"]) == ("403", "missing_scope")


def test_an_unknown_host_and_plain_http_where_https_is_asked_go_the_whole_way(ask, settings):
    assert ask(CALLS, HTTP_HOST="evil.example")[0].startswith("400")
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 3600
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    for kept in (express._outer_headers, express._decisive):
        kept.cache_clear()
    try:
        assert express._outer_headers("http", "localhost", "") is None
        assert "Strict-Transport-Security" in dict(express._outer_headers("http", "localhost", "https") or [])
    finally:
        for kept in (express._outer_headers, express._decisive):
            kept.cache_clear()


def test_a_short_answer_is_counted(ask):
    labels = {"status": "200", "view": "calls", "method": "POST"}
    name = "django_http_responses_total_by_status_view_method_total"
    before = REGISTRY.get_sample_value(name, labels) or 0
    assert ask(CALLS)[3]
    assert REGISTRY.get_sample_value(name, labels) == before + 1


def test_only_middleware_that_looks_at_host_and_scheme_is_asked_once_for_all():
    """Whoever adds a middleware for machines decides here whether a usual delivery has to pass it each time."""
    assert [n for n in settings.MIDDLEWARE if n not in settings.BROWSER_MIDDLEWARE | express.PER_REQUEST] == [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
