"""A contract's life: signed, amended, ended, renewed; scopes apart, the invoiced past untouched, each act on record."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.periods import period_containing
from tenants.contracts import (
    CannotChangePast,
    CannotEnd,
    CannotSign,
    NotInForce,
    amend,
    end,
    freeze_contract,
    renew,
    reopen_contract,
    sign,
    terms_for,
)
from tenants.models import Contract, ContractEvent, ContractVersion, Tenant
from tests.conftest import NOW, TALK

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
AGREEMENT = {"version": 1, "currency": "CNY", "clauses": [TALK]}
OCTOBER = period_containing(date(2026, 10, 1))
ACT = {"by": "li", "reason": "talked on the phone", "now": NOW}


@pytest.fixture
def beside(tenant: Tenant) -> Callable[..., ContractVersion]:
    """Draft a version of another contract of the tenant."""

    def draft(scope: dict[str, Any], code: str = "C-2", starts_on: date = date(2026, 1, 1)) -> ContractVersion:
        other = Contract.objects.create(tenant=tenant, code=code, name_zh="合同", name_en="Contract", scope=scope)
        return ContractVersion.objects.create(contract=other, number=1, starts_on=starts_on, agreement=AGREEMENT)

    return draft


def test_every_act_says_who_when_and_why(contract: Contract) -> None:
    amend(contract, AGREEMENT, starts_on=date(2026, 10, 16), **ACT)
    end(contract, date(2027, 1, 1), **ACT)
    renew(contract, date(2028, 1, 1), **ACT)
    renew(contract, None, **ACT)
    told = ContractEvent.objects.values_list("kind", "effective_on", "by", "reason", "at")
    assert list(told) == [
        ("signed", date(2026, 1, 1), "test", "agreed", NOW),
        ("amended", date(2026, 10, 16), "li", "talked on the phone", NOW),
        ("ended", date(2027, 1, 1), "li", "talked on the phone", NOW),
        ("renewed", date(2028, 1, 1), "li", "talked on the phone", NOW),
        ("renewed", None, "li", "talked on the phone", NOW),
    ]
    assert [(s.number, s.days) for s in terms_for(contract, OCTOBER).segments] == [("1", 15), ("2", 16)]


def test_after_its_end_a_contract_says_nothing(contract: Contract) -> None:
    end(contract, date(2026, 10, 11), **ACT)
    contract.refresh_from_db()
    assert terms_for(contract, OCTOBER).segments[-1].ends_on == date(2026, 10, 11)
    with pytest.raises(NotInForce):
        terms_for(contract, period_containing(date(2026, 11, 1)))


def test_what_cannot_be_is_refused_with_a_sentence(contract: Contract) -> None:
    with pytest.raises(CannotEnd, match="runs longer"):
        renew(contract, date(2027, 1, 1), **ACT)
    with pytest.raises(CannotEnd, match="delete its draft"):
        end(contract, date(2025, 1, 1), **ACT)
    end(contract, date(2027, 1, 1), **ACT)
    with pytest.raises(CannotEnd, match="ends on 2027-01-01; renew it"):
        end(contract, date(2027, 2, 1), **ACT)
    with pytest.raises(CannotSign, match="ends on 2027-01-01; begin earlier"):
        amend(contract, AGREEMENT, starts_on=date(2027, 1, 1), **ACT)
    with pytest.raises(CannotSign, match="Version 1 begins on 2026-01-01 too"):
        amend(contract, AGREEMENT, starts_on=date(2026, 1, 1), **ACT)
    with pytest.raises(CannotSign, match="billed in CNY"):
        amend(contract, AGREEMENT | {"currency": "USD"}, starts_on=date(2026, 5, 1), **ACT)
    assert contract.versions.count() == 1, "a refused amendment leaves nothing behind"


def test_a_percentage_of_a_clause_that_does_not_exist_is_not_signed(contract: Contract) -> None:
    fee = {"code": "fee", "kind": "recurring", "name": TALK["name"], "price": "1"}
    percent = fee | {"kind": "service_level", "price": {"kind": "percentage", "rate": "0.1", "of": ["talks"]}}
    with pytest.raises(CannotSign, match="No clause has the code talks") as refusal:
        amend(contract, AGREEMENT | {"clauses": [TALK, percent]}, starts_on=date(2026, 5, 1), **ACT)
    assert refusal.value.pointer == "/agreement/clauses/1/price/of"


def test_nothing_changes_in_a_month_that_is_invoiced(contract: Contract, beside: Any) -> None:
    freeze_contract(contract.pk, date(2026, 11, 1))
    with pytest.raises(
        CannotChangePast, match="2026-10-31 lies in a month that is invoiced; choose 2026-11-01 or later"
    ):
        amend(contract, AGREEMENT, starts_on=date(2026, 10, 31), **ACT)
    with pytest.raises(CannotChangePast):
        end(contract, date(2026, 10, 31), **ACT)
    with pytest.raises(CannotChangePast):  # it would take calls out of the other's invoice
        sign(beside({"robot": ["r1"]}), **ACT)
    amend(contract, AGREEMENT, starts_on=date(2026, 11, 1), **ACT)
    freeze_contract(contract.pk, date(2026, 10, 1))
    contract.refresh_from_db()
    assert contract.frozen_until == date(2026, 11, 1), "freezing never goes back"
    reopen_contract(contract.pk, date(2026, 10, 1))
    amend(contract, AGREEMENT, starts_on=date(2026, 10, 31), **ACT)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ({}, {}, True),
        ({}, {"robot": ["a"]}, False),
        ({"robot": ["a", "b"]}, {"robot": ["b", "c"]}, True),
        ({"robot": ["a"]}, {"robot": ["b"]}, False),
        ({"robot": ["a"]}, {"line": ["l"]}, True),
        ({"robot": ["a"], "line": ["l"]}, {"robot": ["a"], "line": ["m"]}, False),
        ({"labels": {"shop": ["1"]}}, {"labels": {"shop": ["2"]}}, False),
        ({"labels": {"shop": ["1"]}}, {"labels": {"city": ["2"]}}, True),
        ({"source": ["s"], "labels": {"shop": ["1"]}}, {"source": ["s"], "labels": {"shop": ["2"]}}, False),
    ],
)
def test_contracts_stand_side_by_side_when_their_scopes_are_apart(
    one: Any, other: Any, meet: bool, beside: Any
) -> None:
    sign(beside(one, "C-1"), **ACT)
    second = beside(other)
    if meet:
        with pytest.raises(CannotSign, match="Contract C-1 is for the same calls"):
            sign(second, **ACT)
        with pytest.raises(DatabaseError, match="the same calls"), transaction.atomic():
            ContractVersion.objects.filter(pk=second.pk).update(signed_at=NOW)
    else:
        sign(second, **ACT)


def test_a_contract_may_follow_another_and_keeps_it_from_being_renewed(contract: Contract, beside: Any) -> None:
    end(contract, date(2026, 10, 1), **ACT)
    sign(beside({}, starts_on=date(2026, 10, 1)), **ACT)
    with pytest.raises(CannotSign, match="Contract C-2"):
        renew(contract, date(2026, 10, 2), **ACT)
    with pytest.raises(DatabaseError, match="the same calls"), transaction.atomic():
        Contract.objects.filter(pk=contract.pk).update(ends_on=date(2026, 10, 2))


def test_of_two_overlapping_contracts_signed_at_once_one_is_signed(beside: Any) -> None:
    drafts = [beside({}, f"C-{number}") for number in range(4)]

    def attempt(version: ContractVersion) -> str:
        try:
            sign(version, **ACT)
        except CannotSign as refusal:
            return refusal.code
        finally:
            connection.close()
        return "signed"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, drafts)) == ["contracts_overlap"] * 3 + ["signed"]


SIGNED = """INSERT INTO tenants_contractversion
    (contract_id, number, starts_on, agreement, changes, signed_at, signed_by, reason)
    SELECT id, 3, '%s', '{}', '[]', now(), 'x', 'x' FROM tenants_contract"""


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE tenants_contractversion SET agreement = '{}'", "is signed"),
        ("UPDATE tenants_contractversion SET starts_on = '2026-02-01'", "is signed"),
        ("UPDATE tenants_contractversion SET signed_at = NULL", "is signed"),
        ("DELETE FROM tenants_contractversion", "is signed"),
        ('UPDATE tenants_contract SET scope = \'{"robot": ["x"]}\'', "its scope stands"),
        ("UPDATE tenants_contract SET ends_on = '2026-10-31'", "is invoiced up to 2026-11-01"),
        ("UPDATE tenants_contractevent SET by = 'nobody'", "only added to"),
        ("DELETE FROM tenants_contractevent", "only added to"),
        (SIGNED % "2026-10-31", "begins in an invoiced month"),
        (SIGNED % "2026-11-01", "one_signed_version_a_day"),
    ],
)
def test_the_database_refuses_to_change_what_was_signed_or_done(statement: str, says: str, contract: Contract) -> None:
    amend(contract, AGREEMENT, starts_on=date(2026, 11, 1), **ACT)
    freeze_contract(contract.pk, date(2026, 11, 1))
    with pytest.raises(DatabaseError, match=says), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_signed_version_is_not_changed_by_bulk_update_or_save(contract: Contract) -> None:
    version = contract.versions.get()
    version.reason = "other"
    for change in (
        lambda: ContractVersion.objects.update(reason="other"),
        lambda: ContractVersion.objects.bulk_update([version], ["starts_on"]),
        version.save,
        version.delete,
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
