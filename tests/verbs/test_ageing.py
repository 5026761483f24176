"""Ageing by days overdue, balances, statements of account and exported tables, all from the same ledger."""

from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from invoices.ageing import ageing, balances, statement
from invoices.exporting import TABLES, begin_export
from invoices.models import Invoice, TableExport
from invoices.paying import record_payment, reverse_payment
from invoices.writing_off import decide_write_off, request_write_off
from tenants.models import Tenant
from tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)
TODAY = NOW.date()


@pytest.fixture
def account(bill: Any, tenant: Tenant) -> list[Invoice]:
    """Six invoices of 1, 10, … 100000, due at each border of the ages, and one in the tenant's favour; 7 paid too much."""
    days = {"1": 0, "10": -1, "100": -30, "1000": -31, "10000": -90, "100000": -91}
    made = [bill(amount, due) for amount, due in days.items()] + [bill("-5")]
    record_payment(tenant.pk, Decimal(7), currency="CNY", by="li", now=NOW, allocate_to={}, reference="=1+1")
    return made


def test_what_is_open_is_put_under_its_age(account: Any) -> None:
    (row,) = ageing(TODAY)
    assert (row.not_due, row.to_30, row.to_60, row.to_90, row.older) == (1, 110, 1000, 10000, 100000)
    assert (row.credit, row.balance) == (12, 111099)
    assert balances(row.tenant_id) == {"CNY": 111099}
    assert ageing(TODAY, seller_id=0) == []


def test_a_statement_runs_from_balance_to_balance(account: Any, tenant: Tenant) -> None:
    whole = statement(tenant, "CNY", TODAY, TODAY + timedelta(days=1))
    assert (whole.opening, whole.closing, len(whole.rows)) == (0, 111099, 8)
    asked = request_write_off(account[2], None, reason="x", by="li", now=NOW)
    decide_write_off(asked.pk, approve=True, by="chen", now=NOW)
    paid = record_payment(tenant.pk, Decimal(50), currency="CNY", by="li", now=NOW, on=date(2026, 11, 1))
    reverse_payment(paid.pk, reason="bounced", by="li", now=NOW)
    before = statement(tenant, "CNY", date(2026, 11, 1), TODAY)
    assert [(row.kind, row.amount) for row in before.rows] == [("received", -50)]
    after = statement(tenant, "CNY", TODAY, TODAY + timedelta(days=1))
    assert (after.opening, after.closing) == (-50, 111099 - 100)
    assert after.closing == balances(tenant.pk)["CNY"]
    assert {row.kind for row in after.rows} == {"issued", "received", "written_off", "reversed"}
    assert statement(tenant, "USD", TODAY, TODAY + timedelta(days=1)).rows == []


@pytest.mark.parametrize("kind", list(TABLES))
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_each_table_is_taken_out_whole_and_noted(
    account: Any, admin_user: User, kind: str, language: str, form: str
) -> None:
    client = Client(headers={"Accept-Language": language})
    client.force_login(admin_user)
    Invoice.objects.filter(state="draft").delete()
    asked = {"kind": kind, "form": form, "seller": "hd", "first": "2020-01-01", "last": "2026-11-23"}
    answer = client.post("/admin/invoices/tableexport/add/", asked)
    content = b"".join(answer.streaming_content)
    note = TableExport.objects.get()
    assert (note.by, note.kind, str(note.ends_on)) == ("admin", kind, "2026-11-24")
    assert client.get("/admin/invoices/tableexport/").status_code == 200
    if form == "xlsx":
        assert content.startswith(b"PK")
        return
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert len({len(row) for row in rows}) == 1
    assert note.rows == len(rows) - 1 == {"invoices": 7, "ledger": 16, "payments": 1}.get(kind, note.rows)
    if language == "zh-hans":
        assert all(any("一" <= c <= "鿿" for c in head) for head in rows[0]), rows[0]
    if kind == "payments":
        assert rows[1][6] == "'=1+1"


def test_a_span_that_ends_before_it_starts_is_a_sentence(admin_client: Client, seller: Any) -> None:
    asked = {"kind": "invoices", "form": "csv", "seller": "hd", "first": "2026-02-01", "last": "2026-01-01"}
    text = admin_client.post("/admin/invoices/tableexport/add/", asked).content.decode()
    assert "turn them round" in text
    assert not TableExport.objects.exists()


def test_an_export_takes_no_more_memory_when_it_is_ten_times_as_long(bill: Any, seller: Any, tenant: Tenant) -> None:
    peaks = []
    for count in (1500, 13500):
        for number in range(3):
            record_payment(tenant.pk, Decimal(1), currency="CNY", by="li", now=NOW, reference=f"{count}-{number}")
        from invoices.models import Payment

        Payment.objects.bulk_create(
            Payment(tenant=tenant, amount=1, currency="CNY", on=TODAY, by="li", at=NOW) for _ in range(count)
        )
        _note, rows = begin_export("payments", "csv", seller, TODAY, TODAY + timedelta(days=1), by="li", now=NOW)
        tracemalloc.start()
        for _row in rows:
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


def test_the_pages_answer_in_both_languages(account: Any, admin_client: Client, tenant: Tenant) -> None:
    for language, word in (("zh-hans", "逾期"), ("en", "overdue")):
        for place in (
            "",
            "?form=csv",
            "?form=xlsx",
            f"statement/{tenant.pk}/",
            f"statement/{tenant.pk}/?from=x&to=y&form=csv",
        ):
            answer = admin_client.get(f"/admin/invoices/receivable/{place}", headers={"Accept-Language": language})
            assert answer.status_code == 200, place
        page = admin_client.get("/admin/invoices/receivable/", headers={"Accept-Language": language}).content.decode()
        assert word in page
        assert "111,099.00" in page
