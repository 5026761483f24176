"""Finance enters what is held, measured and bought on the contract's page, and ends or renews the contract there."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tenants.catalogue import entries
from tenants.models import Contract

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def held(make_contract: Any) -> Contract:
    clauses = [clause for code in ("model-seats", "model-service-levels", "prepaid-minutes") for clause in entries()[code].agreement["clauses"]]  # fmt: skip
    known: dict[str, Any] = {clause["code"]: clause for clause in clauses}
    return make_contract(*known.values())


@pytest.fixture
def enter(admin_client: Any, held: Contract) -> Any:
    def send(**fields: str) -> str:
        answer = admin_client.post(f"/admin/tenants/contract/{held.pk}/holdings/", fields, follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    return send


def test_seats_change_with_day_reason_and_who(enter: Any, held: Contract) -> None:
    enter(do="subscribe", item="seats", change="10", on="2026-11-01", reason="signed")
    page = enter(do="subscribe", item="seats", change="-2", on="2026-11-16", reason="fewer agents")
    assert [(row.item, int(row.change), row.by, row.reason) for row in held.subscriptions.all()] == [
        ("seats", 10, "admin", "signed"),
        ("seats", -2, "admin", "fewer agents"),
    ]
    assert '<td class="ed-right">8</td>' in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"do": "subscribe", "item": "seats", "change": "-3", "on": "2026-11-01", "reason": "x"}, "take off fewer"),
        ({"do": "subscribe", "item": "seats", "change": "many", "on": "2026-11-01", "reason": "x"}, "Write a number"),
        ({"do": "subscribe", "item": "seats", "change": "3", "on": "soon", "reason": "x"}, "Write a day"),
        ({"do": "subscribe", "item": "seats", "change": "3", "on": "2026-11-01", "reason": " "}, "Say why"),
        ({"do": "subscribe", "item": "goats", "change": "3", "on": "2026-11-01", "reason": "x"}, "it knows: seats"),
        ({"do": "measure", "measure": "luck", "level": "1", "month": "2026-10-01", "reason": "x"}, "looks at luck"),
        ({"do": "buy", "package": "none", "on": "2026-10-01", "reason": "x"}, "sells no package none"),
        ({"do": "end", "on": "2020-01-01", "reason": "x"}, "not in force before that day"),
        ({"do": "renew", "on": "2030-01-01", "reason": "x"}, "runs longer"),
    ],
)
def test_a_wrong_entry_is_refused_with_a_sentence_and_kept_on_the_page(
    enter: Any, held: Contract, fields: dict[str, str], said: str
) -> None:
    page = enter(**fields)
    assert said in page
    if fields["reason"].strip():
        assert 'value="x"' in page
    assert not held.subscriptions.exists()


def test_a_level_is_entered_for_a_month_and_the_latest_counts(enter: Any, held: Contract) -> None:
    enter(do="measure", measure="availability", level="0.9985", month="2026-10-01", reason="monitoring")
    page = enter(do="measure", measure="availability", level="99.9%", month="2026-10-01", reason="corrected")
    assert [str(each.level.normalize()) for each in held.measurements.order_by("pk")] == ["0.9985", "0.999"]
    assert "0.999" in page


def test_a_package_is_bought_and_shows_its_balance_and_movements(enter: Any, held: Contract) -> None:
    package = next(c for c in entries()["prepaid-minutes"].agreement["clauses"] if c["kind"] == "package")
    page = enter(do="buy", package=package["code"], on="2026-11-01", reason="order 7")
    assert held.packages.get().quantity == int(package["quantity"])
    assert "50,000 of 50,000 left" in page


def test_a_contract_ends_and_is_renewed_with_a_reason_each(enter: Any, held: Contract) -> None:
    assert "2027-01-01 is the first day it is no longer in force" in enter(
        do="end", on="2027-01-01", reason="terminated"
    )
    assert "runs on without end" in enter(do="renew", on="", reason="they came back")
    held.refresh_from_db()
    assert held.ends_on is None
    assert [(event.kind, event.reason) for event in held.events.order_by("pk")][1:] == [
        ("ended", "terminated"),
        ("renewed", "they came back"),
    ]


def test_someone_without_the_permission_enters_nothing(client: Any, held: Contract) -> None:
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_contract"))
    client.force_login(clerk)
    answer = client.post(
        f"/admin/tenants/contract/{held.pk}/holdings/",
        {"do": "subscribe", "item": "seats", "change": "3", "on": "2026-11-01", "reason": "x"},
    )
    assert answer.status_code == 403
    assert not held.subscriptions.exists()


def test_the_calls_a_contract_is_for_are_written_in_plain_fields_until_it_is_signed(
    admin_client: Any, tenant: Any, contract: Contract
) -> None:
    held = Contract.objects.create(tenant=tenant, code="C-2", name_zh="合同", name_en="Contract")
    address = f"/admin/tenants/contract/{held.pk}/change/"
    fields = {"tenant": held.tenant_id, "code": held.code, "name_zh": "合同", "name_en": "Contract", "versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}  # fmt: skip
    page = admin_client.post(address, fields | {"source": "switch-1，switch-2", "labels": "shop = north, south"})
    assert page.status_code == 302, page.content.decode()[-3000:]
    held.refresh_from_db()
    assert held.scope == {"source": ["switch-1", "switch-2"], "labels": {"shop": ["north", "south"]}}
    again = admin_client.get(address).content.decode()
    assert "switch-1, switch-2" in again
    page = admin_client.post(address, fields | {"labels": "shop"})
    assert "Write each label with its values" in page.content.decode()
    signed = f"/admin/tenants/contract/{contract.pk}/change/"
    page = admin_client.post(signed, fields | {"code": contract.code, "source": "switch-9"})
    contract.refresh_from_db()
    assert (page.status_code, contract.scope) == (302, {})
