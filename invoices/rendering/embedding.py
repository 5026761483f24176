"""Putting the XML of an invoice into its PDF (Factur-X): the attachment, and the metadata that announces it."""

from __future__ import annotations

from billing.money import decimals_of
from invoices.rendering.document import Document
from invoices.rendering.factur_x import cross_industry_invoice


def with_factur_x(pdf: bytes, document: Document) -> bytes:
    """Give the PDF with the document's XML; as it is where EN 16931 has no words for it.

    It knows no currency of three decimals, and no invoice without a line.
    """
    from facturx import generate_from_binary  # only who asks for it pays for lxml

    if decimals_of(document["currency"]) > 2 or not document["bill"]["lines"]:
        return pdf
    return bytes(generate_from_binary(
        pdf, cross_industry_invoice(document), flavor="factur-x", level="en16931", check_xsd=False, check_schematron=False,
        lang=document["language"], afrelationship="alternative",
    ))  # fmt: skip
