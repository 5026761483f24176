"""The books are checked: each invariant finds the row that breaks it, and nothing in books that are well."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from structlog.testing import capture_logs

from billing.periods import period_containing
from invoices import auditing, tasks
from invoices.books import answers, broken
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.exporting import begin_export
from invoices.issuing import stored_pdf
from invoices.models import BooksCheck, Delivery, Invoice, TableExport
from tenants.models import Tenant
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.test_closing import close, other_contract
from tests.verbs.test_paying import credit

pytestmark = pytest.mark.django_db(transaction=True)


def tamper(statement: str) -> None:
    """Change what the triggers of a table would refuse to change."""
    table = next(word for word in statement.split() if "_" in word)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def books(seller: Any, contract: Any, post: Any) -> Any:
    post(call_of(1), call_of(2), call_of(2))
    issued = issue_by_two(close(seller).steps.get().invoice_id)
    stored_pdf(issued, NOW)
    post(call_of(3))
    Delivery.objects.update(state="sent", sent_at=NOW, attempts=1)
    Tenant.objects.create(seller=seller, code="another", name_zh="他", name_en="Another", zone="UTC")
    return issued


def test_books_that_are_well_break_nothing(books: Any, capsys: Any) -> None:
    assert list(broken(NOW)) == []
    call_command("check_books")
    assert "All invariants hold." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [
        ("I1", "DELETE FROM usage_call WHERE call_id = 'call-1'"),
        ("I1", "UPDATE usage_usagetotal SET billed_seconds = billed_seconds + 60"),
        ("I2", "UPDATE invoices_invoice SET kind = 'credit_note', credits_id = id"),
        ("I2", "UPDATE invoices_invoice SET document = jsonb_set(document, '{summary,unanswered}', '5')"),
        ("I2", "UPDATE invoices_invoice SET document = jsonb_set(document, '{bill,lines,0,evidence,calls}', '9')"),
        ("I3", "UPDATE invoices_line SET amount = amount + 1"),
        ("I4", "UPDATE invoices_invoice SET totals = '{\"version\": 1}'"),
        ("I5", "UPDATE invoices_numberseries SET next_number = 3"),
        ("I6", "UPDATE invoices_storedfile SET content = 'x'"),
        ("I6", "UPDATE invoices_line SET amount = -amount"),
        ("I6", "UPDATE invoices_invoice SET due_on = due_on + 30"),
        ("I7", "UPDATE invoices_delivery SET sent_at = NULL"),
        ("I7", "UPDATE invoices_delivery SET attempts = 0"),
        ("I8", "UPDATE invoices_delivery SET state = 'queued', due_at = due_at - interval '1 hour'"),
        ("I8", "UPDATE usage_usagemonth SET stale_since = frozen_at - interval '1 hour'"),
        ("I9", "UPDATE invoices_ledgerside SET amount = amount + 1 WHERE account = 'receivable'"),
        ("I9", "DELETE FROM invoices_ledgerside WHERE account = 'tax'"),
        ("I9", "UPDATE invoices_receivable SET settled = 0.1"),
        ("I10", "UPDATE tenants_contract SET name_en = 'Mine'"),
        ("I11", "UPDATE invoices_runstep SET tenant_id = (SELECT max(id) FROM tenants_tenant)"),
    ],
)
def test_a_row_changed_behind_our_back_is_named(books: Any, invariant: str, statement: str, capsys: Any) -> None:
    tamper(statement)
    assert invariant in {each.invariant for each in broken(NOW + timedelta(minutes=1))}
    with pytest.raises(SystemExit) as ended:
        call_command("check_books")
    assert ended.value.code == 1
    assert f"{invariant} does not hold" in capsys.readouterr().out


def test_a_number_that_was_given_out_of_turn_is_named(books: Any, seller: Any) -> None:
    other = other_contract(seller)
    run = close(seller, NOW + timedelta(hours=1))
    issue_by_two(run.steps.get(contract=other).invoice_id)
    tamper("UPDATE invoices_invoice SET issued_at = issued_at + interval '1 day' WHERE number = 'HD-2026-000001'")
    (found,) = [each for each in broken(NOW + timedelta(hours=1)) if each.invariant == "I5"]
    assert [row[1] for row in found.rows] == ["HD-2026-000002"]


@pytest.mark.parametrize(
    ("invariant", "constraint", "statement"),
    [
        ("I3", "net_and_tax_make_total", "UPDATE invoices_invoice SET total = total + 1"),
        ("I13", "batch_adds_up", "UPDATE usage_batch SET received = received + 1"),
        ("I7", "delivered_once", "INSERT INTO invoices_delivery ({columns}) SELECT {other} FROM invoices_delivery"),
        (
            "I7",
            "invoices_delivery_message_id_key",
            "INSERT INTO invoices_delivery ({columns}) SELECT {again} FROM invoices_delivery",
        ),
    ],
)
def test_what_a_constraint_holds_is_found_all_the_same(
    books: Any, invariant: str, constraint: str, statement: str
) -> None:
    names = [each.column for each in Delivery._meta.fields if not each.primary_key]
    filled = {
        "columns": ", ".join(names),
        "other": ", ".join("'<other@huadan.example>'" if name == "message_id" else name for name in names),
        "again": ", ".join("'copy-1'" if name == "kind" else name for name in names),
    }
    table = next(word for word in statement.split() if "_" in word)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER, DROP CONSTRAINT {constraint}")
        cursor.execute(statement.format(**filled))
        assert invariant in {each.invariant for each in broken(NOW)}
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_line SET amount = amount * 2 WHERE amount < 0",
        "UPDATE invoices_line SET key = 'other ' || key WHERE amount < 0",
        "UPDATE invoices_invoice SET net = net + 0.01, tax = tax - 0.01 WHERE kind = 'credit_note'",
    ],
)
def test_a_credit_note_that_takes_back_otherwise_is_named(books: Any, statement: str) -> None:
    asked = request_credit(books, None, reason="Wrong", by="li", now=NOW)
    decide(asked.pk, approve=True, by="chen", now=NOW)
    assert list(broken(NOW)) == []
    tamper(statement)
    assert "I12" in {each.invariant for each in broken(NOW)}


@pytest.mark.parametrize(
    ("statement", "guard"),
    [
        ("UPDATE invoices_numberseries SET next_number = next_number + 2", "numberseries"),
        ("UPDATE invoices_numberseries SET next_number = next_number - 1", "numberseries"),
        ("UPDATE invoices_numberseries SET year = year + 1, next_number = next_number + 1", "numberseries"),
        ("DELETE FROM invoices_numberseries", "numberseries"),
        ("UPDATE invoices_tableexport SET by = 'another'", "tableexport"),
        ("DELETE FROM invoices_tableexport", "tableexport"),
        (
            "UPDATE invoices_invoice SET state = 'issued', number = 'HD-2', issued_at = now(), issued_by = 'li' WHERE net = 9",
            "do not add up",
        ),
    ],
)
def test_the_database_guards_numbers_exports_and_lines(
    books: Any, contract: Any, seller: Any, statement: str, guard: str
) -> None:
    november = period_containing(date(2026, 11, 1))
    draft = draft_month(contract, november, NOW)
    Invoice.objects.filter(pk=draft.pk).update(
        state="requested", requested_by="wang", due_on=NOW, net=9, tax=0, total=9
    )
    _note, rows = begin_export("payments", "csv", seller, november.starts_on, november.ends_on, by="li", now=NOW)
    assert list(rows) == []
    assert TableExport.objects.get().rows == 0
    with pytest.raises(DatabaseError, match=guard), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_database_refuses_a_credit_note_beyond_its_invoice(bill: Any) -> None:
    invoice = bill("70")
    credit(invoice, Decimal(-50))
    with pytest.raises(DatabaseError, match="more than its invoice"):
        credit(invoice, Decimal("-20.01"))
    credit(invoice, Decimal(-20))


def test_the_nightly_check_raises_an_alarm_and_tells_by_mail(books: Any, smtp: Any, settings: Any) -> None:
    settings.LANGUAGE_CODE = "zh-hans"
    tamper("UPDATE invoices_line SET amount = amount + 1")
    auditing.request_check(by="schedule", now=datetime.now(UTC))
    with capture_logs() as logs:
        tasks.check_books()
    assert {each["invariant"] for each in logs if each["event"] == "books are broken"} == {"I3", "I6", "I10"}
    alarm = auditing.open_alarm()
    assert alarm is not None
    found = alarm.broken[0]
    assert found["columns"][:2] == ["id", "number"]
    assert found["rows"][0][1] == books.number
    mail = message_from_bytes(smtp.accepted[0], policy=default)
    assert mail["To"] == "billing@huadan.example"
    assert "账目检查" in mail["Subject"]
    assert f"/admin/invoices/bookscheck/{alarm.pk}/change/" in mail.get_content()
    tasks.tell_of_books()
    assert len(smtp.accepted) == 1, "told once"

    tamper("UPDATE invoices_line SET amount = amount - 1")
    auditing.request_check(by="schedule", now=datetime.now(UTC))
    tasks.check_books()
    assert auditing.open_alarm() is None, "a check that finds nothing ends it"


def test_there_is_one_check_at_a_time_and_one_worker_does_it(books: Any) -> None:
    now = datetime.now(UTC)
    check = auditing.request_check(by="li", now=now)
    assert auditing.request_check(by="wang", now=now).pk == check.pk
    assert auditing.run_check(check, now)
    assert not auditing.run_check(check, now)
    check.refresh_from_db()
    assert (check.answered, check.questions, check.broken) == (check.questions, len(list(answers(now))), [])


def test_a_check_whose_worker_died_is_taken_up_again(books: Any) -> None:
    now = datetime.now(UTC)
    check = auditing.request_check(by="li", now=now)
    BooksCheck.objects.update(began_at=now)
    assert auditing.waiting_check(now + timedelta(minutes=5)) is None
    assert auditing.waiting_check(now + timedelta(hours=3)) == check
