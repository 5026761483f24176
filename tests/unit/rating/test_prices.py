"""Prices by quantity, in the spirit of the cases that other billing systems publish."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing.rating import price, price_calls, price_events
from billing.rating.form import read
from billing.rating.terms import Elapsed, Graduated, InvalidTerms, Percentage, PerUnit, RecurringClause, SeatClause
from billing.rating.terms import Price as AnyPrice
from billing.rating.terms.pricing import RoundEachCall
from tests.unit.rating.making import NAME


def parsed(document: Any) -> AnyPrice:
    """Read a price by way of a clause that takes every simple price."""
    return read(SeatClause, {"code": "c", "name": NAME, "item": "i", "price": document, "kind": "seat"}).price


def owed(document: Any, quantity: Any, **how: Any) -> Fraction:
    return price(parsed(document), Decimal(str(quantity)), **how).amount


def percentage(**members: Any) -> Percentage:
    return read(Percentage, {"kind": "percentage", **members})


FLATS = [
    {"up_to": "5", "price": "10", "flat": "100"},
    {"up_to": "10", "price": "5", "flat": "50"},
    {"price": "1", "flat": "20"},
]


@pytest.mark.parametrize(("quantity", "amount"), [("0", 0), ("1", "0.07"), ("1.5", "0.105"), ("1000000", "70000")])
def test_per_unit(quantity: str, amount: Any) -> None:
    assert owed("0.07", quantity) == Fraction(str(amount))


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [("0", 0), ("1", 110), ("5", 150), ("5.5", 202.5), ("6", 205), ("10", 225), ("11", 246), ("0.5", 105)],
)
def test_graduated_with_flat_fees_of_the_tiers_entered(quantity: str, amount: Any) -> None:
    assert owed({"kind": "graduated", "tiers": FLATS}, quantity) == Fraction(str(amount))


@pytest.mark.parametrize(("quantity", "amount"), [("0", 0), ("1", 110), ("5", 150), ("6", 80), ("10", 100), ("11", 31)])
def test_volume_with_the_flat_fee_of_the_one_tier(quantity: str, amount: int) -> None:
    assert owed({"kind": "volume", "tiers": FLATS}, quantity) == amount


@pytest.mark.parametrize("kind", ["graduated", "volume"])
def test_the_flat_fee_at_zero_usage_is_a_policy(kind: str) -> None:
    assert owed({"kind": kind, "tiers": FLATS}, 0, zero_flat=True) == 100
    assert owed({"kind": kind, "tiers": FLATS}, 0) == 0


def test_every_graduated_part_knows_its_tier() -> None:
    parts = price(parsed({"kind": "graduated", "tiers": FLATS}), 11).parts
    assert [(p.suffix, p.quantity, p.tier_from, p.tier_to) for p in parts] == [
        ("tier-1", 5, 0, 5),
        ("tier-2", 5, 5, 10),
        ("tier-3", 1, 10, None),
    ]


def test_volume_knows_the_bounds_of_its_tier() -> None:
    part = price(parsed({"kind": "volume", "tiers": FLATS}), 7).parts[0]
    assert (part.tier_from, part.tier_to, part.unit_price) == (5, 10, 5)


def test_a_graduated_tier_may_round_its_part_up() -> None:
    table = [{"up_to": "100", "price": "1"}, {"price": "0.5", "step": "10"}]
    assert owed({"kind": "graduated", "tiers": table}, "100") == 100
    assert owed({"kind": "graduated", "tiers": table}, "101") == 105
    assert owed({"kind": "graduated", "tiers": table}, "110") == 105
    assert owed({"kind": "graduated", "tiers": table}, "111") == 110


def test_a_volume_tier_may_round_up() -> None:
    assert owed({"kind": "volume", "tiers": [{"price": "2", "step": "10"}]}, "11") == 40


@pytest.mark.parametrize(
    ("quantity", "start", "amount"),
    [("10", "0", "1.5"), ("10", "995", "1.35"), ("1", "1000", "0.12"), ("0", "1000", 0), ("4010", "995", "481.2")],
)
def test_graduated_continues_from_a_position(quantity: str, start: str, amount: Any) -> None:
    table = [{"up_to": "1000", "price": "0.15"}, {"up_to": "5000", "price": "0.12"}, {"price": "0.09"}]
    assert owed({"kind": "graduated", "tiers": table}, quantity, start=Fraction(start)) == Fraction(str(amount))


def test_a_position_at_the_end_of_a_tier_belongs_to_it_but_opens_the_next() -> None:
    table = parsed({"kind": "graduated", "tiers": [{"up_to": "1000", "price": "0.15"}, {"price": "0.12"}]})
    assert [part.suffix for part in price(table, 1, start=Fraction(1000)).parts] == ["tier-2"]
    assert [part.suffix for part in price(table, 0, start=Fraction(1000)).parts] == ["tier-1"]
    assert [part.suffix for part in price(table, 1000).parts] == ["tier-1"]
    assert [part.suffix for part in price(table, 0).parts] == ["tier-1"]


def test_a_flat_fee_that_is_not_owed_has_no_quantity() -> None:
    flat = parsed({"kind": "flat", "price": "30"})
    assert [(part.quantity, part.amount) for part in price(flat, 0).parts] == [(0, 0)]
    assert [(part.quantity, part.amount) for part in price(flat, 7).parts] == [(1, 30)]


def test_a_flat_fee_already_owed_is_not_owed_again() -> None:
    assert owed({"kind": "graduated", "tiers": FLATS}, 1, start=Fraction(1)) == 10
    assert owed({"kind": "graduated", "tiers": FLATS}, 1, start=Fraction(5)) == 55
    assert owed({"kind": "graduated", "tiers": FLATS}, 1, start=Fraction(6)) == 5
    assert owed({"kind": "volume", "tiers": FLATS}, 1, start=Fraction(1)) == 10
    assert owed({"kind": "flat", "price": "9"}, 1, start=Fraction(1)) == 0


def test_volume_at_a_position_takes_the_tier_of_the_sum() -> None:
    assert owed({"kind": "volume", "tiers": [{"up_to": "10", "price": "2"}, {"price": "1"}]}, 5, start=Fraction(6)) == 5
    assert owed({"kind": "volume", "tiers": [{"up_to": "10", "price": "2"}, {"price": "1"}]}, 4, start=Fraction(6)) == 8


@pytest.mark.parametrize(("quantity", "amount"), [("0", 0), ("0.001", 5), ("1000", 5), ("1000.5", 10), ("2001", 15)])
def test_blocks_are_started(quantity: str, amount: int) -> None:
    assert owed({"kind": "block", "size": "1000", "price": "5"}, quantity) == amount


def test_blocks_continue_a_block_that_is_open() -> None:
    block = {"kind": "block", "size": "10", "price": "1"}
    assert owed(block, 3, start=Fraction(5)) == 0
    assert owed(block, 6, start=Fraction(5)) == 1
    assert owed(block, 1, start=Fraction(10)) == 1


def test_flat() -> None:
    assert owed({"kind": "flat", "price": "30"}, 0) == 0
    assert owed({"kind": "flat", "price": "30"}, "0.1") == 30
    assert owed({"kind": "flat", "price": "30", "always": True}, 0) == 30
    assert owed({"kind": "flat", "price": "30"}, 500) == 30


@pytest.mark.parametrize(("quantity", "amount"), [(0, 50), (49, 50), (50, 50), (51, 51), (200, 200), (201, 200)])
def test_minimum_and_maximum(quantity: int, amount: int) -> None:
    bounded = {"kind": "per_unit", "price": "1", "minimum": "50", "maximum": "200"}
    assert owed(bounded, quantity) == amount


def test_what_lifts_or_lowers_is_a_part_of_its_own() -> None:
    parts = price(parsed({"kind": "per_unit", "price": "1", "minimum": "50"}), 20).parts
    assert [(p.suffix, p.amount) for p in parts] == [("", 20), ("minimum", 30)]
    parts = price(parsed({"kind": "per_unit", "price": "1", "maximum": "10"}), 20).parts
    assert [(p.suffix, p.amount) for p in parts] == [("", 20), ("maximum", -10)]


def test_negative_quantities_are_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="never negative"):
        price(parsed("1"), -1)


def test_percentage_of_an_amount() -> None:
    assert price(percentage(rate="0.025"), 1000).amount == 25
    assert price(percentage(rate="0.025", minimum="30"), 1000).amount == 30


@pytest.mark.parametrize(("amount", "owed_"), [("0", 0), ("100", 5), ("150", "6.5"), ("1000", "28")])
def test_graduated_percentage_with_flat_fees(amount: str, owed_: Any) -> None:
    tiers = [
        {"up_to": "100", "rate": "0.05"},
        {"up_to": "500", "rate": "0.02", "flat": "0.5"},
        {"rate": "0.02", "flat": "4.5"},
    ]
    expected = {"0": 0, "100": 5, "150": "6.5", "1000": "28"}[amount]
    assert price(percentage(tiers=tiers), Decimal(amount)).amount == Fraction(str(expected)) == Fraction(str(owed_))


def test_volume_percentage_takes_one_rate() -> None:
    tiers = [{"up_to": "100", "rate": "0.05"}, {"rate": "0.02", "flat": "1"}]
    assert price(percentage(tiers=tiers, scheme="volume"), 100).amount == 5
    assert price(percentage(tiers=tiers, scheme="volume"), 101).amount == Fraction("3.02")


def events(price_: Percentage, *values: str) -> Fraction:
    return price_events(price_, [Fraction(value) for value in values]).amount


def test_first_events_are_free_of_rate_and_fee() -> None:
    assert events(percentage(rate="0.01", fixed="5", free_events=2), "100", "100", "100", "50") == Fraction("11.5")


def test_the_free_amount_is_used_up_in_order_and_covers_the_fee_of_what_it_covers_whole() -> None:
    some = percentage(rate="0.01", fixed="5", free_amount="15")
    assert events(some, "4", "4", "4") == 0
    assert events(some, "4", "4", "4", "5") == Fraction("5.02")
    assert events(some, "4", "4", "4", "5", "10") == Fraction("10.12")
    assert events(some, "15") == 0


def test_with_both_whichever_is_used_up_first_ends_it() -> None:
    both = percentage(rate="0.05", fixed="1", free_events=2, free_amount="120")
    assert events(both, "8", "5") == 0
    assert events(both, "8", "5", "10") == Fraction("1.5")
    assert events(both, "119", "5") == Fraction("1.2")


@pytest.mark.parametrize(
    ("value", "amount"), [("10", "1.75"), ("200", "2.5"), ("400", "3.75"), ("125", "1.75"), ("325", "3.75")]
)
def test_minimum_and_maximum_of_each_event(value: str, amount: str) -> None:
    each = percentage(rate="0.01", fixed="0.5", minimum_each="1.75", maximum_each="3.75")
    assert events(each, value) == Fraction(amount)
    assert events(each, value, value) == 2 * Fraction(amount)


def test_an_event_that_is_free_has_no_minimum() -> None:
    assert events(percentage(rate="0.01", free_events=1, minimum_each="1"), "10", "10") == 1


def test_bounds_of_the_month_hold_over_events() -> None:
    assert events(percentage(rate="0.01", free_events=1, maximum="1"), "10", "1000") == 1


ELAPSED = Elapsed(
    parts=read(
        Elapsed, {"kind": "elapsed", "parts": [{"up_to_s": 180, "price": "0.30"}, {"price": "0.12", "increment_s": 6}]}
    ).parts
)


@pytest.mark.parametrize(
    ("seconds", "owed_"),
    [(1, "0.30"), (60, "0.30"), (61, "0.60"), (180, "0.90"), (181, "0.912"), (186, "0.912"), (187, "0.924"), (0, 0)],
)
def test_elapsed_prices_the_seconds_within_the_call(seconds: int, owed_: Any) -> None:
    assert price_calls(ELAPSED, [(Fraction(seconds), 1)]).amount == Fraction(str(owed_))


def test_elapsed_adds_up_calls_not_seconds() -> None:
    assert price_calls(ELAPSED, [(Fraction(100), 2), (Fraction(186), 1)]).amount == Fraction("1.20") + Fraction("0.912")


def test_first_interval_at_its_own_rate_then_by_the_second() -> None:
    interval = read(
        Elapsed, {"kind": "elapsed", "parts": [{"up_to_s": 60, "price": "0.1"}, {"price": "0.05", "increment_s": 1}]}
    )
    assert price_calls(interval, [(Fraction(85), 1)]).amount == Fraction("0.1") + Fraction(25, 60) * Fraction("0.05")
    assert price_calls(interval, [(Fraction(20), 1)]).amount == Fraction("0.1")


def test_round_each_call() -> None:
    each = PerUnit(Decimal("0.0705"), RoundEachCall("up", 2))
    assert price_calls(each, [(Fraction(60), 8)]).amount == Fraction("0.64")
    assert price_calls(each, [(Fraction(60), 1), (Fraction(120), 1)]).amount == Fraction("0.08") + Fraction("0.15")


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"kind": "graduated", "tiers": []}, "/tiers"),
        ({"kind": "graduated", "tiers": [{"up_to": "5", "price": "1"}]}, "/tiers/0/up_to"),
        ({"kind": "volume", "tiers": [{"up_to": "5"}, {"up_to": "5"}, {}]}, "/tiers/1/up_to"),
        ({"kind": "volume", "tiers": [{}, {}]}, "/tiers/0/up_to"),
        ({"kind": "graduated", "tiers": [{"price": "-1"}]}, "/tiers/0/price"),
        ({"kind": "graduated", "tiers": [{"price": "1", "step": "0"}]}, "/tiers/0/step"),
        ({"kind": "block", "size": "0", "price": "1"}, "/size"),
        ({"kind": "block", "size": "1", "price": "-1"}, "/price"),
        ({"kind": "per_unit", "price": "0.123456789"}, "/price"),
        ({"kind": "per_unit", "price": "-0.1"}, "/price"),
        ({"kind": "per_unit", "price": "1", "minimum": "5", "maximum": "4"}, "/maximum"),
        ({"kind": "per_unit", "price": "1", "minimum": "-5"}, "/minimum"),
        ({"kind": "flat", "price": "-1"}, "/price"),
        ({"kind": "flat"}, "/price"),
        ({"kind": "unheard-of"}, "/kind"),
        (0.15, ""),
        ("1e3", ""),
        ("NaN", ""),
    ],
)
def test_faulty_prices_are_refused_where_they_are(document: Any, pointer: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        parsed(document)
    assert refused.value.pointer == f"/price{pointer}"
    assert refused.value.message.endswith(".")


@pytest.mark.parametrize(
    "members", [{}, {"rate": "0.1", "tiers": [{"rate": "0.1"}]}, {"tiers": [{"rate": "0.1"}], "free_events": 1}]
)
def test_a_percentage_says_one_thing(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms):
        percentage(**members)


def test_a_bare_string_is_a_price_per_unit() -> None:
    assert parsed("0.15") == PerUnit(Decimal("0.15"))
    assert isinstance(parsed({"kind": "graduated", "tiers": [{"price": "1"}]}), Graduated)
    assert RecurringClause(code="a", name=None, price=Decimal(1)).price == 1
