"""The laws of the money (rating, section 6), each a function that fails where the law is broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any, TypeVar

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
    terms_from_versions,
)
from billing.rating.form import read
from billing.rating.prices import parts_of
from billing.rating.prices import price as price_quantity
from billing.rating.terms import Band, BandRule, Cap, Clause, DurationRule, Graduated, Name, SeatClause
from tests.property.rating.making import SEATS, Choices, Month, Purchase, Talks, price_of
from tests.unit.rating.making import NAME, NOVEMBER, SHANGHAI, adds_up, at

Item = TypeVar("Item")


def rated(terms: Terms, calls: list[Call]) -> Bill:
    return rate(terms, count(terms, calls, SEATS))


def shuffled(items: Sequence[Item], month: Month) -> list[Item]:
    return Random(month.odds).sample(items, len(items))


def keyed(bill: Bill) -> tuple[dict[str, Decimal], Decimal]:
    return {line.key: line.amount for line in bill.lines}, bill.total


def terms_of(agreed: Mapping[str, Any] | Agreement) -> Terms:
    return terms_from_versions(NOVEMBER, SHANGHAI, [("1", NOVEMBER.starts_on.replace(month=1), agreed)])


def lines_and_tax_make_the_total_and_steps_make_the_line(month: Month) -> None:
    adds_up(month.bill)


def the_order_of_calls_changes_nothing(month: Month) -> None:
    assert rated(month.terms, shuffled(month.calls, month)) == month.bill


def the_order_of_rows_changes_nothing(month: Month) -> None:
    rows = shuffled(month.totals.rows, month)
    assert keyed(rate(month.terms, replace(month.totals, rows=tuple(rows)))) == keyed(month.bill)


def duplicates_change_nothing(month: Month) -> None:
    assert rated(month.terms, month.calls + month.calls[::2]) == month.bill


def rating_twice_changes_nothing(month: Month) -> None:
    terms, totals = Terms.from_json(month.terms.to_json()), Totals.from_json(month.totals.to_json())
    assert rate(terms, totals) == month.bill


def the_order_of_clauses_of_different_meters_changes_nothing(month: Month) -> None:
    agreed = month.terms.segments[-1].agreement
    by_meter: dict[str, list[Clause]] = {}
    for clause in agreed.clauses:
        by_meter.setdefault(clause.kind, []).append(clause)
    meters = shuffled(list(by_meter), month)
    other = replace(agreed, clauses=tuple(clause for meter in meters for clause in by_meter[meter]))
    one, two = (rated(terms_of(each), month.calls) for each in (agreed, other))
    assert keyed(one) == keyed(two)


def incremental_bills_add_up_to_the_whole_bill(month: Month) -> None:
    before, after = month.bill, rated(month.terms, month.calls + month.late)
    found = difference(before, after)
    assert before.total + found.total == after.total
    assert before.tax + found.tax == after.tax
    lines = sum((line.amount for line in found.lines), Decimal(0))
    assert lines == (found.total if after.inclusive else found.net)


def void_and_original_cancel(month: Month) -> None:
    kept = shuffled(month.calls, month)[1:]
    with_it, without = month.bill, rated(month.terms, kept)
    there, back = difference(without, with_it), difference(with_it, without)
    assert there.total + back.total == 0
    assert {line.key: line.amount for line in there.lines} == {line.key: -line.amount for line in back.lines}


def all_prices_times_k_make_unrounded_amounts_times_k(month: Month) -> None:
    choices = Choices(month.odds)
    k, kind, commitment = choices.one_of(2, 3, 10), choices.one_of("graduated", "volume"), choices.one_of("0", "3.333")
    prices = [price_of(choices) for _ in range(choices.whole(1, 4))]
    one, many = (rated(terms_of(_simple_contract(kind, prices, commitment, times)), month.calls) for times in (1, k))
    (amounts, cut), (scaled, scaled_cut) = map(_apart_from_the_cap, (one, many))
    assert {key: amount * k for key, amount in amounts.items()} == scaled
    # A cap looks at what is printed, so that cents of rounding may decide whether it cuts at all.
    assert abs(cut * k - scaled_cut) <= k * Fraction(len(many.lines), 100)


def _apart_from_the_cap(bill: Bill) -> tuple[dict[str, Fraction], Fraction]:
    amounts = {line.key: line.unrounded for line in bill.lines if line.unrounded}
    return amounts, amounts.pop("c", Fraction(0))


def _simple_contract(kind: str, prices: list[str], commitment: str, times: int) -> dict[str, Any]:
    scaled = [f"{Decimal(price) * times:f}" for price in prices]
    bounded = [{"up_to": str(3 * (n + 1)), "price": price} for n, price in enumerate(scaled[:-1])]
    tiers = [*bounded, {"price": scaled[-1]}]
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


def no_call_is_charged_twice_on_a_meter_nor_lost(month: Month) -> None:
    regions = Choices(month.odds).whole(1, 3)
    selects = [{"region": ["a"]}, {"direction": "inbound"}, {}][:regions]
    clauses = [
        {"kind": "calls", "code": f"c{n}", "name": NAME, "price": "1", "select": select}
        for n, select in enumerate(selects)
    ]
    bill = rated(terms_of({"version": 1, "currency": "CNY", "clauses": clauses}), month.calls)
    charged = sum(int(line.amount) for line in bill.lines)
    assert charged + sum(each.calls for each in bill.uncovered) == sum(call.answered for call in month.calls)


def a_month_in_words_lands_on_the_same_fen(month: Month) -> None:
    for line in month.bill.lines:
        explanation = explain(line, month.bill.currency)
        assert explanation.amount == line.amount
        assert f"{abs(line.amount):,f}" in explanation.zh
        assert f"{abs(line.amount):,f}" in explanation.en


def a_cap_without_a_later_line_is_never_exceeded_as_printed(month: Month) -> None:
    cap = Cap(code="x1", name=Name(**NAME), amount=Decimal(100))
    capped = replace(month.terms.segments[-1].agreement, caps=(cap,), commitments=())
    bill = rated(terms_of(capped), month.calls)
    assert sum((line.amount for line in bill.lines), Decimal(0)) <= 100


MONTH_LAWS: Sequence[Callable[[Month], None]] = (
    lines_and_tax_make_the_total_and_steps_make_the_line,
    the_order_of_calls_changes_nothing,
    the_order_of_rows_changes_nothing,
    duplicates_change_nothing,
    rating_twice_changes_nothing,
    the_order_of_clauses_of_different_meters_changes_nothing,
    incremental_bills_add_up_to_the_whole_bill,
    void_and_original_cancel,
    all_prices_times_k_make_unrounded_amounts_times_k,
    no_call_is_charged_twice_on_a_meter_nor_lost,
    a_month_in_words_lands_on_the_same_fen,
    a_cap_without_a_later_line_is_never_exceeded_as_printed,
)


def graduated_prices_are_monotone_and_continuous(purchase: Purchase) -> None:
    price = read(Graduated, {"kind": "graduated", "tiers": purchase.table})
    low, high = sorted(purchase.both)
    steepest = max(Fraction(tier["price"]) for tier in purchase.table)
    risen = price_quantity(price, high).amount - price_quantity(price, low).amount
    assert 0 <= risen <= steepest * (high - low)


def _parsed(document: dict[str, Any]) -> Any:
    return read(SeatClause, {"kind": "seat", "code": "c", "name": NAME, "item": "i", "price": document}).price


def a_quantity_priced_in_two_steps_costs_what_it_costs_at_once(purchase: Purchase) -> None:
    plain = {name: value for name, value in purchase.price.items() if name not in ("minimum", "maximum")}
    if plain["kind"] == "volume":
        plain = {"kind": "graduated", "tiers": plain["tiers"]}
    price, (first, second) = _parsed(plain), purchase.both
    at_once = sum(part.amount for part in parts_of(price, first + second))
    in_steps = [*parts_of(price, first), *parts_of(price, second, first)]
    assert sum(part.amount for part in in_steps) == at_once


def a_price_keeps_its_minimum_and_maximum(purchase: Purchase) -> None:
    price = _parsed(purchase.price)
    priced = price_quantity(price, purchase.one)
    assert price.minimum is None or priced.amount >= price.minimum
    assert price.maximum is None or priced.amount <= price.maximum
    assert sum(part.amount for part in priced.parts) == priced.amount


PRICE_LAWS: Sequence[Callable[[Purchase], None]] = (
    graduated_prices_are_monotone_and_continuous,
    a_quantity_priced_in_two_steps_costs_what_it_costs_at_once,
    a_price_keeps_its_minimum_and_maximum,
)


def pieces_of_one_rule_bill_what_the_whole_call_bills(talks: Talks) -> None:
    rule = DurationRule(**talks.rule)
    pieces = billed_pieces([rule] * len(talks.talks_ms), talks.talks_ms)
    assert sum(pieces) == billed_seconds(rule, sum(talks.talks_ms))


def equal_priced_bands_split_nothing(talks: Talks) -> None:
    bands = (
        Band("rest", Name("平", "Rest"), (BandRule(),)),
        Band("peak", Name("峰", "Peak"), (BandRule("08:00", "20:00"),), 1),
    )
    start = at("2026-11-03 00:00:00") + timedelta(seconds=talks.second)
    rule, talk_ms = DurationRule(**talks.rule), sum(talks.talks_ms)
    pieces = split_at_bands(rule, start, talk_ms, SHANGHAI, bands)
    assert sum(piece.billed_seconds for piece in pieces) == billed_seconds(rule, talk_ms)
    assert sum(piece.talk_ms for piece in pieces) == talk_ms


def billed_seconds_are_monotone_and_cover_the_talk(talks: Talks) -> None:
    rule = DurationRule(**talks.rule)
    low, high = min(talks.talks_ms), max(talks.talks_ms)
    assert billed_seconds(rule, low) <= billed_seconds(rule, high)
    billed = billed_seconds(rule, high)
    if billed:
        assert billed * 1000 >= high - (999 if rule.basis == "exact-floor" else 0)


RULE_LAWS: Sequence[Callable[[Talks], None]] = (
    pieces_of_one_rule_bill_what_the_whole_call_bills,
    equal_priced_bands_split_nothing,
    billed_seconds_are_monotone_and_cover_the_talk,
)
