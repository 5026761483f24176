"""What the tax bureau is asked for: one tax invoice of an issued invoice, or the red one of a credit note."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from billing.rating.bill import Bill, Line
from invoices import wording
from invoices.models import Invoice, TaxInvoice
from invoices.tax_invoices.lines import CannotAsk, TaxLine, sums, tax_lines
from tenants.models import TaxCode, Tenant

INFORMATION_SYSTEM_SERVICES = "3040203000000000000"  # for a seller who has chosen no code
KINDS = {Tenant.GENERAL: "普通发票", Tenant.SPECIAL: "增值税专用发票"}
REASONS = {"wrong": "开票有误", "returned": "销货退回", "stopped": "服务中止", "reduced": "销售折让"}
POLICIES = {Tenant.EXEMPT: "免税", Tenant.OUTSIDE: "不征税"}
LONGEST_REMARK = 230  # characters


def request_for(invoice: Invoice) -> dict[str, Any]:
    """Write the request of an issued document from what is frozen in it; amounts are decimal strings.

    ``serial`` is our number, by which the bureau tells a request sent twice. Raises CannotAsk for what it would refuse:
    a draft, another currency, a special tax invoice without tax id, a credit note whose invoice has none yet.
    """
    if invoice.state != Invoice.ISSUED:
        raise CannotAsk("not_issued", _("Only an issued invoice has a tax invoice."))
    document, tenant = invoice.document, invoice.tenant
    buyer = _buyer(invoice)
    if tenant.tax_invoice == Tenant.SPECIAL and not buyer["tax_id"]:
        raise CannotAsk(
            "no_tax_id",
            _(
                "A special tax invoice needs the customer's tax id; the invoice has none. Ask for a general one instead."
            ),
        )
    found = tax_lines(Bill.from_json(document["bill"]), _codes(invoice.seller_id))
    amount, tax = sums(found)
    month = wording.period("zh", document["period"]["start"], document["period"]["end"])
    policy = POLICIES.get(document["buyer"].get("untaxed", tenant.untaxed), "")
    asked: dict[str, Any] = {
        "serial": invoice.number,
        "kind": KINDS[tenant.tax_invoice],
        "colour": "red" if invoice.kind == Invoice.CREDIT_NOTE else "blue",
        "seller": {name: document["seller"].get(name, "") for name in ("tax_id", "bank_name", "bank_account")}
        | {"name": document["seller"]["name_zh"]},
        "buyer": buyer,
        "lines": [_told(line, policy) for line in found],
        "amount": f"{amount}",
        "tax": f"{tax}",
        "total": f"{amount + tax}",
        "remarks": f"账单 {invoice.number}，{month}，合同 {document['contract']['code']}"[:LONGEST_REMARK],
    }
    return asked | (_red(invoice) if invoice.kind == Invoice.CREDIT_NOTE else {})


def _buyer(invoice: Invoice) -> dict[str, str]:
    """Give the buyer as frozen; what older invoices did not freeze is the tenant's of now."""
    frozen, tenant = invoice.document["buyer"], invoice.tenant
    more = {name: frozen.get(name, getattr(tenant, name)) for name in ("phone", "bank_name", "bank_account")}
    contact = tenant.recipients().first()
    return {
        "name": frozen["name_zh"], "tax_id": frozen.get("tax_id", ""), "address": frozen.get("address_zh", ""), **more,
        "email": contact.email if contact else "",
    }  # fmt: skip


def _red(note: Invoice) -> dict[str, Any]:
    """Say which tax invoice is taken back, for the confirmation (红字信息确认单)."""
    original = TaxInvoice.objects.filter(invoice=note.credits).first()
    if original is None or original.what != TaxInvoice.RECEIVED:
        raise CannotAsk(
            "no_original",
            _("Enter the tax invoice of %(number)s first; a red one names it.") % {"number": note.credits},
        )
    whole = note.credits is not None and note.credits.total == -note.total
    return {
        "original": {"number": original.number, "issued_on": f"{original.issued_on}", "whole": whole},
        "reason": REASONS["wrong" if whole else "reduced"],
        "explanation": wording.tidy(note.document.get("reason", "")),
    }


def _told(line: TaxLine, policy: str) -> dict[str, Any]:
    figures = {"quantity": line.quantity, "price": line.price}
    return {
        "name": line.name, "code": line.code, "nature": line.nature, "unit": line.unit,
        **{name: None if figure is None else f"{figure:f}" for name, figure in figures.items()},
        "amount": f"{line.amount}", "rate": f"{line.rate}", "tax": f"{line.tax}",
        "policy": policy if line.rate == Decimal(0) else "",
    }  # fmt: skip


def _codes(seller_id: int) -> Any:
    """Give what finds a line's classification code: its clause's own, that of its kind, that of all."""
    chosen = {(each.kind, each.clause): each.code for each in TaxCode.objects.filter(seller_id=seller_id)}

    def code_of(line: Line) -> str:
        places = [(line.kind, line.code), ("", line.code), (line.kind, ""), ("", "")]
        return next((chosen[place] for place in places if place in chosen), INFORMATION_SYSTEM_SERVICES)

    return code_of
