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
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.urls import get_resolver

API = "/api/v1/"


class ApiRequest(WSGIRequest):
    """A machine's request: its address is in UTF-8, whatever charset its body says it is in.

    Django reads the address in the body's charset, in which "?source=x" may mean nothing (UTF-16) or be an error
    outside of any handler (punycode). A plain attribute takes the charset, and nothing reads it.
    """

    encoding = "utf-8"


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


django.setup(set_prefix=False)
_site, _api = WSGIHandler(), ApiHandler()

# A large delivery makes thousands of objects, and every few of them the collector would walk through all that was loaded.
get_resolver().url_patterns  # noqa: B018 - loads every view now, not with the first request
gc.collect()
gc.freeze()
# A thread that holds a lock in the database and has its answer must not wait 5 ms for one that is reading a delivery.
sys.setswitchinterval(0.0005)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request: a call report passes through half the middleware of a page."""
    handler = _api if environ["PATH_INFO"].startswith(API) else _site
    return handler(environ, start_response)
