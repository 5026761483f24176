"""A tenant that asks for Factur-X gets it in the stored PDF of its invoices and credit notes; others do not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from facturx import get_xml_from_pdf

from billing.periods import period_containing
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.issuing import stored_pdf
from invoices.models import Invoice
from tests.conftest import NOW, TALK, call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)


def issued(make_contract: Any, post: Any) -> Invoice:
    off = {"code": "off", "name": {"zh": "折扣", "en": "Discount"}, "rate": "0.1"}
    contract = make_contract(TALK | {"tax": "0"}, discounts=[off])
    post(call_of(1), call_of(2))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


def test_invoice_and_credit_note_carry_their_figures(tenant: Any, make_contract: Any, post: Any) -> None:
    tenant.factur_x, tenant.untaxed, tenant.country, tenant.tax_id = True, "AE", "DE", "DE123456788"
    tenant.save()
    invoice = issued(make_contract, post)
    asked = request_credit(invoice, None, reason="Wrong", by="li", now=NOW)
    note = decide(asked.pk, approve=True, by="chen", now=NOW).credit_note
    assert note
    for document, kind in ((invoice, "380"), (note, "381")):
        name, xml = get_xml_from_pdf(bytes(stored_pdf(document, NOW).content), check_xsd=True)
        text = xml.decode()
        assert name == "factur-x.xml"
        assert f"<ram:TypeCode>{kind}</ram:TypeCode>" in text
        assert f"<ram:GrandTotalAmount>{abs(document.total):.2f}<" in text
        assert "<ram:CategoryCode>AE<" in text
        assert "<ram:CountryID>DE<" in text
        assert f"<ram:ID>{document.number}</ram:ID>" in text
    assert Decimal(invoice.tax) == 0
    assert f"<ram:IssuerAssignedID>{invoice.number}<" in text


def test_without_the_option_the_pdf_is_plain(make_contract: Any, post: Any) -> None:
    assert b"factur-x" not in bytes(stored_pdf(issued(make_contract, post), NOW).content)
