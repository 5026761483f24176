"""Drafts come in the order of their risk with the reason in words; accepting one asks another person, holding says why."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from invoices.approving import CannotApprove, hold, request_issue, send_back
from invoices.issuing import issue
from invoices.models import Finding, Invoice, RunStep
from invoices.reviewing import drafts_by_risk
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.test_closing import close, other_contract

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
REVIEW = "/admin/invoices/invoice/review/"


@pytest.fixture
def drafts(seller: Any, contract: Any, post: Any) -> list[Invoice]:
    """Two drafts of a close: one of a first month with a call, one of a monthly fee."""
    post(call_of(1))
    other_contract(seller)
    return [step.invoice for step in close(seller).steps.order_by("contract__code")]


def reviewer(client: Any, name: str = "sun", *permissions: str) -> None:
    made = User.objects.create_user(name, password="x", is_staff=True)
    names = permissions or ("view_invoice", "change_invoice")
    made.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(made)


def test_the_riskiest_come_first_and_say_why(drafts: list[Invoice]) -> None:
    quiet, risky = drafts
    Finding.objects.all().delete()
    step = RunStep.objects.get(invoice=risky)
    step.figures |= {"last_total": "10.00", "late": 3}
    step.save()
    Finding.objects.create(
        step=step, code="quarantined", severity=Finding.WARNING, facts={"records": 7}, found_at=NOW
    )  # fmt: skip
    first, second = drafts_by_risk()
    assert first.invoice_id == risky.pk
    assert first.reasons == (
        "+900 % against last month.",
        "7 records lie in quarantine since the month began. Correct and replay them.",
        "3 calls of earlier months came late and are settled here.",
        "The tenant has no tax id.",
    )
    assert (second.invoice_id, second.low, second.reasons) == (quiet.pk, True, ("The tenant has no tax id.",))
    assert first.change == Decimal("900.0")
    assert not first.low


def test_an_error_somebody_accepted_is_still_told_with_the_name(drafts: list[Invoice]) -> None:
    Finding.objects.all().delete()
    Finding.objects.create(
        step=RunStep.objects.get(invoice=drafts[0]), code="no_usage", severity=Finding.ERROR, found_at=NOW,
        accepted_at=NOW, accepted_by="li", accepted_reason="They were closed.",
    )  # fmt: skip
    first = drafts_by_risk()[0]
    assert first.invoice_id == drafts[0].pk
    assert first.reasons[0].endswith("Accepted by li: They were closed.")


def test_accepting_goes_to_the_next_and_asks_another_person(client: Any, drafts: list[Invoice]) -> None:
    reviewer(client)
    first, second = drafts_by_risk()
    sent = {"invoice": first.invoice_id, "do": "accept", "reason": "Looked at the lines."}
    answer = client.post(REVIEW, sent)
    assert answer.url == f"{REVIEW}?at={second.invoice_id}"
    accepted = Invoice.objects.get(pk=first.invoice_id)
    assert (accepted.state, accepted.requested_by) == (Invoice.REQUESTED, "sun")
    with pytest.raises(CannotApprove):
        issue(accepted.pk, by="sun", now=NOW)
    again = client.post(REVIEW, sent, follow=True, headers={"Accept-Language": "en"})
    assert "somebody was quicker" in again.content.decode()
    assert accepted.events.count() == 1


def test_a_held_draft_waits_at_the_end_until_it_is_drafted_anew(client: Any, drafts: list[Invoice]) -> None:
    reviewer(client)
    first, second = drafts_by_risk()
    refused = client.post(REVIEW, {"invoice": first.invoice_id, "do": "hold", "reason": " "})
    assert refused.url == f"{REVIEW}?at={first.invoice_id}", "without a reason it stays in sight"
    client.post(REVIEW, {"invoice": first.invoice_id, "do": "hold", "reason": "Price disputed."})
    last = drafts_by_risk()[-1]
    assert (last.invoice_id, last.held, last.low) == (first.invoice_id, "Held by sun: Price disputed.", False)
    Invoice.objects.filter(pk=first.invoice_id).update(drafted_at="2030-01-01T00:00:00Z")
    assert [each.held for each in drafts_by_risk()] == ["", ""]
    issue_by_two(second.invoice_id)
    with pytest.raises(CannotApprove):
        hold(second.invoice_id, reason="too late", by="sun", now=NOW)


def test_what_an_approver_sent_back_says_so(drafts: list[Invoice]) -> None:
    Invoice.objects.update(drafted_at=NOW)
    request_issue(drafts[0].pk, reason="Reviewed.", by="sun", now=NOW)
    send_back(drafts[0].pk, reason="Wrong month.", by="li", now=NOW)
    assert drafts_by_risk()[0].reasons[0] == "Sent back by li: Wrong month."


def test_low_risk_is_accepted_together_with_its_list_and_total(client: Any, drafts: list[Invoice]) -> None:
    Finding.objects.all().delete()
    reviewer(client)
    page = client.get(REVIEW, headers={"Accept-Language": "en"})
    listed = client.get(page.context["low_address"], headers={"Accept-Language": "en"})
    assert page.context["low"] == 2
    assert [each.pk for each, *_rest in listed.context["chosen"]] == sorted(each.pk for each in drafts)
    client.post(page.context["low_address"], {"reason": "Nothing stands out."})
    assert Invoice.objects.filter(state=Invoice.REQUESTED).count() == 2
    assert "No draft waits for review." in client.get(REVIEW, headers={"Accept-Language": "en"}).content.decode()


def test_the_queue_is_for_those_who_may(client: Any, drafts: list[Invoice]) -> None:
    reviewer(client, "zhou", "view_tenant")
    assert client.get(REVIEW).status_code == 403
    reviewer(client, "wu", "view_invoice")
    assert client.get(REVIEW).status_code == 200
    assert client.post(REVIEW, {"invoice": drafts[0].pk, "do": "accept", "reason": "x"}).status_code == 403
    assert Invoice.objects.filter(state=Invoice.DRAFT).count() == 2
