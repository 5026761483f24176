"""Two versions side by side, or a version beside a model contract of the catalogue: what differs, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.rating import Agreement
from tenants.catalogue import entries
from tenants.comparing import compare
from tenants.models import ContractVersion
from tenants.wording.sentences import in_words


def comparison_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Show what a version changes against another version of its contract, or against a model contract."""
    others = list(version.contract.versions.exclude(pk=version.pk).order_by("number"))
    chosen = request.GET.get("with") or _usual(version, others)
    before = _document(chosen, others)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Compare %(version)s") % {"version": version},
        "opts": model_admin.opts,
        "version": version,
        "contract": version.contract,
        "others": others,
        "models": _models(),
        "chosen": chosen,
        "compared": before is not None,
    }
    if before is not None:
        try:
            context["changes"] = compare(Agreement.from_json(before), Agreement.from_json(version.agreement))
        except Refused as refusal:
            context["fault"] = in_words(refusal.message)
    return TemplateResponse(request, "admin/tenants/compare.html", context)


def _usual(version: ContractVersion, others: list[ContractVersion]) -> str:
    """Choose the version before this one; of a first version the model contract that it is most like."""
    before = [each for each in others if each.number < version.number]
    if before:
        return str(before[-1].pk)
    likeness = {code: len(_codes(version.agreement) & _codes(entry.agreement)) for code, entry in entries().items()}
    nearest = max(likeness, key=lambda code: (likeness[code], -len(_codes(entries()[code].agreement))))
    return nearest if likeness[nearest] else ""


def _codes(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Name the clauses and other parts of a document, which may be faulty."""
    parts = [each for part in document.values() if isinstance(part, list) for each in part if isinstance(each, dict)]
    return {(str(each.get("kind", "")), str(each.get("code", ""))) for each in parts}


def _document(chosen: str, others: list[ContractVersion]) -> Mapping[str, Any] | None:
    if chosen in entries():
        return entries()[chosen].agreement
    return next((each.agreement for each in others if str(each.pk) == chosen), None)


def _models() -> list[tuple[str, str]]:
    chinese = (get_language() or "").startswith("zh")
    return [(code, entry.name.zh if chinese else entry.name.en) for code, entry in entries().items()]
