"""The worked examples of the design, E1 to E12."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.periods import Period
from billing.rating import Totals, billed_seconds, count, rate
from billing.rating.terms import DurationRule
from tests.unit.rating.making import amounts, bill, call, dials, held, row, talk, terms, tiers

TAX = {"rate": "0.06"}
TABLE = tiers(("1000", "0.15"), ("5000", "0.12"), (None, "0.09"))


def rated_calls(price: object, *talks_s: str, **clause: object) -> dict[str, str]:
    agreed = terms(talk(price, **clause), tax=TAX)
    found = rate(agreed, count(agreed, [call(talk_s=seconds, call_id=str(n)) for n, seconds in enumerate(talks_s)]))
    return {**amounts(found), "tax": f"{found.tax:f}", "total": f"{found.total:f}"}


def test_e1_started_minutes() -> None:
    assert rated_calls("0.15", "1", "60", "61") == {"talk": "0.60", "tax": "0.04", "total": "0.64"}


def test_e2_six_second_increments() -> None:
    rule = {"first_increment_s": 6, "next_increment_s": 6}
    assert rated_calls("0.15", "1", "60", "61", rule=rule)["talk"] == "0.33"


def test_e3_graduated() -> None:
    found = bill(terms(talk({"kind": "graduated", "tiers": TABLE})), row(minutes=6200))
    assert amounts(found) == {"talk.tier-1": "150.00", "talk.tier-2": "480.00", "talk.tier-3": "108.00"}
    assert found.net == Decimal("738.00")


@pytest.mark.parametrize(("minutes", "owed"), [(6200, "558.00"), (5000, "600.00")])
def test_e4_volume(minutes: int, owed: str) -> None:
    assert amounts(bill(terms(talk({"kind": "volume", "tiers": TABLE})), row(minutes=minutes))) == {"talk": owed}


def test_e5_included_calls() -> None:
    agreed = terms({"kind": "recurring", "code": "fee", "price": "900"}, dials("0.25", included_calls="3000"))
    found = bill(agreed, row("dials", calls=3456))
    assert amounts(found) == {"fee": "900.00", "dials": "114.00"}
    assert found.net == Decimal("1014.00")


def test_e6_daily_limit() -> None:
    agreed = terms(dials("0.30", limit_per_day=200, beyond_price="0.10"))
    days = [row("dials", calls=calls, on=f"2026-11-0{day}") for day, calls in enumerate((150, 200, 260), 1)]
    found = bill(agreed, *days)
    assert amounts(found) == {"dials": "165.00", "dials.beyond": "6.00"}
    assert found.net == Decimal("171.00")


def test_e7_module_for_half_a_month() -> None:
    agreed = terms({"kind": "module", "code": "kb", "item": "kb", "price": "500.00"})
    assert amounts(bill(agreed, subscriptions=[held("kb", ("2026-11-16", "1"))])) == {"kb": "250.00"}


def test_e8_seat_days_with_a_negative_change() -> None:
    agreed = terms(
        {"kind": "seat", "code": "seats", "item": "seats", "price": "80.00"},
        period=Period(date(2020, 1, 1), date(2020, 2, 1)),
        starts_on=date(2020, 1, 1),
    )
    changes = held("seats", ("2020-01-04", "10"), ("2020-01-16", "2"), ("2020-01-28", "-1"))
    found = bill(agreed, subscriptions=[changes])
    assert amounts(found) == {"seats": "794.84"}
    assert found.lines[0].steps[0].value == 308


def test_e9_factor_discount_and_commitment() -> None:
    agreed = terms(
        {"kind": "recurring", "code": "fee", "price": "10000.00"},
        tax=TAX,
        factors=[{"code": "logistics", "reason": "industry", "rate": "-0.05"}],
        discounts=[{"code": "two-years", "reason": "term", "rate": "0.08"}],
        commitments=[{"code": "minimum", "amount": "9000.00"}],
    )
    found = bill(agreed)
    assert amounts(found) == {"fee": "10000.00", "logistics": "-500.00", "two-years": "-760.00", "minimum": "260.00"}
    assert (found.net, found.tax, found.total) == (Decimal("9000.00"), Decimal("540.00"), Decimal("9540.00"))


@pytest.mark.parametrize(("channels", "owed"), [("10", "7200.00"), ("11", "7040.00")])
def test_e10_channels(channels: str, owed: str) -> None:
    price = {"kind": "volume", "tiers": tiers(("5", "800"), ("10", "720"), (None, "640"))}
    agreed = terms({"kind": "seat", "code": "channels", "item": "channels", "price": price})
    assert amounts(bill(agreed, subscriptions=[held("channels", ("2026-01-01", channels))])) == {"channels": owed}


@pytest.mark.parametrize(
    ("each", "owed"),
    [(None, "0.56"), ({"mode": "up", "places": 2}, "0.64"), ({"mode": "half-up", "places": 2}, "0.56")],
)
def test_e11_rounding_of_single_calls(each: dict[str, object] | None, owed: str) -> None:
    price = {"kind": "per_unit", "price": "0.0705"} | ({"round_each_call": each} if each else {})
    assert rated_calls(price, *["10"] * 8)["talk"] == owed


@pytest.mark.parametrize(
    ("price", "talks", "per_s", "owed"),
    [("0.02", ["60"] * 3, 60, "0.06"), ("0.7", ["60"], 60, "0.70"), ("0.1", ["180"], 60, "0.30")],
)
def test_e12_unit_prices_are_never_rounded_early(price: str, talks: list[str], per_s: int, owed: str) -> None:
    rule = {"first_increment_s": 1, "next_increment_s": 1}
    assert rated_calls(price, *talks, rule=rule, per_s=per_s)["talk"] == owed


def test_the_ladder_of_the_design() -> None:
    assert billed_seconds(DurationRule(first_increment_s=90, next_increment_s=60), 95_000) == 150


def test_an_empty_month_owes_nothing() -> None:
    assert rate(terms(talk("0.15")), Totals()).lines == ()
