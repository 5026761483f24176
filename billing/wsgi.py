"""What gunicorn serves: ``gunicorn billing.wsgi``."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing.settings")

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_resolver

API = "/api/v1/"

django.setup(set_prefix=False)

from billing.api import ApiRequest  # noqa: E402 - the apps have to be loaded first
from usage.api import express  # noqa: E402


class ApiHandler(WSGIHandler):
    """Serves machines: without what only a browser needs (sessions, forms, languages, messages, page policies)."""

    request_class = ApiRequest

    def load_middleware(self, is_async: bool = False) -> None:
        """Load the machines' part of the middleware, in the order of the whole."""
        whole = settings.MIDDLEWARE
        settings.MIDDLEWARE = [name for name in whole if name not in settings.BROWSER_MIDDLEWARE]
        try:
            super().load_middleware(is_async)
        finally:
            settings.MIDDLEWARE = whole


_site, _api = WSGIHandler(), ApiHandler()

# A large delivery makes thousands of objects, and every few of them the collector would walk through all that was loaded.
get_resolver().url_patterns  # noqa: B018 - loads every view now, not with the first request
gc.collect()
gc.freeze()
# A thread that holds a lock in the database and has its answer must not wait 5 ms for one that is reading a delivery.
sys.setswitchinterval(0.0005)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request: a usual delivery passes through no middleware, any other of a machine through half of a page's."""
    if not environ["PATH_INFO"].startswith(API):
        return _site(environ, start_response)
    return express.answer(environ, start_response) or _api(environ, start_response)
