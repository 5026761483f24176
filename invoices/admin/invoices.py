"""Invoices, their lines with explanations, and where their mails are, as finance reviews them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as list_button

from billing.admin import KeyedPaginator
from billing.permitting import permitted
from invoices.admin.guide import guide_page
from invoices.admin.home import money
from invoices.admin.periods import state_of
from invoices.admin.reviewing import ReviewPages
from invoices.admin.searching import find_page
from invoices.comparison_page import comparison_page
from invoices.issuing import stored_pdf
from invoices.links import page_link
from invoices.models import CreditNote, Invoice, Receivable, TaxInvoice
from invoices.preview_page import preview_page
from invoices.prospect_page import prospect_page
from invoices.rendering import render_pdf
from invoices.rendering.document import Document
from invoices.tasks import draft_contract_month
from invoices.tax_invoices import state_of as state_of_tax_invoice
from tenants.models import Contract, Tenant


def reader_language() -> str:
    """Return the reader's language as documents name it."""
    return "zh" if (get_language() or "").startswith("zh") else "en"


class PaymentStateFilter(admin.SimpleListFilter):
    """What is owed still, and what is overdue."""

    title = _("payment")
    parameter_name = "payment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer unpaid and overdue invoices, and those in the tenant's favour."""
        offered = (Receivable.OPEN, Receivable.OVERDUE, Receivable.IN_FAVOUR)
        return [(state, Receivable.STATES[state]) for state in offered]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Invoice]) -> QuerySet[Invoice]:
        """Look them up among what is open."""
        match self.value():
            case Receivable.OPEN:
                return queryset.filter(receivable__open__gt=0)
            case Receivable.OVERDUE:
                return queryset.filter(receivable__open__gt=0, receivable__due_on__lt=timezone.localdate())
            case Receivable.IN_FAVOUR:
                return queryset.filter(receivable__open__lt=0)
        return queryset


@admin.register(Invoice)
class InvoiceAdmin(ReviewPages):
    """Drafts to review and issue, and what was issued."""

    list_display: tuple[str, ...] = (
        "title",
        "tenant",
        "period",
        "amount",
        "state",
        "payment_state",
        "hindrance",
        "due_on",
    )
    list_filter: tuple[Any, ...] = ("state", PaymentStateFilter, "blocked", "seller", "period_starts_on")
    paginator = KeyedPaginator
    list_select_related: tuple[str, ...] = ("tenant", "contract", "seller", "receivable")
    search_fields = ("number", "tenant__name_zh", "tenant__name_en", "tenant__code", "contract__code")
    actions_list: tuple[str, ...] = ("to_review",)
    actions: tuple[str, ...] = ("choose_to_ask", "choose_to_issue", "draft_again")
    change_form_template = "admin/invoices/invoice.html"

    @admin.display(description=_("invoice"))
    def title(self, invoice: Invoice) -> str:
        """Show the number, or what the draft is for."""
        return format_html('<span style="white-space: nowrap">{}</span>', str(invoice))

    @admin.display(description=_("to decide"))
    def hindrance(self, invoice: Invoice) -> str:
        """Say what keeps a draft from being issued, if anything does."""
        return gettext("uncovered calls") if invoice.blocked else ""

    @admin.display(description=_("payment"))
    def payment_state(self, invoice: Invoice) -> str:
        """Say how far it is paid."""
        receivable = getattr(invoice, "receivable", None)
        return str(Receivable.STATES[receivable.state(timezone.localdate())]) if receivable else ""

    @admin.display(description=_("period"), ordering="period_starts_on")
    def period(self, invoice: Invoice) -> str:
        """Show the month."""
        return f"{invoice.period_starts_on:%Y-%m}"

    @admin.display(description=_("total"), ordering="total")
    def amount(self, invoice: Invoice) -> str:
        """Show the total with its currency, right-aligned in tabular figures."""
        return format_html(
            '<span style="font-variant-numeric: tabular-nums; white-space: nowrap">{} {}</span>',
            money(invoice.total, invoice.currency),
            invoice.currency,
        )

    @list_button(description=_("Review drafts"), url_path="to-review")  # type: ignore[untyped-decorator]
    @permitted("invoices.view_invoice")
    def to_review(self, request: HttpRequest) -> HttpResponse:
        """Lead to the review queue."""
        return HttpResponseRedirect(reverse("admin:invoices_invoice_review"))

    def get_urls(self) -> list[URLPattern]:
        """Add the search, the first steps, and the pages to see a PDF and a preview."""
        view = self.admin_site.admin_view
        own = [
            path("find/", view(self.find_view), name="invoices_invoice_find"),
            path("guide/", view(self.guide_view), name="invoices_invoice_guide"),
            path("<int:pk>/pdf/", view(self.pdf_view), name="invoices_invoice_pdf"),
            path("preview/<int:version>/", view(self.preview_view), name="invoices_preview"),
            path("prospect/", view(self.prospect_view), name="invoices_prospect"),
            path("what-if/<int:contract>/", view(self.what_if_view), name="invoices_what_if"),
        ]
        return own + super().get_urls()

    @permitted("tenants.view_contractversion")
    def preview_view(self, request: HttpRequest, version: int) -> HttpResponse:
        """Show what a contract version would cost."""
        return preview_page(request, version)

    @permitted("tenants.view_contract")
    def what_if_view(self, request: HttpRequest, contract: int) -> HttpResponse:
        """Show what a contract's months would have cost under others."""
        return comparison_page(request, contract)

    @permitted("tenants.view_contract")
    def prospect_view(self, request: HttpRequest) -> HttpResponse:
        """Show what somebody without history would pay under model contracts."""
        return prospect_page(request)

    @permitted("invoices.view_invoice", "tenants.view_tenant", "tenants.view_contract", "usage.view_call")
    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Search everything this person may see."""
        return find_page(request)

    @permitted("tenants.view_tenant", post="tenants.add_tenant")
    def guide_view(self, request: HttpRequest) -> HttpResponse:
        """Lead an empty installation to its first draft."""
        return guide_page(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Leave the documents of a list where they are."""
        found: QuerySet[Invoice] = super().get_queryset(request)
        place = request.resolver_match
        listed = place is not None and str(place.url_name).endswith("_changelist")
        return found.defer("terms", "totals", "document") if listed else found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Look every word up in numbers, tenants and contracts, each in its own table: no invoice is joined for it."""
        for word in search_term.split():
            named = Q(code__icontains=word) | Q(name_zh__icontains=word) | Q(name_en__icontains=word)
            queryset = queryset.filter(
                Q(number__icontains=word)
                | Q(tenant__in=Tenant.objects.filter(named).order_by().values("pk"))
                | Q(contract__in=Contract.objects.filter(code__icontains=word).order_by().values("pk"))
            )
        return queryset, False

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show an invoice's lines, each with the sentence that explains it, and its deliveries."""
        invoice = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if invoice is not None:
            context |= self._face(request, cast("Invoice", invoice))
        return cast("HttpResponse", super().change_view(request, object_id, form_url, context))

    def _face(self, request: HttpRequest, invoice: Invoice) -> dict[str, Any]:
        return {
            "invoice": invoice,
            "month": state_of(request.user, invoice.tenant, invoice.period_starts_on),
            **self.lines_of(invoice),
            "notes": CreditNote.objects.filter(credits=invoice).order_by("pk"),
            "credited": invoice.credits,
            "receivable": getattr(invoice, "receivable", None),
            "paid": self.payment_state(invoice),
            "tax_invoice": TaxInvoice.STATES[state_of_tax_invoice(invoice)],
            "uncovered": invoice.document["bill"].get("uncovered", []),
            "events": invoice.events.order_by("pk"),
            "disputes": invoice.disputes.all(),
            "deliveries": invoice.deliveries.order_by("pk"),
            "page": page_link(invoice) if invoice.state == Invoice.ISSUED else "",
        }

    @admin.action(description=_("Draft again"))
    @permitted("invoices.change_invoice")
    def draft_again(self, request: HttpRequest, chosen: QuerySet[Invoice]) -> None:
        """Have drafts computed anew, with the calls and contracts of now; what was issued stays, an approval asked lapses."""
        drafts = list(chosen.exclude(state=Invoice.ISSUED))
        for draft in drafts:
            draft_contract_month.delay(draft.contract_id, draft.period_starts_on.isoformat())
        message = ngettext("%d draft is being computed anew.", "%d drafts are being computed anew.", len(drafts)) % len(
            drafts
        )
        self.message_user(request, message, messages.SUCCESS if drafts else messages.WARNING)

    @permitted("view")
    def pdf_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the stored PDF of an invoice, or a preview of a draft."""
        invoice = self.get_object(request, str(pk))
        if invoice is None or not self.has_view_permission(request, invoice):
            return HttpResponseRedirect(reverse(f"admin:invoices_{self.opts.model_name}_changelist"))
        invoice = cast("Invoice", invoice)
        if invoice.state != Invoice.ISSUED:
            content = render_pdf(cast("Document", invoice.document), logo=bytes(invoice.seller.logo))
        else:
            content = bytes(stored_pdf(invoice, datetime.now(UTC)).content)
        response = HttpResponse(content, content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="{invoice.number or "draft"}.pdf"'
        return response
