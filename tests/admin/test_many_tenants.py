"""With thousands of tenants no page lists them all: they are found by typing, and a list's page is cut by its keys."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from billing.admin import KeyedPaginator
from invoices.models import Invoice
from tenants.models import Tenant
from tests.admin.rows import make_rows
from tests.conftest import call_of

pytestmark = pytest.mark.django_db
ASKING = {"app_label": "usage", "model_name": "source", "field_name": "tenant"}


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("li", password="a-long-password-1"))
    return client


@pytest.fixture
def many(contract: Any) -> list[Tenant]:
    model = contract.tenant
    return Tenant.objects.bulk_create(
        Tenant(
            seller=model.seller,
            code=f"many-{n}",
            name_zh=f"许多{n}号",
            name_en=f"Many No. {n}",
            currency="CNY",
            zone="Asia/Shanghai",
        )
        for n in range(40)
    )


@pytest.mark.parametrize(
    "page",
    [
        "tenants_apikey", "tenants_budget", "tenants_budgetalert", "usage_source", "usage_unmasking", "usage_removal",
        "usage_calllisting", "usage_batchlisting", "usage_quarantinelisting", "usage_declarationlisting", "usage_levellisting",
    ],
)  # fmt: skip
def test_no_page_lists_every_tenant(staff: Client, many: list[Tenant], page: str) -> None:
    answer = staff.get(reverse(f"admin:{page}_changelist"))
    assert answer.status_code == 200
    assert b"No. 17" not in answer.content
    assert "许多17号" not in answer.content.decode()
    assert b"admin-autocomplete" in answer.content


@pytest.mark.parametrize("typed", ["many-17", "许多17", "Many No. 17"])
def test_a_tenant_is_found_by_its_code_and_either_name(staff: Client, many: list[Tenant], typed: str) -> None:
    found = staff.get(reverse("admin:autocomplete"), ASKING | {"term": typed}).json()["results"]
    assert [each["id"] for each in found] == [str(many[17].pk)]


def test_tenants_are_not_offered_to_who_may_not_see_them(client: Client, many: list[Tenant]) -> None:
    client.force_login(User.objects.create_user("zhao", password="a-long-password-1", is_staff=True))
    assert client.get(reverse("admin:autocomplete"), ASKING | {"term": "many"}).status_code == 403


def test_the_chosen_tenant_is_named_on_the_page(staff: Client, many: list[Tenant]) -> None:
    answer = staff.get(
        reverse("admin:usage_calllisting_changelist"), {"tenant": many[17].pk}, HTTP_ACCEPT_LANGUAGE="en"
    )
    assert b"Many No. 17" in answer.content
    assert b"Many No. 18" not in answer.content


def test_a_page_cut_by_its_keys_has_the_rows_of_the_list_in_their_order(many: list[Tenant]) -> None:
    rows = Tenant.objects.select_related("seller").order_by("-code")
    pages = KeyedPaginator(rows, 15)
    assert [list(page) for page in pages] == [list(rows[:15]), list(rows[15:30]), list(rows[30:45])]


def test_invoices_are_found_by_a_part_of_their_number_their_tenant_and_their_contract(
    staff: Client, contract: Any, post: Any
) -> None:
    post(call_of(1))
    make_rows(contract)
    invoice = Invoice.objects.filter(number__isnull=False, contract=contract).first()
    assert invoice is not None
    for asked in (str(invoice.number)[3:], contract.tenant.code, contract.tenant.name_zh[1:], contract.code):
        listed = staff.get(reverse("admin:invoices_invoice_changelist"), {"q": asked}).context["cl"]
        assert invoice in listed.result_list, asked
    assert staff.get(reverse("admin:invoices_invoice_changelist"), {"q": "no such"}).context["cl"].result_count == 0
