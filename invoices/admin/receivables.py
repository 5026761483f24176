"""What is owed: by tenant and days overdue, each tenant's statement of account, and tables to take away."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.exporting import FORMS, table_response
from billing.periods import add_months
from billing.permitting import permitted
from invoices.admin.asking import day_asked
from invoices.admin.deliveries import SentAgainAdmin
from invoices.admin.invoices import reader_language
from invoices.admin.payments import figure
from invoices.admin.set_offs import set_off_page
from invoices.ageing import Aged, Statement, ageing, balances, statement
from invoices.exporting import TABLES, begin_export
from invoices.models import LedgerEntry, Receivable, StatementMail, TableExport
from invoices.refunding import credit_of
from invoices.rendering import render_statement
from invoices.stating import account_of, owe_statement, send_statement_again
from invoices.tasks import deliver_due
from tenants.models import Seller, Tenant

PAGE = 100
AGES = (
    ("not_due", gettext_lazy("not due")), ("to_30", gettext_lazy("1–30 days")), ("to_60", gettext_lazy("31–60 days")),
    ("to_90", gettext_lazy("61–90 days")), ("older", gettext_lazy("over 90 days")), ("credit", gettext_lazy("on account")),
    ("balance", gettext_lazy("balance")), ("disputed", gettext_lazy("of it disputed")),
)  # fmt: skip


@admin.register(Receivable)
class ReceivableAdmin(ViewOnlyAdmin):
    """The list is the ageing; behind each tenant its statement."""

    def get_urls(self) -> list[URLPattern]:
        """Add the statement."""
        view = self.admin_site.admin_view
        own = [
            path("statement/<int:pk>/", view(self.statement_view), name="invoices_receivable_statement"),
            path("set-off/<int:pk>/", view(self.set_off_view), name="invoices_receivable_set_off"),
        ]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted("invoices.add_payment")
    def set_off_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set an invoice in the tenant's favour off against others."""
        return set_off_page(self, request, pk)

    @permitted("view")
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Show what is owed by tenant, by days overdue; ``?form=csv`` or xlsx takes the table away."""
        today, language = timezone.localdate(), reader_language()
        found = ageing(today)
        if request.GET.get("form") in FORMS:
            heads = [
                gettext_lazy("tenant"),
                gettext_lazy("name"),
                gettext_lazy("currency"),
                *(title for _name, title in AGES),
            ]
            rows = ([each.code, getattr(each, f"name_{language}"), each.currency, *_figures(each)] for each in found)
            return table_response(request.GET["form"], f"ageing-{today}", heads, rows)
        page = Paginator(found, PAGE).get_page(request.GET.get("p"))
        totals: dict[str, list[Decimal]] = {}
        for each in found:
            before = totals.setdefault(each.currency, [Decimal(0)] * len(AGES))
            totals[each.currency] = [a + b for a, b in zip(before, _figures(each), strict=True)]
        context = self.admin_site.each_context(request) | {
            "title": _("Receivables by age"),
            "opts": self.opts,
            "today": today,
            "ages": [title for _name, title in AGES],
            "page": page,
            "rows": [(each, getattr(each, f"name_{language}"), [figure(f) if f else "–" for f in _figures(each)]) for each in page],
            "totals": [(currency, [figure(each) for each in sums]) for currency, sums in sorted(totals.items())],
        }  # fmt: skip
        return TemplateResponse(request, "admin/invoices/ageing.html", context)

    @permitted("view", post="invoices.add_statementmail")
    def statement_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show a tenant's account over some months, to print or to take away."""
        tenant = get_object_or_404(Tenant.objects.select_related("seller"), pk=pk)
        today = datetime.now(UTC).astimezone(ZoneInfo(tenant.zone)).date()
        held = balances(tenant.pk)
        currency = request.GET.get("currency") or next(iter(held), tenant.currency)
        starts_on = _day(request, "from", add_months(today.replace(day=1), -2))
        drawn = statement(tenant, currency[:3], starts_on, _day(request, "to", today) + timedelta(days=1))
        if request.method == "POST":
            return self._mailed(request, drawn)
        if request.GET.get("form") == "pdf":
            account = account_of(tenant, drawn.currency, drawn.starts_on, drawn.ends_on, today)
            return HttpResponse(
                render_statement(account, logo=bytes(tenant.seller.logo)), content_type="application/pdf",
                headers={"Content-Disposition": f'inline; filename="statement-{tenant.code}-{drawn.starts_on}.pdf"'},
            )  # fmt: skip
        if request.GET.get("form") in FORMS:
            heads = [
                gettext_lazy("on"),
                gettext_lazy("what"),
                gettext_lazy("number"),
                gettext_lazy("amount"),
                gettext_lazy("balance"),
            ]
            return table_response(
                request.GET["form"], f"statement-{tenant.code}-{today}", heads, _statement_rows(drawn)
            )
        context = self.admin_site.each_context(request) | {
            "title": _("Statement of account of %(tenant)s") % {"tenant": tenant},
            "opts": self.opts,
            "tenant": tenant,
            "drawn": drawn,
            "last_on": drawn.ends_on - timedelta(days=1),
            "opening": figure(drawn.opening),
            "closing": figure(drawn.closing),
            "rows": [(row, KINDS[row.kind], figure(row.amount), figure(row.balance)) for row in drawn.rows],
            "credit": credit_of(tenant.pk, drawn.currency),
            "currencies": sorted({*held, tenant.currency}),
            "open": [
                (each, figure(each.open), Receivable.STATES[each.state(today)])
                for each in Receivable.objects.exclude(open=0).filter(tenant=tenant, currency=currency).select_related("invoice")
            ],
        }  # fmt: skip
        return TemplateResponse(request, "admin/invoices/statement.html", context)

    def _mailed(self, request: HttpRequest, drawn: Statement) -> HttpResponseBase:
        try:
            count = owe_statement(
                drawn.tenant, drawn.currency, drawn.starts_on, drawn.ends_on, by=request.user.get_username(),
                now=datetime.now(UTC),
            )  # fmt: skip
        except Refused as refusal:
            self.refuse(request, refusal)
        else:
            deliver_due.delay()
            told = ngettext("It is being sent to %d contact.", "It is being sent to %d contacts.", count) % count
            self.message_user(request, told, messages.SUCCESS)
        return HttpResponseRedirect(request.get_full_path())


KINDS = dict(LedgerEntry.KINDS)


@admin.register(StatementMail)
class StatementMailAdmin(SentAgainAdmin):
    """Which statement went to whom, and what the mail server said."""

    list_display = (
        "tenant",
        "currency",
        "starts_on",
        "ends_on",
        "recipient",
        "state",
        "by",
        "due_at",
        "sent_at",
        "said",
    )
    list_filter = ("state", "tenant__seller")
    list_select_related = ("tenant",)
    search_fields = ("recipient", "tenant__code")
    again, template = staticmethod(send_statement_again), "admin/invoices/statement_mail.html"
    a_copy = gettext_lazy("Sent again, it is the same statement once more.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementMail]:
        """Leave the papers where they are until one is asked for."""
        return super().get_queryset(request).defer("pdf", "account")  # type: ignore[no-any-return]

    def told(self, mail: StatementMail) -> dict[str, Any]:
        """Give the last day it is about."""
        return {"last_day": mail.ends_on - timedelta(days=1)}

    @permitted("view", post="invoices.change_invoice")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one mail, or the PDF it brought."""
        mail = self.get_object(request, object_id)
        if request.GET.get("form") == "pdf" and mail and mail.sha256 and self.has_view_permission(request, mail):
            return HttpResponse(bytes(mail.pdf), content_type="application/pdf")
        return super().change_view(request, object_id, form_url, extra_context)


@admin.register(TableExport)
class TableExportAdmin(ViewOnlyAdmin):
    """Who took which table out; adding one is taking one out."""

    list_display = ("at", "by", "kind", "form", "seller", "starts_on", "ends_on", "rows")
    list_filter = ("kind", "seller")
    list_select_related = ("seller",)
    search_fields = ("by",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those take tables out who may."""
        return request.user.has_perm("invoices.add_tableexport")

    @permitted("invoices.add_tableexport")
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponseBase:
        """Ask what, of which days, in which form; then give the file while it is read."""
        if request.method == "POST":
            try:
                return _exported(request)
            except Refused as refusal:
                self.refuse(request, refusal)
        today = timezone.localdate()
        context = self.admin_site.each_context(request) | {
            "title": _("Export a table"),
            "opts": self.opts,
            "kinds": [(kind, name) for kind, name in TableExport.KINDS if kind in TABLES],
            "forms": [(form, name) for form, name in TableExport.FORMS if form in FORMS],
            "sellers": Seller.objects.order_by("code"),
            "first": add_months(today.replace(day=1), -1),
            "last": today.replace(day=1) - timedelta(days=1),
            "asked": request.POST,
        }
        return TemplateResponse(request, "admin/invoices/export.html", context)


def _exported(request: HttpRequest) -> HttpResponseBase:
    kind, form = request.POST.get("kind", ""), request.POST.get("form", "")
    seller = Seller.objects.filter(code=request.POST.get("seller", "")).first()
    if seller is None or form not in FORMS:
        raise Refused("no_table", _("Choose what to export."))
    first, ends_on = day_asked(request, "first"), day_asked(request, "last") + timedelta(days=1)
    by, now = request.user.get_username(), datetime.now(UTC)
    _note, rows = begin_export(kind, form, seller, first, ends_on, by=by, now=now)
    return table_response(
        form, f"{seller.code}-{kind}-{first}-{ends_on - timedelta(days=1)}", TABLES[kind].headers, rows
    )


def _figures(each: Aged) -> list[Decimal]:
    return [getattr(each, name) for name, _title in AGES]


def _statement_rows(drawn: Statement) -> Any:
    yield drawn.starts_on, _("balance before"), "", None, drawn.opening
    for row in drawn.rows:
        yield row.on, str(KINDS[row.kind]), row.name, row.amount, row.balance


def _day(request: HttpRequest, name: str, otherwise: date) -> date:
    try:
        asked = date.fromisoformat(request.GET.get(name, ""))
    except ValueError:
        return otherwise
    return asked if 2000 <= asked.year < 2100 else otherwise
