"""The pages of the month's close: what is parked, why, and going on with a reason and a name."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from invoices.models import Finding, RunStep
from tests.conftest import TALK, call_of
from tests.verbs.test_closing import close

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def parked(seller: Any, make_contract: Any, post: Any, monkeypatch: Any) -> RunStep:
    for module in ("invoices.tasks", "invoices.admin.closes"):
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
