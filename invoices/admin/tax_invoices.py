"""Tax invoices: asked for one by one or for a span of days, and kept when they come back."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from django.contrib import admin, messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.periods import add_months
from billing.permitting import permitted
from invoices.admin.asking import day_asked
from invoices.exporting import issued_between
from invoices.models import Invoice, TaxInvoice
from invoices.tax_invoices import ask_for, record_red, record_tax_invoice, request_for, state_of, workbook
from invoices.tax_invoices.keeping import LARGEST_FILE
from tenants.models import Seller

JSON, XLSX = "json", "xlsx"


@admin.register(TaxInvoice)
class TaxInvoiceAdmin(ViewOnlyAdmin):
    """Every step of every tax invoice; adding is asking for those of a span of days."""

    list_display = ("invoice", "what", "number", "issued_on", "file_name", "by", "at", "reason")
    list_filter = ("what", "invoice__seller")
    list_select_related = ("invoice__contract",)
    search_fields = ("number", "invoice__number", "by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those ask for and keep tax invoices who may."""
        return request.user.has_perm("invoices.add_taxinvoice")

    def get_urls(self) -> list[URLPattern]:
        """Add a document's page and the file."""
        view = self.admin_site.admin_view
        own = [
            path("invoice/<int:pk>/", view(self.document_view), name="invoices_taxinvoice_document"),
            path("<int:pk>/file/", view(self.file_view), name="invoices_taxinvoice_file"),
        ]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted("view")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page of the document, where all its steps stand."""
        step = self.get_object(request, object_id)
        if step is None:
            return HttpResponseRedirect(reverse("admin:invoices_taxinvoice_changelist"))
        return HttpResponseRedirect(
            reverse("admin:invoices_taxinvoice_document", args=[cast("TaxInvoice", step).invoice_id])
        )

    @permitted("invoices.add_taxinvoice")
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        """Ask which days; show how many and how much before the file is made."""
        if request.method == "POST":
            try:
                return _batch(request)
            except Refused as refusal:
                self.refuse(request, refusal)
        today = timezone.localdate()
        context = self.admin_site.each_context(request) | {
            "title": _("Ask for tax invoices"),
            "opts": self.opts,
            "sellers": Seller.objects.order_by("code"),
            "first": add_months(today.replace(day=1), -1),
            "last": today,
            "asked": request.POST,
        }
        return TemplateResponse(request, "admin/invoices/tax_invoices_ask.html", context)

    @permitted("view", post="invoices.add_taxinvoice")
    def document_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show how a document's tax invoice stands, what is or was asked for, and keep what came back."""
        documents = Invoice.documents.select_related("tenant", "seller", "credits")
        invoice = get_object_or_404(documents, pk=pk, state=Invoice.ISSUED)
        if request.method == "POST":
            try:
                return self._done(request, invoice)
            except Refused as refusal:
                self.refuse(request, refusal)
        state = state_of(invoice)
        context = self.admin_site.each_context(request) | {
            "title": _("Tax invoice of %(number)s") % {"number": invoice.number},
            "opts": self.opts,
            "invoice": invoice,
            "state": TaxInvoice.STATES[state],
            "received": state == TaxInvoice.RECEIVED,
            "steps": invoice.tax_invoices.defer("content").order_by("-pk"),
            "may_add": self.has_add_permission(request),
            "written": request.POST,
        }
        return TemplateResponse(request, "admin/invoices/tax_invoice.html", context | _request_of(invoice))

    def _done(self, request: HttpRequest, invoice: Invoice) -> HttpResponseBase:
        by, now, do = request.user.get_username(), datetime.now(UTC), request.POST.get("do", "")
        if do in (JSON, XLSX):
            days = (invoice.period_starts_on, invoice.period_ends_on)
            requests, refused = ask_for([invoice.pk], do, days=days, by=by, now=now)
            if refused:
                raise Refused("refused", refused[0])
            return _file(do, f"{invoice.number}-fapiao", requests)
        uploaded = request.FILES.get("file")
        content = uploaded.read(LARGEST_FILE + 1) if uploaded else b""
        number, reason = request.POST.get("number", "").strip(), request.POST.get("reason", "")
        record = record_red if do == "red" else record_tax_invoice
        record(invoice, number, day_asked(request, "issued_on"), content, reason=reason, by=by, now=now)
        self.message_user(request, _("Kept."), messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    @permitted("view")
    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Give the file that is kept."""
        kept = get_object_or_404(TaxInvoice, pk=pk)
        if not kept.file_name:
            raise Http404
        return HttpResponse(
            bytes(kept.content), content_type="application/octet-stream",
            headers={"Content-Disposition": f'attachment; filename="{kept.file_name}"'},
        )  # fmt: skip


def _request_of(invoice: Invoice) -> dict[str, Any]:
    try:
        return {"request_data": request_for(invoice)}
    except Refused as refusal:
        return {"hindrance": refusal.message}


def _batch(request: HttpRequest) -> HttpResponseBase:
    """Give the file of all that are still to be asked for, with those asked for already if so chosen."""
    seller = Seller.objects.filter(code=request.POST.get("seller", "")).first()
    form = request.POST.get("form", "")
    if seller is None or form not in (JSON, XLSX):
        raise Refused("no_table", _("Choose what to export."))
    days = day_asked(request, "first"), day_asked(request, "last") + timedelta(days=1)
    ids = _to_ask(seller, days, again=bool(request.POST.get("again")))
    requests, refused = ask_for(ids, form, days=days, by=request.user.get_username(), now=datetime.now(UTC))
    for sentence in refused[:20]:
        messages.warning(request, sentence)
    if not requests:
        raise Refused("nothing_to_ask", _("Nothing of these days is to be asked for."))
    return _file(form, f"{seller.code}-fapiao-{days[0]}-{days[1] - timedelta(days=1)}", requests)


def _to_ask(seller: Seller, days: tuple[date, date], *, again: bool) -> list[int]:
    wanted = {TaxInvoice.NOT_ASKED, TaxInvoice.RED_CANCELLED} | ({TaxInvoice.ASKED} if again else set())
    ids = list(issued_between(seller, *days).order_by("pk").values_list("pk", flat=True))
    steps = TaxInvoice.objects.filter(invoice_id__in=ids).order_by("pk").values_list("invoice_id", "what")
    states = dict(steps)  # the latest of each
    return [pk for pk in ids if states.get(pk, TaxInvoice.NOT_ASKED) in wanted]


def _file(form: str, name: str, requests: list[dict[str, Any]]) -> HttpResponseBase:
    if form == XLSX:
        return FileResponse(workbook(requests), as_attachment=True, filename=f"{name}.xlsx")
    text = json.dumps({"format": "huadan-fapiao-requests/1", "requests": requests}, ensure_ascii=False, indent=1)
    return HttpResponse(
        text, content_type="application/json", headers={"Content-Disposition": f'attachment; filename="{name}.json"'}
    )
