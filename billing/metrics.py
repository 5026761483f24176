"""What is counted of a request for /metrics: answers by status, and how long they took, both by view and method."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django_prometheus.middleware import Metrics

METRICS = Metrics.get_instance()  # made while loading: two first requests at once would each register the figures
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Count each answer in two of the library's figures.

    The library's own middleware keeps fourteen, by transport, charset, size and more, most of which are sums of these:
    for a switch that posts every call by itself they cost a tenth of the post.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer, and count the answer; a bug is an answer of 500 here."""
        begun = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        view = (match and match.view_name) or "<unnamed view>"
        method = request.method if request.method in METHODS else "<invalid method>"
        count_answer(view, method, response.status_code, time.perf_counter() - begun)
        return response


def count_answer(view: str, method: str, status: int, seconds: float) -> None:
    """Count one answer of a view and the seconds it took."""
    latency, answers = _figures(view, method, status)
    latency.observe(seconds)
    answers.inc()


@functools.lru_cache(maxsize=4096)
def _figures(view: str, method: str, status: int) -> tuple[Any, Any]:
    """Find the two figures of an answer."""
    return (
        METRICS.requests_latency_by_view_method.labels(view, method),
        METRICS.responses_by_status_view_method.labels(str(status), view, method),
    )
