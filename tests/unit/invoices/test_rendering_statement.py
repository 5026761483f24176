import io
import re

import pytest
from pypdf import PdfReader

from invoices.rendering import render_statement, render_statement_mail
from tests.golden_pictures import HERE, documents
from tests.golden_pictures.pictures import difference, draw, read

HAN = re.compile(r"[\u3400-\u9fff]")


def texts_of(pdf: bytes) -> list[str]:
    return [re.sub(r"[\s\u200b]", "", page.extract_text()) for page in PdfReader(io.BytesIO(pdf)).pages]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_prints_the_balances_every_movement_the_ages_and_the_bank(language):
    account = documents.account(language)
    text = "".join(texts_of(render_statement(account)))
    for row in account["rows"]:
        assert row["name"] in text
        assert f"{float(row['balance']):,.2f}" in text
    for figure in ("1,200.00", "20,184.52", "9,543.00", "114.48"):
        assert figure in text
    assert "1219000012345678901" in text


def test_repeats_heads_and_page_numbers_over_500_movements():
    texts = texts_of(render_statement(documents.account("zh", 500)))
    assert len(texts) > 10
    for number, text in enumerate(texts, 1):
        assert f"第{number}页，共{len(texts)}页" in text
        if number < len(texts):
            assert "日期事项单号" in text
    assert "HD-2026-000498" in "".join(texts)


def test_says_nothing_in_chinese_in_an_english_statement_or_its_mail():
    account = documents.account("en")
    mail = render_statement_mail(account)
    assert not HAN.findall("".join(texts_of(render_statement(account))) + mail.subject + mail.text + mail.html)


def test_a_balance_in_the_tenants_favour_asks_for_no_payment():
    account = documents.account("zh") | {"closing": "-5.00"}
    text = "".join(texts_of(render_statement(account)))
    assert "期末预收" in text
    assert "¥5.00" in text
    assert "付款信息" not in text


def test_is_pdf_a_and_the_same_bytes_for_the_same_account():
    pdf = render_statement(documents.account())
    assert pdf == render_statement(documents.account())
    xmp = PdfReader(io.BytesIO(pdf)).trailer["/Root"]["/Metadata"].get_data().decode()
    assert re.search(r"pdfaid:part>\s*3", xmp)


@pytest.mark.parametrize("name", documents.STATEMENTS)
def test_looks_like_its_golden_picture(name):
    drawn = draw(render_statement(documents.STATEMENTS[name]()), 1 if "500" in name else 0)
    assert difference(drawn, read(HERE / f"{name}.png")) < 0.002, (
        "look at it; python -m tests.golden_pictures draws it anew"
    )
