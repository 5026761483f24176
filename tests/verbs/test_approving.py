"""Two people issue an invoice: one asks, another approves or sends back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.errors import Refused
from billing.periods import period_containing
from invoices.approving import CannotApprove, request_issue, send_back
from invoices.drafting import draft_month
from invoices.issuing import issue
from invoices.models import Invoice, InvoiceEvent
from invoices.tasks import issue_invoices
from tests.conftest import NOW, call_of, issue_by_two

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
OCTOBER = period_containing(date(2026, 10, 1))


@pytest.fixture
def draft(contract: Any, post: Any) -> Invoice:
    post(call_of(1))
    return draft_month(contract, OCTOBER, NOW)


def history(invoice: Invoice) -> list[tuple[str, str, str]]:
    return list(invoice.events.values_list("what", "by", "reason"))


def test_one_asks_another_issues_and_the_history_says_so(draft: Invoice) -> None:
    request_issue(draft.pk, reason="Compared with September.", by="wang", now=NOW)
    issued = issue(draft.pk, by="li", now=NOW)
    assert (issued.state, issued.requested_by, issued.issued_by) == ("issued", "wang", "li")
    assert history(issued) == [("requested", "wang", "Compared with September."), ("issued", "li", "")]


def test_what_nobody_asked_for_is_not_issued(draft: Invoice) -> None:
    with pytest.raises(CannotApprove) as refused:
        issue(draft.pk, by="li", now=NOW)
    assert refused.value.code == "not_requested"


def test_whoever_asked_cannot_approve(draft: Invoice) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)
    with pytest.raises(CannotApprove) as refused:
        issue(draft.pk, by="wang", now=NOW)
    assert refused.value.code == "four_eyes"
    assert Invoice.objects.get().number is None


def test_a_request_needs_a_reason_and_a_draft(draft: Invoice) -> None:
    with pytest.raises(CannotApprove) as refused:
        request_issue(draft.pk, reason=" ", by="wang", now=NOW)
    assert refused.value.code == "reason_needed"
    issue_by_two(draft.pk)
    with pytest.raises(CannotApprove) as refused:
        request_issue(draft.pk, reason="Again.", by="wang", now=NOW)
    assert refused.value.code == "no_draft"


def test_sent_back_it_is_a_draft_again(draft: Invoice) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)
    back = send_back(draft.pk, reason="The seats look wrong.", by="li", now=NOW)
    assert (back.state, back.requested_by, back.requested_at) == ("draft", "", None)
    assert history(back)[-1] == ("sent_back", "li", "The seats look wrong.")
    with pytest.raises(CannotApprove):
        send_back(draft.pk, reason="Again.", by="li", now=NOW)


def test_drafted_anew_the_request_lapses(contract: Any, draft: Invoice) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)
    assert draft_month(contract, OCTOBER, NOW).state == Invoice.DRAFT
    assert history(draft)[-1][0] == InvoiceEvent.LAPSED
    with pytest.raises(CannotApprove):
        issue(draft.pk, by="li", now=NOW)


def test_a_refusal_of_the_worker_stands_in_the_history(draft: Invoice) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)
    issue_invoices([draft.pk], "wang")
    assert history(draft)[-1][:2] == ("refused", "wang")


def test_eight_approvals_at_once_issue_once(draft: Invoice) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)

    def approve(number: int) -> str:
        try:
            return str(issue(draft.pk, by=f"li{number}", now=NOW).number)
        except Refused as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(approve, range(8)))
    assert answers == ["HD-2026-000001", *["no_draft"] * 7]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'issued', number = 'X', issued_at = now(), due_on = now(), issued_by = 'wang'",
        "state = 'issued', number = 'X', issued_at = now(), due_on = now(), issued_by = ''",
        "requested_by = ''",
        "state = 'draft'",
    ],
)
def test_the_database_says_so_too(draft: Invoice, change: str) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE invoices_invoice SET {change} WHERE id = %s", [draft.pk])


@pytest.mark.parametrize("change", ["UPDATE invoices_invoiceevent SET by = 'x'", "DELETE FROM invoices_invoiceevent"])
def test_history_is_only_added_to(draft: Invoice, change: str) -> None:
    request_issue(draft.pk, reason="Reviewed.", by="wang", now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
