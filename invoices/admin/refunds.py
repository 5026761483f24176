"""Refunds: one person asks on the tenant's statement, another approves here with the reference of the transfer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from invoices.admin.asking import amount_asked
from invoices.admin.payments import figure
from invoices.models import Refund
from invoices.refunding import credit_of, decide_refund, request_refund
from tenants.models import CURRENCIES, Tenant


@admin.register(Refund)
class RefundAdmin(ViewOnlyAdmin):
    """Wishes to pay back, with what became of them."""

    list_display = (
        "tenant",
        "amount_shown",
        "reason",
        "requested_by",
        "requested_at",
        "outcome",
        "decided_by",
        "reference",
    )
    list_filter = ("approved", "currency")
    list_select_related = ("tenant",)
    search_fields = ("tenant__code", "reference", "reason")

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def amount_shown(self, asked: Refund) -> str:
        """Show the amount with its currency."""
        return f"{figure(asked.amount)} {asked.currency}"

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, asked: Refund) -> str:
        """Say what became of it."""
        return {None: _("waits for a decision"), True: _("approved"), False: _("declined")}[asked.approved]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks."""
        ask = path("tenant/<int:pk>/", self.admin_site.admin_view(self.ask_view), name="invoices_refund_ask")
        return [ask, *cast("list[URLPattern]", super().get_urls())]

    @permitted("invoices.add_refund")
    def ask_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask to pay a tenant back, in ``?currency=``, what stands in its favour, or a part of it."""
        tenant = get_object_or_404(Tenant, pk=pk)
        wanted = request.GET.get("currency", tenant.currency)
        currency = wanted if wanted in dict(CURRENCIES) else tenant.currency
        if request.method == "POST":
            try:
                request_refund(
                    tenant.pk, amount_asked(request, "amount"), currency=currency, reason=request.POST.get("reason", ""),
                    by=request.user.get_username(), now=datetime.now(UTC),
                )  # fmt: skip
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(request, _("Asked for; another person decides under “Refunds”."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:invoices_refund_changelist"))
        context = self.admin_site.each_context(request) | {
            "title": _("Pay back to %(tenant)s") % {"tenant": tenant},
            "opts": self.opts,
            "tenant": tenant,
            "currency": currency,
            "credit": figure(credit_of(tenant.pk, currency)),
            "asked": request.POST,
        }
        return TemplateResponse(request, "admin/invoices/refund.html", context)

    @permitted("view", post="invoices.decide_refund")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one request, and let another person than the one who asked decide it."""
        asked = cast("Refund | None", self.get_object(request, object_id))
        if asked is None or not self.has_view_permission(request, asked):
            raise PermissionDenied
        may_decide = request.user.has_perm("invoices.decide_refund")
        if request.method == "POST":
            return self._decided(request, asked)
        context = self.admin_site.each_context(request) | {
            "title": _("Refund to %(tenant)s") % {"tenant": asked.tenant},
            "opts": self.opts,
            "asked": asked,
            "amount": figure(asked.amount),
            "own": asked.requested_by == request.user.get_username(),
            "may_decide": may_decide,
            "entries": asked.entries.order_by("pk").prefetch_related("sides__invoice"),
        }
        return TemplateResponse(request, "admin/invoices/refund_request.html", context)

    def _decided(self, request: HttpRequest, asked: Refund) -> HttpResponse:
        approve = request.POST.get("decision") == "approve"
        try:
            decide_refund(
                asked.pk, approve=approve, reference=request.POST.get("reference", ""),
                by=request.user.get_username(), now=datetime.now(UTC),
            )  # fmt: skip
        except Refused as refusal:
            self.refuse(request, refusal)
            return HttpResponseRedirect(request.path)
        self.message_user(request, _("Paid back and posted.") if approve else _("Declined."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:invoices_refund_changelist"))
