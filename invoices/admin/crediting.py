"""Credit notes: asked for on the invoice's page, decided by another person, then documents like invoices."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
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
from billing.rating import Bill
from invoices.admin.asking import amount_asked
from invoices.admin.invoices import InvoiceAdmin, reader_language
from invoices.crediting import decide, left_of_invoice, request_credit
from invoices.models import CreditNote, CreditRequest, Invoice
from invoices.tasks import deliver_due


@admin.register(CreditNote)
class CreditNoteAdmin(InvoiceAdmin):
    """The credit notes there are."""

    list_display = ("title", "tenant", "credits", "amount", "issued_at", "issued_by")
    list_filter = ("seller", "period_starts_on")
    list_select_related = ("tenant", "credits", "seller")
    actions = ()
    actions_list = ()

    def get_urls(self) -> list[URLPattern]:
        """Keep the PDF alone of an invoice's own pages: a credit note is issued at once, by its request."""
        view = self.admin_site.admin_view(self.pdf_view)
        own = [path("<int:pk>/pdf/", view, name="invoices_creditnote_pdf")]
        return own + cast("list[URLPattern]", ViewOnlyAdmin.get_urls(self))


@admin.register(CreditRequest)
class CreditRequestAdmin(ViewOnlyAdmin):
    """Wishes to credit an invoice, those that wait first to be decided."""

    list_display = ("invoice", "reason", "requested_by", "requested_at", "outcome", "decided_by")
    list_filter = ("approved",)
    list_select_related = ("invoice", "credit_note")
    search_fields = ("invoice__number", "reason")

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, asked: CreditRequest) -> str:
        """Say what became of it."""
        if asked.approved is None:
            return _("waits for a decision")
        return str(asked.credit_note) if asked.credit_note else _("declined")

    def get_urls(self) -> list[URLPattern]:
        """Add the page that asks for a credit note; a request's own page is where it is decided."""
        view = self.admin_site.admin_view
        own = [path("invoice/<int:pk>/", view(self.request_view), name="invoices_creditrequest_ask")]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted("invoices.add_creditrequest")
    def request_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what is left of each line; ask for all of it, or for the amounts given."""
        invoice = get_object_or_404(Invoice.objects.select_related("tenant"), pk=pk, state=Invoice.ISSUED)
        left = left_of_invoice(invoice)
        if request.method == "POST":
            try:
                request_credit(
                    invoice, _amounts(request, left), reason=request.POST.get("reason", ""),
                    by=request.user.get_username(), now=datetime.now(UTC),
                )  # fmt: skip
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(
                    request, _("Asked for; another person decides under “Requests for credit notes”."), messages.SUCCESS
                )
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Credit %(number)s") % {"number": invoice.number},
            "invoice": invoice,
            "opts": self.opts,
            "lines": _lines(request, invoice, left),
            "reason": request.POST.get("reason", ""),
            "whole": request.POST.get("what", "all") == "all",
        }
        return TemplateResponse(request, "admin/invoices/credit.html", context)

    @permitted("view", post="invoices.decide_creditrequest")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one request, and let another person than the one who asked decide it."""
        asked = self.get_object(request, object_id)
        if asked is None or not self.has_view_permission(request, asked):
            raise PermissionDenied
        may_decide = request.user.has_perm("invoices.decide_creditrequest")
        if request.method == "POST":
            return self._decided(request, cast("CreditRequest", asked))
        left = left_of_invoice(asked.invoice)
        wanted = {key: Decimal(amount) for key, amount in asked.amounts.items()} or left
        names = {
            line.key: getattr(line.name, reader_language())
            for line in Bill.from_json(asked.invoice.document["bill"]).lines
        }
        context = self.admin_site.each_context(request) | {
            "title": _("Credit note for %(number)s") % {"number": asked.invoice.number},
            "asked": asked,
            "opts": self.opts,
            "lines": [(names[key], f"{-amount:,}") for key, amount in wanted.items() if amount],
            "net": f"{-sum(wanted.values(), Decimal(0)):,}",
            "own": asked.requested_by == request.user.get_username(),
            "may_decide": may_decide,
        }
        return TemplateResponse(request, "admin/invoices/credit_request.html", context)

    def _decided(self, request: HttpRequest, asked: CreditRequest) -> HttpResponse:
        approve = request.POST.get("decision") == "approve"
        try:
            done = decide(asked.pk, approve=approve, by=request.user.get_username(), now=datetime.now(UTC))
        except Refused as refusal:
            self.refuse(request, refusal)
        else:
            deliver_due.delay()
            told = _("%(number)s is issued.") % {"number": done.credit_note} if done.credit_note else _("Declined.")
            self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:invoices_creditrequest_changelist"))


def _amounts(request: HttpRequest, left: dict[str, Decimal]) -> dict[str, Decimal] | None:
    """Read the amounts by line; None is everything. Raises Refused at an entry that is no amount."""
    if request.POST.get("what") != "some":
        return None
    found = {key: amount_asked(request, f"amount-{key}") for key in left}
    return {key: amount for key, amount in found.items() if amount}


def _lines(request: HttpRequest, invoice: Invoice, left: dict[str, Decimal]) -> list[dict[str, Any]]:
    language = reader_language()
    return [
        {
            "key": line.key,
            "name": getattr(line.name, language),
            "amount": f"{line.amount:,}",
            "left": f"{left[line.key]:,}",
            "wanted": request.POST.get(f"amount-{line.key}", ""),
        }
        for line in Bill.from_json(invoice.document["bill"]).lines
        if left[line.key]
    ]
