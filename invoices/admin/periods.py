"""The state of a tenant's month, shown where the month is looked at; and opening a frozen one again by two people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.periods import period_containing
from billing.permitting import permitted
from invoices.models import Invoice, Reopening
from invoices.reopening import decide, request_reopening
from invoices.tasks import continue_closes
from tenants.models import Tenant
from usage.models import UsageMonth

ASK, DECIDE = "invoices.add_reopening", "invoices.decide_reopening"


@dataclass(frozen=True, slots=True)
class MonthState:
    """What the banner says of a tenant's month, and where it leads: to ask for it to be opened, or to the request."""

    sentence: str
    frozen: bool
    late: str
    ask: str
    waiting: str


def state_of(user: AbstractBaseUser | AnonymousUser, tenant: Tenant, period: date) -> MonthState:
    """Say whether a month runs, is in grace, is open again, or is frozen, and what may be done about that."""
    month = UsageMonth.objects.filter(tenant_id=tenant.pk, period=period).first()
    if month is None or month.state == UsageMonth.OPEN:
        ended = period_containing(period, tenant.billing_day).instants(tenant.zone)[1] <= datetime.now(UTC)
        told = _reopened(tenant, period) or _(
            "Open, in grace: the month has ended and takes calls until its drafts are ready."
        )
        return MonthState(told if ended else _("Open: the month runs and takes calls."), False, "", "", "")
    late = "" if month.late_since is None else _("Since %(when)s calls or corrections came late for it.")
    asked = Reopening.objects.filter(tenant=tenant, period_starts_on=period, approved=None).first()
    issued = Invoice.objects.filter(tenant=tenant, period_starts_on=period, state=Invoice.ISSUED).exists()
    may_ask = asked is None and not issued and user.has_perm(ASK)  # type: ignore[union-attr]
    return MonthState(
        _("Frozen since %(when)s: what comes now is late and is settled with a later invoice.")
        % {"when": _when(month.frozen_at)},
        True,
        late % {"when": _when(month.late_since)} if late else "",
        reverse("admin:invoices_reopening_ask", args=[tenant.pk, period.isoformat()]) if may_ask else "",
        reverse("admin:invoices_reopening_change", args=[asked.pk]) if asked else "",
    )


def _reopened(tenant: Tenant, period: date) -> str:
    """Say who opened a frozen month again, when and why; nothing when nobody did."""
    opened = Reopening.objects.filter(tenant=tenant, period_starts_on=period, approved=True).first()
    if opened is None:
        return ""
    return _("Opened again on %(when)s by %(by)s: %(reason)s It takes calls until its drafts are ready anew.") % {
        "when": _when(opened.decided_at), "by": opened.decided_by, "reason": opened.reason,
    }  # fmt: skip


def _when(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else ""


@admin.register(Reopening)
class ReopeningAdmin(ViewOnlyAdmin):
    """Requests to open a frozen month, those that wait first to be decided."""

    list_display = ("__str__", "reason", "requested_by", "requested_at", "outcome", "decided_by", "taken_in")
    list_filter = ("approved", "period_starts_on")
    list_select_related = ("tenant",)
    search_fields = ("tenant__code", "reason")

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, asked: Reopening) -> str:
        """Say what became of it."""
        return {None: _("waits for a decision"), True: _("opened"), False: _("declined")}[asked.approved]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks; a request's own page is where it is decided."""
        view = self.admin_site.admin_view(self.ask_view)
        own = [path("ask/<int:tenant>/<str:period>/", view, name="invoices_reopening_ask")]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted(ASK)
    def ask_view(self, request: HttpRequest, tenant: int, period: str) -> HttpResponse:
        """Ask with a reason for a tenant's frozen month to be opened."""
        found, first = get_object_or_404(Tenant, pk=tenant), _day(period)
        if request.method == "POST":
            reason, by = request.POST.get("reason", ""), request.user.get_username()
            try:
                asked = request_reopening(found, first, reason=reason, by=by, now=datetime.now(UTC))
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(request, _("Asked for; another person decides on this page."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:invoices_reopening_change", args=[asked.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Open %(month)s of %(tenant)s again") % {"month": f"{first:%Y-%m}", "tenant": found},
            "opts": self.opts,
            "month": state_of(AnonymousUser(), found, first),
            "reason": request.POST.get("reason", ""),
        }
        return TemplateResponse(request, "admin/invoices/reopen.html", context)

    @permitted("view", post=DECIDE)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one request, and let another person than the one who asked decide it."""
        asked = self.get_object(request, object_id)
        if asked is None or not self.has_view_permission(request, asked):
            raise PermissionDenied
        asked = cast("Reopening", asked)
        if request.method == "POST":
            return self._decided(request, asked)
        context = self.admin_site.each_context(request) | {
            "title": _("Open %(month)s of %(tenant)s again")
            % {"month": f"{asked.period_starts_on:%Y-%m}", "tenant": asked.tenant},
            "asked": asked,
            "opts": self.opts,
            "month": state_of(AnonymousUser(), asked.tenant, asked.period_starts_on),
            "outcome": self.outcome(asked),
            "own": asked.requested_by == request.user.get_username(),
            "may_decide": request.user.has_perm(DECIDE),
        }
        return TemplateResponse(request, "admin/invoices/reopening.html", context)

    def _decided(self, request: HttpRequest, asked: Reopening) -> HttpResponse:
        approve = request.POST.get("decision") == "approve"
        try:
            done = decide(asked.pk, approve=approve, by=request.user.get_username(), now=datetime.now(UTC))
        except Refused as refusal:
            self.refuse(request, refusal)
        else:
            told = _("The month is open again; its drafts are made anew.") if done.approved else _("Declined.")
            self.message_user(request, told, messages.SUCCESS)
            continue_closes()
        return HttpResponseRedirect(request.get_full_path())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Http404 from None
