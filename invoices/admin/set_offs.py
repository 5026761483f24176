"""Setting off: what an invoice in the tenant's favour pays of others, and taking that back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from invoices.admin.asking import amount_asked
from invoices.admin.payments import figure
from invoices.ledger import set_off_of
from invoices.models import Invoice, Receivable
from invoices.paying import open_invoices, proposal, set_off, undo_set_off


def set_off_page(page: ViewOnlyAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Show what an invoice in the tenant's favour can pay, the oldest due proposed first, and what it has paid."""
    receivable = get_object_or_404(Receivable.objects.select_related("invoice__tenant"), pk=pk, owed__lt=0)
    if request.method == "POST":
        try:
            said = _done(request, receivable)
        except Refused as refusal:
            page.refuse(request, refusal)
        else:
            page.message_user(request, said, messages.SUCCESS)
            return HttpResponseRedirect(request.path)
    context = page.admin_site.each_context(request) | _face(request, receivable) | {"opts": page.opts}
    return TemplateResponse(request, "admin/invoices/set_off.html", context)


def _done(request: HttpRequest, receivable: Receivable) -> str:
    favour, by, now = receivable.invoice, request.user.get_username(), datetime.now(UTC)
    command = request.POST.get("do", "")
    if command == "set-off":
        offered = open_invoices(receivable.tenant_id, receivable.currency)
        wanted = {each.invoice_id: amount_asked(request, f"amount-{each.invoice_id}") for each in offered}
        set_off(favour, {pk: amount for pk, amount in wanted.items() if amount}, by=by, now=now)
        return _("Set off.")
    paid = Invoice.objects.filter(
        pk=int(command[:18]) if command.isdecimal() else 0, tenant_id=receivable.tenant_id
    ).first()
    if paid is None:
        raise Refused("no_command", _("Choose what to do."))
    undo_set_off(favour, paid, reason=request.POST.get("reason", ""), by=by, now=now)
    return _("Taken back; the invoice is open again.")


def _face(request: HttpRequest, receivable: Receivable) -> dict[str, Any]:
    paid = set_off_of(receivable.invoice)
    proposed = proposal(receivable.tenant_id, receivable.currency, -receivable.open) if receivable.open else {}
    return {
        "title": _("Set off %(number)s") % {"number": receivable.invoice.number},
        "receivable": receivable,
        "left": figure(-receivable.open),
        "open": [
            {
                "receivable": each,
                "open": figure(each.open),
                "wanted": request.POST.get(f"amount-{each.invoice_id}", "")
                or (figure(proposed[each.invoice_id]) if each.invoice_id in proposed else ""),
            }
            for each in (open_invoices(receivable.tenant_id, receivable.currency) if receivable.open else [])
        ],
        "paid": [(each, figure(paid[each.pk])) for each in Invoice.objects.filter(pk__in=paid).order_by("due_on")],
    }
