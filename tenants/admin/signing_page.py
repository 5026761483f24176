"""Signing: what changes, from when, and why, before anyone's name is put to it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.rating import Agreement
from tenants.admin.comparison_page import origin_of_version
from tenants.comparing import Change, compare
from tenants.contracts import sign, signed_versions
from tenants.linting import examine
from tenants.models import ContractVersion


def signing_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Show the draft's findings and what it changes; with a day and a reason, sign it."""
    editor = HttpResponseRedirect(reverse("admin:tenants_contractversion_change", args=[version.pk]))
    if not model_admin.has_change_permission(request, version):
        return editor
    findings = examine(version.agreement)
    faulty = any(found.severity == "error" for found in findings)
    if request.method == "POST" and not faulty and _sign(request, version):
        return editor
    before = [each for each in signed_versions(version.contract) if each.starts_on <= version.starts_on]
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("Sign %(version)s") % {"version": version},
        "opts": model_admin.opts,
        "version": version,
        "contract": version.contract,
        "findings": findings,
        "good": not findings,
        "faulty": faulty,
        "before": before[-1] if before else None,
        "origin": origin_of_version(version),
        "changes": [] if faulty else _changes(before[-1] if before else None, version),
    }
    return TemplateResponse(request, "admin/tenants/sign.html", context)


def _changes(before: ContractVersion | None, version: ContractVersion) -> list[Change]:
    if before is None:
        return []
    return compare(Agreement.from_json(before.agreement), Agreement.from_json(version.agreement))


def _sign(request: HttpRequest, version: ContractVersion) -> bool:
    reason = request.POST.get("reason", "").strip()[:300]
    if not reason:
        messages.error(request, _("Say why: the reason is kept with the signature."))
        return False
    try:
        version.starts_on = date.fromisoformat(request.POST.get("starts_on", ""))
    except ValueError:
        messages.error(request, _("Write the day on which the version comes into force, such as 2026-11-01."))
        return False
    ContractVersion.objects.filter(pk=version.pk, signed_at__isnull=True).update(starts_on=version.starts_on)
    try:
        sign(version, by=request.user.get_username(), reason=reason, now=datetime.now(UTC))
    except Refused as refusal:
        messages.error(request, refusal.message)
        return False
    messages.success(request, _("%(version)s is signed.") % {"version": version})
    return True
