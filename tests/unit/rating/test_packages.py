from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from billing.periods import Period
from billing.rating import InvalidTerms
from tests.unit.rating.making import agreement, amounts, bill, dials, row, talk, terms, tiers, versions


def pack(code: str = "pack", quantity: str = "100", covers: Any = None, **rest: Any) -> dict[str, Any]:
    return {
        "kind": "package",
        "code": code,
        "price": "0",
        "quantity": quantity,
        "covers": covers or [{"clause": "talk"}],
        **rest,
    }


def bought(package: str = "pack", on: str = "2026-01-05", remaining: str = "100", **rest: Any) -> dict[str, Any]:
    return {"package": package, "bought_on": on, "remaining": remaining, **rest}


def drawn(found: Any) -> dict[str, str]:
    return {f"{line.key}": f"{line.amount:f}" for line in found.lines if line.kind == "drawdown"}


def left(found: Any) -> list[tuple[str, str, str, str]]:
    return [(b.package, f"{b.drawn:f}", f"{b.remaining:f}", f"{b.expired:f}") for b in found.balances]


def test_units_are_drawn_and_the_balance_is_told() -> None:
    found = bill(terms(pack(), talk("0.2")), row(minutes=60, on="2026-11-03"), balances=[bought()])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-12.00"}
    assert found.lines[-1].unrounded == -12
    assert left(found) == [("pack", "60", "40", "0")]
    assert found.net == 0


def test_what_expires_first_is_drawn_first_then_priority_then_purchase() -> None:
    agreed = terms(pack("a"), pack("b", priority=5), talk("1"))
    balances = [
        bought("a", "2026-01-01", expires_on="2027-01-01"),
        bought("a", "2026-02-01", expires_on="2026-12-15"),
        bought("b", "2026-03-01", expires_on="2027-01-01"),
        bought("a", "2025-12-01", expires_on="2027-01-01"),
    ]
    found = bill(agreed, row(minutes=350, on="2026-11-03"), balances=balances)
    assert left(found) == [
        ("a", "100", "0", "0"),
        ("b", "100", "0", "0"),
        ("a", "100", "0", "0"),
        ("a", "50", "50", "0"),
    ]
    assert [str(b.bought_on) for b in found.balances] == ["2026-02-01", "2026-03-01", "2025-12-01", "2026-01-01"]


def test_a_purchase_counts_from_its_day_and_to_its_expiry() -> None:
    agreed = terms(pack(), talk("1"))
    rows = [row(minutes=10, on=f"2026-11-{day:02}") for day in (4, 5, 14, 15)]
    found = bill(agreed, *rows, balances=[bought(on="2026-11-05", expires_on="2026-11-15")])
    assert drawn(found) == {"pack.drawn.2026-11-05": "-20.00"}
    assert left(found) == [("pack", "20", "0", "80")]


def test_usage_without_a_day_is_dated_on_the_last() -> None:
    agreed = terms(pack(), talk("1"))
    assert drawn(bill(agreed, row(minutes=10), balances=[bought(expires_on="2026-11-30")])) == {}
    assert drawn(bill(agreed, row(minutes=10), balances=[bought(expires_on="2026-12-01")])) == {
        "pack.drawn.2026-01-05": "-10.00"
    }


def test_the_rest_is_priced_from_the_first_tier_as_if_the_units_had_been_included() -> None:
    price = {"kind": "graduated", "tiers": tiers(("100", "1"), (None, "0.5"))}
    found = bill(terms(pack(), talk(price)), row(minutes=150, on="2026-11-03"), balances=[bought()])
    assert found.net == 50


def test_included_minutes_are_used_before_packages() -> None:
    found = bill(terms(pack(), talk("1", included_minutes="30")), row(minutes=80, on="2026-11-03"), balances=[bought()])
    assert left(found) == [("pack", "50", "50", "0")]
    assert found.net == 0


def test_discounts_lower_what_a_drawn_unit_is_worth() -> None:
    agreed = terms(pack(), talk("1"), discounts=[{"code": "d", "rate": "0.10"}])
    found = bill(agreed, row(minutes=150, on="2026-11-03"), balances=[bought()])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-90.00"}
    assert found.net == 45


def test_a_factor_takes_more_units_for_dearer_usage() -> None:
    agreed = terms(
        pack(covers=[{"clause": "abroad", "factor": "4"}, {"clause": "talk"}]),
        talk("2", code="abroad"),
        talk("1", on_top=True),
    )
    found = bill(
        agreed, row("abroad", minutes=20, on="2026-11-03"), row(minutes=50, on="2026-11-04"), balances=[bought()]
    )
    assert left(found) == [("pack", "100", "0", "0")]
    assert drawn(found) == {"pack.drawn.2026-01-05": "-60.00"}


def test_packages_of_calls_and_of_limited_calls() -> None:
    agreed = terms(pack(unit="call", covers=[{"clause": "dials"}]), dials("1", limit_per_day=50, beyond_price="5"))
    found = bill(agreed, row("dials", calls=60, on="2026-11-03"), balances=[bought()])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-50.00"}
    assert found.net == 50


def test_packages_of_counters() -> None:
    asr = {"kind": "feature", "code": "asr", "counter": "asr_seconds", "scale": "60", "unit": "minute", "price": "0.6"}
    agreed = terms(pack(covers=[{"clause": "asr"}]), asr)
    found = bill(agreed, row("asr", value="600", calls=1, on="2026-11-03"), balances=[bought(remaining="4")])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-2.40"}


def test_prices_of_single_calls_are_shared_by_units() -> None:
    price = {"kind": "per_unit", "price": "0.075", "round_each_call": {"mode": "up"}}
    found = bill(
        terms(pack(), talk(price)),
        row(minutes=10, calls=10, on="2026-11-03", histogram=[["60", 10]]),
        balances=[bought(remaining="5")],
    )
    assert drawn(found) == {"pack.drawn.2026-01-05": "-0.40"}


def test_a_monthly_package_is_granted_anew_and_lost() -> None:
    found = bill(terms(pack(every="month", price="50"), talk("1")), row(minutes=60, on="2026-11-03"))
    assert amounts(found) == {"pack": "50.00", "talk": "60.00", "pack.drawn.2026-11-01": "-60.00"}
    assert left(found) == [("pack", "60", "0", "40")]


def test_a_monthly_rest_may_be_carried_over() -> None:
    agreed = terms(pack(every="month", carry_over_months=1), talk("1"))
    found = bill(agreed, row(minutes=60, on="2026-11-03"))
    assert left(found) == [("pack", "60", "40", "0")]
    assert str(found.balances[0].expires_on) == "2027-01-01"
    second = bill(
        agreed,
        row(minutes=30, on="2026-11-03"),
        balances=[bought(on="2026-10-01", remaining="40", expires_on="2026-12-01")],
    )
    assert left(second) == [("pack", "30", "0", "10"), ("pack", "0", "100", "0")]


def test_half_a_month_grants_half() -> None:
    agreed = versions((date(2026, 11, 16), agreement(pack(every="month", price="50"), talk("1"))))
    found = bill(agreed, row(minutes=60, on="2026-11-20"))
    assert amounts(found) == {"pack": "25.00", "talk": "60.00", "pack.drawn.2026-11-16": "-50.00"}
    whole = agreement(pack(every="month", price="50"), talk("1"), policies={"prorate_allowance": False})
    assert (
        amounts(bill(versions((date(2026, 11, 16), whole)), row(minutes=60, on="2026-11-20")))["pack.drawn.2026-11-16"]
        == "-60.00"
    )


@pytest.mark.parametrize(
    ("valid", "expires"), [({"valid_days": 30}, "2026-12-05"), ({"valid_months": 3}, "2027-02-05"), ({}, "None")]
)
def test_validity_from_the_purchase(valid: dict[str, int], expires: str) -> None:
    found = bill(terms(pack(price="80", **valid), talk("1")), balances=[bought(on="2026-11-05")])
    assert str(found.balances[0].expires_on) == expires
    assert amounts(found) == {"pack": "80.00"}


def test_two_purchases_of_one_day_keep_their_own_lines() -> None:
    found = bill(terms(pack(), talk("1")), row(minutes=150, on="2026-11-08"), balances=[bought(), bought()])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-100.00", "pack.drawn.2026-01-05.2": "-50.00"}


def credit(**rest: Any) -> dict[str, Any]:
    return pack("credit", "500", [{"clause": "*"}], unit="money", **rest)


def test_money_pays_the_printed_net_of_its_clauses_and_no_package() -> None:
    agreed = terms(credit(price="500"), {"kind": "recurring", "code": "fee", "price": "300"}, talk("1"))
    found = bill(agreed, row(minutes=100), balances=[bought("credit", remaining="500")])
    assert drawn(found) == {"credit.drawn.2026-01-05": "-400.00"}
    assert left(found) == [("credit", "400", "100", "0")]


def test_money_runs_out_and_the_next_takes_over() -> None:
    agreed = terms(credit(), talk("1"))
    found = bill(
        agreed, row(minutes=100), balances=[bought("credit", "2026-02-01", "30"), bought("credit", "2026-01-01", "30")]
    )
    assert list(drawn(found).items()) == [("credit.drawn.2026-01-01", "-30.00"), ("credit.drawn.2026-02-01", "-30.00")]
    assert found.net == 40


def test_money_is_shared_over_tax_rates_and_true_ups() -> None:
    agreed = terms(
        credit(), talk("1", tax="0"), tax={"rate": "0.06"}, commitments=[{"code": "m", "amount": "150", "of": ["talk"]}]
    )
    found = bill(agreed, row(minutes=100), balances=[bought("credit", remaining="75")])
    assert drawn(found) == {"credit.drawn.2026-01-05.tax=0": "-50.00", "credit.drawn.2026-01-05": "-25.00"}


def test_money_that_expired_or_is_not_bought_yet_pays_nothing() -> None:
    agreed = terms(credit(), talk("1"))
    assert drawn(bill(agreed, row(minutes=9), balances=[bought("credit", expires_on="2026-11-01")])) == {}
    assert drawn(bill(agreed, row(minutes=9), balances=[bought("credit", on="2026-12-01")])) == {}
    assert drawn(bill(agreed, row(minutes=9), balances=[bought("credit", expires_on="2026-11-02")])) == {
        "credit.drawn.2026-01-05": "-9.00"
    }


def test_packages_come_after_the_cap() -> None:
    agreed = terms(pack(), talk("1"), caps=[{"code": "c", "amount": "50"}])
    found = bill(agreed, row(minutes=100, on="2026-11-03"), balances=[bought(remaining="50")])
    assert found.net == 25


@pytest.mark.parametrize("rest", [{"covers": [{"clause": "talk", "factor": "0"}]}])
def test_faulty_packages_are_refused(rest: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms):
        terms(pack(**rest), talk("1"))


def test_carrying_over_follows_a_billing_day_that_short_months_lack() -> None:
    agreed = terms(
        pack(every="month", carry_over_months=1), talk("1"), period=Period(date(2026, 2, 28), date(2026, 3, 31))
    )
    assert str(bill(agreed).balances[0].expires_on) == "2026-04-30"


def test_what_is_bought_next_month_is_not_there_yet() -> None:
    agreed = terms(pack(), talk("1"))
    found = bill(agreed, row(minutes=5, on="2026-11-30"), balances=[bought(on="2026-12-01"), bought(on="2026-11-30")])
    assert left(found) == [("pack", "5", "95", "0")]


def test_package_lines_count_purchases() -> None:
    monthly = bill(terms(pack(every="month", price="50"), talk("1"))).lines[0]
    assert (monthly.quantity_billed, monthly.unit, monthly.unit_price) == (1, "month", 50)
    agreed = terms(pack(price="80"), talk("1"))
    twice = bill(agreed, balances=[bought(on="2026-11-05"), bought(on="2026-11-06"), bought()]).lines[0]
    assert (twice.quantity_billed, twice.unit, str(twice.amount)) == (2, "package", "160.00")
