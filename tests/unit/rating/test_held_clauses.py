"""Seats, slots, numbers and modules."""

from __future__ import annotations

from datetime import date

import pytest

from billing.periods import Period
from billing.rating import InvalidTerms, count, rate
from tests.unit.rating.making import agreement, amounts, bill, call, held, row, talk, terms, tiers, versions

JANUARY = Period(date(2026, 1, 1), date(2026, 2, 1))


def seats(price: object = "30", **rest: object) -> dict[str, object]:
    return {"kind": "seat", "code": "seats", "item": "seats", "price": price, **rest}


def module(price: object = "300", **rest: object) -> dict[str, object]:
    return {"kind": "module", "code": "kb", "item": "kb", "price": price, **rest}


CHANGES = held("seats", ("2026-01-01", "10"), ("2026-11-11", "2"), ("2026-11-21", "-6"))


@pytest.mark.parametrize(
    ("counts", "owed"),
    [
        ({}, "280.00"),
        ({"counts": "peak"}, "360.00"),
        ({"counts": "snapshot"}, "300.00"),
        ({"counts": "snapshot", "snapshot_day": 11}, "360.00"),
        ({"counts": "snapshot", "snapshot_day": 31}, "180.00"),
    ],
)
def test_how_seats_are_counted(counts: dict[str, object], owed: str) -> None:
    assert amounts(bill(terms(seats(**counts)), subscriptions=[CHANGES])) == {"seats": owed}


@pytest.mark.parametrize(
    ("policy", "owed"),
    [("calendar_days", "280.00"), ("thirty_days", "280.00"), ("none", "300.00"), ("full_month", "360.00")],
)
def test_proration_of_seats(policy: str, owed: str) -> None:
    assert amounts(bill(terms(seats(), policies={"proration": policy}), subscriptions=[CHANGES])) == {"seats": owed}


def test_thirty_days_makes_every_month_thirty() -> None:
    agreed = terms(seats("31"), period=JANUARY, starts_on=date(2025, 1, 1), policies={"proration": "thirty_days"})
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2025-01-01", "1"))])) == {"seats": "31.00"}
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-01-16", "1"))])) == {"seats": "15.50"}
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2025-01-01", "1"), ("2026-01-16", "-1"))])) == {
        "seats": "15.50"
    }


def test_a_day_held_is_a_day_owed_and_the_day_of_the_change_is_the_first_without() -> None:
    agreed = terms(seats())
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-01-01", "1"), ("2026-11-02", "-1"))])) == {
        "seats": "1.00"
    }
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-11-30", "1"))])) == {"seats": "1.00"}
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-12-01", "1"))])) == {}


def test_committed_and_included_seats() -> None:
    three = [held("seats", ("2026-01-01", "3"))]
    assert amounts(bill(terms(seats(committed="5")), subscriptions=three)) == {"seats": "150.00"}
    assert amounts(bill(terms(seats(committed="5")))) == {"seats": "150.00"}
    assert amounts(bill(terms(seats(committed="2")), subscriptions=three)) == {"seats": "90.00"}
    assert amounts(bill(terms(seats(included="2")), subscriptions=three)) == {"seats": "30.00"}
    assert amounts(bill(terms(seats(included="5")), subscriptions=three)) == {"seats": "0.00"}


def test_seats_per_day() -> None:
    found = bill(terms(seats("2", per_day=True)), subscriptions=[held("seats", ("2026-11-21", "3"))])
    assert amounts(found) == {"seats": "60.00"}
    assert found.lines[0].quantity_used == 30


def test_graduated_seats() -> None:
    price = {"kind": "graduated", "tiers": tiers(("5", "100"), (None, "80"))}
    found = bill(terms(seats(price)), subscriptions=[held("seats", ("2026-01-01", "8"))])
    assert amounts(found) == {"seats.tier-1": "500.00", "seats.tier-2": "240.00"}
    assert [line.quantity_used for line in found.lines] == [5, 3]
    lifted = bill(terms(seats(price, committed="7")), subscriptions=[held("seats", ("2026-01-01", "6"))])
    assert [(line.quantity_used, line.quantity_billed) for line in lifted.lines] == [(4, 5), (2, 2)]


def test_the_thirty_first_of_thirty_days_costs_nothing() -> None:
    agreed = terms(seats(), period=JANUARY, starts_on=date(2026, 1, 31), policies={"proration": "thirty_days"})
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-01-31", "1"))])) == {}


def test_a_version_change_prices_each_part_of_the_month_at_its_own_tier() -> None:
    volume = {"kind": "volume", "tiers": tiers(("5", "800"), (None, "720"))}
    agreed = versions((date(2026, 1, 1), agreement(seats(volume))), (date(2026, 11, 16), agreement(seats("600"))))
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-01-01", "10"))])) == {
        "seats": "3600.00",
        "seats@2": "3000.00",
    }


@pytest.mark.parametrize(("policy", "found"), [("none", {"seats": "600.00"}), ("full_month", {"seats@2": "300.00"})])
def test_without_proration_a_month_owes_one_price(policy: str, found: dict[str, str]) -> None:
    policies = {"proration": policy}
    agreed = versions(
        (date(2026, 1, 1), agreement(seats("60"), policies=policies)),
        (date(2026, 11, 16), agreement(seats("30"), policies=policies)),
    )
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-01-01", "10"))])) == found


@pytest.mark.parametrize(
    ("measure", "owed"), [("distinct_robots", "60.00"), ("distinct_lines", "30.00"), ("peak_concurrency", "90.00")]
)
def test_quantities_measured_from_the_calls(measure: str, owed: str) -> None:
    agreed = terms(seats(counts="measured", measure=measure), talk("0"))
    calls = [
        call("2026-11-03 10:00:00", 120, robot="a", line="1"),
        call("2026-11-03 10:01:00", 120, robot="b", line="1"),
        call("2026-11-03 10:01:30", 30, robot="a", line="1"),
        call("2026-11-03 10:02:00", 60, robot="a", line="1"),
    ]
    assert amounts(rate(agreed, count(agreed, calls)))["seats"] == owed


@pytest.mark.parametrize(
    "rest",
    [
        {"counts": "measured"},
        {"measure": "distinct_robots"},
        {"snapshot_day": 0},
        {"price": {"kind": "elapsed", "parts": [{"price": "1"}]}},
    ],
)
def test_faulty_seats_are_refused(rest: dict[str, object]) -> None:
    with pytest.raises(InvalidTerms):
        terms(seats(**rest))


def test_modules_by_active_days_and_by_use() -> None:
    agreed = terms(module(use_price="0.5"), talk("0"))
    found = bill(agreed, row("kb", calls=7), subscriptions=[held("kb", ("2026-11-21", "1"))])
    assert amounts(found) == {"kb": "100.00", "kb.use": "3.50"}
    evidence = found.lines[1].evidence
    assert evidence is not None
    assert (evidence.calls, evidence.billed_seconds) == (7, 0)


def test_uses_are_counted_from_calls_that_used_the_module() -> None:
    agreed = terms(module(use_price="0.5"), talk("0"))
    calls = [
        call(modules=("kb", "nav")),
        call("2026-11-03 11:00:00", modules=("nav",)),
        call("2026-11-03 12:00:00", modules=("kb",), answered=False),
    ]
    assert amounts(rate(agreed, count(agreed, calls)))["kb.use"] == "0.50"


def test_a_module_switched_off_early_owes_its_minimum_months() -> None:
    off = [held("kb", ("2026-10-16", "1"), ("2026-10-20", "-1"))]
    assert amounts(bill(terms(module()), subscriptions=off)) == {}
    assert amounts(bill(terms(module(minimum_months=1)), subscriptions=off)) == {"kb": "150.00"}
    assert amounts(bill(terms(module(minimum_months=3)), subscriptions=off)) == {"kb": "300.00"}


def test_of_several_modules_the_oldest_ends_first() -> None:
    changes = [held("kb", ("2026-10-01", "1"), ("2026-11-11", "1"), ("2026-11-21", "-1"))]
    assert amounts(bill(terms(module(minimum_months=1)), subscriptions=changes)) == {"kb": "400.00"}
    both = [held("kb", ("2026-11-01", "1"), ("2026-11-11", "1"), ("2026-11-21", "-2"))]
    assert amounts(bill(terms(module(minimum_months=1)), subscriptions=both)) == {"kb": "500.00"}


def test_holding_before_the_version_is_not_charged_by_it() -> None:
    agreed = versions((date(2026, 11, 16), agreement(module())))
    assert amounts(bill(agreed, subscriptions=[held("kb", ("2026-01-01", "1"))])) == {"kb": "150.00"}


def test_a_module_that_nobody_used_has_no_line_of_uses() -> None:
    on = [held("kb", ("2026-01-01", "1"))]
    assert amounts(bill(terms(module(use_price="0.5"), talk("0")), subscriptions=on)) == {"kb": "300.00"}
    assert amounts(bill(terms(module(), talk("0")), row("kb", calls=7), subscriptions=on)) == {"kb": "300.00"}
