import io
import re
from concurrent.futures import ThreadPoolExecutor
from typing import get_args, get_type_hints

import pytest
from pypdf import PdfReader

from billing.rating.terms import Policies
from invoices.rendering import policies
from invoices.rendering.glyphs import MISSING, printable
from invoices.rendering.pdf import render_pdf
from tests.golden_pictures import HERE, documents
from tests.golden_pictures.pictures import Picture, difference, draw, read

HAN = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z]{2,}")
# Codes and names that stay as they are in a Chinese document.
CODES = {"HD", "JISU", "MA", "XT", "QY", "Asia", "Shanghai", "CNY", "finance", "jisuda", "billing", "yunsheng", "example",
         "sha", "python", "rating", "verify", "bundle", "zip", "PDF"}  # fmt: skip


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]", "", text)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_prints_every_amount_the_tax_and_the_total(language):
    document = documents.invoice(language)
    text = text_of(render_pdf(document))
    for amount in (
        "150.00",
        "480.00",
        "108.00",
        "114.00",
        "241.94",
        "794.84",
        "8,111.22",
        "−500.00",
        "−760.00",
        "260.00",
    ):
        assert amount in text
    for amount in ("738.00", "10,000.00", "9,000.00", "540.00", "9,540.00"):
        assert amount in text
    assert document["evidence"]["digest"] in squeezed(text)
    words = "人民币玖仟伍佰肆拾元整" if language == "zh" else "Chinese yuan nine thousand, five hundred and forty only"
    assert squeezed(words) in squeezed(text)


def test_prints_every_explanation_and_every_paragraph_of_the_contract():
    text = squeezed(text_of(render_pdf(documents.invoice("zh"))))
    for zh, _ in documents.EXPLAINED.values():
        assert squeezed(zh) in text
    for line in documents.believable_lines():
        assert f"合同第{line['reference']}条" in text


def test_is_pdf_a_3b_with_all_fonts_inside_and_no_date_but_its_own():
    reader = PdfReader(io.BytesIO(render_pdf(documents.invoice("zh"))))
    xmp = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"pdfaid:part>\s*3", xmp)
    assert re.search(r"pdfaid:conformance>\s*B", xmp)
    assert "2026-11-01" in xmp
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert len(fonts) >= 3
    for font in fonts:
        descriptor = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert any(f"/FontFile{kind}" in descriptor for kind in ("", "2", "3"))


def test_gives_the_same_bytes_for_the_same_document():
    assert render_pdf(documents.invoice("zh")) == render_pdf(documents.invoice("zh"))
    assert render_pdf(documents.invoice("zh")) != render_pdf(documents.invoice("zh", number="HD-2026-000124"))


@pytest.mark.parametrize(
    "text", ['#panic("x")', "*bold* _it_ $x^2$", "<script>alert(1)</script>", "\\ `raw` = 1", "@ref <label>"]
)
def test_prints_what_people_typed_and_never_runs_it(text):
    document = documents.invoice("en")
    document["buyer"] |= {"name_en": text}
    document["bill"]["lines"][3]["name"]["en"] = text
    document["explanations"]["transfer"]["en"] = text
    assert squeezed(text_of(render_pdf(document))).count(squeezed(text)) >= 3


def test_prints_a_name_that_the_font_lacks_with_a_mark():
    document = documents.invoice("zh")
    document["buyer"] |= {"name_zh": "极速😀\u0000达\u202e\r\n物流 ภาษา"}
    assert MISSING in text_of(render_pdf(document))
    assert printable("极速😀达") == f"极速{MISSING}达"


def test_breaks_a_word_that_has_no_place_to_break():
    document = documents.invoice("en")
    document["bill"]["lines"][3]["name"]["en"] = "W" * 120
    pdf = render_pdf(document)
    assert "W" * 120 in squeezed(text_of(pdf))
    picture = draw(pdf)
    right = [picture.pixels[y * picture.width + x] for y in range(picture.height) for x in range(550, picture.width)]
    assert min(right) > 240, "something runs into the right margin"


@pytest.mark.parametrize("count", [1, 30, 1000])
def test_prints_any_number_of_lines_with_repeated_heads_and_page_numbers(count):
    pages = PdfReader(io.BytesIO(render_pdf(documents.invoice_of_lines(count)))).pages
    texts = [squeezed(page.extract_text()) for page in pages]
    for number, text in enumerate(texts, 1):
        assert f"第{number}页，共{len(pages)}页" in text
    with_lines = [text for text in texts if "计费0.0" in text or "单价0.0705" in text]
    assert len(with_lines) > count // 30
    assert all("使用量" in text and "计费量" in text for text in with_lines)
    assert all("外呼通话（线路组" in text for text in with_lines)
    whole = "".join(texts)
    for n in range(count):
        assert f"{1000 + n:,}.{n % 100:02}" in whole


def test_never_parts_a_line_from_its_explanation():
    pages = PdfReader(io.BytesIO(render_pdf(documents.invoice_of_lines(200)))).pages
    for page in pages:
        text = squeezed(page.extract_text())
        assert len(re.findall(r"robot-\d\d", text)) == text.count("单价0.0705元")


def test_says_nothing_in_english_in_a_chinese_document():
    text = text_of(render_pdf(documents.invoice("zh")))
    assert set(WORD.findall(text)) - CODES <= set(re.findall(r"[a-z]{2,}", "3f9a0c5be1d27486"))


def test_says_nothing_in_chinese_in_an_english_document():
    assert not HAN.findall(text_of(render_pdf(documents.invoice("en"))))


def test_marks_a_draft_on_every_page_and_an_issued_invoice_on_none():
    draft = PdfReader(io.BytesIO(render_pdf(documents.invoice_of_lines(60) | {"state": "draft", "number": None})))
    assert len(draft.pages) > 2
    assert all("草稿" in squeezed(page.extract_text()) for page in draft.pages)
    assert "草稿" not in squeezed(text_of(render_pdf(documents.invoice_of_lines(60))))


def test_titles_a_credit_note_as_one_and_asks_for_no_payment():
    text = squeezed(text_of(render_pdf(documents.credit_note())))
    assert "红冲明细" in text
    assert "账单明细" not in text
    assert "红字账单" in text
    assert "−¥114.48" in text
    assert "人民币负壹佰壹拾肆元肆角捌分" in text
    assert "付款信息" not in text


def test_says_that_it_is_not_a_tax_invoice():
    assert "不是发票" in squeezed(text_of(render_pdf(documents.invoice("zh"))))


@pytest.mark.parametrize(("currency", "places", "shown"), [("JPY", 0, "JPY10,600"), ("KWD", 3, "KWD10,600.000")])
def test_prints_currencies_of_no_and_of_three_decimals(currency, places, shown):
    amount = f"{10000:.{places}f}"
    lines = [documents.line("fee", "recurring", "费", "Fee", "1", amount, unit="month", unit_price="10000")]
    bill = documents.bill_of(lines, currency, places=places)
    text = text_of(render_pdf(documents.invoice("en", bill=bill, currency=currency, previous=None)))
    assert shown in squeezed(text)


def test_tags_a_late_line_with_the_month_it_comes_from():
    document = documents.invoice("zh")
    document["bill"]["lines"][3]["period"] = "2025-12"
    assert "补计2025年12月" in squeezed(text_of(render_pdf(document)))


def test_refuses_to_print_in_a_fork_of_a_process_that_printed(monkeypatch):
    render_pdf(documents.invoice("zh"))
    monkeypatch.setattr("os.getpid", lambda: 1)
    with pytest.raises(RuntimeError, match="after the fork"):
        render_pdf(documents.invoice("zh"))


def test_prints_for_many_threads_at_once():
    with ThreadPoolExecutor(4) as pool:
        printed = set(pool.map(render_pdf, [documents.invoice("zh")] * 8))
    assert len(printed) == 1


def test_has_a_sentence_for_every_value_of_every_policy():
    hints = {name: hint for name, hint in get_type_hints(Policies).items() if name != "late_limit"}
    assert set(policies.SENTENCES) == set(hints)
    for name, hint in hints.items():
        assert set(policies.SENTENCES[name]) == set(get_args(hint) or (True, False)), name


@pytest.mark.parametrize("name", documents.GOLDEN)
def test_looks_like_its_golden_picture(name):
    drawn = draw(render_pdf(documents.GOLDEN[name]()))
    assert difference(drawn, read(HERE / f"{name}.png")) < 0.002, (
        "look at it; python -m tests.golden_pictures draws it anew"
    )


LOGO = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 20"><rect width="60" height="20" fill="#c00000"/></svg>'
)
PNG = Picture(600, 60, 3, bytes([192, 0, 0]) * 36_000).png()


@pytest.mark.parametrize("logo", [LOGO, PNG], ids=["svg", "png"])
def test_the_sellers_logo_stands_above_its_name(logo):
    plain = render_pdf(documents.invoice("en"))
    drawn = render_pdf(documents.invoice("en"), logo=logo)
    assert red_of(drawn) > 2000
    assert red_of(plain) == 0
    assert text_of(drawn) == text_of(plain)


def test_a_logo_that_cannot_be_drawn_is_left_out():
    assert render_pdf(documents.invoice("en"), logo=b"<svg") == render_pdf(documents.invoice("en"))


def red_of(pdf: bytes) -> int:
    pixels = draw(pdf, grey=False).pixels
    return sum(red > 150 and green < 60 for red, green in zip(pixels[::3], pixels[1::3], strict=True))
