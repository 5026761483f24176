"""A version as a document: JSON for experts, export and import, tiers as a table for a spreadsheet."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.rating import Agreement
from tenants.editor.fields import Field, form_of
from tenants.editor.pointing import line_of
from tenants.linting import examine
from tenants.models import ContractVersion

LARGEST = 1_000_000  # bytes of an imported file; the longest price list of the catalogue has 4,000


def json_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Show the document; take a text or a file, and say in which line and at which pointer a fault is."""
    frozen = not model_admin.has_change_permission(request, version)
    text, fault = _printed(version.agreement), ""
    if request.method == "POST" and not frozen:
        text = _sent(request)
        document, fault = _read(text)
        if document is not None:
            ContractVersion.objects.filter(pk=version.pk, signed_at__isnull=True).update(agreement=document)
            messages.success(request, _("Saved as a draft."))
            if not examine(document):
                return HttpResponseRedirect(reverse("admin:tenants_version_json", args=[version.pk]))
    document, _fault = _read(text)
    findings = [] if document is None else [
        {"severity": f.severity, "text": f.text, "pointer": f.pointer or "/", "line": line_of(text, f.pointer)}
        for f in examine(document)
    ]  # fmt: skip
    context = {
        **model_admin.admin_site.each_context(request),
        "title": _("%(version)s as JSON") % {"version": version},
        "opts": model_admin.opts,
        "version": version,
        "contract": version.contract,
        "text": text,
        "fault": fault,
        "findings": findings,
        "frozen": frozen,
    }
    return TemplateResponse(request, "admin/tenants/json.html", context)


def _sent(request: HttpRequest) -> str:
    uploaded = request.FILES.get("file")
    if uploaded is None:
        return request.POST.get("document", "").replace("\r\n", "\n")
    content: bytes = uploaded.read(LARGEST)
    return content.decode("utf-8-sig", "replace")


def _read(text: str) -> tuple[dict[str, Any] | None, str]:
    """Read a text as a document; without floats, which no price may be. Otherwise say what is wrong, and where."""
    try:
        document = json.loads(text, parse_float=str, parse_constant=str)
    except (json.JSONDecodeError, RecursionError) as fault:
        line, column = getattr(fault, "lineno", 1), getattr(fault, "colno", 1)
        return None, _(
            "This is not JSON from line %(line)d, character %(column)d on; look for a comma, quote or bracket there."
        ) % {"line": line, "column": column}
    if not isinstance(document, dict):
        return None, _("Write the whole agreement as one object, in curly brackets.")
    return document, ""


def _printed(document: Any) -> str:
    """Print a document in the order of the engine's members; the database keeps none. A faulty one as it is."""
    with contextlib.suppress(Refused):
        document = Agreement.from_json(document).to_json()
    return json.dumps(document, ensure_ascii=False, indent=2)


def export_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Give the document as a file that the JSON page takes again."""
    return _file(f"{version.contract.code}-v{version.number}.json", _printed(version.agreement), "application/json")


def csv_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Give all tables of prices as one CSV: part, table, then the table's columns; safe to open in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    for part, table in _tables(form_of(version.agreement)):
        writer.writerow([_safe(part), table.label, *(label for _name, label in table.choices)])
        for row in table.children[:-1]:  # the last one is the empty row to write into
            writer.writerow([_safe(part), table.label, *(_safe(str(cell.value)) for cell in row.children)])
    name = f"{version.contract.code}-v{version.number}-tiers.csv"
    return _file(name, "\ufeff" + out.getvalue(), "text/csv; charset=utf-8")


def _tables(form: Field) -> Iterator[tuple[str, Field]]:
    for group in (*form.children, *form.more):
        for part in group.children:
            yield from ((str(part.value), each) for each in part.walk() if each.widget == "table" and each.children[1:])


def _safe(text: str) -> str:
    """Keep a spreadsheet from reading a text as a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "@", "\t"} else text


def _file(name: str, content: str, content_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name.encode("ascii", "replace").decode()}"'
    return response
