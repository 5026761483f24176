"""The pages between the password and the admin: enrolling a telephone, the code, being locked out; and proving it again."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME, authenticate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django_otp import login as remember_device

from billing.second_factor import begin_enrolment, confirm, device_of_code, is_enrolled, picture_of

log = structlog.get_logger(__name__)
PROVED_AT = "proved_at"
PROOF = "proof_of_person"


def note_login(sender: Any, request: HttpRequest, user: Any, **_more: Any) -> None:
    """Remember in the session when the person proved who they are."""
    request.session[PROVED_AT] = time.time()


def led_away(request: HttpRequest) -> HttpResponse | None:
    """Lead who still owes the second factor to its page; None for who may go on."""
    if request.user.is_verified():  # type: ignore[union-attr]
        return None
    enrolled = is_enrolled(request.user)  # type: ignore[arg-type]
    if not enrolled and not settings.STAFF_TOTP:
        return None
    page = reverse("admin:second_factor" if enrolled else "admin:enrol")
    return HttpResponseRedirect(f"{page}?{REDIRECT_FIELD_NAME}={request.path}")


def enrol_page(request: HttpRequest) -> HttpResponse:
    """Show the key as a picture and as text, take the first code, then show the recovery codes this one time."""
    user: Any = request.user
    if is_enrolled(user) and not user.is_verified():
        return HttpResponseRedirect(reverse("admin:second_factor"))
    context: dict[str, Any] = {"next": _next(request)}
    if request.method == "POST":
        codes = confirm(user, request.POST.get("code", ""))
        if codes:
            remember_device(request, user.totpdevice_set.get(confirmed=True))
            log.info("second factor enrolled", user=user.get_username())
            return _card(request, "staff/recovery.html", _("Recovery codes"), context | {"codes": codes})
        messages.error(request, _wrong())
    device = begin_enrolment(user)
    context |= {"picture": picture_of(device), "key": device.config_url.partition("secret=")[2].partition("&")[0]}
    return _card(request, "staff/enrol.html", _("Set up your second factor"), context)


def code_page(request: HttpRequest) -> HttpResponse:
    """Take the code of the telephone, or a recovery code."""
    user: Any = request.user
    if request.method == "POST":
        device = device_of_code(user, request.POST.get("code", ""))
        if device is not None:
            remember_device(request, device)
            return HttpResponseRedirect(_next(request))
        messages.error(request, _wrong())
    return _card(request, "staff/code.html", _("Your code"), {"next": _next(request)})


def locked_out(request: HttpRequest, response: Any, credentials: Any) -> HttpResponse:
    """Say that too many passwords were wrong, for how long nothing helps, and who can help sooner."""
    minutes = settings.AXES_COOLOFF_TIME.seconds // 60
    answer = _card(request, "staff/locked.html", _("Locked"), {"minutes": minutes})
    answer.status_code = 429
    return answer.render()


def proved_again(request: HttpRequest) -> HttpResponse | None:
    """Let a person go on who proved who they are a few minutes ago, or does so now; show others the page that asks.

    The page holds what was to be sent, so that nothing has to be written twice.
    """
    if time.time() - request.session.get(PROVED_AT, 0) < settings.REAUTHENTICATE_SECONDS:
        return None
    proof = request.POST.get(PROOF, "")
    if proof and _is_theirs(request, proof):
        request.session[PROVED_AT] = time.time()
        return None
    if proof:
        messages.error(request, _("That is neither your password nor a code that counts now. Try again."))
    kept = [(name, value) for name, values in request.POST.lists() for value in values if name not in _OWN]
    return _card(request, "staff/again.html", _("Is it you?"), {"kept": kept, "proof": PROOF})


_OWN = {PROOF, "csrfmiddlewaretoken"}


def client_address(request: HttpRequest) -> str:
    """Return where a request comes from; what a proxy says is believed only where the settings say so."""
    told = request.META.get("HTTP_X_FORWARDED_FOR", "") if settings.TRUST_PROXY else ""
    return told.rpartition(",")[2].strip() or request.META.get("REMOTE_ADDR", "")


def _is_theirs(request: HttpRequest, proof: str) -> bool:
    user: Any = request.user
    if is_enrolled(user) and device_of_code(user, proof) is not None:
        return True
    found = authenticate(request, username=user.get_username(), password=proof)
    return found is not None and found.pk == user.pk


def _card(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> TemplateResponse:
    return TemplateResponse(request, template, admin.site.each_context(request) | {"title": title} | context)


def _wrong() -> str:
    return _("This code does not count. Take the one shown now; after several wrong ones wait a minute.")


def _next(request: HttpRequest) -> str:
    asked = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME, "")
    safe = url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure())
    return asked if safe else reverse("admin:index")
