"""A service level that the calls tell is counted from them; what a person enters for the month stands instead."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.periods import period_containing
from billing.rating.totals import Measurement, Totals
from invoices.drafting import draft_month
from invoices.previewing import preview_month
from tenants.contracts import amend
from tenants.levels import enter_level
from tenants.models import Contract, ContractVersion
from tests.conftest import NOW, TALK, call_of, issue_by_two

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
OCTOBER = period_containing(date(2026, 10, 1))
ACT: dict[str, Any] = {"by": "li", "reason": "report", "now": NOW}


def promise(measure: str, code: str = "promise", below: str = "0.8") -> dict[str, Any]:
    return {
        "code": code, "kind": "service_level", "name": {"zh": "服务", "en": "Service"}, "measure": measure,
        "price": {"kind": "flat", "price": "100"}, "credits": [{"below": below, "rate": "0.1"}],
    }  # fmt: skip


UNANSWERED: dict[str, Any] = {"answered_at": None}
SLOW = {"answered_at": "2026-10-08T09:00:21+08:00"}  # 21 seconds after it began
INBOUND = {"direction": "inbound"}


@pytest.fixture
def october(post: Any) -> None:
    """Post three answered calls (one of them late to answer), and a fourth, inbound one that nobody answered."""
    post(call_of(1), call_of(2), call_of(3, **SLOW), call_of(4, **UNANSWERED, **INBOUND))


def measurements(totals: dict[str, Any]) -> tuple[Measurement, ...]:
    return Totals.from_json(totals).measurements


@pytest.mark.parametrize(
    ("measure", "level"),
    [
        ("answer_rate", "0.75"),
        ("outbound_answer_rate", "1"),
        ("inbound_answer_rate", "0"),
        ("answered_within_20s", "0.5"),
        ("answered_within_21s", "0.75"),
        ("outbound_answered_within_20s", "0.666666"),  # rounded down: two of three
    ],
)
def test_a_level_is_the_share_of_the_calls_that_met_it(
    measure: str, level: str, make_contract: Any, october: None
) -> None:
    draft = draft_month(make_contract(TALK, promise(measure)), OCTOBER, NOW)
    assert measurements(draft.totals) == (Measurement(measure, Decimal(level), counted=True),)
    credit = draft.lines.filter(key="promise.credit").first()
    assert (credit.amount if credit else 0) == (-10 if Decimal(level) < Decimal("0.8") else 0)


def test_any_other_measure_waits_for_a_person_and_a_month_without_calls_missed_nothing(
    make_contract: Any, post: Any
) -> None:
    draft = draft_month(make_contract(TALK, promise("availability"), promise("answer_rate", "p-2")), OCTOBER, NOW)
    assert measurements(draft.totals) == ()
    assert not draft.lines.filter(key__endswith="credit").exists()


def test_what_was_entered_for_the_month_stands_instead(make_contract: Any, october: None) -> None:
    contract = make_contract(TALK, promise("answer_rate"))
    enter_level(contract, "answer_rate", Decimal("0.99"), OCTOBER, **ACT)
    draft = draft_month(contract, OCTOBER, NOW)
    assert measurements(draft.totals) == (Measurement("answer_rate", Decimal("0.990000")),)
    assert not draft.lines.filter(key="promise.credit").exists()


def test_a_month_is_measured_over_all_versions_that_look_at_it(make_contract: Any, october: None, post: Any) -> None:
    contract = make_contract(TALK, promise("answer_rate"))
    document = contract.versions.get().agreement
    amend(contract, document, starts_on=date(2026, 10, 9), **ACT)
    late = {"started_at": "2026-10-20T09:00:00+08:00", "ended_at": "2026-10-20T09:01:00+08:00"}
    post(call_of(5, **late, **UNANSWERED))
    draft = draft_month(contract, OCTOBER, NOW)
    assert measurements(draft.totals) == (Measurement("answer_rate", Decimal("0.6"), counted=True),)
    given_back = draft.lines.filter(key__contains="credit").values_list("amount", flat=True)
    assert sum(given_back) == -10, "a tenth of both parts of the month's fee"


def test_a_preview_measures_the_month_under_the_draft(contract: Contract, october: None) -> None:
    agreement = {"version": 1, "currency": "CNY", "clauses": [TALK, promise("answer_rate")]}
    version = ContractVersion.objects.create(
        contract=contract, number=9, starts_on=date(2027, 1, 1), agreement=agreement
    )
    preview = preview_month(version, OCTOBER)
    assert [line.amount for line in preview.bill.lines if line.key == "promise.credit"] == [Decimal("-10.00")]


def test_a_late_call_that_misses_the_target_is_settled_as_a_credit(make_contract: Any, post: Any) -> None:
    contract = make_contract(TALK, promise("answer_rate"))
    post(*(call_of(number) for number in range(4)))
    issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    post(call_of(8, **UNANSWERED), call_of(9, **UNANSWERED))  # 4 of 6
    november = draft_month(contract, period_containing(date(2026, 11, 1)), NOW)
    settled = [line["amount"] for line in november.document["bill"]["lines"] if "promise.credit" in line["key"]]
    assert settled == ["-10.00"]
