"""Every call that a clause took stands behind a line, also where it cost nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from billing.rating import Totals, rate
from billing.rating.telling import Untold, untold_of
from billing.rating.terms import Terms
from tests.unit.rating.making import amounts, keeps_its_promises, row, talk, terms

SHOPS = {"group_by": "shop"}


def used(*rows: dict[str, Any]) -> Totals:
    return Totals.from_json({"version": 1, "rows": list(rows)})


def told(agreed: Terms, *rows: Any) -> dict[str, tuple[str, int]]:
    """Rate rows, hold the bill against them, and give each line's amount and calls by its key."""
    totals = used(*rows)
    bill = rate(agreed, totals)
    keeps_its_promises(bill)
    assert list(untold_of(agreed, totals, bill)) == []
    calls = {line.key: line.evidence.calls for line in bill.lines if line.evidence}
    return {key: (amount, calls.get(key, 0)) for key, amount in amounts(bill).items()}


def dials(**rest: object) -> dict[str, object]:
    return {"kind": "calls", "code": "dials", "price": "1", **rest}


def asr(**rest: object) -> dict[str, object]:
    return {"kind": "feature", "code": "asr", "counter": "asr", "price": "1", **rest}


def test_calls_without_a_billed_second_are_a_line_of_zero() -> None:
    assert told(terms(talk("0.15")), row("talk", calls=3, talk_ms=900)) == {"talk": ("0.00", 3)}


def test_a_band_that_a_cut_left_no_second_is_a_line_of_zero() -> None:
    by_band = {
        "kind": "matrix", "dimensions": ["band"],
        "cells": [{"where": {"band": "peak"}, "price": "0.3"}], "otherwise": "0.1",
    }  # fmt: skip
    bands = [
        {
            "code": "peak",
            "name": {"zh": "峰", "en": "Peak"},
            "priority": 1,
            "rules": [{"start": "09:00", "end": "18:00"}],
        },
        {"code": "rest", "name": {"zh": "平", "en": "Rest"}, "rules": [{}]},
    ]
    cut = talk(by_band, rule={"at_band_edge": "split"})
    rows = [
        row("talk", calls=1, talk_ms=3000, billed_seconds=60, cell=[["band", "peak"]]),
        row("talk", calls=0, talk_ms=4000, cell=[["band", "rest"]]),
    ]
    found = told(terms(cut, bands=bands), *rows)
    assert found == {"talk.band=peak": ("0.30", 1), "talk.cell=otherwise": ("0.00", 0)}


def test_calls_of_a_group_that_used_nothing_stand_on_a_line_of_the_group() -> None:
    rows = [row("talk", calls=2, talk_ms=9, group="a"), row("talk", calls=1, billed_seconds=60, group="b")]
    tiers = {"kind": "graduated", "tiers": [{"up_to": "0.5", "price": "0.2"}, {"price": "0.1"}]}
    found = told(terms(talk(tiers, **SHOPS)), *rows)
    assert {key: each for key, each in found.items() if "group=a" in key} == {"talk.group=a.tier-1": ("0.00", 2)}


@pytest.mark.parametrize("minimum", [None, "5"])
def test_groups_that_all_used_nothing_have_a_line_each(minimum: str | None) -> None:
    price = {"kind": "per_unit", "price": "0.15"} | ({"minimum": minimum} if minimum else {})
    rows = [row("talk", calls=2, talk_ms=9, group="a"), row("talk", calls=1, talk_ms=9, group="b")]
    found = told(terms(talk(price, **SHOPS)), *rows)
    assert found["talk.group=a"] == ("0.00", 2)
    assert found["talk.group=b"] == ("0.00", 1)
    assert sum(Decimal(amount) for amount, _ in found.values()) == Decimal(minimum or 0)


def test_what_all_groups_owe_together_is_one_line_with_the_calls_of_no_group() -> None:
    rows = [row("talk", calls=2, talk_ms=9), row("talk", calls=1, talk_ms=9, group="b")]
    price = {"kind": "per_unit", "price": "0.15", "minimum": "5"}
    assert told(terms(talk(price, **SHOPS)), *rows) == {"talk.minimum": ("5.00", 2), "talk.group=b": ("0.00", 1)}


def test_calls_priced_singly_where_no_second_was_billed_owe_on_one_line_of_all() -> None:
    elapsed = {"kind": "elapsed", "parts": [{"price": "0.6", "increment_s": 60}]}
    rows = [row("talk", calls=2, talk_ms=30000, histogram=[["30", 1]]), row("talk", calls=1, talk_ms=9, group="b")]
    found = told(terms(talk(elapsed, **SHOPS)), *rows)
    assert found == {"talk.part-1": ("0.60", 2), "talk.group=b.part-1": ("0.00", 1)}


@pytest.mark.parametrize("aggregate", ["max", "latest", "sum"])
def test_all_calls_that_were_looked_at_stand_behind_a_maximum_or_a_latest_value(aggregate: str) -> None:
    rows = [row("asr", calls=n, value=str(n), on=f"2026-11-0{n}") for n in (1, 2, 3)]
    assert [calls for _, calls in told(terms(asr(aggregate=aggregate)), *rows).values()] == [6]


def test_both_sides_of_a_limit_stand_for_all_calls_of_the_clause() -> None:
    limited = dials(limit_per_day=2, beyond_limit="free")
    rows = [row("dials", calls=n, on=f"2026-11-0{n}") for n in (1, 2, 5)]
    assert told(terms(limited), *rows) == {"dials": ("5.00", 8), "dials.beyond": ("0.00", 8)}


def test_a_limit_of_none_leaves_all_calls_on_the_line_beyond_it() -> None:
    limited = dials(limit_per_day=0, beyond_price="0.1")
    assert told(terms(limited), row("dials", calls=4, on="2026-11-01")) == {"dials.beyond": ("0.40", 4)}


def test_refused_calls_are_uncovered_and_need_no_line() -> None:
    limited = dials(limit_per_day=0, beyond_limit="refuse")
    assert told(terms(limited), row("dials", calls=4, on="2026-11-01")) == {}


def test_a_bill_that_tells_of_other_calls_is_found() -> None:
    agreed = terms(talk("0.15"))
    bill = rate(agreed, used(row("talk", calls=3, talk_ms=900, billed_seconds=60)))
    fewer = used(row("talk", calls=2, talk_ms=900, billed_seconds=60))
    assert list(untold_of(agreed, fewer, bill)) == [Untold("1", "talk", (3, 900, 60), (2, 900, 60))]
