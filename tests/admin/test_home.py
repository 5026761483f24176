"""The first page tells each person what waits for them, how the month runs and what is owed, in few queries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.periods import period_containing
from invoices import closing, standing, stepping
from invoices.admin import waiting
from invoices.approving import request_issue
from invoices.drafting import draft_month
from invoices.models import CloseRun, CreditRequest, RunStep
from tests.conftest import NOW, call_of
from usage.models import Quarantined

pytestmark = pytest.mark.django_db(transaction=True)
ENGLISH = {"Accept-Language": "en"}


def person(client: Any, name: str, *permissions: str) -> User:
    made = User.objects.create_user(name, password="x", is_staff=True)
    made.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(made)
    return made


def home(client: Any) -> dict[str, Any]:
    answer = client.get("/admin/", headers=ENGLISH)
    return {"page": answer.content.decode()} | {
        str(each.name): (each.shown, each.address) for each in answer.context["waiting"] if each.count
    }


def test_what_waits_is_counted_and_leads_to_its_list(client: Any, admin_user: Any, bill: Any, contract: Any) -> None:
    overdue = bill("106", days=-400)
    CreditRequest.objects.create(invoice=overdue, reason="wrong price", requested_by="wang", requested_at=NOW)
    client.force_login(admin_user)
    seen = home(client)
    assert seen["Overdue invoices"] == ("1", "/admin/invoices/invoice/?payment=overdue")
    assert seen["Requests for credit notes to decide"][0] == "1"
    for shown, address in (each for name, each in seen.items() if name != "page"):
        listed = client.get(address, headers=ENGLISH, follow=True)
        assert listed.status_code == 200
        assert "e=1" not in listed.request["QUERY_STRING"], f"{address} is no filter of its list"
        rows = listed.context["queue"] if "queue" in listed.context else listed.context["cl"].result_list
        assert int(shown) == len(rows)


def test_approval_waits_for_another_person_only(client: Any, contract: Any) -> None:
    draft = draft_month(contract, period_containing(date(2026, 10, 1)), NOW)
    person(client, "zhao", "view_invoice", "issue_invoice")
    assert home(client)["Drafts to review"][0] == "1"
    request_issue(draft.pk, reason="Reviewed.", by="zhao", now=NOW)
    assert "Invoices another person put up for your approval" not in home(client)
    person(client, "qian", "view_invoice", "issue_invoice")
    assert home(client)["Invoices another person put up for your approval"][0] == "1"
    person(client, "sun", "view_invoice")
    assert "Invoices another person put up for your approval" not in home(client)


def test_nobody_sees_what_their_role_hides(client: Any, bill: Any) -> None:
    bill("106", days=-400)
    person(client, "zhou", "view_tenant")
    page = home(client)["page"]
    assert "Your role sees nothing that could wait." in page
    assert "106" not in page
    assert "Receivables by age" not in page
    assert "The running month" not in page


def test_many_are_counted_up_to_a_bound(
    client: Any, admin_user: Any, tenant: Any, source: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(waiting, "MOST", 3)
    Quarantined.objects.bulk_create(
        Quarantined(
            tenant_id=tenant.pk, id=f"00000000-0000-4000-8000-00000000000{n}", source_id=source.pk, position=n,
            batch_id="00000000-0000-4000-8000-000000000000", code="x", raw=b"", received_at=NOW,
        ) for n in range(9)
    )  # fmt: skip
    client.force_login(admin_user)
    assert home(client)["Records in quarantine"][0] == "3+"


def test_the_running_month_is_what_the_rehearsal_counted_and_expects(
    client: Any, admin_user: Any, seller: Any, contract: Any, post: Any
) -> None:
    now = datetime.now(UTC)
    today = timezone.localdate(now)
    begun = now - timedelta(seconds=90)
    post(
        call_of(
            1, started_at=begun.isoformat(), answered_at=begun.isoformat(), ended_at=(begun + timedelta(seconds=60)).isoformat()
        )
    )  # fmt: skip
    closing.start_rehearsals(today, now)
    while held := stepping.claim(now):
        stepping.work(held)
    step = RunStep.objects.get()
    assert step.state in {RunStep.READY, RunStep.PARKED}
    (running,) = standing.running_month(standing.rehearsals(today))
    assert (running.currency, running.received, running.counted) == ("CNY", 1, 1)
    assert (running.amount, running.expected) == (Decimal(step.figures["total"]), Decimal(step.figures["expected"]))
    client.force_login(admin_user)
    page = home(client)["page"]
    assert "expected by the month" in page
    assert "In the last hour 1 delivery brought 1 records." in page
    assert standing.rehearsals(date(2020, 1, 1)) == []


def test_what_is_owed_adds_up_to_what_is_open(bill: Any) -> None:
    today = NOW.date()
    for total, days in (("10", 5), ("20", -1), ("30", -31), ("40", -61), ("50", -91)):
        bill(total, days=days)
    assert standing.owed_by_age(today) == {"CNY": [Decimal(each) for each in (10, 20, 30, 40, 50)]}


def test_the_page_asks_few_queries_however_much_there_is(
    client: Any, admin_user: Any, bill: Any, seller: Any, contract: Any
) -> None:
    for total in range(1, 6):
        bill(str(total), days=-total)
    CloseRun.objects.create(seller=seller, month=date(2026, 9, 1), started_at=NOW, started_by="li")
    client.force_login(admin_user)
    with CaptureQueriesContext(connection) as asked:
        client.get("/admin/")
    assert len(asked) < 20, [each["sql"][:100] for each in asked]
    assert not [each for each in asked if 'FROM "usage_call"' in each["sql"]]
