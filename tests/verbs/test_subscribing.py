"""Modules, seats and numbers that change inside a month; levels measured of it; both reach the bill."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from billing.periods import period_containing
from billing.rating import Totals, rate
from billing.rating.totals import Change, Measurement
from invoices.drafting import draft_month
from invoices.issuing import CannotIssue
from tenants.contracts import CannotChangePast, terms_for
from tenants.levels import CannotMeasure, enter_level, measured_in
from tenants.models import Contract, SubscriptionChange
from tenants.packages import buy_package
from tenants.subscribing import CannotChange, change_subscription, held_in, held_on
from tests.conftest import NOW, TALK, call_of, issue_by_two

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
OCTOBER = period_containing(date(2026, 10, 1))


def clause(code: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"code": code, "kind": kind, "name": {"zh": code, "en": code}} | more


FLOW = clause("flow", "module", item="work_orders", price={"kind": "per_unit", "price": "310"})
SEATS = clause("seats", "seat", item="seats", price={"kind": "per_unit", "price": "62"})
ROUND = clause(
    "round-the-clock", "service_level", price={"kind": "flat", "price": "100"}, measure="answer_rate",
    credits=[{"below": "0.95", "rate": "0.1"}, {"below": "0.90", "rate": "0.5"}],
)  # fmt: skip
PACK = clause("pack", "package", price="20", quantity="100", covers=[{"clause": "talk"}])


@pytest.fixture
def contract(make_contract: Callable[..., Contract]) -> Contract:
    return make_contract(TALK, FLOW, SEATS, ROUND, PACK)


@pytest.fixture
def change(contract: Contract) -> Callable[..., SubscriptionChange]:
    def change(by: str, on: date, item: str = "seats", **more: Any) -> SubscriptionChange:
        return change_subscription(
            contract, item, Decimal(by), on=on, by="li", reason="order 7", now=NOW, external_id=more.get("id", "")
        )

    return change


def test_what_is_held_is_the_sum_of_its_changes(change: Any, contract: Contract) -> None:
    change("10", date(2026, 9, 1))
    change("2", date(2026, 10, 16))
    change("-1", date(2026, 10, 28))
    change("1", date(2026, 10, 11), "work_orders")
    change("5", date(2026, 11, 1))
    seats, flow = held_in(contract, OCTOBER)
    assert [(each.on, each.by) for each in seats.changes] == [
        (date(2026, 9, 1), 10), (date(2026, 10, 16), 2), (date(2026, 10, 28), -1),
    ]  # fmt: skip
    assert flow.changes == (Change(date(2026, 10, 11), Decimal(1)),)
    assert held_on(contract, date(2026, 10, 20)) == {"seats": 12, "work_orders": 1}


@pytest.mark.parametrize(
    ("by", "on", "item", "says"),
    [
        ("1", date(2026, 10, 1), "coffee", "charges for coffee; it knows: work_orders, seats"),
        ("0", date(2026, 10, 1), "seats", "how many more"),
        ("-3", date(2026, 10, 15), "seats", "On 2026-10-20 there would be -1 of seats"),
        ("-1", date(2026, 9, 30), "seats", "On 2026-09-30 there would be -1 of seats"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_a_sentence(
    by: str, on: date, item: str, says: str, change: Any
) -> None:
    change("3", date(2026, 10, 1))
    change("-1", date(2026, 10, 20))
    with pytest.raises(CannotChange, match=says):
        change(by, on, item)


def test_the_same_external_id_is_entered_once_and_stands_for_one_thing(change: Any, contract: Contract) -> None:
    assert change("3", date(2026, 10, 1), id="o-7").pk == change("3", date(2026, 10, 1), id="o-7").pk
    with pytest.raises(CannotChange, match="o-7 stands for"):
        change("4", date(2026, 10, 1), id="o-7")
    assert contract.subscriptions.count() == 1


def test_eight_who_give_back_the_same_five_seats_give_back_five(change: Any, contract: Contract) -> None:
    change("5", date(2026, 10, 1))

    def give_back(_: int) -> str:
        try:
            change("-1", date(2026, 10, 2))
        except CannotChange as refusal:
            return refusal.code
        finally:
            connection.close()
        return "changed"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(give_back, range(8))) == ["changed"] * 5 + ["fewer_than_none"] * 3
    assert held_on(contract, date(2026, 10, 2)) == {}


def test_an_entry_is_countered_never_changed(change: Any) -> None:
    change("3", date(2026, 10, 1))
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        SubscriptionChange.objects.update(change=4)
    with pytest.raises(DatabaseError, match="only added to"), transaction.atomic():
        SubscriptionChange.objects.all().delete()


def test_the_latest_level_counts_and_an_unknown_measure_is_refused(contract: Contract) -> None:
    def enter(measure: str, level: str, **more: Any) -> Any:
        return enter_level(contract, measure, Decimal(level), OCTOBER, by="li", reason="report", now=NOW, **more)

    enter("answer_rate", "0.93", external_id="r-1")
    enter("answer_rate", "0.93", external_id="r-1")
    enter("answer_rate", "0.96")
    enter("answer_rate", "0.5", version=1)
    assert measured_in(contract, OCTOBER) == (
        Measurement("answer_rate", Decimal("0.960000")),
        Measurement("answer_rate", Decimal("0.500000"), "1"),
    )
    with pytest.raises(CannotMeasure, match="looks at speed; it knows: answer_rate"):
        enter("speed", "1")
    with pytest.raises(CannotMeasure, match="0 or more"):
        enter("answer_rate", "-1")
    with pytest.raises(CannotMeasure, match="no signed version 7"):
        enter("answer_rate", "1", version=7)


def test_modules_seats_levels_and_packages_reach_the_invoice(change: Any, contract: Contract, post: Any) -> None:
    change("1", date(2026, 10, 12), "work_orders")  # 20 of 31 days
    change("10", date(2026, 9, 1))
    change("-5", date(2026, 10, 1))
    enter_level(contract, "answer_rate", Decimal("0.93"), OCTOBER, by="li", reason="report", now=NOW)
    buy_package(contract, "pack", on=date(2026, 10, 1), by="li", reason="order", now=NOW)
    post(*(call_of(number) for number in range(1, 4)))
    draft = draft_month(contract, OCTOBER, NOW)
    assert {line.key: str(line.amount) for line in draft.lines.all()} == {
        "talk.tier-1": "0.300",
        "talk.tier-2": "0.400",
        "flow": "200.000",  # 310 × 20/31
        "seats": "310.000",
        "round-the-clock": "100.000",
        "round-the-clock.credit": "-10.000",
        "pack": "20.000",
        "pack.drawn.2026-10-01": "-0.700",
    }
    engine = rate(terms_for(contract, OCTOBER), Totals.from_json(draft.totals))
    assert (engine.total, engine.net) == (draft.total, draft.net)
    issue_by_two(draft.pk)
    for enter in (
        lambda: change("1", date(2026, 10, 31)),
        lambda: enter_level(contract, "answer_rate", Decimal(1), OCTOBER, by="li", reason="", now=NOW),
    ):
        with pytest.raises(CannotChangePast, match="choose 2026-11-01 or later"):
            enter()


def test_a_draft_that_does_not_know_what_was_entered_since_is_not_issued(
    change: Any, contract: Contract, post: Any
) -> None:
    post(call_of(1))
    draft = draft_month(contract, OCTOBER, NOW - timedelta(hours=1))
    change("1", date(2026, 11, 1))
    change("1", date(2026, 10, 31))
    with pytest.raises(CannotIssue, match="agreed or entered after"):
        issue_by_two(draft.pk)
    issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
