"""What people write into the forms of the money pages, read strictly: amounts, days, tenants."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _

from billing.errors import Refused
from tenants.models import Tenant

LARGEST = 30  # characters of an amount
TENANTS_OFFERED = 500


def amount_asked(request: HttpRequest, name: str) -> Decimal:
    """Read an amount such as 1,060.00; an empty field is 0. Raises Refused for anything else."""
    text = request.POST.get(name, "").strip().replace(",", "").replace("，", "")
    try:
        amount = Decimal(text[:LARGEST] or 0)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise Refused("no_amount", _("“%(text)s” is no amount; write one such as 12.50.") % {"text": text[:LARGEST]})
    return amount


def day_asked(request: HttpRequest, name: str) -> date:
    """Read a day such as 2026-11-23. Raises Refused for anything else."""
    try:
        return date.fromisoformat(request.POST.get(name, "").strip())
    except ValueError:
        raise Refused("no_day", _("Write the day such as 2026-11-23.")) from None


def tenant_asked(text: str) -> Tenant:
    """Find a tenant by its code, its name in either language, or its tax id. Raises Refused for none or several."""
    wanted = text.partition(" · ")[0].strip().replace("\x00", "")
    named = Q(code__iexact=wanted) | Q(name_zh=wanted) | Q(name_en__iexact=wanted) | Q(tax_id__iexact=wanted)
    found = list(Tenant.objects.filter(named)[:2]) if wanted else []
    exact = [tenant for tenant in found if tenant.code == wanted] or found
    if len(exact) != 1:
        raise Refused(
            "no_tenant", _("No tenant, or several, are called “%(text)s”; write its code.") % {"text": wanted[:60]}
        )
    return exact[0]


def tenants_offered() -> list[str]:
    """List tenants for a field to choose from, as ``tenant_asked`` reads them; the rest is written by hand."""
    return [f"{tenant.code} · {tenant}" for tenant in Tenant.objects.order_by("code")[:TENANTS_OFFERED]]
