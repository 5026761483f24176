"""The report of a close: what came, was counted, drafted and parked, beside last month; kept with the run."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils.translation import override

from billing.exporting import csv_lines
from invoices.reporting import HEADERS, export_rows, report_of, totals_of
from tests.conftest import NOW, issue_by_two
from tests.verbs.test_closing import close
from tests.verbs.test_settling import OCTOBER, SEPTEMBER, Side, call
from usage.declarations import declare

LATER = NOW + timedelta(minutes=5)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sides(seller: Any) -> tuple[Side, Side]:
    """Two tenants with a September; in October one has less, a late call and a repetition, the other nothing."""
    busy, quiet = Side(seller), Side(seller)
    for side in (busy, quiet):
        side.send(*(call(number, SEPTEMBER, 61) for number in range(5)))
    for step in close(seller, month=SEPTEMBER.starts_on).steps.all():
        issue_by_two(step.invoice_id)
    busy.send(*(call(100 + number, OCTOBER, 61) for number in range(4)), now=LATER)
    busy.again(call(100, OCTOBER, 61), now=LATER)
    busy.send(call(9, SEPTEMBER, 61), now=LATER)
    first, last = date(2026, 10, 1), date(2026, 11, 1)
    declare(busy.tenant.pk, 0, (first, last), (4, 244), NOW)
    declare(busy.tenant.pk, busy.source.pk, (first, last), (4, 244), NOW)
    return busy, quiet


def test_each_tenant_has_its_line_and_all_have_a_total(seller: Any, sides: tuple[Side, Side]) -> None:
    busy, quiet = sides
    parked, ready = report_of(close(seller, LATER))
    assert (parked.code, parked.parked, parked.drafted, parked.counted, parked.received) == (
        quiet.tenant.code,
        1,
        1,
        0,
        0,
    )
    assert (ready.code, ready.received, ready.duplicates, ready.rejected) == (busy.tenant.code, 6, 1, 0)
    assert (ready.declared, ready.counted, ready.late, ready.rated, ready.ready) == (4, 4, 1, 1, 1)
    assert ready.last_amount == parked.last_amount == Decimal("2.03")
    assert ready.change == ((ready.amount - Decimal("2.03")) / Decimal("2.03") * 100).quantize(Decimal("0.1"))
    (total,) = totals_of([parked, ready])
    assert (total.tenant_id, total.currency, total.received, total.parked) == (2, "CNY", 6, 1)
    assert total.amount == ready.amount + parked.amount


def test_the_report_stays_with_the_run_whatever_comes_later(seller: Any, sides: tuple[Side, Side]) -> None:
    run = close(seller, LATER)
    before = report_of(run)
    sides[0].send(call(300, OCTOBER, 61), now=LATER)
    assert report_of(run) == before


@pytest.mark.parametrize(
    ("language", "head", "words"),
    [
        ("en", "tenant,name,contracts,received", "No calls at all"),
        ("zh-hans", "租户,名称,合同,接收", "本期没有任何话单"),
    ],
)
def test_the_file_speaks_the_readers_language(
    seller: Any, sides: tuple[Side, Side], language: str, head: str, words: str
) -> None:
    run = close(seller, LATER)
    with override(language):
        text = b"".join(csv_lines([str(each) for each in HEADERS], export_rows(run, language[:2]))).decode("utf-8-sig")
    lines = text.splitlines()
    assert lines[0].startswith(head)
    assert words in lines[1]
    assert len(lines) == 4


def test_the_report_says_what_was_approved_and_mailed_since(seller: Any, sides: tuple[Side, Side]) -> None:
    run = close(seller, LATER)
    _parked, ready = report_of(run)
    assert (ready.approved, ready.mailed) == (0, 0)
    contact = sides[0].tenant.contacts.first() or sides[0].tenant.contacts.create(name="Wang", email="w@north.example")
    invoice = issue_by_two(run.steps.get(tenant=sides[0].tenant).invoice_id)
    invoice.deliveries.get_or_create(
        recipient=contact.email, kind="invoice", defaults={"message_id": "<1@x>", "due_at": LATER}
    )
    invoice.deliveries.create(
        recipient="b@north.example", kind="reminder", message_id="<2@x>", due_at=LATER, state="sent"
    )
    row = next(each for each in report_of(run) if each.code == sides[0].tenant.code)
    assert (row.approved, row.mailed) == (1, 0), "a reminder is not the invoice, and what waits is not sent"
    invoice.deliveries.filter(kind="invoice").update(state="sent")
    (total,) = totals_of(report_of(run))
    assert (total.approved, total.mailed) == (1, 1)
