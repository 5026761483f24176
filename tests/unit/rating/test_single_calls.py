"""One call looked at by itself, and calls counted without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing.rating import InvalidTerms, count, rate, rate_call
from tests.unit.rating.making import agreement, amounts, bill, call, dials, row, talk, terms, tiers, versions

BANDS = [
    {"code": "rest", "name": {"zh": "平", "en": "Rest"}, "rules": [{}]},
    {"code": "peak", "name": {"zh": "峰", "en": "Peak"}, "priority": 1, "rules": [{"start": "08:00", "end": "20:00"}]},
]
TABLE = {"kind": "graduated", "tiers": tiers(("10", "0.20"), (None, "0.10"))}


def test_a_linear_price_is_told_from_the_call_alone() -> None:
    found = rate_call(terms(talk("0.15")), call(talk_s=61))
    charge = found.charges[0]
    assert (found.version, charge.clause, charge.billed_seconds, charge.quantity, charge.amount) == (
        "1",
        "talk",
        120,
        2,
        Fraction("0.30"),
    )
    assert not found.uncovered


def test_a_tier_needs_to_know_what_was_used_before() -> None:
    assert rate_call(terms(talk(TABLE)), call()).charges[0].amount is None
    charge = rate_call(terms(talk(TABLE)), call(talk_s=240), {"talk": Fraction(8)}).charges[0]
    assert charge.amount == Fraction("0.60")
    assert (charge.position_from, charge.position_to) == (8, 12)
    assert [part.suffix for part in charge.parts] == ["tier-1", "tier-2"]


def test_an_allowance_is_placed_in_order_of_start() -> None:
    agreed = terms(talk("0.15", included_minutes="10"))
    assert rate_call(agreed, call(talk_s=180), {"talk": Fraction(8)}).charges[0].amount == Fraction("0.15")
    assert rate_call(agreed, call(talk_s=180)).charges[0].amount is None


@pytest.mark.parametrize(
    ("price", "amount"),
    [
        ({"kind": "elapsed", "parts": [{"up_to_s": 60, "price": "1"}, {"price": "0.1"}]}, "1.1"),
        ({"kind": "per_unit", "price": "0.005", "round_each_call": {}}, "0.01"),
        ({"kind": "volume", "tiers": [{"price": "1"}]}, None),
        ({"kind": "matrix", "dimensions": ["region"], "cells": [{"where": {"region": "a"}, "price": "0.2"}]}, "0.4"),
    ],
)
def test_prices_of_single_calls(price: Any, amount: str | None) -> None:
    found = rate_call(terms(talk(price)), call(talk_s=61, region="a")).charges[0].amount
    assert found == (None if amount is None else Fraction(amount))


def test_every_meter_has_its_charge() -> None:
    feature = {"kind": "feature", "code": "asr", "counter": "asr_seconds", "scale": "60", "price": "0.6"}
    module = {"kind": "module", "code": "kb", "item": "kb", "price": "1", "use_price": "0.3"}
    agreed = terms(talk("0.15"), dials("0.05"), feature, module)
    found = rate_call(agreed, call(counters={"asr_seconds": Decimal(90)}, modules=("kb",)))
    assert {charge.clause: charge.amount for charge in found.charges} == {
        "talk": Fraction("0.15"),
        "dials": Fraction("0.05"),
        "asr": Fraction("0.9"),
        "kb": Fraction("0.3"),
    }


def test_outside_the_contract_nothing_is_charged_and_all_is_uncovered() -> None:
    agreed = versions((date(2026, 11, 16), agreement(talk("0.15"))))
    found = rate_call(agreed, call("2026-11-15 23:59:59"))
    assert (found.version, found.charges, [each.meter for each in found.uncovered]) == (None, (), ["talk"])
    totals = count(agreed, [call("2026-11-15 23:59:59"), call("2026-11-16 00:00:00"), call("2026-12-01 00:00:00")])
    assert [row.calls for row in totals.rows] == [1]
    assert [(each.calls, each.reason) for each in totals.uncovered] == [(1, "outside_contract")]


def test_a_call_belongs_whole_to_the_day_and_version_it_starts_in() -> None:
    agreed = versions((date(2026, 1, 1), agreement(talk("1"))), (date(2026, 11, 16), agreement(talk("2"))))
    assert amounts(rate(agreed, count(agreed, [call("2026-11-15 23:59:30", 120)]))) == {"talk": "2.00"}


def test_a_call_over_a_band_edge_is_split_between_clauses() -> None:
    split = {"at_band_edge": "split"}
    agreed = terms(talk("1", code="peak", select={"band": ["peak"]}, rule=split), talk("0.1", rule=split), bands=BANDS)
    found = rate_call(agreed, call("2026-11-03 19:59:01", 120))
    assert [(charge.clause, charge.band, charge.billed_seconds) for charge in found.charges] == [
        ("peak", "peak", 60),
        ("talk", "rest", 60),
    ]
    bill_ = rate(agreed, count(agreed, [call("2026-11-03 19:59:01", 120)]))
    assert amounts(bill_) == {"peak": "1.00", "talk": "0.10"}
    assert sum(line.evidence.calls for line in bill_.lines if line.evidence) == 1


def test_or_goes_whole_to_the_band_it_starts_in() -> None:
    agreed = terms(talk("1", code="peak", select={"band": ["peak"]}), talk("0.1"), bands=BANDS)
    assert amounts(rate(agreed, count(agreed, [call("2026-11-03 19:59:01", 120)]))) == {"peak": "2.00"}
    assert amounts(rate(agreed, count(agreed, [call("2026-11-03 07:59:59", 120)]))) == {"talk": "0.20"}


def test_a_piece_that_no_clause_takes_is_uncovered() -> None:
    agreed = terms(talk("1", select={"band": ["peak"]}, rule={"at_band_edge": "split"}), bands=BANDS)
    totals = count(agreed, [call("2026-11-03 19:59:00", 120)])
    assert [(row.talk_ms, row.billed_seconds) for row in totals.rows] == [(60_000, 60)]
    assert [(each.meter, each.talk_ms) for each in totals.uncovered] == [("talk", 60_000)]


def test_split_legs_are_billed_apart_and_follow_each_other() -> None:
    agreed = terms(talk("1", rule={"at_band_edge": "split", "legs": "each"}), bands=BANDS)
    found = rate_call(agreed, call("2026-11-03 19:58:30", 120, agent_ms=60_000))
    assert [(charge.band, charge.talk_ms, charge.billed_seconds) for charge in found.charges] == [
        ("peak", 60_000, 60),
        ("peak", 30_000, 60),
        ("rest", 30_000, 0),
    ]


def test_matrix_cells_take_the_band_of_the_piece() -> None:
    price = {
        "kind": "matrix",
        "dimensions": ["band"],
        "cells": [{"where": {"band": "peak"}, "price": "1"}, {"where": {"band": "rest"}, "price": "0.1"}],
    }
    agreed = terms(talk(price, rule={"at_band_edge": "split"}), bands=BANDS)
    assert amounts(rate(agreed, count(agreed, [call("2026-11-03 19:59:01", 120)]))) == {
        "talk.band=peak": "1.00",
        "talk.band=rest": "0.10",
    }


@pytest.mark.parametrize(
    ("select", "members", "taken"),
    [
        ({"direction": "inbound"}, {"direction": "inbound"}, True),
        ({"direction": "inbound"}, {"direction": "outbound"}, False),
        ({"transferred": True}, {"transferred": False}, False),
        ({"transferred": False}, {"transferred": False}, True),
        ({"region": ["01"]}, {"region": "011"}, False),
        ({"region": ["01"], "region_match": "prefix"}, {"region": "011"}, True),
        ({"region": ["01"], "region_match": "prefix"}, {"region": "0"}, False),
        ({"source": ["fs"]}, {"source": "fs"}, True),
        ({"robot": ["a", "b"]}, {"robot": "b"}, True),
        ({"robot": ["a"]}, {"robot": "b"}, False),
        ({"line": ["1"]}, {"line": "2"}, False),
        ({"language": ["zh"]}, {"language": "de"}, False),
        ({"module": ["kb"]}, {"modules": ("nav", "kb")}, True),
        ({"module": ["kb"]}, {"modules": ("nav",)}, False),
        ({"labels": {"shop": ["1", "2"]}}, {"labels": {"shop": "2"}}, True),
        ({"labels": {"shop": ["1"]}}, {"labels": {}}, False),
        ({"labels": {"shop": ["1"]}}, {}, False),
        ({"answered": True}, {}, True),
        ({"robot": ["a"], "line": ["1"]}, {"robot": "a", "line": "2"}, False),
    ],
)
def test_selectors(select: dict[str, Any], members: dict[str, Any], taken: bool) -> None:
    found = rate_call(terms(talk("1", select=select)), call(**members))
    assert bool(found.charges) == taken
    assert bool(found.uncovered) != taken


def test_answered_is_decided_by_the_answer_time() -> None:
    silent = replace(call(), talk_ms=0)
    agreed = terms(talk("1"), dials("1"))
    assert {charge.clause: charge.amount for charge in rate_call(agreed, silent).charges} == {"talk": 0, "dials": 1}
    assert rate_call(agreed, call(answered=False)).charges == ()
    assert rate_call(agreed, call(answered=False)).uncovered == ()


def test_reported_seconds() -> None:
    agreed = terms(talk("1", rule={"basis": "reported", "first_increment_s": 1, "next_increment_s": 1}))
    assert rate_call(agreed, call(talk_s="67.54", reported_s=68)).charges[0].billed_seconds == 68
    each = terms(talk("1", rule={"basis": "reported", "legs": "each", "first_increment_s": 1, "next_increment_s": 1}))
    assert rate_call(each, call(talk_s=100, agent_ms=40_500, reported_s=99)).charges[0].billed_seconds == 60 + 41


def test_a_contract_without_any_clause_for_calls_leaves_them_uncovered() -> None:
    assert [
        each.meter for each in rate_call(terms({"kind": "recurring", "code": "fee", "price": "1"}), call()).uncovered
    ] == ["talk"]


def test_calls_that_come_twice_count_once() -> None:
    agreed = terms(talk("1"))
    twice = [
        call(call_id="a"),
        call(call_id="a"),
        call("2026-11-04 10:00:00", call_id="a", source="other"),
        call("2026-11-05 10:00:00"),
        call("2026-11-05 10:00:00"),
    ]
    assert sum(row.calls for row in count(agreed, twice).rows) == 4


def test_a_price_may_be_for_many_units() -> None:
    assert amounts(bill(terms(dials({"kind": "per_unit", "price": "5", "per": "1000"})), row("dials", calls=1500))) == {
        "dials": "7.50"
    }
    table = [{"up_to": "100", "price": "10", "per": "50", "step": "50"}, {"price": "1", "per": "3", "step": "3"}]
    assert amounts(bill(terms(dials({"kind": "graduated", "tiers": table})), row("dials", calls=104))) == {
        "dials.tier-1": "20.00",
        "dials.tier-2": "2.00",
    }
    assert amounts(bill(terms(dials({"kind": "volume", "tiers": table})), row("dials", calls=51))) == {"dials": "20.00"}
    rounded = {"kind": "per_unit", "price": "1", "per": "3", "round_each_call": {}}
    assert amounts(bill(terms(dials(rounded)), row("dials", calls=3))) == {"dials": "0.99"}
    assert amounts(bill(terms(talk(rounded)), row(calls=3, histogram=[["60", 3]]))) == {"talk": "0.99"}


@pytest.mark.parametrize(
    "price",
    [{"kind": "per_unit", "price": "1", "per": "0"}, {"kind": "graduated", "tiers": [{"price": "1", "per": "0"}]}],
)
def test_a_price_for_no_units_is_refused(price: dict[str, Any]) -> None:
    with pytest.raises(InvalidTerms, match="above 0"):
        terms(dials(price))


def test_only_calls_are_rounded_one_by_one() -> None:
    with pytest.raises(InvalidTerms, match="round_each_call"):
        terms(
            {
                "kind": "feature",
                "code": "f",
                "counter": "n",
                "price": {"kind": "per_unit", "price": "1", "round_each_call": {}},
            }
        )
