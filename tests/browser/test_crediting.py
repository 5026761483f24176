"""One person asks for a credit note in the admin, another approves it; in Chinese and English."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.models import CreditNote, CreditRequest, Invoice
from tests.conftest import call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invoice(contract: Any, post: Any) -> Invoice:
    post(call_of(1), call_of(2))
    draft = draft_month(contract, period_containing(date(2026, 10, 1)), datetime.now(UTC))
    return issue_by_two(draft.pk, datetime.now(UTC))


def test_a_line_is_credited_by_two_people(admin_page: Any, live_server: Any, invoice: Invoice) -> None:
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/{invoice.pk}/change/")
    admin_page.click("text=Credit …")
    admin_page.check("input[value=some]")
    admin_page.fill("input[name='amount-talk.tier-2']", "0.25")
    admin_page.fill("#reason", "Two calls were tests")
    admin_page.click("text=Ask for the credit note")
    assert "between 0 and 0.20" in admin_page.inner_text("body")
    assert admin_page.input_value("#reason") == "Two calls were tests"
    admin_page.fill("input[name='amount-talk.tier-2']", "0.05")
    admin_page.click("text=Ask for the credit note")
    admin_page.wait_for_selector("text=Asked for; another person decides")
    asked = CreditRequest.objects.get()
    address = f"{live_server.url}/admin/invoices/creditrequest/{asked.pk}/change/"
    admin_page.goto(address)
    assert "another person decides" in admin_page.inner_text("body")
    assert not admin_page.query_selector("text=Approve, issue and send")
    User.objects.filter(username=asked.requested_by).update(username="somebody-else")
    admin_page.goto(address)
    admin_page.click("text=Approve, issue and send")
    admin_page.wait_for_selector("text=C-HD-2026-000001 is issued.")
    assert CreditNote.objects.get().document["reason"] == "Two calls were tests"
    admin_page.goto(f"{live_server.url}/admin/invoices/creditnote/")
    assert "-0.05" in admin_page.inner_text("body")
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/{invoice.pk}/change/")
    assert "C-HD-2026-000001" in admin_page.inner_text("body")
