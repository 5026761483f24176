"""From calls to an issued invoice, on a real PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.periods import period_containing
from invoices.approving import CannotApprove
from invoices.drafting import AlreadyIssued, draft_month
from invoices.issuing import CannotIssue, stored_pdf
from invoices.models import Delivery, Invoice, NumberSeries
from tests.conftest import NOW, call_of, issue_by_two
from usage.aggregation import count_now, mark_newly_agreed, stale_months
from usage.models import UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))


def test_three_calls_become_two_tier_lines_and_their_total(contract: Any, post: Any) -> None:
    post(
        call_of(1), call_of(2), call_of(3, ended_at="2026-10-08T09:00:15+08:00")
    )  # 61 s, 61 s, 10 s: 2 + 2 + 1 minutes
    draft = draft_month(contract, OCTOBER, NOW)
    assert [(line.key, line.amount) for line in draft.lines.all()] == [
        ("talk.tier-1", Decimal("0.300")),
        ("talk.tier-2", Decimal("0.300")),
    ]
    assert (draft.net, draft.tax, draft.total) == (Decimal("0.60"), Decimal("0.04"), Decimal("0.64"))
    used = {"calls": 3, "answered": 3, "talk_seconds": 132, "billed_seconds": 300, "unanswered": 0}
    assert draft.document["summary"] == used


def test_a_draft_follows_calls_that_come_later(contract: Any, post: Any) -> None:
    post(call_of(1))
    first = draft_month(contract, OCTOBER, NOW)
    post(call_of(2))
    second = draft_month(contract, OCTOBER, NOW + timedelta(minutes=1))
    assert (first.pk, first.net, second.net) == (second.pk, Decimal("0.30"), Decimal("0.50"))


def test_issuing_numbers_freezes_and_owes_the_mail(contract: Any, post: Any) -> None:
    post(call_of(1))
    issued = issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    assert (issued.number, issued.due_on, issued.issued_by) == ("HD-2026-000001", date(2026, 12, 8), "li")
    assert issued.document["number"] == "HD-2026-000001"
    assert UsageMonth.objects.get(tenant_id=issued.tenant_id, period=OCTOBER.starts_on).state == UsageMonth.FROZEN
    assert list(Delivery.objects.values_list("recipient", "state")) == [("finance@north.example", "queued")]
    with pytest.raises(AlreadyIssued):
        draft_month(contract, OCTOBER, NOW)
    with pytest.raises(CannotIssue):
        issue_by_two(issued.pk)


def test_a_draft_older_than_its_calls_is_not_issued(contract: Any, post: Any) -> None:
    post(call_of(1))
    draft = draft_month(contract, OCTOBER, NOW)
    post(call_of(2))
    with pytest.raises(CannotIssue) as refusal:
        issue_by_two(draft.pk)
    assert refusal.value.code == "stale_draft"
    assert not NumberSeries.objects.filter(next_number__gt=1).exists()


def test_a_refused_issue_gives_its_number_back(contract: Any, post: Any, monkeypatch: Any) -> None:
    post(call_of(1))
    draft = draft_month(contract, OCTOBER, NOW)
    with monkeypatch.context() as broken:
        broken.setattr("invoices.issuing.owe_mails", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            issue_by_two(draft.pk)
    assert issue_by_two(draft.pk).number == "HD-2026-000001"


def test_uncovered_usage_blocks_the_draft(make_contract: Any, post: Any) -> None:
    from tests.conftest import TALK

    contract = make_contract(TALK | {"select": {"direction": "inbound"}})
    post(call_of(1))
    draft = draft_month(contract, OCTOBER, NOW)
    assert draft.blocked
    with pytest.raises(CannotApprove):
        issue_by_two(draft.pk)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE invoices_invoice SET total = 0, net = 0, tax = 0",
        "UPDATE invoices_invoice SET state = 'draft', number = NULL, issued_at = NULL",
        "DELETE FROM invoices_line",
        "UPDATE invoices_line SET amount = 0",
        "INSERT INTO invoices_line (invoice_id, position, key, clause, amount) SELECT id, 99, 'x', 'x', 1 FROM invoices_invoice",
        "UPDATE invoices_storedfile SET content = ''",
        "DELETE FROM invoices_storedfile",
    ],
)
def test_the_database_refuses_to_change_an_issued_invoice(contract: Any, post: Any, statement: str) -> None:
    post(call_of(1))
    stored_pdf(issue_by_two(draft_month(contract, OCTOBER, NOW).pk), NOW)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_call_after_the_freeze_is_kept_late_and_not_counted(contract: Any, post: Any) -> None:
    post(call_of(1))
    issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    assert post(call_of(2))["accepted"] == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT call_id FROM usage_call WHERE 'late' = ANY(flags)")
        assert cursor.fetchall() == [("call-2",)]
    assert Invoice.objects.get().document["evidence"]["calls"] == 1


def test_the_stored_pdf_is_rendered_once(contract: Any, post: Any) -> None:
    post(call_of(1))
    issued = issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    first, second = stored_pdf(issued, NOW), stored_pdf(issued, NOW)
    assert first.pk == second.pk
    assert bytes(first.content).startswith(b"%PDF-1.7")


def test_calls_counted_before_the_contract_was_signed_are_charged(tenant: Any, post: Any, make_contract: Any) -> None:
    post(call_of(1))
    count_now(tenant, OCTOBER, NOW)  # nobody has agreed to anything yet
    assert draft_month(make_contract(), OCTOBER, NOW).net == Decimal("0.30")


def test_days_that_no_contract_rules_are_uncovered_not_free(make_contract: Any, post: Any) -> None:
    contract = make_contract(starts_on=date(2026, 10, 9))
    post(
        call_of(1),
        call_of(
            2,
            started_at="2026-10-09T09:00:00+08:00",
            answered_at="2026-10-09T09:00:05+08:00",
            ended_at="2026-10-09T09:00:50+08:00",
        ),
    )
    draft = draft_month(contract, OCTOBER, NOW)
    assert draft.net == Decimal("0.15")
    assert draft.blocked


def test_beat_finds_months_counted_before_a_signature(tenant: Any, post: Any, make_contract: Any) -> None:
    post(call_of(1))
    count_now(tenant, OCTOBER, NOW - timedelta(days=1))
    assert mark_newly_agreed(NOW) == 0
    make_contract()
    assert mark_newly_agreed(NOW) == 1
    assert stale_months(10) == [(tenant.pk, OCTOBER.starts_on)]
