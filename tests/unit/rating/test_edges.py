"""What happens at an edge: the day itself, the same day twice, nothing at all, the month after."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing.periods import Period
from billing.rating import price_calls
from billing.rating.bands import split_at_bands
from billing.rating.clauses.context import prorate
from billing.rating.ledger import allocate
from billing.rating.terms import Band, BandRule
from tests.unit.rating.making import agreement, amounts, bill, dials, held, row, talk, terms, tiers, versions
from tests.unit.rating.test_bands import MINUTES, NAME, REST
from tests.unit.rating.test_fees import fee, service
from tests.unit.rating.test_held_clauses import module, seats
from tests.unit.rating.test_packages import bought, drawn, left, pack
from tests.unit.rating.test_prices import ELAPSED


def test_the_oldest_module_ends_first_whichever_subscription_names_it_first() -> None:
    younger = held("kb", ("2026-10-20", "1"))
    older = held("kb", ("2026-10-05", "1"), ("2026-11-03", "-1"))
    for order in ([younger, older], [older, younger]):
        assert amounts(bill(terms(module(minimum_months=1)), subscriptions=order)) == {"kb": "340.00"}


def test_an_ending_of_several_takes_each_of_them_at_its_own_end() -> None:
    changes = [held("kb", ("2026-10-05", "2"), ("2026-10-20", "1"), ("2026-11-03", "-3"))]
    assert amounts(bill(terms(module(minimum_months=1)), subscriptions=changes)) == {"kb": "270.00"}


def test_changes_of_one_day_add_up() -> None:
    changes = [held("seats", ("2026-11-16", "2"), ("2026-11-16", "1"))]
    assert amounts(bill(terms(seats()), subscriptions=changes)) == {"seats": "45.00"}


@pytest.mark.parametrize(("counts", "owed"), [("average", "15.00"), ("snapshot", None)])
def test_what_ends_more_than_is_held_leaves_nothing(counts: str, owed: str | None) -> None:
    changes = [held("seats", ("2026-11-01", "1"), ("2026-11-16", "-2"))]
    rest = {} if counts == "average" else {"counts": "snapshot", "snapshot_day": 30}
    assert amounts(bill(terms(seats(**rest)), subscriptions=changes)).get("seats") == owed


def test_a_peak_is_not_looked_for_on_the_day_after_the_month() -> None:
    changes = [held("seats", ("2026-01-01", "1"), ("2026-12-01", "5"))]
    assert amounts(bill(terms(seats(counts="peak")), subscriptions=changes)) == {"seats": "30.00"}


@pytest.mark.parametrize(("day", "found"), [(15, {"seats": "30.00"}), (16, {"seats@2": "60.00"})])
def test_the_version_of_the_snapshot_day_owes_the_whole_month(day: int, found: dict[str, str]) -> None:
    rest: dict[str, Any] = {"counts": "snapshot", "snapshot_day": day}
    agreed = versions(
        (date(2026, 1, 1), agreement(seats("30", **rest))), (date(2026, 11, 16), agreement(seats("60", **rest)))
    )
    assert amounts(bill(agreed, subscriptions=[held("seats", ("2026-01-01", "1"))])) == found


@pytest.mark.parametrize(("policy", "found"), [("charged", {"seats.tier-1": "100.00"}), ("not_charged", {})])
def test_the_flat_fee_of_seats_when_none_is_held(policy: str, found: dict[str, str]) -> None:
    price = {"kind": "graduated", "tiers": [{"price": "30", "flat": "100"}]}
    agreed = terms(seats(price), policies={"zero_usage_flat": policy})
    assert amounts(bill(agreed)) == found


def test_uses_of_a_module_along_tiers_say_what_each_tier_took_and_how_long_was_talked() -> None:
    price = {"kind": "graduated", "tiers": tiers(("10", "0.5"), (None, "0.3"))}
    found = bill(terms(module(use_price=price), talk("0")), row("kb", calls=15, talk_ms=90_000))
    assert {line.key: (f"{line.quantity_used:f}", f"{line.amount:f}") for line in found.lines} == {
        "kb.use.tier-1": ("10", "5.00"),
        "kb.use.tier-2": ("5", "1.50"),
    }
    assert {line.evidence.talk_ms for line in found.lines if line.evidence} == {90_000}


def test_a_quarter_paid_in_advance_is_owed_once_when_its_first_month_has_two_versions() -> None:
    quarterly = agreement(fee("900", every="quarter", charged="advance"))
    agreed = versions((date(2026, 11, 1), quarterly), (date(2026, 11, 16), quarterly))
    assert amounts(bill(agreed)) == {"fee": "900.00"}


def test_a_quarter_billed_on_the_thirty_first_is_given_back_by_its_own_days() -> None:
    agreed = terms(
        fee("890", every="quarter", charged="advance"),
        period=Period(date(2026, 2, 28), date(2026, 3, 31)),
        starts_on=date(2026, 1, 31),
        ends_on=date(2026, 3, 15),
    )
    assert amounts(bill(agreed)) == {"fee.given-back": "-460.00"}


def test_a_one_off_fee_says_how_many() -> None:
    once = {"kind": "one_off", "code": "setup", "price": "500", "quantity": "3", "on": "2026-11-05"}
    (line,) = bill(terms(once)).lines
    assert (f"{line.quantity_billed:f}", f"{line.amount:f}") == ("3", "1500.00")


def test_a_percentage_of_nothing_is_no_line() -> None:
    agreed = terms(service({"kind": "percentage", "rate": "0.10", "of": ["talk"]}), talk("0.15"))
    assert amounts(bill(agreed)) == {}


def test_an_adjustment_is_rounded_as_the_contract_says() -> None:
    agreed = terms(fee("0.25"), discounts=[{"code": "d", "rate": "0.1"}], policies={"rounding": "down"})
    assert amounts(bill(agreed)) == {"fee": "0.25", "d": "-0.02"}
    agreed = terms(fee("0.21"), discounts=[{"code": "d", "rate": "0.1"}], policies={"rounding": "up"})
    assert amounts(bill(agreed)) == {"fee": "0.21", "d": "-0.03"}


def test_a_tax_row_names_its_month() -> None:
    assert [row.period for row in bill(terms(fee())).taxes] == ["2026-11"]


def test_steps_of_a_tier_go_on_across_versions() -> None:
    price = {"kind": "graduated", "tiers": [{"up_to": "100", "price": "1", "step": "10"}, {"price": "2", "step": "10"}]}
    document = agreement(talk(price), policies={"tiers_across_versions": "carry"})
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    found = bill(agreed, row(minutes=95), row(minutes=23, segment="2"))
    assert amounts(found) == {"talk.tier-1": "100.00", "talk.tier-1@2": "10.00", "talk.tier-2@2": "40.00"}


def test_each_cell_of_a_matrix_goes_on_along_its_own_tiers_across_versions() -> None:
    rungs = {"kind": "graduated", "tiers": tiers(("100", "1"), (None, "2"))}
    cells = [{"where": {"direction": direction}, "price": rungs} for direction in ("in", "out")]
    matrix = {"kind": "matrix", "dimensions": ["direction"], "cells": cells}
    document = agreement(talk(matrix), policies={"tiers_across_versions": "carry"})
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    usage = [("in", 90, "1"), ("out", 10, "1"), ("in", 20, "2"), ("out", 20, "2")]
    found = bill(agreed, *(row(minutes=m, segment=s, cell=[["direction", d]]) for d, m, s in usage))
    assert amounts(found) == {
        "talk.direction=in.tier-1": "90.00",
        "talk.direction=out.tier-1": "10.00",
        "talk.direction=in.tier-1@2": "10.00",
        "talk.direction=in.tier-2@2": "20.00",
        "talk.direction=out.tier-1@2": "20.00",
    }


def test_a_limit_of_the_month_counts_every_day_before() -> None:
    clause = dials("1", limit_per_month=25, beyond_limit="charge", beyond_price="2")
    days = [row("dials", calls=10, on=f"2026-11-0{day}") for day in (1, 2, 3)]
    assert amounts(bill(terms(clause), *days)) == {"dials": "25.00", "dials.beyond": "10.00"}


@pytest.mark.parametrize(("policy", "suffix"), [("none", ""), ("full_month", "@2")])
def test_only_one_version_owes_the_month_when_nothing_is_prorated(policy: str, suffix: str) -> None:
    document = agreement(service("500"), pack(price="100", every="month"), talk("0"), policies={"proration": policy})
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    assert amounts(bill(agreed)) == {f"sla{suffix}": "500.00", f"pack{suffix}": "100.00"}


def test_a_boundary_inside_the_hour_that_comes_twice_cuts_twice() -> None:
    bands = (Band("late", NAME, (BandRule("02:30", "03:00"),), 1), REST)
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # 01:30 in Berlin, before the clocks go back at 03:00
    found = split_at_bands(MINUTES, start, 4 * 3600_000, "Europe/Berlin", bands)
    assert [(piece.band, piece.talk_ms // 60_000) for piece in found] == [
        ("rest", 60),
        ("late", 30),
        ("rest", 30),
        ("late", 30),
        ("rest", 90),
    ]


def test_a_fee_that_a_later_version_brings_is_owed_by_that_version() -> None:
    policies = {"proration": "none"}
    agreed = versions(
        (date(2026, 1, 1), agreement(talk("0"), policies=policies)),
        (date(2026, 11, 16), agreement(talk("0"), fee(), policies=policies)),
    )
    assert amounts(bill(agreed)) == {"fee@2": "300.00"}


def test_an_elapsed_price_of_no_calls_has_its_first_part() -> None:
    assert [(part.suffix, part.amount) for part in price_calls(ELAPSED, []).parts] == [("part-1", Fraction(0))]


def test_a_limit_is_used_up_in_order_of_days_and_not_of_groups() -> None:
    clause = dials("1", group_by="label.city", limit_per_month=10, beyond_limit="charge", beyond_price="2")
    first = row("dials", calls=10, on="2026-11-01", group="b")
    second = row("dials", calls=10, on="2026-11-02", group="a")
    assert amounts(bill(terms(clause), second, first)) == {
        "dials.group=b": "10.00",
        "dials.group=a.beyond": "20.00",
    }


def test_the_earliest_minutes_are_the_included_ones_before_a_package_pays() -> None:
    agreed = terms(pack(), talk("1", included_minutes=10))
    days = [row(minutes=10, on="2026-11-20"), row(minutes=10, on="2026-11-05")]
    found = bill(agreed, *days, balances=[bought(expires_on="2026-11-10")])
    assert drawn(found) == {}


def test_the_tax_of_each_line_is_rounded_as_the_contract_says() -> None:
    for mode, tax in (("down", "0.02"), ("up", "0.04")):
        agreed = terms(
            fee("0.25"),
            {**fee("0.25"), "code": "other"},
            tax={"rate": "0.06"},
            policies={"rounding": mode, "round_order": "tax_per_line"},
        )
        assert f"{bill(agreed).tax:f}" == tax


def test_a_commitment_of_the_month_looks_at_no_other_month() -> None:
    agreed = terms(
        fee("100"),
        commitments=[{"code": "m", "amount": "150"}],
        caps=[{"code": "c", "amount": "200"}],
    )
    found = bill(agreed, to_date=[{"code": "m", "amount": "1000"}, {"code": "c", "amount": "1000"}])
    assert amounts(found) == {"fee": "100.00", "m": "50.00"}


def test_a_cell_wants_its_dimension_said() -> None:
    cells = [
        {"where": {"direction": "in"}, "price": "1"},
        {"where": {"direction": "in", "line": "vip"}, "price": "2"},
    ]
    matrix = {"kind": "matrix", "dimensions": ["direction", "line"], "cells": cells, "otherwise": "9"}
    agreed = terms(talk(matrix))
    rows = [
        row(minutes=1),
        row(minutes=10, cell=[["direction", "in"], ["line", "vip"]]),
        row(minutes=100, cell=[["direction", "in"], ["line", "other"]]),
    ]
    assert amounts(bill(agreed, *rows)) == {
        "talk.cell=otherwise": "9.00",
        "talk.direction=in.line=vip": "20.00",
        "talk.direction=in": "100.00",
    }


def test_usage_without_a_cell_is_listed_once_although_a_package_looks_again() -> None:
    cells = [{"where": {"direction": "in"}, "price": "1"}]
    agreed = terms(
        pack(),
        talk({"kind": "matrix", "dimensions": ["direction"], "cells": cells}),
        policies={"uncovered": "listed_at_zero"},
    )
    rows = [row(minutes=1, on="2026-11-03"), row(minutes=10, on="2026-11-03", cell=[["direction", "in"]])]
    found = bill(agreed, *rows, balances=[bought()])
    assert [(each.calls, each.reason) for each in found.uncovered] == [(1, "no_matrix_cell")]


def test_a_package_whose_units_count_double_pays_for_half_as_many() -> None:
    agreed = terms(pack(covers=[{"clause": "talk", "factor": "2"}]), talk("1"))
    found = bill(agreed, row(minutes=60, on="2026-11-03"), balances=[bought()])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-50.00"}
    assert left(found) == [("pack", "100", "0", "0")]


def test_a_one_off_line_says_what_it_is_and_its_price() -> None:
    (line,) = bill(terms({"kind": "one_off", "code": "setup", "price": "500", "on": "2026-11-05"})).lines
    assert (line.kind, str(line.unit_price)) == ("one_off", "500")


@pytest.mark.parametrize(("bound", "owed"), [({"maximum": "30"}, "15.00"), ({"minimum": "300"}, "150.00")])
def test_the_bounds_of_a_service_level_hold_for_the_days_of_a_version(bound: dict[str, str], owed: str) -> None:
    price = {"kind": "percentage", "rate": "0.10", "of": ["talk"], **bound}
    agreed = versions(
        (date(2026, 1, 1), agreement(talk("1"))), (date(2026, 11, 16), agreement(talk("1"), service(price)))
    )
    found = amounts(bill(agreed, row(minutes=1000, segment="2")))
    assert Decimal(found["sla@2"]) + Decimal(found[f"sla.{next(iter(bound))}@2"]) == Decimal(owed)


def test_only_the_item_of_the_clause_is_counted() -> None:
    both = [held("seats", ("2026-01-01", "1")), held("numbers", ("2026-01-01", "5"))]
    assert amounts(bill(terms(seats()), subscriptions=both)) == {"seats": "30.00"}


def test_the_second_quarter_is_counted_from_its_own_first_month() -> None:
    agreed = terms(
        fee("910", every="quarter", charged="arrears"),
        period=Period(date(2026, 5, 1), date(2026, 6, 1)),
        ends_on=date(2026, 5, 16),
    )
    assert amounts(bill(agreed)) == {"fee": "450.00"}


def test_a_discount_below_its_maximum_is_taken_as_it_is() -> None:
    agreed = terms(fee("100"), discounts=[{"code": "d", "rate": "0.1", "maximum": "50"}])
    assert amounts(bill(agreed))["d"] == "-10.00"


def test_the_rest_of_a_batch_ends_when_it_is_ended() -> None:
    changes = [held("kb", ("2026-10-05", "2"), ("2026-11-03", "-1"), ("2026-11-20", "-1"))]
    assert amounts(bill(terms(module(minimum_months=1)), subscriptions=changes)) == {"kb": "230.00"}


def test_a_credit_pays_only_for_the_clauses_it_covers() -> None:
    agreed = terms(pack(unit="money", quantity="500"), talk("1"), fee("300"))
    found = bill(agreed, row(minutes=60, on="2026-11-03"), balances=[bought(remaining="500")])
    assert drawn(found) == {"pack.drawn.2026-01-05": "-60.00"}
    assert left(found) == [("pack", "60", "440", "0")]


@pytest.mark.parametrize(("days", "owed"), [(0, 0), (15, 150), (30, 300)])
def test_a_part_of_the_month_is_from_none_of_its_days_to_all(days: int, owed: int) -> None:
    assert prorate(300, days, 30) == owed


@pytest.mark.parametrize("days", [-1, 31])
def test_more_days_than_the_month_has_are_refused(days: int) -> None:
    with pytest.raises(ValueError, match="days of the month"):
        prorate(300, days, 30)


def test_a_longer_prefix_goes_before_more_dimensions() -> None:
    cells = [
        {"where": {"region": "0", "direction": "in"}, "price": "1"},
        {"where": {"region": "010"}, "price": "2"},
    ]
    matrix = {"kind": "matrix", "dimensions": ["region", "direction"], "region_match": "prefix", "cells": cells}
    found = bill(terms(talk(matrix)), row(minutes=10, cell=[["region", "0101"], ["direction", "in"]]))
    assert amounts(found) == {"talk.region=010": "20.00"}


def test_calls_rounded_each_by_a_price_per_second() -> None:
    price = {"kind": "per_unit", "price": "0.0111", "round_each_call": {"places": 2}}
    found = bill(terms(talk(price, per_s=1)), row(minutes="0.5", histogram=[["10", 3]]))
    assert amounts(found) == {"talk": "0.33"}


def test_a_ramp_goes_on_over_the_turn_of_the_year() -> None:
    phases = [{"months": 3, "price": "100"}, {"price": "200"}]
    for number, owed in ((1, "100.00"), (2, "200.00")):
        period = Period(date(2026, number, 1), date(2026, number + 1, 1))
        agreed = terms(fee(phases=phases), period=period, starts_on=date(2025, 11, 1))
        assert amounts(bill(agreed)) == {"fee": owed}


def test_a_package_bought_on_the_day_of_a_new_version_is_paid_by_that_version() -> None:
    document = agreement(pack(price="100"), talk("1"))
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    assert amounts(bill(agreed, balances=[bought(on="2026-11-16")])) == {"pack@2": "100.00"}


def test_a_factor_follows_its_own_measure() -> None:
    factor = {"code": "p", "reason": "performance", "measure": "asr", "steps": [{"at_least": "0.6", "rate": "-0.02"}]}
    measured = [{"measure": "connect_rate", "level": "0.9"}, {"measure": "asr", "level": "0.1"}]
    assert amounts(bill(terms(fee(), factors=[factor]), measurements=measured)) == {"fee": "300.00"}


def test_committed_seats_beyond_the_held_ones_count_as_unused() -> None:
    price = {"kind": "graduated", "tiers": tiers(("3", "10"), (None, "5"))}
    found = bill(terms(seats(price, committed=10)), subscriptions=[held("seats", ("2026-01-01", "5"))])
    assert [(f"{line.quantity_used:f}", f"{line.quantity_billed:f}", f"{line.amount:f}") for line in found.lines] == [
        ("0", "3", "30.00"),
        ("7", "7", "35.00"),
    ]


def test_a_percentage_is_of_an_amount_of_money() -> None:
    agreed = terms(talk("1"), service({"kind": "percentage", "rate": "0.10", "of": ["talk"]}))
    line = bill(agreed, row(minutes=10)).lines[-1]
    assert (line.code, line.unit, f"{line.quantity_billed:f}") == ("sla", "currency", "10")


def test_a_package_saves_what_its_calls_would_have_cost_beyond_the_included_ones() -> None:
    price = {"kind": "per_unit", "price": "0.015", "round_each_call": {"places": 2}}
    agreed = terms(pack(covers=[{"clause": "dials"}]), dials(price, included_calls=10))
    found = bill(agreed, row("dials", calls=40, on="2026-11-03"), balances=[bought(remaining="20")])
    assert amounts(found) == {"dials": "0.60", "pack.drawn.2026-01-05": "-0.40"}


@pytest.mark.parametrize(
    ("policies", "first", "second"),
    [({}, "-5.00", "5.00"), ({"prorate_cap": False}, None, "5.00"), ({"prorate_commitment": False}, "-5.00", "20.00")],
)
def test_the_bounds_of_the_uses_of_a_module_hold_for_the_days_of_a_version(
    policies: dict[str, bool], first: str | None, second: str
) -> None:
    most = module(use_price={"kind": "per_unit", "price": "1", "maximum": "20"})
    least = module(use_price={"kind": "per_unit", "price": "1", "minimum": "30"})
    agreed = versions(
        (date(2026, 1, 1), agreement(most, policies=policies)),
        (date(2026, 11, 16), agreement(least, policies=policies)),
    )
    found = amounts(bill(agreed, row("kb", calls=15), row("kb", calls=10, segment="2")))
    assert (found.get("kb.use.maximum"), found.get("kb.use.minimum@2")) == (first, second)


@pytest.mark.parametrize(("policies", "lifted"), [({}, "50.00"), ({"prorate_commitment": False}, "200.00")])
def test_the_minimum_of_a_service_level_follows_the_policy_of_commitments(
    policies: dict[str, bool], lifted: str
) -> None:
    price = {"kind": "percentage", "rate": "0.10", "of": ["talk"], "minimum": "300"}
    agreed = versions(
        (date(2026, 1, 1), agreement(talk("1"), policies=policies)),
        (date(2026, 11, 16), agreement(talk("1"), service(price), policies=policies)),
    )
    assert amounts(bill(agreed, row(minutes=1000, segment="2")))["sla.minimum@2"] == lifted


def test_a_limit_of_the_month_is_whole_calls_in_a_part_of_it() -> None:
    clause = dials("1", limit_per_month=25, beyond_limit="charge", beyond_price="2")
    agreed = terms(clause, starts_on=date(2026, 11, 16))
    assert amounts(bill(agreed, row("dials", calls=20, on="2026-11-20"))) == {"dials": "12.00", "dials.beyond": "16.00"}


def test_the_line_of_a_module_says_how_many_were_held() -> None:
    (line,) = bill(terms(module()), subscriptions=[held("kb", ("2026-11-16", "3"))]).lines
    assert (f"{line.quantity_used:f}", f"{line.amount:f}") == ("1.5", "450.00")


def test_the_fee_of_a_service_level_has_its_minimum() -> None:
    found = bill(terms(service({"kind": "per_unit", "price": "100", "minimum": "150"})))
    assert amounts(found) == {"sla": "100.00", "sla.minimum": "50.00"}


def test_a_price_lifted_above_its_maximum_comes_down_to_it() -> None:
    price = {"kind": "per_unit", "price": "1", "minimum": "30", "maximum": "40"}
    agreed = terms(talk(price), starts_on=date(2026, 11, 16), policies={"prorate_commitment": False})
    assert amounts(bill(agreed, row(minutes=10))) == {
        "talk": "10.00",
        "talk.minimum": "20.00",
        "talk.maximum": "-10.00",
    }


def test_a_limit_of_the_day_counts_every_row_before() -> None:
    clause = dials("1", limit_per_day=10, beyond_price="2", group_by="shop")
    rows = [row("dials", calls=4, on="2026-11-01", group=group) for group in "abc"]
    assert amounts(bill(terms(clause), *rows))["dials.group=c"] == "2.00"


@pytest.mark.parametrize(("policy", "owed"), [("none", {"seats": "30.00"}), ("full_month", {"seats@2": "90.00"})])
def test_without_proration_seats_are_looked_for_in_the_whole_month(policy: str, owed: dict[str, str]) -> None:
    document = agreement(seats(), policies={"proration": policy})
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    changes = [held("seats", ("2026-01-01", "1"), ("2026-11-05", "2"), ("2026-11-10", "-2"))]
    assert amounts(bill(agreed, subscriptions=changes)) == owed


def test_a_module_not_held_has_no_fee() -> None:
    price = {"kind": "graduated", "tiers": [{"price": "30", "flat": "100"}]}
    assert amounts(bill(terms(module(price), policies={"zero_usage_flat": "charged"}))) == {}


def test_a_clause_may_be_free_of_tax() -> None:
    found = bill(terms(fee("100", tax="0"), tax={"rate": "0.06"}))
    assert (f"{found.tax:f}", f"{found.lines[0].tax_rate:f}") == ("0.00", "0")


def test_a_percentage_of_other_clauses_has_its_fixed_fee_for_each_call() -> None:
    price = {"kind": "percentage", "rate": "0.10", "of": ["talk"], "fixed": "2"}
    found = bill(terms(talk("1"), dials(price)), row(minutes=100), row("dials", calls=3))
    assert amounts(found) == {"talk": "100.00", "dials": "10.00", "dials.fixed": "6.00"}


def test_a_cap_sees_all_the_tiers_of_a_clause() -> None:
    price = {"kind": "graduated", "tiers": tiers(("100", "1"), (None, "2"))}
    found = bill(terms(talk(price), caps=[{"code": "c", "amount": "150"}]), row(minutes=150))
    assert amounts(found) == {"talk.tier-1": "100.00", "talk.tier-2": "100.00", "c": "-50.00"}


def test_of_equal_shares_the_first_gets_the_cent() -> None:
    assert [f"{share:f}" for share in allocate(Decimal("0.01"), [Fraction(1), Fraction(1)], 2)] == ["0.01", "0.00"]


def test_a_package_pays_beyond_the_allowance_of_the_part_of_the_month() -> None:
    agreed = terms(pack(), talk("1", included_minutes=10), starts_on=date(2026, 11, 16))
    found = bill(agreed, row(minutes=20, on="2026-11-20"), balances=[bought()])
    assert left(found) == [("pack", "15", "85", "0")]


def test_the_allowance_is_used_up_by_the_rows_together() -> None:
    days = [row(minutes=8, on="2026-11-05"), row(minutes=8, on="2026-11-06")]
    found = bill(terms(pack(), talk("1", included_minutes=10)), *days, balances=[bought()])
    assert left(found) == [("pack", "6", "94", "0")]


def test_a_credit_pays_nothing_where_nothing_is_owed() -> None:
    agreed = terms(pack(unit="money", quantity="500"), talk("0"))
    assert drawn(bill(agreed, row(minutes=60), balances=[bought(remaining="500")])) == {}
