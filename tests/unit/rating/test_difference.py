from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from billing.periods import Period
from billing.rating import Difference, Totals, difference, explain, rate
from billing.rating.difference import NotComparable
from tests.unit.rating.making import amounts, bill, keeps_its_promises, row, talk, terms, tiers

PRICE = {"kind": "graduated", "tiers": tiers(("1000", "0.15"), (None, "0.10"))}
OCTOBER = Period(date(2026, 10, 1), date(2026, 11, 1))


def month(minutes: int, **rest: Any) -> Any:
    return bill(terms(talk(PRICE, **rest), tax={"rate": "0.06"}, period=OCTOBER), row(minutes=minutes))


def test_late_usage_keeps_its_tier_position() -> None:
    found = difference(month(900), month(1100))
    assert {line.key: f"{line.amount:f}" for line in found.lines} == {"talk.tier-1": "15.00", "talk.tier-2": "10.00"}
    assert [line.quantity_billed for line in found.lines] == [100, 100]
    assert (f"{found.net:f}", f"{found.tax:f}", f"{found.total:f}") == ("25.00", "1.50", "26.50")
    assert {line.period for line in found.lines} == {"2026-10"}
    assert all(explain(line).amount == line.amount for line in found.lines)


def test_a_voided_call_gives_back_what_it_cost() -> None:
    one, two = month(900), month(1100)
    assert difference(two, one).total == -difference(one, two).total
    assert not difference(one, one).lines
    assert difference(one, one).total == 0


def test_the_difference_is_exact_in_tax_too() -> None:
    one, two = month(3), month(7)
    assert one.total + difference(one, two).total == two.total


def test_a_changed_tax_rate_takes_the_line_back_and_charges_it_anew() -> None:
    found = difference(month(100), month(100, tax="0.13"))
    assert {line.key: f"{line.amount:f}" for line in found.lines} == {
        "talk.tier-1": "15.00",
        "talk.tier-1.taken-back": "-15.00",
    }
    assert [(f"{r.rate:f}", f"{r.net:f}", f"{r.tax:f}") for r in found.taxes] == [
        ("0.13", "15.00", "1.95"),
        ("0.06", "-15.00", "-0.90"),
    ]


def test_taxes_are_listed_from_the_highest_rate() -> None:
    back = difference(month(100, tax="0.13"), month(100))
    assert [(f"{r.rate:f}", f"{r.tax:f}") for r in back.taxes] == [("0.13", "-1.95"), ("0.06", "0.90")]


def test_the_next_bill_carries_it_with_its_own_tax() -> None:
    late = difference(month(900), month(901))
    agreed = terms(talk(PRICE), tax={"rate": "0.06"})
    found = rate(agreed, Totals.from_json({"rows": [row(minutes=10)]}), settled=[late])
    assert [(line.key, line.period, f"{line.amount:f}") for line in found.lines] == [
        ("talk.tier-1", "2026-11", "1.50"),
        ("talk.tier-1", "2026-10", "0.15"),
    ]
    assert found.total == bill(agreed, row(minutes=10)).total + late.total


def test_what_a_bill_settled_for_other_months_plays_no_part_in_its_own_difference() -> None:
    late = difference(month(900), month(901))
    agreed = terms(talk(PRICE), tax={"rate": "0.06"})
    totals = Totals.from_json({"rows": [row(minutes=10)]})
    assert not difference(rate(agreed, totals, [late]), rate(agreed, totals)).lines
    assert difference(rate(agreed, totals, [late]), rate(agreed, totals)).total == 0


def test_bills_that_cannot_be_compared_are_refused() -> None:
    november = bill(terms(talk(PRICE)), row(minutes=1))
    with pytest.raises(NotComparable):
        difference(month(1), november)
    with pytest.raises(NotComparable):
        difference(november, replace(november, currency="USD"))
    with pytest.raises(NotComparable):
        rate(terms(talk(PRICE)), Totals(), [difference(november, bill(terms(talk(PRICE)), row(minutes=2)))])


def test_it_has_a_json_form() -> None:
    late = difference(month(900), month(1100))
    assert Difference.from_json(late.to_json()) == late
    keeps_its_promises(month(5))
    assert amounts(month(5)) == {"talk.tier-1": "0.75"}
