import re
from html.parser import HTMLParser

import pytest

from invoices.rendering import render_page
from tests.golden_pictures import documents

HAN = re.compile(r"[\u3400-\u9fff]")
VOID = {"meta", "link", "br"}
LINKS = {
    "pdf": "/i/t/pdf",
    "evidence": "/i/t/bundle",
    "calls": "/i/t/calls.csv",
    "zh": "/i/t?language=zh",
    "en": "/i/t?language=en",
}


class Reader(HTMLParser):
    """Collects what people see, the attributes, and whether every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.texts, self.attributes, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(html):
    reader = Reader()
    reader.feed(html)
    assert not reader.open
    return reader


@pytest.mark.parametrize("language", ["zh", "en"])
def test_shows_every_amount_explanation_and_the_total_in_words(language):
    html = render_page(documents.invoice(language), links=LINKS)
    amounts = [line["amount"] for line in documents.believable_lines()]
    shown = re.findall(r'amount-cell">([^<]+)<', html)
    assert [cell.replace(",", "").replace("−", "-") for cell in shown] == amounts
    text = "".join(read(html).texts)
    for amount in ("150.00", "480.00", "108.00", "8,111.22", "−500.00", "−760.00", "10,000.00", "540.00", "9,540.00"):
        assert amount in text
    for both in documents.EXPLAINED.values():
        assert both[language == "en"] in text
    assert (
        "人民币玖仟伍佰肆拾元整" if language == "zh" else "Chinese yuan nine thousand, five hundred and forty only"
    ) in text


def test_leads_only_where_it_is_told_to():
    hrefs = [value for tag, name, value in read(render_page(documents.invoice("zh"), links=LINKS)).attributes
             if tag == "a" and name == "href"]  # fmt: skip
    assert hrefs == ["#lines", *(LINKS[name] for name in ("pdf", "evidence", "calls", "en"))]
    bare = read(render_page(documents.invoice("zh"))).attributes
    assert [value for tag, name, value in bare if tag == "a" and name == "href"] == ["#lines"]
    calls = render_page(documents.invoice("zh"), calls_of_line={"talk.tier-3": "/i/t/lines/talk.tier-3"})
    assert 'href="/i/t/lines/talk.tier-3"' in calls


def test_needs_no_script_no_inline_style_and_nothing_from_outside():
    reader = read(render_page(documents.invoice("zh"), links=LINKS))
    assert not {"script", "style", "img", "iframe"} & set(reader.tags)
    for tag, name, value in reader.attributes:
        assert name != "style"
        assert not name.startswith("on")
        assert "//" not in (value or ""), (tag, name)


def test_shows_markup_in_names_as_text():
    document = documents.invoice("en")
    document["buyer"] |= {"name_en": '"><script>alert(1)</script>'}
    document["bill"]["lines"][3]["key"] = 'x" onclick="alert(1)'
    document["explanations"]["seats"]["en"] = "<b>bold</b>"
    reader = read(render_page(document, notice="<i>paid</i>"))
    assert not {"script", "b", "i"} & set(reader.tags)
    assert not [name for _, name, _ in reader.attributes if name == "onclick"]
    assert "<b>bold</b>" in "".join(reader.texts)


def test_says_in_words_and_figures_what_the_chart_draws():
    html = render_page(documents.invoice("en"))
    assert html.count('<rect class="bar"') == 31
    assert "Busiest day: 14 October 2026, 688 calls, 366 billed minutes." in html
    assert 'role="img"' in html
    assert html.count('<th scope="row">') == 31
    assert '<svg class="chart"' not in render_page(documents.invoice("en", usage_by_day=[]))


def test_draws_the_tiers_of_a_clause():
    assert len(re.findall(r'class="shade-\d"', render_page(documents.invoice("zh")))) == 3


def test_speaks_one_language_only():
    assert not HAN.search("".join(read(render_page(documents.invoice("en"))).texts))
    text = "".join(read(render_page(documents.invoice("zh"))).texts)
    codes = {"Asia", "Shanghai", "billing", "yunsheng", "example", "finance", "jisuda", "python", "rating", "verify",
             "bundle", "zip", "sha"}  # fmt: skip
    words = {word for word in re.findall(r"[A-Za-z]{3,}", text) if not re.fullmatch(r"[A-Z0-9]+", word)}
    assert words <= codes


def test_marks_a_draft_and_shows_what_happened_since():
    html = render_page(documents.invoice("en", state="draft", number=None))
    assert '<span class="mark">DRAFT</span>' in html
    assert "Paid on 10 November" in render_page(documents.invoice("en"), notice="Paid on 10 November")
    assert 'class="mark"' not in render_page(documents.invoice("en"))


def test_shows_a_bill_without_a_line():
    html = render_page(documents.invoice("zh", bill=documents.bill_of([]), previous=None))
    assert "本期没有费用。" in html
    assert "人民币零元整" in html


def test_shows_a_thousand_lines():
    assert render_page(documents.invoice_of_lines(1000)).count('class="line"') == 1000


def test_the_sellers_logo_stands_on_the_page():
    assert "<img" not in render_page(documents.invoice("en"))
    assert 'src="data:image/svg+xml;base64,PHN2Zz4="' in render_page(documents.invoice("en"), logo=b"<svg>")
