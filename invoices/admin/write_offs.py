"""Write-offs: one person asks on the invoice's page, another decides here."""

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
from invoices.models import Receivable, WriteOff
from invoices.writing_off import decide_write_off, request_write_off


@admin.register(WriteOff)
class WriteOffAdmin(ViewOnlyAdmin):
    """Wishes to write off, with what became of them."""

    list_display = ("invoice", "amount", "reason", "requested_by", "requested_at", "outcome", "decided_by")
    list_filter = ("approved",)
    list_select_related = ("invoice__contract",)
    search_fields = ("invoice__number", "reason")

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, asked: WriteOff) -> str:
        """Say what became of it."""
        return {None: _("waits for a decision"), True: _("approved"), False: _("declined")}[asked.approved]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks."""
        ask = path("invoice/<int:pk>/", self.admin_site.admin_view(self.ask_view), name="invoices_writeoff_ask")
        return [ask, *cast("list[URLPattern]", super().get_urls())]

    @permitted("invoices.add_writeoff")
    def ask_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask to give up what is open of an invoice, or a part of it."""
        receivable = get_object_or_404(Receivable.objects.select_related("invoice__tenant"), pk=pk)
        if request.method == "POST":
            try:
                request_write_off(
                    receivable.invoice, amount_asked(request, "amount"), reason=request.POST.get("reason", ""),
                    by=request.user.get_username(), now=datetime.now(UTC),
                )  # fmt: skip
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(request, _("Asked for; another person decides under “Write-offs”."), messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Write off %(number)s") % {"number": receivable.invoice.number},
            "opts": self.opts,
            "invoice": receivable.invoice,
            "open": figure(receivable.open),
            "asked": request.POST,
        }
        return TemplateResponse(request, "admin/invoices/write_off.html", context)

    @permitted("view", post="invoices.decide_writeoff")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one request, and let another person than the one who asked decide it."""
        asked = cast("WriteOff | None", self.get_object(request, object_id))
        if asked is None or not self.has_view_permission(request, asked):
            raise PermissionDenied
        may_decide = request.user.has_perm("invoices.decide_writeoff")
        if request.method == "POST":
            return self._decided(request, asked)
        context = self.admin_site.each_context(request) | {
            "title": _("Write-off of %(number)s") % {"number": asked.invoice.number},
            "opts": self.opts,
            "asked": asked,
            "amount": figure(asked.amount),
            "own": asked.requested_by == request.user.get_username(),
            "may_decide": may_decide,
        }
        return TemplateResponse(request, "admin/invoices/write_off_request.html", context)

    def _decided(self, request: HttpRequest, asked: WriteOff) -> HttpResponse:
        approve = request.POST.get("decision") == "approve"
        try:
            decide_write_off(asked.pk, approve=approve, by=request.user.get_username(), now=datetime.now(UTC))
        except Refused as refusal:
            self.refuse(request, refusal)
        else:
            self.message_user(request, _("Written off.") if approve else _("Declined."), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:invoices_writeoff_changelist"))
