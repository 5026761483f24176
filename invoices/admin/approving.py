"""From a reviewed draft to an issued invoice, on two pages for two people; each shows count and total before it acts."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from invoices.approving import request_issue, send_back
from invoices.issuing import issue
from invoices.models import Invoice, InvoiceEvent
from invoices.tasks import deliver_due, issue_invoices

AT_ONCE = 20


class ApprovalPages(ViewOnlyAdmin):
    """The two steps of issuing, as actions on chosen invoices and as pages."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks for approval and the page that gives it."""
        view = self.admin_site.admin_view
        own = [
            path("ask/", view(self.ask_view), name="invoices_invoice_ask"),
            path("issue/", view(self.issue_view), name="invoices_invoice_issue"),
        ]
        return own + cast("list[URLPattern]", super().get_urls())

    @admin.action(description=_("Put up for approval …"))
    @permitted("invoices.change_invoice")
    def choose_to_ask(self, request: HttpRequest, chosen: QuerySet[Invoice]) -> HttpResponse:
        """Lead to the page that shows count and total before anything happens."""
        return _lead_to("ask", chosen)

    @admin.action(description=_("Approve and issue …"))
    @permitted("invoices.issue_invoice")
    def choose_to_issue(self, request: HttpRequest, chosen: QuerySet[Invoice]) -> HttpResponse:
        """Lead to the page that shows count and total before anything happens."""
        return _lead_to("issue", chosen)

    @permitted("invoices.change_invoice")
    def ask_view(self, request: HttpRequest) -> HttpResponse:
        """Put drafts up for approval, with the reviewer's word."""
        drafts = _chosen(request, Invoice.DRAFT)
        if request.method == "POST":
            asked = 0
            for draft in drafts:
                try:
                    request_issue(
                        draft.pk, reason=request.POST.get("reason", ""), by=request.user.get_username(), now=datetime.now(UTC)
                    )  # fmt: skip
                    asked += 1
                except Refused as refusal:
                    self.message_user(request, f"{draft}: {refusal.message}", messages.ERROR)
            if asked:
                told = ngettext("%d invoice waits for approval.", "%d invoices wait for approval.", asked) % asked
                self.message_user(request, told, messages.SUCCESS)
            return HttpResponseRedirect(reverse("admin:invoices_invoice_changelist"))
        return self._page(request, _("Put up for approval"), drafts, "admin/invoices/ask.html")

    @permitted("invoices.issue_invoice")
    def issue_view(self, request: HttpRequest) -> HttpResponse:
        """Issue what waits for approval, or send it back with a reason."""
        waiting = _chosen(request, Invoice.REQUESTED)
        if request.method == "POST":
            if request.POST.get("decision") == "send_back":
                self._send_back(request, waiting)
            else:
                self._issue(request, waiting)
            return HttpResponseRedirect(reverse("admin:invoices_invoice_changelist"))
        own = [each for each in waiting if each.requested_by == request.user.get_username()]
        return self._page(request, _("Approve and issue"), waiting, "admin/invoices/issue.html", own=own)

    def _page(
        self, request: HttpRequest, title: Any, chosen: list[Invoice], template: str, **more: Any
    ) -> HttpResponse:
        totals: dict[str, Decimal] = {}
        for each in chosen:
            totals[each.currency] = totals.get(each.currency, Decimal(0)) + Decimal(each.document["bill"]["total"])
        context = self.admin_site.each_context(request) | {
            "title": title,
            "chosen": [(each, f"{Decimal(each.document['bill']['total']):,}", _asked(each)) for each in chosen],
            "totals": [(currency, f"{total:,}") for currency, total in totals.items()],
            "opts": self.opts,
        }
        return TemplateResponse(request, template, context | more)

    def _issue(self, request: HttpRequest, waiting: list[Invoice]) -> None:
        by = request.user.get_username()
        if len(waiting) > AT_ONCE:
            issue_invoices.delay([each.pk for each in waiting], by)
            told = _(
                "%(count)s invoices are being issued; the list shows how far it is, their history what was refused."
            )
            self.message_user(request, told % {"count": len(waiting)}, messages.SUCCESS)
            return
        for each in waiting:
            try:
                issued = issue(each.pk, by=by, now=datetime.now(UTC))
            except Refused as refusal:
                self.message_user(request, f"{each}: {refusal.message}", messages.ERROR)
            else:
                self.message_user(request, _("%(number)s is issued.") % {"number": issued.number}, messages.SUCCESS)
        deliver_due.delay()

    def _send_back(self, request: HttpRequest, waiting: list[Invoice]) -> None:
        reason, by = request.POST.get("reason", ""), request.user.get_username()
        for each in waiting:
            try:
                send_back(each.pk, reason=reason, by=by, now=datetime.now(UTC))
            except Refused as refusal:
                self.message_user(request, f"{each}: {refusal.message}", messages.ERROR)
            else:
                self.message_user(
                    request, _("%(draft)s is a draft again.") % {"draft": each.contract}, messages.SUCCESS
                )


def _lead_to(page: str, chosen: QuerySet[Invoice]) -> HttpResponse:
    ids = ",".join(str(pk) for pk in chosen.values_list("pk", flat=True))
    return HttpResponseRedirect(f"{reverse(f'admin:invoices_invoice_{page}')}?ids={ids}")


def _chosen(request: HttpRequest, state: str) -> list[Invoice]:
    ids = [int(text) for text in request.GET.get("ids", "").split(",") if text.isdecimal()]
    chosen = Invoice.objects.filter(pk__in=ids, state=state).select_related("tenant", "contract")
    return list(chosen.prefetch_related("events").order_by("contract__code"))


def _asked(invoice: Invoice) -> str:
    """Say why it waits for approval: the reviewer's word."""
    said = [event.reason for event in invoice.events.all() if event.what == InvoiceEvent.REQUESTED]
    return said[-1] if said and invoice.state == Invoice.REQUESTED else ""
