"""Two versions side by side, or a version beside a model contract of the catalogue: what differs, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.rating import Agreement
from tenants.catalogue import entries
from tenants.comparing import Change, compare
from tenants.models import ContractVersion
from tenants.wording.sentences import in_words

ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Origin:
    """The model contract a version was started from, what differs from it, and the catalogue's version of today."""

    code: str
    version: int
    name: str
    changes: list[Change]
    newer: int | None


def origin_of_version(version: ContractVersion) -> Origin | None:
    """Say what a version was started from and how it differs by now; None when from nothing, or while it is faulty."""
    known = version.started_from
    if known is None:
        return None
    try:
        changes = compare(Agreement.from_json(known["agreement"]), Agreement.from_json(version.agreement))
    except Refused:
        return None
    today = entries().get(known["code"])
    newer = today.version if today is not None and today.version != known["version"] else None
    return Origin(known["code"], known["version"], known["name"]["zh" if _chinese() else "en"], changes, newer)


def comparison_page(model_admin: ModelAdmin[Any], request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Show what a version changes against another version of its contract, or against a model contract."""
    others = list(version.contract.versions.exclude(pk=version.pk).order_by("number"))
    chosen = request.GET.get("with") or _usual(version, others)
    before = _document(chosen, version, others)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Compare %(version)s") % {"version": version},
        "opts": model_admin.opts,
        "version": version,
        "contract": version.contract,
        "others": others,
        "models": _models(),
        "origin": version.started_from and origin_of_version(version),
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
    """Choose the version before this one; of a first version what it was started from, or the model it is most like."""
    before = [each for each in others if each.number < version.number]
    if before:
        return str(before[-1].pk)
    if version.started_from:
        return ORIGIN
    likeness = {code: len(_codes(version.agreement) & _codes(entry.agreement)) for code, entry in entries().items()}
    nearest = max(likeness, key=lambda code: (likeness[code], -len(_codes(entries()[code].agreement))))
    return nearest if likeness[nearest] else ""


def _codes(document: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Name the clauses and other parts of a document, which may be faulty."""
    parts = [each for part in document.values() if isinstance(part, list) for each in part if isinstance(each, dict)]
    return {(str(each.get("kind", "")), str(each.get("code", ""))) for each in parts}


def _document(chosen: str, version: ContractVersion, others: list[ContractVersion]) -> Mapping[str, Any] | None:
    if chosen == ORIGIN:
        return version.started_from["agreement"] if version.started_from else None
    if chosen in entries():
        return entries()[chosen].agreement
    return next((each.agreement for each in others if str(each.pk) == chosen), None)


def _models() -> list[tuple[str, str]]:
    return [(code, entry.name.zh if _chinese() else entry.name.en) for code, entry in entries().items()]


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")
