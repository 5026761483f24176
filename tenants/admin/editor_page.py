"""The contract editor: a draft's clauses as a form, its findings beside them; a signed version the same, frozen."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.admin.comparison_page import origin_of_version
from tenants.editor.fields import Note, annotate, form_of
from tenants.editor.moves import apply
from tenants.editor.reading import document_of_posted
from tenants.linting import Finding, examine
from tenants.models import ContractVersion
from tenants.wording.choices import KINDS

MOVES = ("add", "remove", "up", "down", "paste", "expand", "refresh")


def editor_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Show the form; carry out its buttons; save what was written, faulty or not, and say what is wrong with it."""
    if request.method != "POST" or not model_admin.has_change_permission(request, version):
        return _show(model_admin, request, version, version.agreement)
    document = document_of_posted(request.POST)
    command = request.POST.get("do", "save")
    _read_head(request, version)
    if command.partition(" ")[0] in MOVES:
        pasted = request.POST.get(f"paste:{command.partition(' ')[2]}", "")
        document, look_at = apply(document, command, pasted)
        return _show(model_admin, request, version, document, look_at=look_at, unsaved=True)
    changed = ContractVersion.objects.filter(pk=version.pk, signed_at__isnull=True).update(
        agreement=document, starts_on=version.starts_on, notice_on=version.notice_on, reason=version.reason
    )
    if not changed:
        messages.error(request, _("This version was signed meanwhile; write a new one to change the terms."))
    elif any(found.severity == "error" for found in examine(document)):
        messages.warning(request, _("Saved as a draft. It cannot be signed until what is listed is mended."))
    else:
        messages.success(request, _("Saved. Nothing stands against signing."))
    name = "tenants_version_sign" if command == "sign" and changed else "tenants_contractversion_change"
    return HttpResponseRedirect(reverse(f"admin:{name}", args=[version.pk]))


def _read_head(request: HttpRequest, version: ContractVersion) -> None:
    """Take the days and the reason from the form; an unreadable day leaves the old one."""
    version.reason = request.POST.get("reason", version.reason)[:300]
    try:
        version.starts_on = date.fromisoformat(request.POST.get("starts_on", ""))
        notice = request.POST.get("notice_on", "")
        version.notice_on = date.fromisoformat(notice) if notice else None
    except ValueError:
        messages.error(request, _("Write the day on which the version comes into force, such as 2026-11-01."))


def _show(
    model_admin: ModelAdmin[Any],
    request: HttpRequest,
    version: ContractVersion,
    document: dict[str, Any],
    *,
    look_at: str = "",
    unsaved: bool = False,
) -> HttpResponse:
    form = form_of(document)
    findings = examine(document)
    notes: dict[str, list[Note]] = {}
    for found in findings:
        notes.setdefault(found.pointer, []).append(Note(found.severity, found.text))
    places = annotate(form, notes)
    parts = {child.pointer[1:]: child for child in (*form.children, *form.more)}
    context = {
        **model_admin.admin_site.each_context(request),
        "title": str(version),
        "opts": model_admin.opts,
        "version": version,
        "contract": version.contract,
        "form": form,
        "head": [parts[name] for name in ("currency", "tax")],
        "clauses": parts["clauses"],
        "sections": [parts[name] for name in SECTIONS],
        "findings": [_listed(found, places[found.pointer].id) for found in findings],
        "good": not findings,
        "kinds": [(kind, str(label)) for kind, label in KINDS.items()],
        "origin": origin_of_version(version),
        "frozen": not model_admin.has_change_permission(request, version),
        "look_at": f"f{look_at.replace('/', '-')}" if look_at else "",
        "unsaved": unsaved,
    }
    return TemplateResponse(request, "admin/tenants/editor.html", context)


SECTIONS = ("bands", "calendar", "factors", "discounts", "commitments", "caps", "policies")


def _listed(found: Finding, place: str) -> dict[str, str]:
    return {"severity": found.severity, "text": found.text, "place": place, "pointer": found.pointer}
