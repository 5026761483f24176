"""Contracts of one tenant beside each other: each call is counted under exactly one of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.drafting import draft_month
from tenants.contracts import sign
from tenants.models import Contract, ContractVersion
from tests.conftest import NOW, TALK, call_of

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))


@pytest.fixture
def agree(tenant: Any) -> Any:
    def agree(code: str, scope: dict[str, Any], starts_on: date = date(2026, 1, 1), **clause: Any) -> Contract:
        contract = Contract.objects.create(tenant=tenant, code=code, name_zh="合同", name_en="Contract", scope=scope)
        document = {"version": 1, "currency": "CNY", "clauses": [TALK | {"price": "1"} | clause]}
        version = ContractVersion.objects.create(contract=contract, number=1, starts_on=starts_on, agreement=document)
        sign(version, by="test", reason="agreed", now=NOW)
        return contract

    return agree


def calls(contract: Contract) -> tuple[int, int]:
    """Return the calls on the contract's draft, and the uncovered ones."""
    document = draft_month(contract, OCTOBER, NOW).document
    return document["summary"]["calls"], sum(each["calls"] for each in document["bill"].get("uncovered", []))


def test_each_call_is_counted_under_one_contract(agree: Any, post: Any) -> None:
    robots, shops, rest = (
        agree("A", {"robot": ["r1", "r2"]}),
        agree("B", {"robot": ["r3"], "labels": {"shop": ["a"]}}),
        agree("C", {}),
    )
    post(
        call_of(1, robot="r1"), call_of(2, robot="r2"), call_of(3, robot="r3", labels={"shop": "a"}),
        call_of(4, robot="r3"), call_of(5), call_of(6, robot="r9", labels={"shop": "a"}),
    )  # fmt: skip
    assert [calls(each) for each in (robots, shops, rest)] == [(2, 0), (1, 0), (3, 0)]


def test_calls_that_no_contract_is_for_are_uncovered_once(agree: Any, post: Any) -> None:
    one, two = agree("A", {"robot": ["r1"]}), agree("B", {"robot": ["r2"]})
    post(call_of(1, robot="r1"), call_of(2, robot="r2"), call_of(3, robot="r3"), call_of(4))
    assert [calls(each) for each in (one, two)] == [(1, 2), (1, 0)]


def test_the_rest_takes_what_a_contract_is_for_before_it_begins(agree: Any, post: Any) -> None:
    late, rest = agree("A", {"robot": ["r1"]}, date(2026, 10, 8)), agree("B", {})
    day_before = {"started_at": "2026-10-07T23:59:59+08:00", "answered_at": "2026-10-08T00:00:05+08:00",
                  "ended_at": "2026-10-08T00:01:06+08:00"}  # fmt: skip
    post(call_of(1, robot="r1"), call_of(2, robot="r1", **day_before))
    assert [calls(each) for each in (late, rest)] == [(1, 0), (1, 0)]


def test_a_source_is_a_scope_too(agree: Any, post: Any, source: Any) -> None:
    one, rest = agree("A", {"source": [source.code]}), agree("B", {})
    post(call_of(1))
    assert [calls(each) for each in (one, rest)] == [(1, 0), (0, 0)]
