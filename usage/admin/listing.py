"""What the pages over the data plane share: permission, tenant, keyset paging, no COUNT(*)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils.translation import gettext as _
from unfold.contrib.filters.forms import AutocompleteDropdownForm

from billing.admin import ViewOnlyAdmin
from billing.permitting import permitted
from tenants.models import Tenant
from usage.models import Source

PAGE = 50


class ListingAdmin(ViewOnlyAdmin):
    """A page of its own in the menu; ``permission`` is what the reader must hold, ``template`` shows it."""

    permission: str
    template: str

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the reader may see the rows behind the page."""
        return bool(request.user.has_perm(self.permission))

    def get_urls(self) -> list[URLPattern]:
        """Leave out the addresses of single rows: there is no table behind them."""
        return [each for each in super().get_urls() if str(each.name).endswith("_changelist")]

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the page in the menu of those who may see it."""
        return self.has_view_permission(request)

    @permitted("view")
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the page."""
        chosen = chosen_tenant(request)
        context = self.admin_site.each_context(request) | {
            "title": str(self.opts.verbose_name_plural).capitalize(),
            "opts": self.opts,
            "tenant_form": self._tenant_form(request, chosen),
            "tenant": chosen,
            "sources": Source.objects.filter(tenant=chosen).order_by("code") if chosen else [],
            "asked": request.GET,
            **(self.page(request, chosen) if chosen else {}),
        }
        return TemplateResponse(request, self.template, context)

    def _tenant_form(self, request: HttpRequest, chosen: Tenant | None) -> AutocompleteDropdownForm:
        """Ask for a tenant by typing a part of its name or code: there may be thousands."""
        return AutocompleteDropdownForm(
            request, "tenant", _("Tenant"), (), Source.tenant.field, self,
            data={"tenant": chosen.pk if chosen else ""}, auto_id="ask-%s",
        )  # fmt: skip

    def page(self, request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
        """Return what the template shows of a tenant."""
        raise NotImplementedError


def chosen_tenant(request: HttpRequest) -> Tenant | None:
    """Return the tenant of the address, or the only one there is; every query names its tenant."""
    number = request.GET.get("tenant", "")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        return Tenant.objects.filter(pk=int(number)).first()
    few = list(Tenant.objects.all()[:2])
    return few[0] if len(few) == 1 else None


def chosen_days(request: HttpRequest, tenant: Tenant, now: datetime, back: int = 31) -> tuple[datetime, datetime]:
    """Return the half-open range of the tenant's local days that the address asks for; by default the last ones."""
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    first = _day(request.GET.get("from", "")) or today - timedelta(days=back)
    last = _day(request.GET.get("to", "")) or today
    zone = ZoneInfo(tenant.zone)
    start, end = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in (first, last))
    return start.astimezone(UTC), (end + timedelta(days=1)).astimezone(UTC)


def link(request: HttpRequest, **changes: str) -> str:
    """Return the page's own address with other parameters."""
    asked = request.GET.copy()
    for name, value in changes.items():
        asked[name] = value
    return f"?{asked.urlencode()}"


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 < found.year < 2200 else None
