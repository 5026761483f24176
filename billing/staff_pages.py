"""What holds for every page of the admin: on which host it is, and in which language its reader reads."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.utils import translation

from billing.own_settings import preference_of


class StaffPages:
    """Serve the admin only on its own host, where it has one, and in the language that the person chose."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass on what is no page of the admin."""
        if not request.path_info.startswith(f"/{settings.ADMIN_PATH}"):
            return self.get_response(request)
        if settings.ADMIN_HOST and request.get_host().partition(":")[0] != settings.ADMIN_HOST:
            return HttpResponseNotFound()
        chosen = preference_of(request)
        if chosen is not None and chosen.language:
            translation.activate(chosen.language)
            request.LANGUAGE_CODE = chosen.language
        return self.get_response(request)
