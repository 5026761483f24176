from __future__ import annotations

from typing import Any

import pytest

from billing.rating import Agreement, lint
from tests.unit.rating.making import agreement, dials, talk, terms, tiers

ALL_DAY = {"code": "rest", "name": {"zh": "平", "en": "Rest"}, "rules": [{}]}
PEAK = {
    "code": "peak",
    "name": {"zh": "峰", "en": "Peak"},
    "priority": 1,
    "rules": [{"start": "08:00", "end": "20:00"}],
}


def found(*clauses: dict[str, Any], **rest: Any) -> list[tuple[str, str, str]]:
    return [(f.severity, f.code, f.pointer) for f in lint(Agreement.from_json(agreement(*clauses, **rest)))]


def test_a_sound_agreement_has_no_findings() -> None:
    assert found(talk("0.1"), dials("0.1")) == []


def test_a_minute_that_no_band_covers() -> None:
    assert found(talk("0.1", select={"band": ["peak"]}), bands=[PEAK]) == [("error", "band_gap", "/bands")]
    assert found(talk("0.1", select={"band": ["peak"]}), bands=[PEAK, ALL_DAY]) == []
    weekdays = {**ALL_DAY, "rules": [{"weekdays": [1, 2, 3, 4, 5, 6]}]}
    assert found(talk("0.1"), bands=[PEAK, weekdays])[0][1] == "band_gap"
    holiday = [{**ALL_DAY, "rules": [{"days": "working"}]}, {**PEAK, "rules": [{"days": "holiday"}]}]
    assert found(talk("0.1"), bands=holiday, calendar={"holidays": ["2026-10-01"]}) == []


def test_a_band_nobody_defined() -> None:
    assert ("error", "unknown_band", "/clauses/0") in found(
        talk("0.1", select={"band": ["pek"]}), bands=[PEAK, ALL_DAY]
    )
    matrix = {"kind": "matrix", "dimensions": ["band"], "cells": [{"where": {"band": "night"}, "price": "1"}]}
    assert ("error", "unknown_band", "/clauses/0") in found(talk(matrix), bands=[ALL_DAY])


def test_splitting_without_bands() -> None:
    assert found(talk("0.1", rule={"at_band_edge": "split"}))[0][1] == "band_gap"


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"factors": [{"code": "f", "rate": "0.1", "of": ["tlak"]}]}, "/factors/0/of"),
        ({"discounts": [{"code": "f", "rate": "0.1", "of": ["tlak"]}]}, "/discounts/0/of"),
        ({"commitments": [{"code": "f", "amount": "1", "of": ["tlak"]}]}, "/commitments/0/of"),
        ({"caps": [{"code": "f", "amount": "1", "of": ["tlak"]}]}, "/caps/0/of"),
    ],
)
def test_names_of_clauses_that_do_not_exist(part: dict[str, Any], pointer: str) -> None:
    assert found(talk("0.1"), **part) == [("error", "unknown_clause", pointer)]


def test_names_inside_clauses() -> None:
    package = {"kind": "package", "code": "p", "price": "1", "quantity": "1", "covers": [{"clause": "tlak"}]}
    service = {
        "kind": "service_level",
        "code": "s",
        "price": {"kind": "percentage", "rate": "0.1", "of": ["tlak"]},
        "credit_of": ["tlak"],
    }
    assert {pointer for _, _, pointer in found(package, service)} == {
        "/clauses/0/covers",
        "/clauses/1/credit_of",
        "/clauses/1/price/of",
    }
    assert found(talk("1"), {**package, "covers": [{"clause": "*"}]}) == []


def test_a_percentage_of_a_later_percentage() -> None:
    def service(code: str, of: str) -> dict[str, Any]:
        return {"kind": "service_level", "code": code, "price": {"kind": "percentage", "rate": "0.1", "of": [of]}}

    assert [f[1] for f in found(talk("1"), service("a", "b"), service("b", "talk"))] == ["percentage_order"]
    assert found(talk("1"), service("b", "talk"), service("a", "b")) == []


@pytest.mark.parametrize(
    ("first", "second", "unreachable"),
    [
        ({}, {"region": ["1"]}, True),
        ({"region": ["1"]}, {}, False),
        ({"region": ["1"], "region_match": "prefix"}, {"region": ["12"]}, True),
        ({"region": ["12"], "region_match": "prefix"}, {"region": ["1"], "region_match": "prefix"}, False),
        ({"region": ["1"]}, {"region": ["1"], "region_match": "prefix"}, False),
        ({"direction": "inbound"}, {"direction": "outbound"}, False),
        ({"direction": "inbound"}, {"direction": "inbound", "robot": ["a"]}, True),
        ({"robot": ["a", "b"]}, {"robot": ["a"]}, True),
        ({"robot": ["a"]}, {"robot": ["a", "b"]}, False),
        ({"labels": {"shop": ["1"]}}, {"labels": {"shop": ["1"], "team": ["2"]}}, True),
        ({"labels": {"shop": ["1"]}}, {"labels": {"shop": ["2"]}}, False),
        ({"transferred": True}, {}, False),
    ],
)
def test_clauses_that_no_call_reaches(first: dict[str, Any], second: dict[str, Any], unreachable: bool) -> None:
    codes = [f[1] for f in found(talk("1", code="one", select=first), talk("2", code="two", select=second))]
    assert codes == (["unreachable"] if unreachable else [])


@pytest.mark.parametrize(
    ("first", "second", "unreachable"),
    [
        ("attempted", "answered", True),
        ("answered", "attempted", False),
        ("answered", "transferred", True),
        ("transferred", "answered", False),
    ],
)
def test_counts_matter_to_reach(first: str, second: str, unreachable: bool) -> None:
    codes = [f[1] for f in found(dials("1", code="one", counts=first), dials("2", code="two", counts=second))]
    assert codes == (["unreachable"] if unreachable else [])
    assert found(dials("1", code="one", counts=first), dials("2", code="two", counts=second, on_top=True)) == []


def test_totals_that_fall_are_pointed_out_with_the_quantity() -> None:
    price = {"kind": "volume", "tiers": tiers(("1000", "0.15"), ("5000", "0.12"), (None, "0.09"))}
    findings = lint(Agreement.from_json(agreement(talk(price))))
    assert [(f.code, f.pointer, f.at) for f in findings] == [
        ("falling_total", "/clauses/0/price/tiers/1", 1000),
        ("falling_total", "/clauses/0/price/tiers/2", 5000),
    ]
    assert "600" in findings[1].zh
    rising = {"kind": "volume", "tiers": tiers(("1000", "0.10"), (None, "0.12"))}
    assert found(talk(rising)) == []


def test_falling_totals_in_cells_and_discounts() -> None:
    cell = {
        "kind": "matrix",
        "dimensions": ["region"],
        "cells": [{"where": {"region": "a"}, "price": {"kind": "volume", "tiers": tiers(("5", "2"), (None, "1"))}}],
    }
    assert found(talk(cell)) == [("warning", "falling_total", "/clauses/0/price/cells/0/price/tiers/1")]
    tiered = {"code": "d", "tiers": [{"up_to": "100", "rate": "0"}, {"rate": "0.1"}]}
    assert found(talk("1"), discounts=[tiered]) == [("warning", "falling_total", "/discounts/0/tiers/1")]
    assert found(talk("1"), discounts=[{**tiered, "scheme": "graduated"}]) == []


def test_contradictions() -> None:
    assert (
        found(talk("1"), commitments=[{"code": "m", "amount": "2"}], caps=[{"code": "c", "amount": "1"}])[0][1]
        == "commitment_above_cap"
    )
    assert found(talk("1"), factors=[{"code": "f", "rate": "-1.5"}]) == [
        ("error", "factor_below_minus_one", "/factors/0/rate")
    ]


def test_terms_are_linted_version_by_version() -> None:
    agreed = terms(talk("1", select={"band": ["x"]}))
    assert [f.pointer for f in lint(agreed)] == ["/segments/0/agreement/bands", "/segments/0/agreement/clauses/0"]
