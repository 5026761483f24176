"""Recurring, one-off and service-level clauses."""

from __future__ import annotations

from datetime import date

import pytest

from billing.periods import Period
from billing.rating import InvalidTerms
from tests.unit.rating.making import agreement, amounts, bill, row, talk, terms, versions


def fee(price: str = "300", **rest: object) -> dict[str, object]:
    return {"kind": "recurring", "code": "fee", "price": price, **rest}


def month(number: int, year: int = 2026) -> Period:
    follows = (year + 1, 1) if number == 12 else (year, number + 1)
    return Period(date(year, number, 1), date(*follows, 1))


def owed(clause: dict[str, object], number: int, starts_on: date = date(2026, 1, 1), **rest: object) -> dict[str, str]:
    year = rest.pop("year", 2026)
    return amounts(bill(terms(clause, period=month(number, year), starts_on=starts_on, **rest)))


def test_a_monthly_fee_of_a_quantity() -> None:
    assert owed(fee("30", quantity="3"), 11) == {"fee": "90.00"}


@pytest.mark.parametrize(
    ("policy", "amount"),
    [("calendar_days", "150.00"), ("thirty_days", "150.00"), ("none", "300.00"), ("full_month", "300.00")],
)
def test_a_started_month(policy: str, amount: str) -> None:
    assert owed(fee(), 11, date(2026, 11, 16), policies={"proration": policy}) == {"fee": amount}


def test_proration_divides_by_the_whole_month_whenever_it_starts() -> None:
    assert owed(fee("310"), 1, date(2026, 1, 31)) == {"fee": "10.00"}
    assert owed(fee("280"), 2, date(2026, 2, 15)) == {"fee": "140.00"}
    assert owed(fee("300"), 1, date(2026, 1, 16), policies={"proration": "thirty_days"}) == {"fee": "150.00"}
    assert owed(fee("300"), 2, date(2026, 2, 16), policies={"proration": "thirty_days"}) == {"fee": "150.00"}


def test_the_last_day_is_billed() -> None:
    assert owed(fee(), 11, ends_on=date(2026, 11, 11)) == {"fee": "100.00"}


@pytest.mark.parametrize(("prorated", "amount"), [(True, "150.00"), (False, "300.00")])
def test_a_fee_may_differ_from_the_policy(prorated: bool, amount: str) -> None:
    assert owed(fee(prorated=prorated), 11, date(2026, 11, 16)) == {"fee": amount}
    assert owed(fee(prorated=True), 11, date(2026, 11, 16), policies={"proration": "full_month"}) == {"fee": "150.00"}


def test_a_change_of_price_inside_the_month() -> None:
    agreed = versions((date(2026, 1, 1), agreement(fee("300"))), (date(2026, 11, 11), agreement(fee("600"))))
    assert amounts(bill(agreed)) == {"fee": "100.00", "fee@2": "400.00"}


@pytest.mark.parametrize(("policy", "found"), [("none", {"fee": "300.00"}), ("full_month", {"fee@2": "600.00"})])
def test_an_unprorated_change_owes_one_fee(policy: str, found: dict[str, str]) -> None:
    policies = {"proration": policy}
    agreed = versions(
        (date(2026, 1, 1), agreement(fee("300"), policies=policies)),
        (date(2026, 11, 11), agreement(fee("600"), policies=policies)),
    )
    assert amounts(bill(agreed)) == found


def test_a_quarter_in_arrears_and_in_advance() -> None:
    starts = date(2026, 2, 1)
    assert [owed(fee(every="quarter"), n, starts) for n in (2, 3, 4, 5, 7)] == [
        {},
        {},
        {"fee": "300.00"},
        {},
        {"fee": "300.00"},
    ]
    assert [owed(fee(every="quarter", charged="advance"), n, starts) for n in (2, 3, 4, 5)] == [
        {"fee": "300.00"},
        {},
        {},
        {"fee": "300.00"},
    ]


@pytest.mark.parametrize(("every", "months"), [("half_year", 6), ("year", 12)])
def test_longer_cycles(every: str, months: int) -> None:
    found = [owed(fee(every=every), n, date(2026, 1, 1)) for n in range(1, 13)]
    assert [n for n, lines in enumerate(found, 1) if lines] == list(range(months, 13, months))


def test_a_quarter_that_begins_or_ends_early_is_owed_by_days() -> None:
    assert owed(fee("910", every="quarter"), 6, date(2026, 4, 11)) == {"fee": "810.00"}
    assert owed(fee("910", every="quarter"), 5, date(2026, 4, 1), ends_on=date(2026, 5, 21)) == {"fee": "500.00"}
    assert owed(fee("910", every="quarter", prorated=False), 5, date(2026, 4, 1), ends_on=date(2026, 5, 21)) == {
        "fee": "910.00"
    }


def test_what_was_paid_in_advance_is_given_back() -> None:
    advance = fee("910", every="quarter", charged="advance")
    assert owed(advance, 5, date(2026, 4, 1), ends_on=date(2026, 5, 21)) == {"fee.given-back": "-410.00"}
    assert owed(advance, 6, date(2026, 4, 1), ends_on=date(2026, 7, 1)) == {}
    assert owed({**advance, "prorated": False}, 5, date(2026, 4, 1), ends_on=date(2026, 5, 21)) == {}


def test_a_ramp() -> None:
    ramp = fee("0", phases=[{"months": 2, "price": "0"}, {"months": 3, "price": "100"}, {"price": "200"}])
    found = [owed(ramp, n, date(2026, 1, 16), policies={"proration": "full_month"})["fee"] for n in range(1, 8)]
    assert found == ["0.00", "0.00", "100.00", "100.00", "100.00", "200.00", "200.00"]


def test_a_ramp_that_ends_keeps_its_last_price() -> None:
    assert owed(fee("0", phases=[{"months": 1, "price": "5"}]), 11) == {"fee": "5.00"}


def test_a_one_off_fee_on_its_day() -> None:
    setup = {"kind": "one_off", "code": "setup", "price": "2000", "on": "2026-11-30", "quantity": "2"}
    assert owed(setup, 11) == {"setup": "4000.00"}
    assert owed({**setup, "on": "2026-12-01"}, 11) == {}
    assert owed({**setup, "on": "2026-11-01"}, 11) == {"setup": "4000.00"}
    assert owed({**setup, "on": "2026-10-31"}, 11) == {}


def service(price: object, **rest: object) -> dict[str, object]:
    return {"kind": "service_level", "code": "sla", "price": price, **rest}


def test_a_service_level_for_the_month_or_by_percentage() -> None:
    assert owed(service("500"), 11) == {"sla": "500.00"}
    assert owed(service("500"), 11, date(2026, 11, 16)) == {"sla": "250.00"}
    agreed = terms(service({"kind": "percentage", "rate": "0.10", "of": ["talk"]}), talk("0.15"))
    found = bill(agreed, row(minutes=1000))
    assert amounts(found) == {"sla": "15.00", "talk": "150.00"}
    assert [line.code for line in found.lines] == ["sla", "talk"]


def test_a_percentage_looks_at_unrounded_amounts() -> None:
    agreed = terms(talk("0.115"), service({"kind": "percentage", "rate": "1", "of": ["talk"]}))
    assert amounts(bill(agreed, row(minutes=1))) == {"talk": "0.12", "sla": "0.12"}
    agreed = terms(talk("0.001"), service({"kind": "percentage", "rate": "5", "of": ["talk"]}))
    assert amounts(bill(agreed, row(minutes=1)))["sla"] == "0.01"


CREDITS = [{"below": "0.999", "rate": "0.10"}, {"below": "0.99", "rate": "0.25"}]


@pytest.mark.parametrize(
    ("level", "credit"), [("0.9990", None), ("0.9989", "-50.00"), ("0.99", "-50.00"), ("0.98", "-125.00")]
)
def test_credits_when_the_level_was_missed(level: str, credit: str | None) -> None:
    agreed = terms(service("500", measure="availability", credits=CREDITS))
    found = amounts(bill(agreed, measurements=[{"measure": "availability", "level": level}]))
    assert found == {"sla": "500.00"} | ({"sla.credit": credit} if credit else {})


def test_credits_of_other_clauses_and_of_unmeasured_months() -> None:
    agreed = terms(service("0", measure="a", credits=CREDITS, credit_of=["talk"]), talk("1"))
    assert (
        amounts(bill(agreed, row(minutes=100), measurements=[{"measure": "a", "level": "0"}]))["sla.credit"] == "-25.00"
    )
    assert "sla.credit" not in amounts(bill(agreed, row(minutes=100)))


def test_credits_by_the_segments_own_measurement() -> None:
    document = agreement(service("300", measure="a", credits=CREDITS))
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    levels = [{"measure": "a", "level": "1"}, {"measure": "a", "level": "0.5", "segment": "2"}]
    assert amounts(bill(agreed, measurements=levels)) == {"sla": "150.00", "sla@2": "150.00", "sla.credit@2": "-37.50"}


def test_credits_need_a_measurement() -> None:
    with pytest.raises(InvalidTerms) as refused:
        terms(service("1", credits=CREDITS))
    assert refused.value.pointer == "/clauses/0/measure"


def test_cycles_follow_a_billing_day_that_short_months_lack() -> None:
    last = Period(date(2026, 3, 31), date(2026, 4, 30))
    agreed = terms(fee("890", every="quarter"), period=last, starts_on=date(2026, 2, 10))
    assert amounts(bill(agreed)) == {"fee": "790.00"}


def test_only_days_after_the_end_are_given_back_to_a_late_starter() -> None:
    advance = fee("910", every="quarter", charged="advance")
    assert owed(advance, 4, date(2026, 4, 11), ends_on=date(2026, 5, 21)) == {"fee": "810.00"}
    assert owed(advance, 5, date(2026, 4, 11), ends_on=date(2026, 5, 21)) == {"fee.given-back": "-410.00"}


def test_fees_print_their_units() -> None:
    once = {"kind": "one_off", "code": "setup", "price": "1", "on": "2026-11-30"}
    assert [line.unit for line in bill(terms(once, fee())).lines] == ["once", "month"]
    assert [line.unit for line in bill(terms({**once, "unit": "voice"}, fee(unit="line"))).lines] == ["voice", "line"]
