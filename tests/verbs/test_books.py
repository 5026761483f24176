"""The books are checked: each invariant finds the row that breaks it, and nothing in books that are well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from structlog.testing import capture_logs

from invoices import auditing, tasks
from invoices.books import answers, broken
from invoices.issuing import stored_pdf
from invoices.models import BooksCheck, Delivery
from tenants.models import Tenant
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.test_closing import close, other_contract

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
    Delivery.objects.update(state="sent")
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
        ("I3", "UPDATE invoices_line SET amount = amount + 1"),
        ("I4", "UPDATE invoices_invoice SET totals = '{\"version\": 1}'"),
        ("I5", "UPDATE invoices_numberseries SET next_number = 3"),
        ("I6", "UPDATE invoices_storedfile SET content = 'x'"),
        ("I8", "UPDATE invoices_delivery SET state = 'queued', due_at = due_at - interval '1 hour'"),
        ("I8", "UPDATE usage_usagemonth SET stale_since = frozen_at - interval '1 hour'"),
        ("I9", "UPDATE invoices_ledgerside SET amount = amount + 1 WHERE account = 'receivable'"),
        ("I9", "DELETE FROM invoices_ledgerside WHERE account = 'tax'"),
        ("I9", "UPDATE invoices_receivable SET settled = 0.1"),
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


def test_the_nightly_check_raises_an_alarm_and_tells_by_mail(books: Any, smtp: Any, settings: Any) -> None:
    settings.LANGUAGE_CODE = "zh-hans"
    tamper("UPDATE invoices_line SET amount = amount + 1")
    auditing.request_check(by="schedule", now=datetime.now(UTC))
    with capture_logs() as logs:
        tasks.check_books()
    assert {each["invariant"] for each in logs if each["event"] == "books are broken"} == {"I3"}
    alarm = auditing.open_alarm()
    assert alarm is not None
    (found,) = alarm.broken
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
