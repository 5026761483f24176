"""Is it alive, is it ready, how is it doing: /healthz, /readyz, /metrics."""

from __future__ import annotations

import hmac
import shutil
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.views.decorators.cache import never_cache
from django_prometheus.exports import ExportToDjangoView


def free_disk_percent() -> float:
    """Return how much of the disk that fills with calls is free, in percent."""
    usage = shutil.disk_usage(settings.DISK_PATH)
    return 100 * usage.free / usage.total


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _broker() -> str:
    cache.get("ready")
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} migrations are not applied; run manage.py migrate." if waiting else ""


def _disk() -> str:
    free, least = free_disk_percent(), settings.ENVIRONMENT.minimum_free_disk_percent
    return f"{free:.0f} % of the disk is free; at least {least} % is needed." if free < least else ""


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "broker": _broker,
    "migrations": _migrations,
    "disk": _disk,
}


def look() -> dict[str, str]:
    """Check every part; map its name to an empty text, or to a sentence that says what is wrong."""
    found = {}
    for name, check in CHECKS.items():
        try:
            found[name] = check()
        except Exception as error:  # noqa: BLE001 - whatever is wrong, say so and look at the next part
            found[name] = f"{type(error).__name__}: {error}".strip()
    return found


class ProbesFirst:
    """Answer the three probes before any other middleware: they come by address, not by host name, and without https."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a probe, or pass the request on."""
        probe = PROBES.get(request.path)
        return probe(request) if probe else self.get_response(request)


@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that the process lives; asks nothing else of anyone."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, broker, migrations and disk are fit for work, else 503 and what is not."""
    found = look()
    ready = not any(found.values())
    parts = {name: "ok" if not fault else "failed" for name, fault in found.items()}
    return JsonResponse({"status": "ok" if ready else "failed", "parts": parts}, status=200 if ready else 503)


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Give Prometheus its figures: with the token from the environment, or to this machine when none is set."""
    token = settings.ENVIRONMENT.metrics_token
    if token:
        allowed = hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {token}")
    else:
        allowed = (
            request.META.get("REMOTE_ADDR") in {"127.0.0.1", "::1", ""} and "X-Forwarded-For" not in request.headers
        )
    return ExportToDjangoView(request) if allowed else HttpResponseForbidden()


PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
