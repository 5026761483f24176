import io
import re
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from facturx import get_xml_from_pdf, xml_check_xsd
from pypdf import PdfReader

from billing.rating.bill import Bill
from billing.rating.tax import tax_rows
from invoices.rendering import render_pdf
from invoices.rendering.factur_x import RAM, cross_industry_invoice
from tests.golden_pictures import documents
from tests.golden_pictures.pictures import draw


def bill_of(lines, *, inclusive=False):
    like = Bill.from_json(documents.bill_of(lines))
    taxes = tax_rows(like.lines, "CNY", inclusive=inclusive, period=like.period.label)
    net, tax = sum(row.net for row in taxes), sum(row.tax for row in taxes)
    changed = {"taxes": taxes, "net": net, "tax": tax, "total": net + tax, "inclusive": inclusive}
    return Bill(**({name: getattr(like, name) for name in Bill.__dataclass_fields__} | changed)).to_json()


def several_rates():
    rates = ["0.06", "0.09", "0"]
    return [each | {"tax_rate": rates[n % 3]} for n, each in enumerate(documents.believable_lines())]


def untaxed(category, reason=""):
    lines = [each | {"tax_rate": "0"} for each in documents.believable_lines()]
    document = documents.invoice("en", bill=bill_of(lines))
    document["buyer"] |= {"untaxed": category, "untaxed_reason": reason, "country": "DE", "tax_id": "DE123456788"}
    return document


CASES = {
    "one rate with discounts": lambda: documents.invoice("en"),
    "Chinese": lambda: documents.invoice("zh"),
    "several rates": lambda: documents.invoice("en", bill=bill_of(several_rates())),
    "prices with tax": lambda: documents.invoice("en", bill=bill_of(several_rates(), inclusive=True)),
    "exempt": lambda: untaxed("E", "Article 132 of Directive 2006/112/EC"),
    "reverse charge": lambda: untaxed("AE"),
    "not subject": lambda: untaxed("O"),
    "credit note": lambda: (
        documents.credit_note("en")
        | {"credits": {"number": "HD-2026-000123", "issued_on": "2026-11-01"}, "reason": "Wrong rate"}
    ),
    "forty lines": lambda: documents.invoice_of_lines(40, "en"),
}


def read(xml):
    root = ET.fromstring(xml)

    def texts(path):
        return [each.text for each in root.findall(".//" + "/".join(f"{{{RAM}}}{name}" for name in path.split("/")))]

    return texts


@pytest.mark.parametrize("case", CASES)
def test_is_valid_and_its_totals_are_the_invoices(case):
    document = CASES[case]()
    xml = cross_industry_invoice(document)
    assert xml_check_xsd(xml, flavor="factur-x", level="en16931")
    bill, texts = Bill.from_json(document["bill"]), read(xml)
    sign = -1 if document["kind"] == "credit_note" else 1
    total = "SpecifiedTradeSettlementHeaderMonetarySummation"
    assert [Decimal(each) for each in texts(f"{total}/GrandTotalAmount")] == [sign * bill.total]
    assert [Decimal(each) for each in texts(f"{total}/TaxTotalAmount")] == [sign * bill.tax]
    assert [Decimal(each) for each in texts(f"{total}/TaxBasisTotalAmount")] == [sign * bill.net]
    lines = sum(map(Decimal, texts("SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount")))
    off = sum(map(Decimal, texts("SpecifiedTradeAllowanceCharge/ActualAmount")))
    assert lines == Decimal(texts(f"{total}/LineTotalAmount")[0])
    assert off == Decimal(texts(f"{total}/AllowanceTotalAmount")[0])
    assert lines - off == sign * bill.net
    assert sum(map(Decimal, texts("ApplicableTradeTax/BasisAmount"))) == sign * bill.net
    assert sum(map(Decimal, texts("ApplicableTradeTax/CalculatedAmount"))) == sign * bill.tax


def test_says_why_no_tax_is_charged_and_which_invoice_is_credited():
    texts = read(cross_industry_invoice(CASES["exempt"]()))
    assert texts("ApplicableTradeTax/ExemptionReason") == ["Article 132 of Directive 2006/112/EC"]
    assert set(texts("ApplicableTradeTax/CategoryCode")) == {"E"}
    texts = read(cross_industry_invoice(CASES["reverse charge"]()))
    assert texts("ApplicableTradeTax/ExemptionReason") == ["Reverse charge"]
    texts = read(cross_industry_invoice(CASES["credit note"]()))
    assert texts("InvoiceReferencedDocument/IssuerAssignedID") == ["HD-2026-000123"]


def test_the_pdf_carries_it_and_says_so():
    document = documents.invoice("en")
    pdf = render_pdf(document, factur_x=True)
    name, xml = get_xml_from_pdf(pdf, check_xsd=True)
    assert (name, xml) == ("factur-x.xml", cross_industry_invoice(document))
    xmp = PdfReader(io.BytesIO(pdf)).trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"fx:ConformanceLevel>\s*EN 16931", xmp)
    assert re.search(r"pdfaid:part>\s*3", xmp)
    plain = render_pdf(document)
    assert b"factur-x.xml" not in plain
    assert draw(pdf) == draw(plain)


def test_a_currency_of_three_decimals_has_no_words_in_the_standard_and_stays_a_plain_pdf():
    lines = [documents.line("fee", "recurring", "费", "Fee", "1", "10.000", unit="month", unit_price="10")]
    document = documents.invoice("en", bill=documents.bill_of(lines, "KWD", places=3), currency="KWD", previous=None)
    assert render_pdf(document, factur_x=True) == render_pdf(document)
