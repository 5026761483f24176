"""What cannot be right gets a sentence that says what to do, in the reader's language, and changes nothing."""

from __future__ import annotations

import html
from datetime import date
from typing import Any

import pytest
from django.test import Client

from tenants.contracts import freeze_contract
from tenants.models import Contract, ContractVersion, Seller, Tenant
from tests.conftest import TALK

pytestmark = pytest.mark.django_db(transaction=True)
AGREEMENT: dict[str, Any] = {"version": 1, "currency": "CNY", "clauses": [TALK]}
OPEN = TALK | {"price": {"kind": "graduated", "tiers": [{"up_to": "1000", "price": "0.15"}]}}
GAP = TALK | {"price": {"kind": "graduated", "tiers": [{"price": "0.15"}, {"up_to": "5000", "price": "0.1"}, {"price": "0.05"}]}}  # fmt: skip
PERCENT = {"code": "fast", "kind": "service_level", "name": TALK["name"], "price": {"kind": "percentage", "rate": "0.05", "of": ["tlak"]}}  # fmt: skip
PARTY = {
    "code": "n2", "name_zh": "甲", "name_en": "A", "zone": "Asia/Shanghai", "billing_day": 1, "language": "zh",
    "currency": "CNY", "accept_days_back": 9, "retention_months": 9, "status": "active", "tax_id": "",
    "contacts-TOTAL_FORMS": 0, "contacts-INITIAL_FORMS": 0, "contracts-TOTAL_FORMS": 0, "contracts-INITIAL_FORMS": 0,
}  # fmt: skip
both = pytest.mark.parametrize("language", ["en", "zh-hans"])


def said(client: Client, address: str, sent: dict[str, Any], language: str) -> str:
    answer = client.post(f"/admin/{address}", sent, headers={"Accept-Language": language}, follow=True)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def draft(contract: Contract, number: int = 2, starts_on: str = "2026-12-01", **changes: Any) -> ContractVersion:
    return ContractVersion.objects.create(
        contract=contract, number=number, starts_on=starts_on, agreement=AGREEMENT | changes
    )


@both
@pytest.mark.parametrize(
    ("field", "wrong", "english", "chinese"),
    [
        ("zone", "Asia/Beijing", "There is no time zone Asia/Beijing; write a name such as Asia/Shanghai.", "没有时区 Asia/Beijing，请填写 Asia/Shanghai"),
        ("tax_id", "91310000MA1K4XBX04", "compare it with the business licence", "请与营业执照核对"),
    ],
)  # fmt: skip
def test_a_zone_and_a_tax_id_that_cannot_be(
    field: str, wrong: str, english: str, chinese: str, language: str, admin_client: Client, seller: Seller
) -> None:
    shown = said(admin_client, "tenants/tenant/add/", PARTY | {"seller": seller.pk, field: wrong}, language)
    assert (english if language == "en" else chinese) in shown
    assert not Tenant.objects.filter(code="n2").exists()


@both
@pytest.mark.parametrize(
    ("tax_id", "untaxed", "english", "chinese"),
    [
        ("", "E", "Enter the seller's tax id first", "请先填写开具方的纳税人识别号"),
        ("91310000MA1K4XBX03", "AE", "has to name who owes the tax", "须写明由谁纳税"),
        ("91310000MA1K4XBX03", "G", "begins with its country", "以国家代码开头"),
    ],
)
def test_settings_that_would_break_a_rule_of_factur_x(
    tax_id: str, untaxed: str, english: str, chinese: str, language: str, admin_client: Client, seller: Seller
) -> None:
    Seller.objects.update(tax_id=tax_id)
    sent = PARTY | {
        "seller": seller.pk,
        "factur_x": "on",
        "untaxed": untaxed,
        "country": "DE",
        "tax_invoice": "special",
    }
    assert (english if language == "en" else chinese) in said(admin_client, "tenants/tenant/add/", sent, language)
    assert not Tenant.objects.exists()


@both
@pytest.mark.parametrize(
    ("clauses", "english", "chinese"),
    [
        ([GAP], "leave a gap", "阶梯在此有缺口或重叠"),
        ([OPEN], "so that no quantity lacks a price", "以免有用量没有价格"),
        ([TALK, PERCENT], "No clause has the code tlak", "没有代码为 tlak 的条款"),
    ],
)
def test_a_gap_in_tiers_and_a_percentage_of_nothing_keep_a_draft_from_being_signed(
    clauses: list[Any], english: str, chinese: str, language: str, admin_client: Client, contract: Contract
) -> None:
    version = draft(contract, clauses=clauses)
    for page in ("sign", "json"):
        sent = {"starts_on": "2026-12-01", "reason": "signed", "document": "{}"} if page == "sign" else {}
        address = f"tenants/contractversion/{version.pk}/{page}/"
        answer = admin_client.get(f"/admin/{address}", headers={"Accept-Language": language})
        shown = said(admin_client, address, sent, language) if sent else html.unescape(answer.content.decode())
        assert (english if language == "en" else chinese) in shown
    version.refresh_from_db()
    assert version.signed_at is None


@both
def test_a_contract_for_the_same_calls_is_not_signed(
    language: str, admin_client: Client, contract: Contract, tenant: Tenant
) -> None:
    other = Contract.objects.create(tenant=tenant, code="C-2", name_zh="合同", name_en="Contract")
    version = draft(other, 1)
    sent = {"starts_on": "2026-12-01", "reason": "signed"}
    shown = said(admin_client, f"tenants/contractversion/{version.pk}/sign/", sent, language)
    assert "C-1" in shown
    assert ("end it first, begin later, or set the scopes apart" if language == "en" else "请先终止") in shown
    version.refresh_from_db()
    assert version.signed_at is None


@both
def test_nothing_is_entered_into_an_invoiced_month(language: str, admin_client: Client, make_contract: Any) -> None:
    seats = {"code": "seats", "kind": "seat", "name": TALK["name"], "item": "seats", "price": "80"}
    pack = {"code": "pack", "kind": "package", "name": TALK["name"], "price": "9", "quantity": "5", "covers": [{"clause": "talk"}]}  # fmt: skip
    level = PERCENT | {
        "code": "sla",
        "price": "9",
        "measure": "availability",
        "credits": [{"below": "0.9", "rate": "0.1"}],
    }
    contract = make_contract(TALK, seats, pack, level)
    freeze_contract(contract.pk, date(2026, 11, 1))
    version = draft(contract)
    day = "2026-10-31"
    tries: list[tuple[str, dict[str, Any]]] = [
        (f"tenants/contractversion/{version.pk}/sign/", {"starts_on": day, "reason": "r"}),
        *(
            (f"tenants/contract/{contract.pk}/holdings/", sent | {"reason": "r"})
            for sent in (
                {"do": "subscribe", "item": "seats", "change": "1", "on": day},
                {"do": "measure", "measure": "availability", "level": "0.9", "month": "2026-10-01"},
                {"do": "buy", "package": "pack", "on": day},
                {"do": "end", "on": day},
            )
        ),
    ]
    for address, sent in tries:
        shown = said(admin_client, address, sent, language)
        wanted = "is invoiced; choose 2026-11-01 or later" if language == "en" else "2026-11-01 或之后"
        assert wanted in shown, (sent, [line for line in shown.splitlines() if "2026-1" in line])
    contract.refresh_from_db()
    assert (contract.ends_on, contract.subscriptions.count(), contract.measurements.count()) == (None, 0, 0)
    assert contract.packages.count() == 0
