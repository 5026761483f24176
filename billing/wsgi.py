"""What gunicorn serves: ``gunicorn billing.wsgi``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing.settings")

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler

API = "/api/v1/"


class ApiHandler(WSGIHandler):
    """Serves machines: without what only a browser needs (sessions, forms, languages, messages, page policies)."""

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


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request: a call report passes through half the middleware of a page."""
    handler = _api if environ["PATH_INFO"].startswith(API) else _site
    return handler(environ, start_response)
