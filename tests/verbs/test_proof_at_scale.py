"""Many calls behind an invoice cost its readers neither memory nor a scan: the bundle streams, a page reads a page."""

from __future__ import annotations

import tracemalloc
from datetime import date
from typing import Any

import pytest
from django.db import connection
from psycopg.sql import SQL

from billing.periods import period_containing
from billing.rating import Bill, Terms, Totals
from invoices.drafting import draft_month
from invoices.evidence import bundle_of
from invoices.models import Invoice
from tenants.models import Contract
from tests.benchmarks import _months as months
from tests.conftest import NOW, issue_by_two
from usage.models import Source
from usage.tracing import _statement, calls_of_line

pytestmark = pytest.mark.django_db(transaction=True)
FEW, MANY, PAGE = 4_000, 14_000, 100  # few are already more than are fetched at once


def issued(code: str, calls: int) -> Invoice:
    _, tenant_id, _ = months.agree(code, 1)
    Source.objects.create(pk=tenant_id, tenant_id=tenant_id, code="switch")
    months.fill_calls(tenant_id, tenant_id, calls)
    draft = draft_month(Contract.objects.get(tenant_id=tenant_id), period_containing(months.MONTH), NOW)
    return issue_by_two(draft.pk)


def peak_of_bundle(invoice: Invoice) -> tuple[int, int]:
    """Return the bytes of a bundle that is thrown away while it is written, and what was held at most."""
    tracemalloc.start()
    try:
        written = sum(len(piece) for piece in bundle_of(invoice, NOW))
        return written, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_bundle_of_many_calls_takes_no_more_memory() -> None:
    few, many = issued("few", FEW), issued("many", MANY)
    peak_of_bundle(few)  # what is made once is made now
    (written, before), (more, after) = peak_of_bundle(few), peak_of_bundle(many)
    assert more - written > 300_000, "so much was written more, and must not be held"
    assert after - before < 200_000, (before, after)


def rows_read(statement: Any) -> int:
    """Run a statement and count the rows that its scans of the calls looked at."""
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        ((plan,),) = cursor.execute(SQL("EXPLAIN (ANALYZE, FORMAT JSON) ") + statement).fetchall()

    def looked_at(node: dict[str, Any]) -> int:
        own = 0
        if str(node.get("Relation Name", "")).startswith("usage_call"):
            own = int(node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * int(node["Actual Loops"])
        return own + sum(map(looked_at, node.get("Plans", ())))

    return looked_at(plan[0]["Plan"])


def test_a_page_of_calls_reads_about_a_page_wherever_it_begins() -> None:
    invoice = issued("many", MANY)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE usage_call")
    terms, totals = Terms.from_json(invoice.terms), Totals.from_json(invoice.totals)
    bill = Bill.from_json(invoice.document["bill"])
    line = next(each for each in bill.lines if each.evidence and each.evidence.calls)
    places = [call.place for call in calls_of_line(invoice.tenant_id, terms, totals, line)]
    for after in (None, places[1], places[len(places) // 2], places[-2 * PAGE], places[-2]):
        for day in (None, date(2026, 10, 17)):
            read = rows_read(_statement(invoice.tenant_id, terms, totals, line, day=day, after=after, limit=PAGE))
            assert read < 4 * PAGE, (after, day, read)
