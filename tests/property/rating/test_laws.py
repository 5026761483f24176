"""The laws of the money (rating, section 6), for any contract and any calls."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from billing.rating import (
    Agreement,
    Bill,
    Call,
    Terms,
    Totals,
    billed_pieces,
    billed_seconds,
    count,
    difference,
    explain,
    rate,
    split_at_bands,
)
from billing.rating.form import read
from billing.rating.prices import parts_of
from billing.rating.prices import price as price_quantity
from billing.rating.terms import Band, BandRule, DurationRule, Graduated, Name, SeatClause
from billing.rating.totals import Change, Subscription
from tests.property.rating.conftest import chosen
from tests.property.rating.making import (
    agreements,
    monthly_terms,
    months_of_calls,
    prices,
    quantities,
    rules,
    simple_prices,
    tables,
    talks_ms,
)
from tests.unit.rating.making import NAME, NOVEMBER, SHANGHAI, at, keeps_its_promises

law = chosen()
SEATS = Totals(
    subscriptions=(
        Subscription(
            "seats",
            (
                Change(NOVEMBER.starts_on.replace(month=5), Decimal(2)),
                Change(NOVEMBER.starts_on.replace(day=12), Decimal(3)),
            ),
        ),
    )
)


def rated(terms: Terms, calls: list[Call]) -> Bill:
    return rate(terms, count(terms, calls, SEATS))


@law
@given(monthly_terms(), months_of_calls())
def test_lines_and_tax_make_the_total_and_every_line_explains_itself(terms: Terms, calls: list[Call]) -> None:
    keeps_its_promises(rated(terms, calls))


@law
@given(monthly_terms(), months_of_calls(), st.randoms(use_true_random=False))
def test_the_order_of_calls_changes_nothing(terms: Terms, calls: list[Call], shuffle: Any) -> None:
    bill = rated(terms, calls)
    shuffle.shuffle(calls)
    assert rated(terms, calls) == bill


@law
@given(monthly_terms(), months_of_calls(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(terms: Terms, calls: list[Call], shuffle: Any) -> None:
    totals = count(terms, calls, SEATS)
    rows = list(totals.rows)
    shuffle.shuffle(rows)
    assert keyed(rate(terms, replace(totals, rows=tuple(rows)))) == keyed(rate(terms, totals))


@law
@given(monthly_terms(), months_of_calls())
def test_duplicates_change_nothing(terms: Terms, calls: list[Call]) -> None:
    assert rated(terms, calls + calls[::2]) == rated(terms, calls)


def keyed(bill: Bill) -> tuple[dict[str, Decimal], Decimal]:
    return {line.key: line.amount for line in bill.lines}, bill.total


@law
@given(monthly_terms(), months_of_calls())
def test_rating_twice_changes_nothing(terms: Terms, calls: list[Call]) -> None:
    totals = count(terms, calls, SEATS)
    assert rate(terms, totals) == rate(Terms.from_json(terms.to_json()), Totals.from_json(totals.to_json()))


@law
@given(agreements(), months_of_calls(), st.randoms(use_true_random=False))
def test_the_order_of_clauses_of_different_meters_changes_nothing(
    document: dict[str, Any], calls: list[Call], shuffle: Any
) -> None:
    by_meter: dict[str, list[dict[str, Any]]] = {}
    for clause in document["clauses"]:
        by_meter.setdefault(clause["kind"], []).append(clause)
    meters = list(by_meter)
    shuffle.shuffle(meters)
    other = document | {"clauses": [clause for meter in meters for clause in by_meter[meter]]}
    one, two = (terms_of(each) for each in (document, other))
    assert sorted(keyed(rated(one, calls))[0].items()) == sorted(keyed(rated(two, calls))[0].items())


def terms_of(document: dict[str, Any]) -> Terms:
    from billing.rating import terms_from_versions

    return terms_from_versions(
        NOVEMBER, SHANGHAI, [("1", NOVEMBER.starts_on.replace(month=1), Agreement.from_json(document))]
    )


@law
@given(monthly_terms(), months_of_calls(), months_of_calls(4))
def test_incremental_bills_add_up_to_the_whole_bill(terms: Terms, calls: list[Call], late: list[Call]) -> None:
    late = [replace(call, call_id=f"late-{call.call_id}") for call in late]
    before, after = rated(terms, calls), rated(terms, calls + late)
    found = difference(before, after)
    assert before.total + found.total == after.total
    assert before.tax + found.tax == after.tax
    lines = sum((line.amount for line in found.lines), Decimal(0))
    assert lines == (found.total if after.inclusive else found.net)


@law
@given(monthly_terms(), months_of_calls(), st.data())
def test_void_and_original_cancel(terms: Terms, calls: list[Call], data: Any) -> None:
    assume(calls)
    voided = data.draw(st.integers(0, len(calls) - 1))
    with_it, without = rated(terms, calls), rated(terms, calls[:voided] + calls[voided + 1 :])
    there, back = difference(without, with_it), difference(with_it, without)
    assert there.total + back.total == 0
    assert {line.key: line.amount for line in there.lines} == {line.key: -line.amount for line in back.lines}


@law
@given(st.lists(prices, min_size=1, max_size=4), st.sampled_from([2, 3, 10]), months_of_calls(), st.data())
def test_all_prices_times_k_makes_unrounded_amounts_times_k(
    unit_prices: list[str], k: int, calls: list[Call], data: Any
) -> None:
    def document(times: int) -> dict[str, Any]:
        scaled = [f"{Decimal(price) * times:f}" for price in unit_prices]
        tiers = [{"up_to": str(3 * (n + 1)), "price": price} for n, price in enumerate(scaled[:-1])] + [
            {"price": scaled[-1]}
        ]
        return {
            "version": 1,
            "currency": "CNY",
            "bands": [],
            "tax": {"rate": "0.06"},
            "clauses": [
                {"kind": "duration", "code": "talk", "name": NAME, "price": {"kind": kind, "tiers": tiers}},
                {"kind": "calls", "code": "dials", "name": NAME, "price": scaled[0]},
                {"kind": "recurring", "code": "fee", "name": NAME, "price": scaled[-1]},
            ],
            "factors": [{"code": "f", "name": NAME, "rate": "-0.071"}],
            "discounts": [{"code": "d", "name": NAME, "rate": "0.083"}],
            "commitments": [{"code": "m", "name": NAME, "amount": f"{Decimal(commitment) * times:f}"}],
            "caps": [{"code": "c", "name": NAME, "amount": f"{Decimal('7.5') * times:f}"}],
        }

    kind = data.draw(st.sampled_from(["graduated", "volume"]))
    commitment = data.draw(st.sampled_from(["0", "3.333"]))
    one, many = rated(terms_of(document(1)), calls), rated(terms_of(document(k)), calls)
    scaled = {line.key: line.unrounded * k for line in one.lines if line.unrounded}
    assert scaled == {line.key: line.unrounded for line in many.lines if line.unrounded}


@law
@given(tables(flats=False), quantities, quantities)
def test_graduated_prices_are_monotone_and_continuous(table: list[dict[str, str]], one: Decimal, two: Decimal) -> None:
    price = read(Graduated, {"kind": "graduated", "tiers": table})
    low, high = sorted((one, two))
    steepest = max(Fraction(tier["price"]) for tier in table)
    risen = price_quantity(price, high).amount - price_quantity(price, low).amount
    assert 0 <= risen <= steepest * Fraction(high - low)


def parsed(document: Any) -> Any:
    return read(SeatClause, {"kind": "seat", "code": "c", "name": NAME, "item": "i", "price": document}).price


@law
@given(simple_prices(), quantities, quantities)
def test_a_quantity_priced_in_two_steps_costs_what_it_costs_at_once(
    document: dict[str, Any], one: Decimal, two: Decimal
) -> None:
    assume(document["kind"] != "volume")
    assume(not any(tier.get("step") for tier in document.get("tiers", ())))
    price = parsed({name: value for name, value in document.items() if name not in ("minimum", "maximum")})
    first, second = Fraction(one), Fraction(two)
    whole = sum(part.amount for part in parts_of(price, first + second))
    steps = sum(part.amount for part in parts_of(price, first)) + sum(
        part.amount for part in parts_of(price, second, first)
    )
    assert steps == whole


@law
@given(simple_prices(), quantities)
def test_a_price_keeps_its_minimum_and_maximum(document: dict[str, Any], quantity: Decimal) -> None:
    price = parsed(document)
    amount = price_quantity(price, quantity).amount
    assert price.minimum is None or amount >= price.minimum
    assert price.maximum is None or amount <= price.maximum
    assert sum(part.amount for part in price_quantity(price, quantity).parts) == amount


@law
@given(rules(edges=False), st.lists(talks_ms, min_size=1, max_size=5))
def test_pieces_of_one_rule_bill_what_the_whole_call_bills(rule: dict[str, Any], talks: list[int]) -> None:
    made = DurationRule(**rule)
    assert sum(billed_pieces([made] * len(talks), talks)) == billed_seconds(made, sum(talks))


@law
@given(rules(edges=False), st.integers(0, 86_399), talks_ms)
def test_equal_priced_bands_split_nothing(rule: dict[str, Any], second: int, talk_ms: int) -> None:
    from datetime import timedelta

    bands = (
        Band("rest", Name("平", "Rest"), (BandRule(),)),
        Band("peak", Name("峰", "Peak"), (BandRule("08:00", "20:00"),), 1),
    )
    start = at("2026-11-03 00:00:00") + timedelta(seconds=second)
    pieces = split_at_bands(DurationRule(**rule), start, talk_ms, SHANGHAI, bands)
    assert sum(piece.billed_seconds for piece in pieces) == billed_seconds(DurationRule(**rule), talk_ms)
    assert sum(piece.talk_ms for piece in pieces) == talk_ms


@law
@given(rules(edges=False), talks_ms, talks_ms)
def test_billed_seconds_are_monotone_and_cover_the_talk(rule: dict[str, Any], one: int, two: int) -> None:
    made = DurationRule(**rule)
    low, high = sorted((one, two))
    assert billed_seconds(made, low) <= billed_seconds(made, high)
    billed = billed_seconds(made, high)
    if billed:
        assert billed * 1000 >= high - (999 if made.basis == "exact-floor" else 0)


@law
@given(months_of_calls(), st.integers(1, 3))
def test_no_call_is_charged_twice_on_a_meter_nor_lost(calls: list[Call], regions: int) -> None:
    selects = [{"region": ["a"]}, {"direction": "inbound"}, {}][:regions]
    document = {
        "version": 1,
        "currency": "CNY",
        "clauses": [
            {"kind": "calls", "code": f"c{n}", "name": NAME, "price": "1", "select": select}
            for n, select in enumerate(selects)
        ],
    }
    bill = rated(terms_of(document), calls)
    charged = sum(int(line.amount) for line in bill.lines)
    assert charged + sum(each.calls for each in bill.uncovered) == sum(call.answered for call in calls)


@law
@given(monthly_terms(), months_of_calls())
def test_a_month_in_words_lands_on_the_same_fen(terms: Terms, calls: list[Call]) -> None:
    bill = rated(terms, calls)
    for line in bill.lines:
        explanation = explain(line, bill.currency)
        assert explanation.amount == line.amount
        assert f"{line.amount:,f}" in explanation.zh


@law
@given(agreements(), months_of_calls())
def test_a_cap_without_a_later_line_is_never_exceeded_as_printed(document: dict[str, Any], calls: list[Call]) -> None:
    capped = document | {"caps": [{"code": "x1", "name": NAME, "amount": "100"}], "commitments": []}
    bill = rated(terms_of(capped), calls)
    assert sum((line.amount for line in bill.lines), Decimal(0)) <= 100
