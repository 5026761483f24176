import re
from html.parser import HTMLParser

import pytest

from invoices.rendering import render_mail
from tests.golden_pictures import documents

HAN = re.compile(r"[\u3400-\u9fff]")
LINK = "https://billing.example/i/token"


class Reader(HTMLParser):
    """Collects the tags, the attributes and the text that people see."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    return reader


@pytest.mark.parametrize("language", ["zh", "en"])
def test_tells_total_due_date_change_top_lines_and_link_in_both_parts(language):
    mail = render_mail(documents.invoice(language), link=LINK)
    total, due, change = (
        ("¥9,540.00", "2026年11月16日", "比2026年9月（¥8,904.00）多 ¥636.00，增加 7.1%。")
        if language == "zh"
        else ("CNY 9,540.00", "16 November 2026", "CNY 636.00 more than September 2026 (CNY 8,904.00), up 7.1%.")
    )
    html = "".join(read(mail.html).texts)
    for part in (mail.text, html):
        for told in (total, due, change, "8,111.22", "−760.00", "9,000.00", "540.00", "HD-2026-000123"):
            assert told in part
    assert LINK in mail.text
    assert ("href", LINK) in read(mail.html).attributes
    assert total in mail.subject
    assert due in mail.subject


def test_names_what_changed_most_first():
    text = render_mail(documents.invoice("en"), link=LINK).text
    reasons = re.findall(r"^- (.+): CNY ([\d.]+) more$", text, re.MULTILINE)
    assert reasons == [
        ("Minimum commitment true-up", "260.00"),
        ("Knowledge base module", "241.94"),
        ("Outbound talk time", "82.80"),
    ]


def test_compares_the_first_bill_with_nothing_and_an_equal_one_as_equal():
    assert "这是您的第一份账单。" in render_mail(documents.invoice("zh", previous=None), link=LINK).text
    equal = documents.invoice("zh")["previous"] | {"total": "9540.00"}
    assert "相同" in render_mail(documents.invoice("zh", previous=equal), link=LINK).text
    from_nothing = documents.invoice("zh")["previous"] | {"total": "0.00"}
    assert "多 ¥9,540.00" in render_mail(documents.invoice("zh", previous=from_nothing), link=LINK).text


def test_keeps_the_subject_on_one_line_whatever_the_names_say():
    document = documents.invoice("en")
    document["seller"] |= {"name_en": "Evil\r\nBcc: all@example.com\u2028\u0085x" + "y" * 300}
    subject = render_mail(document, link=LINK).subject
    assert subject.splitlines() == [subject]
    assert len(subject) <= 160


def test_shows_markup_in_names_as_text():
    document = documents.invoice("en")
    document["buyer"] |= {"name_en": '<script>alert("x")</script>'}
    document["bill"]["lines"][6]["name"]["en"] = "<img src=x onerror=alert(1)>"
    mail = render_mail(document, link=LINK)
    reader = read(mail.html)
    assert not {"script", "img"} & set(reader.tags)
    assert '<script>alert("x")</script>' in "".join(reader.texts)
    assert '<script>alert("x")</script>' in mail.text


def test_a_name_cannot_add_a_line_to_the_text():
    document = documents.invoice("en")
    document["buyer"] |= {"name_en": "Innocent\r\nPay to: 666"}
    assert not [line for line in render_mail(document, link=LINK).text.splitlines() if line.startswith("Pay to")]


def test_needs_nothing_from_outside_and_no_style_sheet():
    reader = read(render_mail(documents.invoice("zh"), link=LINK).html)
    assert not {"style", "link", "img", "script", "iframe"} & set(reader.tags)
    assert [value for name, value in reader.attributes if name in ("src", "href", "background")] == [LINK]
    assert any(name == "style" and "color" in value for name, value in reader.attributes)


def test_draws_one_bar_for_every_day_of_the_month_the_busiest_highest():
    html = render_mail(documents.invoice("zh"), link=LINK).html
    heights = [int(height) for height in re.findall(r'height="(\d+)"', html)]
    assert len(heights) == 31
    assert max(heights) == 64
    gap = documents.invoice("zh", usage_by_day=documents.usage_by_day()[20:])
    assert len(re.findall(r'height="\d+"', render_mail(gap, link=LINK).html)) == 31
    assert 'height="' not in render_mail(documents.invoice("zh", usage_by_day=[]), link=LINK).html


def test_stays_far_below_what_mail_readers_cut_off():
    many = render_mail(documents.invoice_of_lines(1000), link=LINK)
    assert len(many.html.encode()) < 60_000
    assert "另有 995 项" in many.text


def test_speaks_one_language_only():
    english = render_mail(documents.invoice("en"), link=LINK)
    assert not HAN.search(english.subject + english.text + english.html)
    chinese = render_mail(documents.invoice("zh"), link=LINK)
    words = set(re.findall(r"[A-Za-z]{3,}", chinese.text + "".join(read(chinese.html).texts) + chinese.subject))
    codes = {"JISU", "billing", "yunsheng", "example", "https", "token"}
    assert {word for word in words if not re.fullmatch(r"[A-Z0-9]+", word)} <= codes


def test_marks_a_draft_and_names_a_credit_note():
    assert render_mail(documents.invoice("en", state="draft", number=None), link=LINK).subject.startswith("[DRAFT] ")
    mail = render_mail(documents.credit_note("zh"), link=LINK)
    assert "红字账单 HC-2026-000007" in mail.subject
    assert "付款期限" not in mail.text
    assert "付款信息" not in mail.text
