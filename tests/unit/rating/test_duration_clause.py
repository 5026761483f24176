from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from billing.rating import InvalidTerms, count, rate
from tests.unit.rating.making import agreement, amounts, bill, call, row, talk, terms, tiers, versions


def test_included_minutes_come_first_and_the_line_shows_what_was_used() -> None:
    found = bill(terms(talk("0.15", included_minutes="100")), row(minutes=400))
    line = found.lines[0]
    assert (line.quantity_used, line.quantity_billed, line.amount) == (400, 300, Decimal("45.00"))


def test_usage_inside_the_allowance_is_a_line_of_nothing() -> None:
    found = bill(terms(talk("0.15", included_minutes="100")), row(minutes=99))
    assert amounts(found) == {"talk": "0.00"}
    assert found.lines[0].quantity_used == 99


def test_usage_of_tier_lines_adds_up_to_all_that_was_used() -> None:
    price = {"kind": "graduated", "tiers": tiers(("1000", "0.15"), (None, "0.12"))}
    found = bill(terms(talk(price, included_minutes="100")), row(minutes=1500))
    assert [line.quantity_used for line in found.lines] == [1100, 400]
    assert [line.quantity_billed for line in found.lines] == [1000, 400]


@pytest.mark.parametrize(
    ("per_s", "price", "owed", "unit"),
    [
        (1, "0.0025", "9.00", "second"),
        (2, "0.005", "9.00", "2_seconds"),
        (60, "0.15", "9.00", "minute"),
        (3600, "9", "9.00", "hour"),
        (6, "0.015", "9.00", "6_seconds"),
    ],
)
def test_a_price_may_be_per_other_units(per_s: int, price: str, owed: str, unit: str) -> None:
    found = bill(terms(talk(price, per_s=per_s)), row(minutes=60))
    assert amounts(found) == {"talk": owed}
    assert found.lines[0].unit == unit


def test_included_minutes_are_minutes_whatever_the_unit() -> None:
    assert amounts(bill(terms(talk("9", per_s=3600, included_minutes="30")), row(minutes=60))) == {"talk": "4.50"}


def test_a_version_change_prorates_the_allowance_by_calendar_days() -> None:
    old, new = agreement(talk("0.20", included_minutes="300")), agreement(talk("0.10", included_minutes="300"))
    agreed = versions((date(2026, 1, 1), old), (date(2026, 11, 11), new))
    found = bill(agreed, row(minutes=150), row(minutes=300, segment="2"))
    assert amounts(found) == {"talk": "10.00", "talk@2": "10.00"}
    assert "included:10/30" in [step.note for step in found.lines[0].steps]
    assert "10/30" in __import__("billing.rating", fromlist=["explain"]).explain(found.lines[0]).zh


def test_the_allowance_stays_whole_where_the_policy_says_so() -> None:
    policies = {"prorate_allowance": False}
    old = agreement(talk("0.20", included_minutes="300"), policies=policies)
    agreed = versions((date(2026, 1, 1), old), (date(2026, 11, 11), old))
    assert amounts(bill(agreed, row(minutes=350), row(minutes=350, segment="2"))) == {
        "talk": "10.00",
        "talk@2": "10.00",
    }


@pytest.mark.parametrize(
    ("policy", "second"),
    [("anew", {"talk.tier-1@2": "90.00"}), ("carry", {"talk.tier-1@2": "60.00", "talk.tier-2@2": "20.00"})],
)
def test_tiers_across_versions(policy: str, second: dict[str, str]) -> None:
    price = {"kind": "graduated", "tiers": tiers(("1000", "0.15"), (None, "0.10"))}
    document = agreement(talk(price), policies={"tiers_across_versions": policy})
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    found = amounts(bill(agreed, row(minutes=600), row(minutes=600, segment="2")))
    assert found == {"talk.tier-1": "90.00", **second}


def test_a_position_is_not_carried_over_to_another_unit() -> None:
    price = {"kind": "graduated", "tiers": tiers(("1000", "0.15"), (None, "0.10"))}
    old = agreement(talk(price, per_s=1), policies={"tiers_across_versions": "carry"})
    new = agreement(talk(price), policies={"tiers_across_versions": "carry"})
    agreed = versions((date(2026, 1, 1), old), (date(2026, 11, 16), new))
    assert amounts(bill(agreed, row(minutes=60), row(minutes=10, segment="2")))["talk.tier-1@2"] == "1.50"


@pytest.mark.parametrize(("legs", "owed"), [("robot", "0.18"), ("whole", "0.54"), ("each", "0.72")])
def test_legs(legs: str, owed: str) -> None:
    agreed = terms(talk("0.18", rule={"legs": legs}))
    calls = [call(talk_s=150, agent_ms=121_000, transferred=True)]
    assert amounts(rate(agreed, count(agreed, calls))) == {"talk": owed}


def test_the_first_matching_clause_takes_the_call() -> None:
    local = talk("0.10", code="local", select={"region": ["0571"]})
    agreed = terms(local, talk("0.30"))
    calls = [call(region="0571"), call("2026-11-04 10:00:00", region="010")]
    assert amounts(rate(agreed, count(agreed, calls))) == {"local": "0.10", "talk": "0.30"}


def test_an_on_top_clause_charges_besides() -> None:
    agreed = terms(talk("0.05", code="surcharge", on_top=True, select={"language": ["de"]}), talk("0.30"))
    calls = [call(language="de"), call("2026-11-04 10:00:00", language="zh")]
    found = rate(agreed, count(agreed, calls))
    assert amounts(found) == {"surcharge": "0.05", "talk": "0.60"}
    assert not found.uncovered


@pytest.mark.parametrize(
    "price", [{"kind": "elapsed", "parts": [{"price": "1"}]}, {"kind": "per_unit", "price": "1", "round_each_call": {}}]
)
def test_included_minutes_do_not_go_with_prices_of_single_calls(price: dict[str, object]) -> None:
    with pytest.raises(InvalidTerms, match="included_minutes") as refused:
        terms(talk(price, included_minutes="1"))
    assert refused.value.pointer == "/clauses/0/included_minutes"


def test_elapsed_prices_come_from_the_histogram() -> None:
    price = {"kind": "elapsed", "parts": [{"up_to_s": 180, "price": "0.30"}, {"price": "0.12", "increment_s": 6}]}
    found = bill(terms(talk(price)), row(calls=3, histogram=[["60", 2], ["186", 1]]))
    assert amounts(found) == {"talk.part-1": "1.50", "talk.part-2": "0.01"}
    agreed = terms(talk(price))
    calls = [call(talk_s=60), call("2026-11-03 11:00:00", talk_s=59.5), call("2026-11-03 12:00:00", talk_s="185.1")]
    assert amounts(rate(agreed, count(agreed, calls))) == amounts(found)


def test_matrix_cells_are_lines_and_the_longest_prefix_wins() -> None:
    price = {
        "kind": "matrix",
        "dimensions": ["region", "band"],
        "region_match": "prefix",
        "cells": [
            {"where": {"region": "33", "band": "peak"}, "price": "0.30"},
            {"where": {"region": "3301", "band": "peak"}, "price": "0.20"},
            {"where": {"band": "rest"}, "price": "0.10"},
        ],
    }

    def cell(region: str, band: str) -> list[list[str]]:
        return [["region", region], ["band", band]]

    found = bill(
        terms(talk(price)),
        row(minutes=10, cell=cell("330106", "peak")),
        row(minutes=10, cell=cell("330200", "peak")),
        row(minutes=10, cell=cell("11", "rest")),
        row(minutes=10, cell=cell("11", "peak")),
    )
    assert amounts(found) == {
        "talk.band=peak.region=33": "3.00",
        "talk.band=peak.region=3301": "2.00",
        "talk.band=rest": "1.00",
    }
    assert [(each.calls, each.reason) for each in found.uncovered] == [(1, "no_matrix_cell")]
    assert found.blocked


def test_matrix_otherwise_bounds_and_allowance() -> None:
    price = {
        "kind": "matrix",
        "dimensions": ["region"],
        "cells": [{"where": {"region": "a"}, "price": "1"}],
        "otherwise": "2",
        "minimum": "100",
    }
    rows = [row(minutes=10, cell=[["region", "a"]]), row(minutes=10, cell=[["region", "b"]])]
    assert amounts(bill(terms(talk(price)), *rows)) == {
        "talk.region=a": "10.00",
        "talk.cell=otherwise": "20.00",
        "talk.minimum": "70.00",
    }
    free = bill(terms(talk({**price, "minimum": "0"}, included_minutes="15")), *rows)
    assert amounts(free) == {"talk.region=a": "0.00", "talk.cell=otherwise": "10.00"}


def test_groups_count_tiers_together_or_anew() -> None:
    price = {"kind": "graduated", "tiers": tiers(("100", "0.20"), (None, "0.10"))}
    rows = [row(minutes=150, group="east"), row(minutes=50, group="west")]
    apart = bill(terms(talk(price, group_by="shop", tiers_per="group")), *rows)
    assert amounts(apart) == {
        "talk.group=east.tier-1": "20.00",
        "talk.group=east.tier-2": "5.00",
        "talk.group=west.tier-1": "10.00",
    }
    together = bill(terms(talk(price, group_by="shop")), *rows)
    assert amounts(together) == {
        "talk.group=east.tier-1": "15.00",
        "talk.group=west.tier-1": "5.00",
        "talk.group=east.tier-2": "7.50",
        "talk.group=west.tier-2": "2.50",
    }
    assert sum(line.quantity_used or 0 for line in together.lines) == 200


def test_groups_have_their_own_allowance_where_tiers_begin_anew() -> None:
    rows = [row(minutes=150, group="east"), row(minutes=50, group="west")]
    apart = bill(terms(talk("1", group_by="shop", tiers_per="group", included_minutes="60")), *rows)
    assert amounts(apart) == {"talk.group=east": "90.00", "talk.group=west": "0.00"}


def test_a_minimum_is_owed_in_a_silent_month_and_prorated_by_the_days_of_the_version() -> None:
    price = {"kind": "per_unit", "price": "1", "minimum": "30"}
    assert amounts(bill(terms(talk(price)))) == {"talk.minimum": "30.00"}
    agreed = versions((date(2026, 11, 21), agreement(talk(price))))
    assert amounts(bill(agreed)) == {"talk.minimum": "10.00"}
    whole = agreement(talk(price), policies={"prorate_commitment": False})
    assert amounts(bill(versions((date(2026, 11, 21), whole)))) == {"talk.minimum": "30.00"}


def test_a_maximum_is_prorated_by_the_cap_policy() -> None:
    price = {"kind": "per_unit", "price": "1", "maximum": "30"}
    late = versions((date(2026, 11, 21), agreement(talk(price))))
    assert amounts(bill(late, row(minutes=100))) == {"talk": "100.00", "talk.maximum": "-90.00"}
    whole = versions((date(2026, 11, 21), agreement(talk(price), policies={"prorate_cap": False})))
    assert amounts(bill(whole, row(minutes=100))) == {"talk": "100.00", "talk.maximum": "-70.00"}


@pytest.mark.parametrize(("policy", "found"), [("not_charged", {}), ("charged", {"talk.tier-1": "10.00"})])
def test_zero_usage_flat(policy: str, found: dict[str, str]) -> None:
    price = {"kind": "graduated", "tiers": [{"price": "0.1", "flat": "10"}]}
    assert amounts(bill(terms(talk(price), policies={"zero_usage_flat": policy}))) == found


def test_evidence_counts_the_calls_behind_a_line() -> None:
    found = bill(
        terms(talk("0.15")), row(minutes=2, calls=2, on="2026-11-03"), row(minutes=3, calls=1, on="2026-11-04")
    )
    evidence = found.lines[0].evidence
    assert evidence is not None
    assert (evidence.calls, evidence.talk_ms, evidence.billed_seconds) == (3, 300_000, 300)
    assert evidence.selector == (("segment", "1"), ("clause", "talk"))


def test_rows_of_a_group_need_not_come_together() -> None:
    price = {"kind": "graduated", "tiers": tiers(("100", "0.20"), (None, "0.10"))}
    rows = [row(minutes=80, group="east"), row(minutes=50, group="west"), row(minutes=70, group="east")]
    apart = bill(terms(talk(price, group_by="shop", tiers_per="group")), *rows)
    assert amounts(apart) == {
        "talk.group=east.tier-1": "20.00",
        "talk.group=east.tier-2": "5.00",
        "talk.group=west.tier-1": "10.00",
    }


def test_what_lifts_a_matrix_to_its_minimum_used_nothing() -> None:
    price = {
        "kind": "matrix",
        "dimensions": ["region"],
        "cells": [{"where": {"region": "a"}, "price": "1"}],
        "minimum": "100",
    }
    line = bill(terms(talk(price)), row(minutes=10, cell=[["region", "a"]])).lines[-1]
    assert (line.key, line.quantity_used, line.quantity_billed) == ("talk.minimum", 0, 1)


def test_only_regions_match_by_prefix_and_the_first_of_equal_cells_wins() -> None:
    def found(cells: list[dict[str, object]], values: list[list[str]], **price: object) -> dict[str, str]:
        matrix = {"kind": "matrix", "dimensions": ["region", "line"], "cells": cells, **price}
        return amounts(bill(terms(talk(matrix)), row(minutes=1, cell=values)))

    by_line = [{"where": {"line": "1"}, "price": "1"}, {"where": {}, "price": "2"}]
    assert found(by_line, [["region", "a"], ["line", "12"]], region_match="prefix") == {"talk": "2.00"}
    by_region = [{"where": {"region": "33"}, "price": "1"}, {"where": {}, "price": "2"}]
    assert found(by_region, [["region", "3301"], ["line", ""]]) == {"talk": "2.00"}
    assert found(by_region, [["region", "3301"], ["line", ""]], region_match="prefix") == {"talk.region=33": "1.00"}
    twins = [{"where": {"line": "1"}, "price": "1"}, {"where": {"region": ""}, "price": "2"}]
    assert found(twins, [["region", ""], ["line", "1"]]) == {"talk.line=1": "1.00"}
