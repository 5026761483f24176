"""One box for everything: invoices, credit notes, tenants, contracts, calls by id; numbers are looked for in one tenant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.admin import site
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.money import decimals_of
from billing.periods import add_months
from invoices.models import Invoice
from tenants.models import Contract, Tenant
from usage.searching import calls_named

MOST, LONGEST, MONTHS = 20, 100, 3
CALL_ID = re.compile(r"[^\s]{6,}")
TELEPHONE = re.compile(r"\+?[0-9]{5,20}")


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing found: what it is called, what tells it from others, and where it is."""

    name: str
    detail: str
    address: str


def find_page(request: HttpRequest) -> HttpResponse:
    """Show what fits ``?q=``, by kind, of what this person may see; the first of each kind."""
    asked = request.GET.get("q", "").replace("\x00", "").strip()[:LONGEST]
    groups = [
        (title, hits[:MOST], len(hits) > MOST)
        for title, permission, look in GROUPS
        if asked and request.user.has_perm(permission) and (hits := list(look(asked)))
    ]
    numbered = bool(TELEPHONE.fullmatch(asked)) and request.user.has_perm("usage.view_call")
    context = site.each_context(request) | {
        "title": _("Search"), "asked": asked, "groups": groups, "months": MONTHS,
        "tenants": Tenant.objects.order_by("code")[:500] if numbered else None,
    }  # fmt: skip
    return TemplateResponse(request, "admin/invoices/find.html", context)


def _documents(asked: str) -> Iterator[Hit]:
    named = Q(number__startswith=asked) | Q(number__startswith=asked.upper())
    found = Invoice.documents.filter(named).select_related("tenant").defer("terms", "totals", "document")
    for each in found.order_by("number")[: MOST + 1]:
        kind = "invoice" if each.kind == Invoice.INVOICE else "creditnote"
        total = f"{each.total:,.{decimals_of(each.currency)}f} {each.currency}"
        yield Hit(
            str(each.number), f"{each.get_kind_display()} · {each.tenant} · {each.period_starts_on:%Y-%m} · {total}",
            reverse(f"admin:invoices_{kind}_change", args=[each.pk]),
        )  # fmt: skip


def _tenants(asked: str) -> Iterator[Hit]:
    named = (
        Q(code__icontains=asked) | Q(name_zh__icontains=asked) | Q(name_en__icontains=asked) | Q(tax_id__iexact=asked)
    )
    for each in Tenant.objects.filter(named).order_by("code")[: MOST + 1]:
        yield Hit(str(each), each.code, reverse("admin:tenants_tenant_change", args=[each.pk]))


def _contracts(asked: str) -> Iterator[Hit]:
    named = Q(code__startswith=asked) | Q(code__startswith=asked.upper())
    for each in Contract.objects.filter(named).select_related("tenant").order_by("code")[: MOST + 1]:
        yield Hit(each.code, str(each.tenant), reverse("admin:tenants_contract_change", args=[each.pk]))


def _calls(asked: str) -> Iterator[Hit]:
    if not CALL_ID.fullmatch(asked):
        return
    since = add_months(timezone.localdate().replace(day=1), -MONTHS)
    found = calls_named(asked, since)
    names = {tenant.pk: tenant for tenant in Tenant.objects.filter(pk__in={each.tenant_id for each in found})}
    for each in found:
        place = urlencode({"tenant": each.tenant_id, "call_id": each.call_id})
        yield Hit(
            f"{each.call_id} {each.leg}".strip(),
            f"{names.get(each.tenant_id, '')} · {each.source} · {timezone.localtime(each.started_at):%Y-%m-%d %H:%M}",
            f"{reverse('admin:usage_calllisting_changelist')}?{place}",
        )


GROUPS: list[tuple[Promise, str, Callable[[str], Iterator[Hit]]]] = [
    (_("Invoices and credit notes"), "invoices.view_invoice", _documents),
    (_("Tenants"), "tenants.view_tenant", _tenants),
    (_("Contracts"), "tenants.view_contract", _contracts),
    (_("Calls"), "usage.view_call", _calls),
]
