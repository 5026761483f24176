"""The page of service levels shows what the calls say beside what a person entered, and which of them counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from billing.periods import period_containing
from invoices.drafting import draft_month
from tenants.levels import enter_level
from tests.conftest import NOW, TALK, call_of
from tests.verbs.test_levels_from_calls import promise

OCTOBER = period_containing(date(2026, 10, 1))
PAGE = "/admin/usage/levellisting/"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def finance() -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("li"))
    return client


def test_counted_and_entered_levels_stand_side_by_side(finance: Client, make_contract: Any, post: Any) -> None:
    contract = make_contract(TALK, promise("answer_rate"), promise("availability", "p-2"))
    post(call_of(1), call_of(2), call_of(3, answered_at=None))
    draft_month(contract, OCTOBER, NOW)
    shown = finance.get(PAGE).content.decode()
    assert "<strong>0.666666</strong>" in shown
    assert "2 of 3 calls" in shown
    enter_level(contract, "answer_rate", Decimal("0.9"), OCTOBER, by="li", reason="the line was cut", now=NOW)
    enter_level(contract, "availability", Decimal("0.99"), OCTOBER, by="li", reason="report", now=NOW)
    shown = finance.get(PAGE).content.decode()
    assert "<s>0.666666</s>" in shown
    assert "<strong>0.9</strong>" in shown
    assert "the line was cut" in shown
    assert "<strong>0.99</strong>" in shown
    held = finance.get(f"/admin/tenants/contract/{contract.pk}/holdings/").content.decode()
    assert "The calls tell answer rate;" in held
    assert f"{PAGE}?tenant={contract.tenant_id}" in held


def test_who_may_not_see_levels_is_kept_out() -> None:
    user = User.objects.create_user("u", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_call"))
    client = Client()
    client.force_login(user)
    assert client.get(PAGE).status_code == 403
