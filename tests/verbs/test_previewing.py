"""A preview prices real calls under a draft, and leaves nothing behind."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.periods import Period
from invoices import previewing
from invoices.previewing import preview_month
from tenants.contracts import end
from tenants.models import Contract, ContractVersion, Tenant
from tests.conftest import NOW, TALK, call_of
from usage.aggregation import count_if_stale
from usage.models import UsageTotal
from usage.recounting import totals_if_agreed

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))
DRAFT = {"version": 1, "currency": "CNY", "clauses": [TALK | {"price": "0.50"}]}


def draft_of(contract: Contract, **changes: Any) -> ContractVersion:
    return ContractVersion.objects.create(
        contract=contract, number=9, starts_on=date(2027, 1, 1), agreement=DRAFT | changes
    )


def test_the_whole_month_is_priced_under_the_draft_beside_what_is_in_force(contract: Contract, post: Any) -> None:
    post(call_of(1), call_of(2))  # two minutes each
    before = list(UsageTotal.objects.order_by("pk").values())
    preview = preview_month(draft_of(contract), OCTOBER)
    assert preview.bill.total == Decimal("2.00")  # 4 * 0.50, no tax
    assert preview.in_force is not None
    assert preview.in_force.total == Decimal("0.53")  # 2 * 0.15 + 2 * 0.10, 6 % tax
    assert list(UsageTotal.objects.order_by("pk").values()) == before


def test_a_contract_that_is_not_in_force_yet_has_nothing_beside_it(tenant: Tenant, post: Any) -> None:
    paper = Contract.objects.create(tenant=tenant, code="C-9", name_zh="合同", name_en="Contract")
    post(call_of(1))
    preview = preview_month(draft_of(paper), OCTOBER)
    assert (preview.bill.total, preview.in_force) == (Decimal("1.00"), None)


def test_only_the_calls_the_contract_is_for_are_priced(tenant: Tenant, post: Any) -> None:
    paper = Contract.objects.create(
        tenant=tenant, code="C-9", name_zh="合同", name_en="Contract", scope={"robot": ["north"]}
    )
    post(call_of(1, robot="north"), call_of(2, robot="south"))
    assert preview_month(draft_of(paper), OCTOBER).bill.total == Decimal("1.00")


def test_calls_that_no_clause_of_the_draft_takes_are_shown_as_uncovered(contract: Contract, post: Any) -> None:
    post(call_of(1))
    inbound = TALK | {"select": {"direction": "inbound"}}
    preview = preview_month(draft_of(contract, clauses=[inbound]), OCTOBER)
    assert [each.calls for each in preview.bill.uncovered] == [1]


def test_what_is_in_force_is_read_from_fresh_totals_and_counted_when_they_are_not(
    contract: Contract, post: Any, monkeypatch: Any
) -> None:
    post(call_of(1))
    count_if_stale(contract.tenant, OCTOBER, NOW)
    counted: list[int] = []

    def noted(*of: Any) -> Any:
        counted.append(1)
        return totals_if_agreed(*of)

    monkeypatch.setattr(previewing, "totals_if_agreed", noted)

    def priced() -> tuple[Decimal, int]:
        counted.clear()
        preview = preview_month(version, OCTOBER)
        assert preview.in_force is not None
        return preview.in_force.net, len(counted)

    version = draft_of(contract)
    assert priced() == (Decimal("0.30"), 1), "only the draft is counted"
    post(call_of(2))
    assert priced() == (Decimal("0.50"), 2), "a call came: two minutes at 0.15, two at 0.10"
    count_if_stale(contract.tenant, OCTOBER, NOW)
    assert priced() == (Decimal("0.50"), 1)
    end(contract, date(2026, 10, 8), by="li", reason="", now=NOW + timedelta(seconds=1))
    version.refresh_from_db()
    assert priced() == (Decimal("0.00"), 2), "the contract ends before the calls"
