"""Exports of banks: imported, each row with a proposal whose payment it is, confirmed by a person."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.admin import FinanceAdmin, ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from invoices.admin.asking import tenant_asked, tenants_offered
from invoices.admin.payments import figure
from invoices.bank.layouts import layouts
from invoices.bank.matching import AMOUNT, NAME, NUMBER, TAX_ID, Proposal, propose
from invoices.bank.taking import confirm, ignore, import_file
from invoices.models import BankFile, BankFormat, BankLine, Invoice
from tenants.models import CURRENCIES, Seller

PAGE = 50
SIGNS = {
    NUMBER: gettext_lazy("number in the remark"), TAX_ID: gettext_lazy("tax id"), NAME: gettext_lazy("name"),
    AMOUNT: gettext_lazy("same amount"),
}  # fmt: skip


@admin.register(BankFormat)
class BankFormatAdmin(FinanceAdmin):
    """How a bank heads its columns, for banks no preset knows."""

    list_display = ("name", "day", "amount", "payer", "serial")


@admin.register(BankFile)
class BankFileAdmin(ViewOnlyAdmin):
    """The files imported; a file's page is where its rows are confirmed."""

    list_display = ("name", "seller", "format", "rows", "waiting", "known", "skipped", "imported_at", "imported_by")
    list_select_related = ("seller",)
    list_filter = ("seller", "format")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those import who may record payments."""
        return request.user.has_perm("invoices.add_payment")

    @admin.display(description=gettext_lazy("waiting"))
    def waiting(self, file: BankFile) -> int:
        """Count the rows nobody has decided yet."""
        return file.lines.filter(state=BankLine.WAITING).count()

    @permitted("invoices.add_payment")
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Import an export."""
        if request.method == "POST":
            try:
                file = _imported(request)
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                said = _("%(rows)d rows came in, %(known)d of them known already; %(skipped)d were not incoming.")
                figures = {"rows": file.rows, "known": file.known, "skipped": file.skipped}
                self.message_user(request, said % figures, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:invoices_bankfile_change", args=[file.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Import a bank's export"),
            "opts": self.opts,
            "sellers": Seller.objects.order_by("code"),
            "layouts": [each.name for each in layouts()],
            "currencies": [code for code, _name in CURRENCIES],
        }
        return TemplateResponse(request, "admin/invoices/bank_import.html", context)

    @permitted("view", post="invoices.add_payment")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the rows with their proposals; confirm one, several as proposed, or say that one is no payment."""
        file = cast("BankFile | None", self.get_object(request, object_id))
        if file is None or not self.has_view_permission(request, file):
            raise PermissionDenied
        if request.method == "POST":
            self._decided(request, file)
            return HttpResponseRedirect(request.get_full_path())
        page = Paginator(file.lines.select_related("payment__tenant").order_by("position"), PAGE).get_page(
            request.GET.get("p")
        )
        proposed = propose(page.object_list, file.seller_id)
        numbers = Invoice.objects.in_bulk({pk for each in proposed.values() for pk in each.amounts})
        context = self.admin_site.each_context(request) | {
            "title": f"{file.name} · {file.format}",
            "opts": self.opts,
            "file": file,
            "page": page,
            "rows": [_row(line, proposed.get(line.pk), numbers) for line in page.object_list],
            "tenants": tenants_offered(),
            "may": self.has_add_permission(request),
        }
        return TemplateResponse(request, "admin/invoices/bank_file.html", context)

    def _decided(self, request: HttpRequest, file: BankFile) -> None:
        """Carry out what was asked for each row chosen; a refusal of one stops no other."""
        command, done = request.POST.get("do", ""), 0
        single = command.removeprefix("confirm-").removeprefix("ignore-")
        chosen = [single] if single.isdecimal() else request.POST.getlist("line")
        lines = file.lines.filter(pk__in=[int(pk) for pk in chosen if pk.isdecimal()], state=BankLine.WAITING)
        for line in lines.order_by("position"):
            try:
                _decide(request, line, "ignore" if command.startswith("ignore") else "confirm")
                done += 1
            except Refused as refusal:
                self.message_user(
                    request, _("Row %(row)d") % {"row": line.position} + f": {refusal.message}", messages.ERROR
                )
        said = ngettext("%d row decided.", "%d rows decided.", done) % done
        self.message_user(request, said, messages.SUCCESS if done else messages.WARNING)


def _imported(request: HttpRequest) -> BankFile:
    upload = request.FILES.get("file")
    seller = Seller.objects.filter(code=request.POST.get("seller", "")).first()
    if upload is None or seller is None:
        raise Refused("no_file", _("Choose a file and the seller whose account it is."))
    named = next((each for each in layouts() if each.name == request.POST.get("format")), None)
    currency = request.POST.get("currency", "")
    return import_file(
        seller, upload.name or "", upload.read(), currency=currency if currency in dict(CURRENCIES) else "CNY",
        layout=named, by=request.user.get_username(), now=datetime.now(UTC),
    )  # fmt: skip


def _decide(request: HttpRequest, line: BankLine, command: str) -> None:
    by, now = request.user.get_username(), datetime.now(UTC)
    if command == "ignore":
        ignore(line.pk, by=by, now=now)
        return
    tenant = tenant_asked(request.POST.get(f"tenant-{line.pk}", ""))
    # What the person saw is what is allocated; for another tenant than proposed its oldest invoices are.
    shown = (
        request.POST.get(f"amounts-{line.pk}", "") if request.POST.get(f"proposed-{line.pk}") == str(tenant.pk) else ""
    )
    confirm(line.pk, tenant, _amounts(shown), by=by, now=now)


def _amounts(shown: str) -> dict[int, Decimal] | None:
    """Read the proposal back from the form, ``12=100.00;15=3``; empty means the oldest first."""
    pairs = [each.split("=") for each in shown.split(";") if each]
    if any(len(pair) != 2 or not pair[0].isdecimal() or not pair[1].replace(".", "", 1).isdecimal() for pair in pairs):
        raise Refused("no_amount", _("The proposal cannot be read; open the page again."))
    return {int(pk): Decimal(amount) for pk, amount in pairs} or None


def _row(line: BankLine, proposed: Proposal | None, invoices: dict[int, Invoice]) -> dict[str, Any]:
    shown: dict[str, Any] = {"line": line, "amount": figure(line.amount)}
    if proposed is None:
        return shown
    tenant = proposed.tenant
    rest = line.amount - sum(proposed.amounts.values(), Decimal(0))
    return shown | {
        "tenant": f"{tenant.code} · {tenant}" if tenant else "",
        "tenant_id": tenant.pk if tenant else "",
        "pays": [(invoices[pk].number, figure(amount)) for pk, amount in proposed.amounts.items()],
        "rest": figure(rest) if rest and tenant else "",
        "amounts": ";".join(f"{pk}={amount:f}" for pk, amount in proposed.amounts.items()),
        "by": "、".join(str(SIGNS[sign]) for sign in proposed.by),
        "sure": bool({NUMBER, TAX_ID, NAME} & set(proposed.by)),
    }
