"""The pages of the month's close: what is parked, why, and going on with a reason and a name."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.test import Client
from django.utils.translation import override

from invoices import tasks
from invoices.admin.periods import state_of
from invoices.admin.places import place_of
from invoices.findings import SENTENCES
from invoices.models import CloseRun, Finding, RunStep
from invoices.reopening import decide, request_reopening
from tenants.models import Seller
from tests.conftest import NOW, TALK, call_of
from tests.verbs.test_closing import FIRST, close

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def parked(seller: Any, make_contract: Any, post: Any, monkeypatch: Any) -> RunStep:
    for module in ("invoices.tasks", "invoices.admin.closes", "invoices.admin.periods"):
        monkeypatch.setattr(f"{module}.continue_closes", lambda: None)
    make_contract(TALK | {"select": {"direction": "inbound"}})
    post(call_of(1))
    return close(seller).steps.get()


def staff(*permissions: str, language: str = "en") -> Client:
    user = User.objects.create_user(f"li{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def act(client: Client, page: str, action: str, pk: int, **more: str) -> str:
    data = {"action": action, "_selected_action": str(pk), **more}
    return client.post(f"/admin/invoices/{page}/", data, follow=True).content.decode()


def test_the_pages_say_what_was_found_in_both_languages(parked: RunStep, admin_client: Any) -> None:
    for page, english, chinese in (
        ("closerun", "0 of 1 ready, 1 parked", "0 / 1 就绪，1 搁置"),
        ("runstep", "1 calls of 61 s are taken by no clause on the meter talk time", "计量项通话时长上有"),
        ("finding", "1 calls of 61 s are taken by no clause", "未被任何条款覆盖"),
    ):
        for language, text in (("en", english), ("zh-CN", chinese)):
            shown = admin_client.get(f"/admin/invoices/{page}/", headers={"Accept-Language": language})
            assert text in shown.content.decode(), (page, language)


def test_a_finding_is_accepted_with_a_reason_and_a_name(parked: RunStep) -> None:
    finding = Finding.objects.get(severity=Finding.ERROR)
    clerk = staff("view_finding", "change_invoice")
    assert "Say why" in act(clerk, "finding", "accept", finding.pk)
    assert "1 row changed" in act(clerk, "finding", "accept", finding.pk, reason="A test call.")
    finding.refresh_from_db()
    assert (finding.accepted_by, finding.accepted_reason) == ("li0", "A test call.")
    parked.refresh_from_db()
    assert parked.state == RunStep.PLANNED


def test_who_may_only_look_changes_nothing(parked: RunStep) -> None:
    act(staff("view_runstep"), "runstep", "resume", parked.pk)
    parked.refresh_from_db()
    assert parked.state == RunStep.PARKED


def test_the_page_of_a_contract_takes_a_reason_and_leads_to_the_calls(parked: RunStep) -> None:
    clerk, address = staff("view_runstep", "change_invoice"), f"/admin/invoices/runstep/{parked.pk}/change/"
    shown = clerk.get(address).content.decode()
    assert f"/admin/usage/calllisting/?tenant={parked.tenant_id}&amp;from=2026-10-01&amp;to=2026-10-31" in shown
    finding = str(Finding.objects.get(severity=Finding.ERROR).pk)
    assert "Say why" in clerk.post(address, {"finding": finding, "reason": " "}, follow=True).content.decode()
    assert (
        "Accepted by li0" in clerk.post(address, {"finding": finding, "reason": "Tests."}, follow=True).content.decode()
    )
    other = staff("view_runstep")
    assert other.post(address, {"do": "resume"}).status_code == 403
    assert other.get(address).status_code == 200


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_each_finding_leads_to_a_page_that_there_is(parked: RunStep, admin_client: Any, code: str) -> None:
    facts = {
        "days": "2026-10-06, 2026-10-13", "month": "2026-09", "version": 1, "starts_on": "2026-10-01", "ends_on": "2026-11-01",
    }  # fmt: skip
    place = place_of(Finding(step=parked, code=code, severity=Finding.ERROR, facts=facts))
    assert place.name
    assert admin_client.get(place.address).status_code == 200


def test_a_month_is_closed_from_the_page_once(parked: RunStep, admin_client: Any) -> None:
    address, asked = "/admin/invoices/closerun/start/", {"seller": str(parked.run.seller_id), "month": "2026-10"}
    assert admin_client.post(address, asked)["Location"] == f"/admin/invoices/closerun/{parked.run_id}/change/"
    later = admin_client.post(address, asked | {"month": "2036-10"}).content.decode()
    assert "No contract has a month to close in 2036-10." in later
    assert staff("view_closerun").get(address).status_code == 403


def test_the_report_is_a_file_for_who_may_see_the_close(parked: RunStep, admin_client: Any) -> None:
    for form, kind in (("csv", "text/csv"), ("xlsx", "spreadsheetml")):
        answer = admin_client.get(f"/admin/invoices/closerun/{parked.run_id}/report.{form}")
        assert kind in answer["Content-Type"]
        assert answer.getvalue()
    assert staff("view_runstep").get(f"/admin/invoices/closerun/{parked.run_id}/report.csv").status_code == 403


def test_the_schedule_closes_and_rehearses_by_itself_and_the_page_tells(parked: RunStep, monkeypatch: Any) -> None:
    monkeypatch.setattr(tasks, "REHEARSAL_HOUR", 0)
    CloseRun.objects.all().delete()
    Seller.objects.update(billing_starts_on="2026-10-01", grace_days=2)
    tasks.start_due_closes()
    close, rehearsal = CloseRun.objects.get(purpose="close"), CloseRun.objects.get(purpose="shadow")
    assert (close.started_by, close.month.isoformat()) == ("schedule", "2026-10-01")
    tasks.start_due_closes()
    assert CloseRun.objects.count() == 2, "once"
    rehearsal.steps.update(state=RunStep.PARKED, reason="No price.")
    page = staff("view_closerun", "change_invoice").get("/admin/invoices/closerun/start/").content.decode()
    assert "by itself, 2 days after the period" in page
    assert "1 contract could not be closed as it is" in page
    assert f"/admin/invoices/closerun/{rehearsal.pk}/change/" in page
    Seller.objects.update(closes_by_itself=False)
    CloseRun.objects.all().delete()
    tasks.start_due_closes()
    assert not CloseRun.objects.filter(purpose="close").exists()


def test_a_month_that_was_opened_again_says_by_whom_and_why(seller: Seller, tenant: Any, contract: Any) -> None:
    close(seller)
    asked = request_reopening(tenant, FIRST, reason="The switch was down.", by="li", now=NOW)
    assert "Frozen" in state_of(AnonymousUser(), tenant, FIRST).sentence
    decide(asked.pk, approve=True, by="wang", now=NOW)
    with override("en"):
        told = state_of(AnonymousUser(), tenant, FIRST).sentence
    assert told.startswith("Opened again on 2026-11-23 12:00 by wang: The switch was down.")
    with override("zh-hans"):
        assert "重新开启" in state_of(AnonymousUser(), tenant, FIRST).sentence
