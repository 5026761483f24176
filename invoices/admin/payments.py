"""Payments: recorded by hand, allocated to invoices with the oldest proposed first, taken back by counter entries."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from invoices.admin.asking import amount_asked, day_asked, tenant_asked, tenants_offered
from invoices.models import Invoice, LedgerEntry, LedgerSide, Payment, Receivable
from invoices.paying import allocate, allocated, open_invoices, proposal, record_payment, reverse_payment, take_back
from tenants.models import CURRENCIES


def figure(amount: Decimal) -> str:
    """Write an amount with separators and at least two decimals."""
    places = max(2, -int(amount.normalize().as_tuple().exponent))
    return f"{amount:,.{places}f}"


@admin.register(Payment)
class PaymentAdmin(ViewOnlyAdmin):
    """What came in; a payment's page is where it is allocated."""

    list_display = ("on", "tenant", "amount_shown", "rest_shown", "reference", "payer", "state", "by")
    list_display_links = ("on", "amount_shown")
    list_filter = ("reversed", "currency", "on")
    list_select_related = ("tenant",)
    search_fields = ("reference", "payer", "tenant__code", "tenant__name_zh", "tenant__name_en")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those record payments who may add them."""
        return request.user.has_perm("invoices.add_payment")

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def amount_shown(self, payment: Payment) -> str:
        """Show the amount with its currency."""
        return f"{figure(payment.amount)} {payment.currency}"

    @admin.display(description=gettext_lazy("on account"), ordering="rest")
    def rest_shown(self, payment: Payment) -> str:
        """Show what is not allocated yet."""
        return figure(payment.rest) if payment.rest else ""

    @admin.display(description=gettext_lazy("state"))
    def state(self, payment: Payment) -> str:
        """Say whether it counts."""
        return _("reversed") if payment.reversed else ""

    @permitted("invoices.add_payment")
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Record a payment by hand; then its page proposes which invoices it pays."""
        if request.method == "POST":
            try:
                payment = _record(request)
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(
                    request, _("Recorded. Now allocate it: the oldest invoices are proposed."), messages.SUCCESS
                )
                return HttpResponseRedirect(reverse("admin:invoices_payment_change", args=[payment.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Record a payment"),
            "opts": self.opts,
            "tenants": tenants_offered(),
            "currencies": [code for code, _name in CURRENCIES],
            "asked": request.POST if request.method == "POST" else request.GET,
            "today": timezone.localdate(),
        }
        return TemplateResponse(request, "admin/invoices/payment_add.html", context)

    @permitted("view", post={"reverse": "invoices.reverse_payment", "": "invoices.add_payment"})
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a payment with what it pays; allocate what is left, take an allocation or the payment back."""
        payment = cast("Payment | None", self.get_object(request, object_id))
        if payment is None or not self.has_view_permission(request, payment):
            raise PermissionDenied
        if request.method == "POST":
            try:
                said = self._done(request, payment)
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:invoices_payment_change", args=[payment.pk]))
        context = self.admin_site.each_context(request) | _face(request, payment) | {"opts": self.opts}
        return TemplateResponse(request, "admin/invoices/payment.html", context)

    def _done(self, request: HttpRequest, payment: Payment) -> str:
        command, by, now = request.POST.get("do", ""), request.user.get_username(), datetime.now(UTC)
        reason = request.POST.get("reason", "")
        if command == "allocate":
            wanted = {each.invoice_id: amount_asked(request, f"amount-{each.invoice_id}") for each in _open(payment)}
            allocate(payment.pk, {pk: amount for pk, amount in wanted.items() if amount}, by=by, now=now)
            return _("Allocated.")
        if command == "reverse":
            reverse_payment(payment.pk, reason=reason, by=by, now=now)
            return _("Reversed; its invoices are open again.")
        invoice = Invoice.objects.filter(
            pk=int(command) if command.isdecimal() else 0, tenant_id=payment.tenant_id
        ).first()
        if invoice is None:
            raise Refused("no_command", _("Choose what to do."))
        take_back(payment.pk, invoice, reason=reason, by=by, now=now)
        return _("Taken back; the amount is on account again.")


def _record(request: HttpRequest) -> Payment:
    asked = request.POST
    tenant = tenant_asked(asked.get("tenant", ""))
    return record_payment(
        tenant.pk, amount_asked(request, "amount"), currency=asked.get("currency") or tenant.currency,
        by=request.user.get_username(), now=datetime.now(UTC), allocate_to={}, on=day_asked(request, "on"),
        reference=asked.get("reference", "").strip()[:100], payer=asked.get("payer", "").strip()[:200],
        note=asked.get("note", "").strip()[:300],
    )  # fmt: skip


def _open(payment: Payment) -> list[Receivable]:
    return open_invoices(payment.tenant_id, payment.currency)


def _face(request: HttpRequest, payment: Payment) -> dict[str, Any]:
    today = datetime.now(UTC).astimezone(ZoneInfo(payment.tenant.zone)).date()
    paid = allocated(payment)
    proposed = proposal(payment.tenant_id, payment.currency, payment.rest) if payment.rest else {}
    return {
        "title": _("Payment of %(tenant)s, %(day)s") % {"tenant": payment.tenant, "day": payment.on},
        "payment": payment,
        "amount": figure(payment.amount),
        "rest": figure(payment.rest),
        "paid": [(each, figure(paid[each.pk])) for each in Invoice.objects.filter(pk__in=paid).order_by("due_on")],
        "open": [
            {
                "receivable": each,
                "open": figure(each.open),
                "state": Receivable.STATES[each.state(today)],
                "wanted": request.POST.get(f"amount-{each.invoice_id}", "")
                or (figure(proposed[each.invoice_id]) if each.invoice_id in proposed else ""),
            }
            for each in (_open(payment) if payment.rest else [])
        ],
        "entries": payment.entries.order_by("pk").prefetch_related("sides__invoice"),
        "may": {name: request.user.has_perm(f"invoices.{name}_payment") for name in ("add", "reverse")},
    }


class SidesInline(TabularInline):  # type: ignore[misc]
    """The sides of an entry."""

    model = LedgerSide
    extra = 0
    can_delete = False
    fields = ("account", "invoice", "amount")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one by hand."""
        return False


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ViewOnlyAdmin):
    """The journal, the newest first."""

    list_display = ("on", "tenant", "kind", "cause", "moved", "by", "at")
    list_filter = ("kind", "currency", "on")
    list_select_related = ("tenant", "document__contract", "payment", "refund__tenant", "write_off__invoice")
    search_fields = ("tenant__code", "document__number", "payment__reference")
    inlines = (SidesInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        """Bring the sides along."""
        return super().get_queryset(request).prefetch_related("sides__invoice__contract")

    @admin.display(description=gettext_lazy("because of"))
    def cause(self, entry: LedgerEntry) -> str:
        """Name the document, the payment or the write-off."""
        return str(entry.refund or entry.document or entry.payment or entry.write_off or "")

    @admin.display(description=gettext_lazy("sides"))
    def moved(self, entry: LedgerEntry) -> str:
        """Show each side with its sign."""
        return "; ".join(
            f"{side.get_account_display()}{f' {side.invoice.number}' if side.invoice else ''} {side.amount:+,.2f}"
            for side in entry.sides.all()
        )
