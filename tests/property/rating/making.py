"""Strategies for prices, contracts and calls, small enough to hit boundaries and odd enough to hurt."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from billing.rating import Agreement, Call, Terms, terms_from_versions
from tests.unit.rating.making import NAME, NOVEMBER, SHANGHAI, at

prices = st.decimals("0", "2", places=4).map(lambda value: f"{value:f}")
amounts = st.decimals("0", "500", places=2).map(lambda value: f"{value:f}")
quantities = st.one_of(st.integers(0, 200).map(Decimal), st.decimals("0", "200", places=3))
talks_ms = st.one_of(st.integers(0, 400).map(lambda seconds: seconds * 1000), st.integers(0, 400_000))
BANDS = [
    {"code": "rest", "name": NAME, "rules": [{}]},
    {"code": "peak", "name": NAME, "priority": 1, "rules": [{"start": "08:00", "end": "20:00"}]},
]


@st.composite
def tables(draw: Any, *, flats: bool = True) -> list[dict[str, str]]:
    bounds = sorted(draw(st.sets(st.integers(1, 150), max_size=4)))
    tiers = [{"up_to": str(bound), "price": draw(prices)} for bound in bounds] + [{"price": draw(prices)}]
    if flats:
        for tier in tiers:
            tier["flat"] = draw(st.sampled_from(["0", "0", "5.5"]))
    return tiers


@st.composite
def simple_prices(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(["per_unit", "graduated", "volume", "block", "flat"]))
    members: dict[str, Any] = {"kind": kind}
    if kind in ("graduated", "volume"):
        members["tiers"] = draw(tables())
    else:
        members["price"] = draw(prices)
    if kind == "block":
        members["size"] = str(draw(st.integers(1, 50)))
    if draw(st.integers(0, 3)) == 0:
        members["minimum"] = draw(amounts)
    if draw(st.integers(0, 3)) == 0:
        members["maximum"] = str(Decimal(members.get("minimum", "0")) + Decimal(draw(amounts)))
    return members


@st.composite
def rules(draw: Any, *, edges: bool = True) -> dict[str, Any]:
    found = {
        "basis": draw(st.sampled_from(["exact-ceil", "exact-floor"])),
        "first_increment_s": draw(st.sampled_from([1, 6, 30, 60, 90])),
        "next_increment_s": draw(st.sampled_from([1, 6, 60])),
        "minimum_s": draw(st.sampled_from([0, 0, 20])),
        "free_below_s": draw(st.sampled_from([0, 0, 5])),
    }
    if edges:
        found["at_band_edge"] = draw(st.sampled_from(["start", "split"]))
        found["legs"] = draw(st.sampled_from(["robot", "whole", "each"]))
    return found


@st.composite
def clauses(draw: Any, code: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(["duration", "calls", "feature", "recurring", "seat"]))
    found: dict[str, Any] = {
        "kind": kind,
        "code": code,
        "name": NAME,
        "tax": draw(st.sampled_from(["0.06", "0.13", "0"])),
    }
    if kind == "recurring":
        return {**found, "price": draw(amounts)}
    found["price"] = draw(simple_prices())
    if kind == "seat":
        return {**found, "item": "seats", "committed": str(draw(st.integers(0, 3)))}
    found["select"] = draw(st.sampled_from([{}, {"region": ["a"]}, {"direction": "inbound"}, {"band": ["peak"]}]))
    if kind == "duration":
        found |= {"rule": draw(rules()), "included_minutes": str(draw(st.integers(0, 5)))}
    elif kind == "calls":
        found |= {
            "counts": draw(st.sampled_from(["answered", "attempted"])),
            "included_calls": str(draw(st.integers(0, 2))),
        }
        if draw(st.booleans()):
            found |= {"limit_per_day": draw(st.integers(0, 3)), "beyond_price": draw(prices)}
    else:
        found |= {"counter": "n", "aggregate": draw(st.sampled_from(["sum", "max", "distinct", "latest"]))}
    if draw(st.integers(0, 4)) == 0:
        found |= {"group_by": "robot", "tiers_per": draw(st.sampled_from(["clause", "group"]))}
    return found


@st.composite
def agreements(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "version": 1,
        "currency": draw(st.sampled_from(["CNY", "JPY", "KWD"])),
        "bands": BANDS,
        "tax": {"rate": "0.06", "inclusive": draw(st.booleans())},
        "clauses": [draw(clauses(f"c{number}")) for number in range(draw(st.integers(1, 5)))],
        "policies": {
            "rounding": draw(st.sampled_from(["half-up", "half-even", "up", "down"])),
            "round_order": draw(st.sampled_from(["line_then_tax_on_net", "tax_per_line"])),
            "proration": draw(st.sampled_from(["calendar_days", "thirty_days", "none", "full_month"])),
            "tiers_across_versions": draw(st.sampled_from(["anew", "carry"])),
            "versions_split_month": draw(st.sampled_from(["whole_month", "per_segment"])),
            "zero_usage_flat": draw(st.sampled_from(["charged", "not_charged"])),
            "prorate_commitment": draw(st.booleans()),
            "prorate_cap": draw(st.booleans()),
            "prorate_allowance": draw(st.booleans()),
        },
    }
    return found | draw(adjustments())


@st.composite
def adjustments(draw: Any) -> dict[str, Any]:
    rate = st.decimals("0", "1", places=3).map(lambda value: f"{value:f}")
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["factors"] = [{"code": "f1", "name": NAME, "rate": draw(st.sampled_from(["-0.05", "0.125", "-0.333"]))}]
    if draw(st.booleans()):
        found["discounts"] = [
            {"code": "d1", "name": NAME, "rate": draw(rate)},
            {
                "code": "d2",
                "name": NAME,
                "reason": "volume",
                "tiers": [{"up_to": "50", "rate": "0"}, {"rate": draw(rate)}],
                "scheme": draw(st.sampled_from(["volume", "graduated"])),
            },
        ]
    if draw(st.booleans()):
        found["commitments"] = [{"code": "m1", "name": NAME, "amount": draw(amounts)}]
    if draw(st.booleans()):
        found["caps"] = [{"code": "x1", "name": NAME, "amount": draw(amounts)}]
    return found


@st.composite
def monthly_terms(draw: Any) -> Terms:
    first = draw(agreements())
    versions = [("1", draw(st.sampled_from([date(2026, 1, 1), date(2026, 11, 8)])), Agreement.from_json(first))]
    if draw(st.booleans()):
        second = draw(agreements()) | {"currency": first["currency"], "tax": first["tax"]}
        versions.append(("2", date(2026, 11, 16), Agreement.from_json(second)))
    return terms_from_versions(NOVEMBER, SHANGHAI, versions)


@st.composite
def calls(draw: Any, number: int = 0) -> Call:
    start = at("2026-11-01 00:00:00") + timedelta(seconds=draw(st.integers(0, 30 * 86_400 - 1)), microseconds=number)
    talk_ms = draw(talks_ms)
    return Call(
        call_id=str(number),
        started_at=start,
        answered_at=start if draw(st.integers(0, 4)) else None,
        talk_ms=talk_ms,
        agent_ms=draw(st.sampled_from([0, 0, talk_ms // 3])),
        region=draw(st.sampled_from(["a", "b"])),
        direction=draw(st.sampled_from(["inbound", "outbound"])),
        robot=draw(st.sampled_from(["r1", "r2"])),
        counters={"n": Decimal(draw(st.integers(0, 20)))} if draw(st.booleans()) else {},
    )


@st.composite
def months_of_calls(draw: Any, most: int = 12) -> list[Call]:
    return [draw(calls(number)) for number in range(draw(st.integers(0, most)))]
