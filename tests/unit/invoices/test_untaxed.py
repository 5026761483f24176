"""What a rate of 0 % means is read on paper, page and mail, not only by machines."""

import io

import pytest
from pypdf import PdfReader

from invoices.rendering import render_mail, render_page, render_pdf
from tests.golden_pictures import documents
from tests.unit.invoices.test_factur_x import at, bill_of, in_europe

GROUND = "Art. 196 Directive 2006/112/EC"
SAID = {
    ("AE", "en"): f"Reverse charge: the customer accounts for the VAT on the items at 0%. Ground: {GROUND}",
    ("AE", "zh"): f"反向征收：税率为 0% 的项目，增值税由购买方申报缴纳。 依据：{GROUND}",
    ("E", "en"): f"The items at 0% are exempt from VAT. Ground: {GROUND}",
    ("E", "zh"): f"税率为 0% 的项目免征增值税。 依据：{GROUND}",
    ("G", "en"): f"Export: the items at 0% are exported and bear no VAT. Ground: {GROUND}",
    ("G", "zh"): f"出口：税率为 0% 的项目为出口服务，不征增值税。 依据：{GROUND}",
    ("O", "en"): f"The items at 0% are not subject to VAT. Ground: {GROUND}",
    ("O", "zh"): f"税率为 0% 的项目不属于增值税征税范围。 依据：{GROUND}",
    ("Z", "en"): f"The items at 0% are zero-rated for VAT. Ground: {GROUND}",
    ("Z", "zh"): f"税率为 0% 的项目适用增值税零税率。 依据：{GROUND}",
}


def told(document, language):
    """Give the text of every face, without its spaces: paper breaks lines where it likes."""
    pages = PdfReader(io.BytesIO(render_pdf(document, language))).pages
    mail = render_mail(document, link="https://billing.example/i/token", language=language)
    faces = {
        "pdf": "".join(page.extract_text() for page in pages),
        "page": render_page(document, language=language),
        "html": mail.html,
        "text": mail.text,
    }
    return {name: "".join(text.split()) for name, text in faces.items()}


@pytest.mark.parametrize(("category", "language"), SAID)
def test_every_face_says_why_no_tax_is_charged(category, language):
    document = in_europe(bill_of(at("0", "0.06")), category, GROUND)
    for name, text in told(document, language).items():
        assert "".join(SAID[category, language].split()) in text, name


@pytest.mark.parametrize("bill", [documents.bill_of(documents.believable_lines()), bill_of([])])
def test_where_all_is_taxed_or_nothing_is_charged_nothing_is_said(bill):
    for text in told(in_europe(bill, "AE", GROUND), "en").values():
        assert "Reversecharge" not in text


def test_an_invoice_from_before_the_setting_says_nothing():
    document = documents.invoice("en", bill=bill_of(at("0")))
    assert not any("at0%are" in text for text in told(document, "en").values())
