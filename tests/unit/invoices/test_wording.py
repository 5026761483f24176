import re

import pytest

from invoices import wording

BLANK = re.compile(r"\{\w+\}")


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("0", "CNY", "人民币零元整"),
        ("0.00", "CNY", "人民币零元整"),
        ("0.05", "CNY", "人民币伍分"),
        ("0.50", "CNY", "人民币伍角整"),
        ("0.55", "CNY", "人民币伍角伍分"),
        ("10010.00", "CNY", "人民币壹万零壹拾元整"),
        ("1409.50", "CNY", "人民币壹仟肆佰零玖元伍角整"),
        ("325.04", "CNY", "人民币叁佰贰拾伍元零肆分"),
        ("16409.02", "CNY", "人民币壹万陆仟肆佰零玖元零贰分"),
        ("6007.14", "CNY", "人民币陆仟零柒元壹角肆分"),
        ("100010000.00", "CNY", "人民币壹亿零壹万元整"),
        ("100000000000.01", "CNY", "人民币壹仟亿元零壹分"),
        ("-760.00", "CNY", "人民币负柒佰陆拾元整"),
        ("10010", "JPY", "日元壹万零壹拾元整"),
        ("10010.055", "KWD", "科威特第纳尔壹万零壹拾点零伍伍整"),
        ("10010.000", "KWD", "科威特第纳尔壹万零壹拾整"),
        ("-12.30", "USD", "美元负壹拾贰元叁角整"),
    ],
)  # fmt: skip
def test_says_an_amount_in_chinese_capitals(amount, currency, words):
    assert wording.in_words("zh", amount, currency) == words


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("0", "CNY", "Chinese yuan zero only"),
        ("0.05", "CNY", "Chinese yuan zero and 05/100"),
        ("10010.00", "CNY", "Chinese yuan ten thousand and ten only"),
        ("-760.00", "CNY", "Chinese yuan minus seven hundred and sixty only"),
        ("10010", "JPY", "Japanese yen ten thousand and ten only"),
        ("10010.055", "KWD", "Kuwaiti dinars ten thousand and ten and 055/1000"),
        ("1234567.89", "USD", "US dollars one million, two hundred and thirty-four thousand, five hundred and sixty-seven and 89/100"),
    ],
)  # fmt: skip
def test_says_an_amount_in_english_words(amount, currency, words):
    assert wording.in_words("en", amount, currency) == words


@pytest.mark.parametrize(
    ("value", "least", "shown"),
    [
        ("0", 0, "0"),
        ("1000", 0, "1,000"),
        ("1234567.50", 0, "1,234,567.5"),
        ("0.0705", 2, "0.0705"),
        ("0.15", 2, "0.15"),
        ("80", 2, "80.00"),
        ("0.00000001", 2, "0.00000001"),
        ("-760.00", 2, "−760.00"),
        ("-0.05", 2, "−0.05"),
        ("11/3", 0, "≈3.666667"),
        ("11/5", 0, "2.2"),
    ],
)
def test_writes_a_figure_with_its_own_digits(value, least, shown):
    assert wording.figure(value, least) == shown


def test_writes_money_with_the_decimals_of_its_currency():
    assert wording.money("zh", "9540.00", "CNY") == "¥9,540.00"
    assert wording.money("en", "9540.00", "CNY") == "CNY 9,540.00"
    assert wording.money("zh", "-9540", "CNY") == "−¥9,540.00"
    assert wording.money("zh", "10010", "JPY") == "JPY 10,010"
    assert wording.money("en", "-1.5", "KWD") == "−KWD 1.500"


def test_names_a_calendar_month_and_spells_out_any_other_period():
    assert wording.period("zh", "2026-10-01", "2026-11-01") == "2026年10月"
    assert wording.period("en", "2026-12-01", "2027-01-01") == "December 2026"
    assert wording.period("zh", "2026-10-15", "2026-11-15") == "2026年10月15日 至 2026年11月14日"
    assert wording.period("en", "2026-01-31", "2026-02-28") == "31 January 2026 – 27 February 2026"
    assert wording.period("en", "2026-10-15", "2026-11-01") == "15 October 2026 – 31 October 2026"
    assert wording.period("en", "2026-10-01", "2026-12-01") == "1 October 2026 – 30 November 2026"


def test_puts_a_text_on_one_line_without_marks_that_turn_it_round():
    assert wording.tidy("a\r\nBcc: x@y.z\u202e\u0000b") == "a  Bcc: x@y.z b"
    assert wording.tidy("全角\u3000空格") == "全角\u3000空格"


def test_has_every_label_in_both_languages_with_the_same_blanks():
    for key, (zh, en) in wording._LABELS.items():
        assert zh, key
        assert en, key
        assert sorted(BLANK.findall(zh)) == sorted(BLANK.findall(en)), key
        assert key == "other_language" or not any("\u4e00" <= char <= "\u9fff" for char in en), key
