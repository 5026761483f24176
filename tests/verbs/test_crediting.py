"""Credit notes: two people, never more than was invoiced, whole credits end in zero, numbers of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.periods import period_containing
from billing.rating.reversal import CannotReverse
from invoices.crediting import CannotCredit, decide, left_of_invoice, request_credit
from invoices.drafting import AlreadyIssued, draft_month
from invoices.evidence import NoEvidence, bundle_of
from invoices.issuing import stored_pdf
from invoices.links import page_link
from invoices.models import CreditNote, CreditRequest, Delivery, Invoice
from tests.conftest import NOW, call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))


@pytest.fixture
def invoice(contract: Any, post: Any) -> Invoice:
    """0.30 in the first tier, 0.20 in the second, 6 % tax: 0.53."""
    post(call_of(1), call_of(2))
    return issue_by_two(draft_month(contract, OCTOBER, NOW).pk)


def credited(invoice: Invoice, amounts: dict[str, Decimal] | None = None) -> CreditNote:
    asked = request_credit(invoice, amounts, reason="Wrong number of calls", by="li", now=NOW)
    note = decide(asked.pk, approve=True, by="chen", now=NOW).credit_note
    assert note
    return note


def test_a_whole_credit_mirrors_the_invoice_and_ends_in_zero(invoice: Invoice) -> None:
    note = credited(invoice)
    assert (note.number, note.credits_id, note.state) == ("C-HD-2026-000001", invoice.pk, "issued")
    assert (note.net, note.tax, note.total) == (-invoice.net, -invoice.tax, -invoice.total)
    assert [(line.key, line.amount) for line in note.lines.all()] == [
        (line.key, -line.amount) for line in invoice.lines.all()
    ]
    assert note.document["credits"] == {"number": "HD-2026-000001", "issued_on": "2026-11-23"}
    assert set(left_of_invoice(invoice).values()) == {Decimal(0)}
    assert Delivery.objects.filter(invoice_id=note.pk).count() == 1
    assert list(CreditNote.objects.filter(credits=invoice)) == [note]
    with pytest.raises(CannotReverse, match="nothing to take back"):
        request_credit(invoice, None, reason="again", by="li", now=NOW)


def test_lines_are_credited_in_part_until_nothing_is_left(invoice: Invoice) -> None:
    first = credited(invoice, {"talk.tier-1": Decimal("0.10")})
    assert (first.net, first.total) == (Decimal("-0.10"), Decimal("-0.11"))
    with pytest.raises(CannotReverse) as refusal:
        credited(invoice, {"talk.tier-1": Decimal("0.21")})
    assert (refusal.value.code, refusal.value.pointer) == ("more_than_left", "/talk.tier-1")
    second = credited(invoice)
    assert invoice.total + first.total + second.total == 0
    assert second.number == "C-HD-2026-000002"


def test_whoever_asks_cannot_decide_and_the_database_says_so_too(invoice: Invoice) -> None:
    asked = request_credit(invoice, None, reason="Wrong", by="li", now=NOW)
    with pytest.raises(CannotCredit) as refusal:
        decide(asked.pk, approve=True, by="li", now=NOW)
    assert refusal.value.code == "four_eyes"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE invoices_creditrequest SET approved = false, decided_by = 'li', decided_at = now()")
    assert not CreditNote.objects.exists()


def test_a_declined_request_leaves_the_invoice_alone_and_is_kept(invoice: Invoice) -> None:
    asked = request_credit(invoice, None, reason="Wrong", by="li", now=NOW)
    decide(asked.pk, approve=False, by="chen", now=NOW)
    assert (CreditRequest.objects.get().approved, CreditNote.objects.count()) == (False, 0)
    with pytest.raises(CannotCredit, match="decided"):
        decide(asked.pk, approve=True, by="zhao", now=NOW)
    assert credited(invoice).number == "C-HD-2026-000001"


def test_many_approvals_at_once_make_one_credit_note(invoice: Invoice) -> None:
    asked = request_credit(invoice, None, reason="Wrong", by="li", now=NOW)

    def approve(number: int) -> str:
        try:
            return decide(asked.pk, approve=True, by=f"approver-{number}", now=NOW).decided_by
        except CannotCredit as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(approve, range(6)))
    assert sorted(answers)[1:] == ["decided"] * 5
    assert CreditNote.objects.count() == 1


def test_a_draft_cannot_be_credited_nor_a_credit_note(contract: Any, invoice: Invoice) -> None:
    november = draft_month(contract, period_containing(date(2026, 11, 1)), NOW)
    for document in (november, Invoice.documents.get(pk=credited(invoice).pk)):
        with pytest.raises(CannotCredit):
            request_credit(document, None, reason="Wrong", by="li", now=NOW)


def test_a_credit_note_does_not_stand_for_the_months_invoice(contract: Any, invoice: Invoice) -> None:
    credited(invoice)
    assert Invoice.objects.get(contract=contract, period_starts_on=OCTOBER.starts_on) == invoice
    with pytest.raises(AlreadyIssued):
        draft_month(contract, OCTOBER, NOW)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_invoice SET credits_id = NULL, kind = 'invoice' WHERE kind = 'credit_note'",
        "DELETE FROM invoices_line",
    ],
)
def test_the_database_refuses_to_change_a_credit_note(invoice: Invoice, statement: str) -> None:
    credited(invoice)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pdf_page_and_mail_show_the_credit_note(invoice: Invoice, client: Any, language: str) -> None:
    note = credited(invoice)
    assert bytes(stored_pdf(note, NOW, language).content).startswith(b"%PDF")
    page = client.get(f"{page_link(note)}?language={language}").content.decode()
    assert "HD-2026-000001" in page
    assert ("红字账单" if language == "zh" else "Credit note") in page
    assert "Wrong number of calls" in page
    assert "evidence.zip" not in page
    whole = client.get(f"{page_link(invoice)}?language={language}").content.decode()
    assert "C-HD-2026-000001" in whole
    with pytest.raises(NoEvidence):
        bundle_of(note, NOW)
    assert not mail.outbox
