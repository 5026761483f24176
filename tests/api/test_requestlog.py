"""What is logged of a request: nothing of one that went well, all of one that did not, with an id in every line."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from billing.requestlog import RequestLog

pytestmark = pytest.mark.django_db


def _ask(response: HttpResponse | StreamingHttpResponse, **headers: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Pass a request through; return what was bound while it was answered, and the lines logged."""
    bound: dict[str, Any] = {}

    def answer(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        bound.update(structlog.contextvars.get_contextvars())
        return response

    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        RequestLog(answer)(RequestFactory().post("/api/v1/calls", headers=headers))  # type: ignore[arg-type]
    assert structlog.contextvars.get_contextvars() == {}
    return bound, lines


def test_a_request_that_went_well_leaves_no_line_and_no_id_behind() -> None:
    bound, lines = _ask(HttpResponse(status=200), **{"X-Request-ID": "of-the-proxy"})
    assert bound == {"request_id": "of-the-proxy"}
    assert lines == []


@pytest.mark.parametrize("status", [401, 422, 503])
def test_a_request_that_was_refused_is_logged_with_its_id_and_address(status: int) -> None:
    bound, [line] = _ask(HttpResponse(status=status))
    assert len(bound["request_id"]) == 36
    assert line["request_id"] == bound["request_id"]
    assert (line["event"], line["code"], line["ip"]) == ("request_finished", status, "127.0.0.1")
    assert json.dumps(line)
