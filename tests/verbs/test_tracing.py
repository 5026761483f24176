"""From each line back to exactly the calls it was computed from: as a list, page by page, and as CSV."""

from __future__ import annotations

import csv
import io
from datetime import date
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from billing.rating import Bill, Terms, Totals
from invoices.drafting import draft_month
from invoices.links import page_link
from invoices.models import Invoice
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.test_evidence import BANDS, NAME, OCTOBER, bundle, invoice  # noqa: F401 - the same invoice
from usage.tracing import calls_of_line, is_traceable, page_of_calls

pytestmark = pytest.mark.django_db(transaction=True)


def parts_of(invoice: Invoice) -> tuple[Terms, Totals, Bill]:  # noqa: F811
    return Terms.from_json(invoice.terms), Totals.from_json(invoice.totals), Bill.from_json(invoice.document["bill"])


def test_every_line_leads_to_the_calls_it_counts(invoice: Invoice) -> None:  # noqa: F811
    terms, totals, bill = parts_of(invoice)
    lines = [line for line in bill.lines if is_traceable(line)]
    assert {line.code for line in lines} == {"peak", "talk", "dials", "asr", "shops", "orders", "slots", "matrix"}
    for line in lines:
        calls = list(calls_of_line(invoice.tenant_id, terms, totals, line))
        assert line.evidence
        if line.key.endswith(
            ".beyond"
        ):  # which calls of a day are beyond its limit is not told: all of the clause's are
            continue
        assert len(calls) == line.evidence.calls, line.key
        if line.kind == "usage":
            assert sum(call.billed_seconds for call in calls) == line.evidence.billed_seconds, line.key


def test_pages_follow_one_another_without_gap_or_repetition(invoice: Invoice) -> None:  # noqa: F811
    terms, totals, bill = parts_of(invoice)
    line = next(line for line in bill.lines if line.code == "dials")
    whole = [call.call_id for call in calls_of_line(invoice.tenant_id, terms, totals, line)]
    paged: list[str] = []
    after = None
    while page := page_of_calls(invoice.tenant_id, terms, totals, line, day=None, after=after, limit=7):
        paged += [call.call_id for call in page]
        after = page[-1].place
    assert paged == whole
    by_day = [
        call.call_id
        for day in range(1, 32)
        for call in page_of_calls(
            invoice.tenant_id, terms, totals, line, day=date(2026, 10, day), after=None, limit=1000
        )
    ]
    assert by_day == whole


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_lists_masked_calls_and_offers_them_as_csv(invoice: Invoice, language: str) -> None:  # noqa: F811
    _, _, bill = parts_of(invoice)
    line = next(line for line in bill.lines if line.code == "talk" and line.group == "=robot-1")
    query = urlencode({"key": line.key, "language": language})
    shown = Client().get(f"{page_link(invoice)}/calls?{query}").content.decode()
    assert ("下载话单" if language == "zh" else "Download calls") in shown
    assert "+86****00" in shown
    assert "+86138000000" not in shown
    answer = Client().get(f"{page_link(invoice)}/calls.csv?{query}")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert line.evidence
    assert len(rows) == line.evidence.calls
    assert {row["robot"] for row in rows} == {"'=robot-1"}
    assert sum(int(row["billed_seconds"]) for row in rows) == line.evidence.billed_seconds


@pytest.mark.parametrize("query", ["", "key=nobody", "key=platform", "key=talk%00"])
def test_a_line_without_calls_has_no_page(invoice: Invoice, query: str) -> None:  # noqa: F811
    assert Client().get(f"{page_link(invoice)}/calls?{query}").status_code == 404
    assert Client().get(f"{page_link(invoice)}/calls.csv?{query}").status_code == 404


@pytest.mark.parametrize("after", ["x", "|||", "2026-13-01|1|a|c", "2026-10-01T00:00:00|1|a|c", "9" * 5000, "\x00"])
def test_a_page_nobody_wrote_is_the_first(invoice: Invoice, after: str) -> None:  # noqa: F811
    query = urlencode({"key": "dials", "after": after, "day": "2026-02-30"})
    answer = Client().get(f"{page_link(invoice)}/calls?{query}")
    assert answer.status_code == 200


def test_a_call_that_is_cut_stands_behind_each_line_it_reaches(make_contract: Any, post: Any) -> None:
    cut = {"kind": "duration", "name": NAME, "price": "0.1", "rule": {"at_band_edge": "split"}}
    peak = cut | {"code": "peak", "select": {"band": ["peak"]}}
    contract = make_contract(peak, cut | {"code": "rest"}, bands=BANDS)
    at = {"started_at": "2026-10-08T07:59:00+08:00", "answered_at": "2026-10-08T07:59:00+08:00"}
    post(call_of(1, **at, ended_at="2026-10-08T08:03:00+08:00"), call_of(2))
    draft = draft_month(contract, OCTOBER, NOW)
    terms, totals, bill = parts_of(draft)
    found = {
        line.code: [(call.call_id, call.counts, call.billed_seconds) for call in calls]
        for line in bill.lines
        for calls in [list(calls_of_line(contract.tenant_id, terms, totals, line))]
    }
    assert found == {"peak": [("call-1", 0, 180), ("call-2", 1, 120)], "rest": [("call-1", 1, 60)]}
    for line in bill.lines:
        page = page_of_calls(contract.tenant_id, terms, totals, line, day=None, after=None, limit=1)
        assert [call.call_id for call in page] == ["call-1"]
    issued = issue_by_two(draft.pk)
    shown = Client().get(f"{page_link(issued)}/calls?key=peak&language=en").content.decode()
    assert shown.count("goes on from the band before, counted there") == 1
    rows = b"".join(Client().get(f"{page_link(issued)}/calls.csv?key=peak").streaming_content).decode().splitlines()
    assert [row.rpartition(",")[2] for row in rows] == ["calls", "0", "1"]
