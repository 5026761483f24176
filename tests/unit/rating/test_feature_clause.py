from __future__ import annotations

from decimal import Decimal

import pytest

from billing.rating import InvalidTerms, Totals, count, explain, rate
from tests.unit.rating.making import amounts, bill, call, row, talk, terms


def asr(price: object, **rest: object) -> dict[str, object]:
    return {"kind": "feature", "code": "asr", "counter": "asr_seconds", "price": price, **rest}


def values(*pairs: tuple[str, str], **rest: object) -> list[dict[str, object]]:
    return [row("asr", value=value, on=day, calls=1, **rest) for day, value in pairs]


DAYS = values(("2026-11-01", "100"), ("2026-11-02", "250"), ("2026-11-03", "175"))


@pytest.mark.parametrize(("aggregate", "owed"), [("sum", "525.00"), ("max", "250.00"), ("latest", "175.00")])
def test_aggregates(aggregate: str, owed: str) -> None:
    assert amounts(bill(terms(asr("1", aggregate=aggregate)), *DAYS)) == {"asr": owed}
    assert amounts(bill(terms(asr("1", aggregate=aggregate)), *reversed(DAYS))) == {"asr": owed}


def test_distinct_values_come_counted() -> None:
    assert amounts(bill(terms(asr("2", aggregate="distinct")), row("asr", value="7", calls=20))) == {"asr": "14.00"}


@pytest.mark.parametrize(
    ("rounding", "owed"),
    [(None, "8.75"), ({"mode": "up"}, "9.00"), ({"mode": "down"}, "8.00"), ({"mode": "half-up", "places": 1}, "8.80")],
)
def test_scale_and_rounding_of_the_counter(rounding: dict[str, object] | None, owed: str) -> None:
    rest = {"rounding": rounding} if rounding else {}
    assert amounts(bill(terms(asr("1", scale="60", unit="minute", **rest)), *DAYS)) == {"asr": owed}


def test_rounding_comes_once_over_the_month_and_before_the_allowance() -> None:
    agreed = terms(asr("1", scale="60", rounding={"mode": "up"}, included_units="5"))
    assert amounts(bill(agreed, *DAYS)) == {"asr": "4.00"}


def test_maxima_keep_groups_apart() -> None:
    agreed = terms(asr("1", aggregate="max", group_by="shop", tiers_per="group"))
    rows = [*values(("2026-11-01", "5"), ("2026-11-02", "3"), group="a"), *values(("2026-11-01", "2"), group="b")]
    assert amounts(bill(agreed, *rows)) == {"asr.group=a": "5.00", "asr.group=b": "2.00"}


@pytest.mark.parametrize(
    ("window", "takes", "owed"),
    [("hour", "max", "11.00"), ("hour", "min", "8.00"), ("day", "max", "7.00"), ("day", "min", "4.00")],
)
def test_windows_price_the_sum_of_their_extremes(window: str, takes: str, owed: str) -> None:
    agreed = terms(asr("1", aggregate="max", window=window, window_takes=takes), talk("0"))
    calls = [
        call("2026-11-03 10:00:00", counters={"asr_seconds": Decimal(2)}),
        call("2026-11-03 10:30:00", counters={"asr_seconds": Decimal(5)}),
        call("2026-11-03 11:00:00", counters={"asr_seconds": Decimal(4)}),
        call("2026-11-04 11:00:00", counters={"asr_seconds": Decimal(2)}),
    ]
    assert amounts(rate(agreed, count(agreed, calls)))["asr"] == owed


@pytest.mark.parametrize(
    ("aggregate", "owed"), [("sum", "11.00"), ("max", "5.00"), ("latest", "2.00"), ("distinct", "2.00")]
)
def test_counting_agrees_with_the_aggregate(aggregate: str, owed: str) -> None:
    agreed = terms(asr("1", aggregate=aggregate), talk("0"))
    found = [
        call(f"2026-11-0{day} 10:00:00", counters={"asr_seconds": Decimal(v)})
        for day, v in ((3, 2), (4, 5), (5, 2), (6, 2))
    ]
    assert amounts(rate(agreed, count(agreed, reversed(found))))["asr"] == owed


def orders(**price: object) -> dict[str, object]:
    return {"kind": "feature", "code": "orders", "counter": "order_amount", "price": {"kind": "percentage", **price}}


def test_a_percentage_of_an_order_amount_with_a_fee_per_event() -> None:
    found = bill(terms(orders(rate="0.01", fixed="0.2")), row("orders", value="1000", calls=5))
    assert amounts(found) == {"orders": "10.00", "orders.fixed": "1.00"}


@pytest.mark.parametrize(("aggregate", "owed"), [("sum", "5.25"), ("max", "2.50"), ("latest", "1.75")])
def test_a_fee_per_event_is_owed_for_the_events_that_made_the_value(aggregate: str, owed: str) -> None:
    agreed = terms(asr({"kind": "percentage", "rate": "0.01", "fixed": "0.10"}, aggregate=aggregate))
    fee = {"sum": "0.30", "max": "0.10", "latest": "0.10"}[aggregate]
    assert amounts(bill(agreed, *DAYS)) == {"asr": owed, "asr.fixed": fee}


def test_free_events_are_taken_in_order_of_time() -> None:
    agreed = terms(orders(rate="0.10", free_events=1), talk("0"))
    calls = [
        call("2026-11-04 10:00:00", counters={"order_amount": Decimal(30)}),
        call("2026-11-03 10:00:00", counters={"order_amount": Decimal(500)}),
    ]
    totals = count(agreed, calls)
    assert amounts(rate(agreed, totals))["orders"] == "3.00"
    assert Totals.from_json(totals.to_json()) == totals


def test_minimum_and_maximum_of_each_event() -> None:
    agreed = terms(orders(rate="0.01", minimum_each="0.5", maximum_each="2"), talk("0"))
    calls = [
        call(f"2026-11-03 1{n}:00:00", counters={"order_amount": Decimal(v)}) for n, v in enumerate((10, 100, 1000))
    ]
    assert amounts(rate(agreed, count(agreed, calls)))["orders"] == "3.50"


def test_a_graduated_percentage() -> None:
    tiers = [{"up_to": "1000", "rate": "0.05"}, {"rate": "0.02", "flat": "1"}]
    found = bill(terms(orders(tiers=tiers)), row("orders", value="1500", calls=5))
    assert amounts(found) == {"orders.tier-1": "50.00", "orders.tier-2": "11.00"}


def test_counters_that_no_clause_prices_are_not_uncovered() -> None:
    agreed = terms(talk("0.1"))
    assert not count(agreed, [call(counters={"asr_seconds": Decimal(3)})]).uncovered


def test_a_counter_that_its_clauses_leave_is_uncovered() -> None:
    agreed = terms(talk("0.1"), asr("1", select={"language": ["de"]}))
    found = count(agreed, [call(counters={"asr_seconds": Decimal(3)}, language="zh")])
    assert [(each.meter, each.value) for each in found.uncovered] == [("counter:asr_seconds", 3)]


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidTerms) as refused:
        terms(asr("1", scale="0"))
    assert refused.value.pointer == "/clauses/0/scale"


def test_the_unit_of_the_line_is_the_clauses() -> None:
    line = bill(terms(asr("1", scale="60", unit="minute")), *DAYS).lines[0]
    assert (line.unit, line.quantity_used, line.evidence.calls if line.evidence else 0) == (
        "minute",
        Decimal("8.75"),
        3,
    )


def test_the_arithmetic_begins_with_what_the_counter_counts() -> None:
    scaled = bill(terms(asr("1", scale="60", unit="minute")), *DAYS).lines[0]
    assert [(step.op, step.unit) for step in scaled.steps[:2]] == [("start", "asr_seconds"), ("divide", "minute")]
    plain = bill(terms(asr("1", unit="second")), *DAYS).lines[0]
    assert [(step.op, step.unit) for step in plain.steps[:2]] == [("start", "second"), ("multiply", "")]
    doubled = bill(terms(asr("1", scale="2", unit="pair")), *DAYS).lines[0]
    assert (str(doubled.amount), doubled.steps[0].unit) == ("262.50", "asr_seconds")


def test_a_counter_of_seconds_is_told_in_seconds() -> None:
    told = explain(bill(terms(asr("1", scale="60", unit="minute")), *DAYS).lines[0])
    assert told.zh.startswith("条款：用量 525 秒，")
    assert told.en.startswith("Clause: 525 seconds used, ")
