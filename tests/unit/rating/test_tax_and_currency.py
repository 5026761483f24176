from __future__ import annotations

from typing import Any

import pytest

from billing.rating import InvalidTerms
from tests.unit.rating.making import agreement, amounts, bill, row, talk, terms


def fees(*prices: str, **rest: Any) -> Any:
    return terms(*({"kind": "recurring", "code": f"fee-{n}", "price": price} for n, price in enumerate(prices)), **rest)


def taxes(found: Any) -> list[tuple[str, str, str]]:
    return [(f"{row.rate:f}", f"{row.net:f}", f"{row.tax:f}") for row in found.taxes]


def test_tax_is_rounded_once_per_rate_on_the_net() -> None:
    found = bill(fees("0.08", "0.08", "0.08", tax={"rate": "0.06"}))
    assert taxes(found) == [("0.06", "0.24", "0.01")]


def test_or_per_line_by_policy() -> None:
    found = bill(fees("0.08", "0.08", "0.09", tax={"rate": "0.06"}, policies={"round_order": "tax_per_line"}))
    assert taxes(found) == [("0.06", "0.25", "0.01")]


def test_inclusive_prices_have_their_tax_taken_out() -> None:
    found = bill(fees("106.00", "0.01", tax={"rate": "0.06", "inclusive": True}))
    assert taxes(found) == [("0.06", "100.01", "6.00")]
    assert f"{found.total:f}" == "106.01"


def test_several_rates() -> None:
    agreed = terms(talk("1", tax="0.13"), {"kind": "recurring", "code": "fee", "price": "100"}, tax={"rate": "0.06"})
    assert taxes(bill(agreed, row(minutes=10))) == [("0.13", "10.00", "1.30"), ("0.06", "100.00", "6.00")]


def test_negative_lines_lower_the_tax() -> None:
    found = bill(fees("100", tax={"rate": "0.06"}, discounts=[{"code": "d", "rate": "0.5"}]))
    assert taxes(found) == [("0.06", "50.00", "3.00")]


@pytest.mark.parametrize(("currency", "owed"), [("JPY", "1235"), ("CNY", "1234.57"), ("KWD", "1234.568")])
def test_currencies_round_to_their_minor_unit(currency: str, owed: str) -> None:
    assert amounts(bill(fees("1234.5678", currency=currency))) == {"fee-0": owed}


@pytest.mark.parametrize(
    ("mode", "owed"), [("half-up", "0.13"), ("half-even", "0.12"), ("up", "0.13"), ("down", "0.12")]
)
def test_rounding_modes(mode: str, owed: str) -> None:
    assert amounts(bill(fees("0.125", policies={"rounding": mode}))) == {"fee-0": owed}


@pytest.mark.parametrize("rate", ["1", "-0.01", "6"])
def test_a_tax_rate_is_a_share(rate: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        fees("1", tax={"rate": rate})
    assert refused.value.pointer == "/tax/rate"


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InvalidTerms) as refused:
        terms(talk("1"), currency="RMB")
    assert (refused.value.pointer, refused.value.code) == ("/currency", "unknown_currency")
    assert agreement(talk("1"))["currency"] == "CNY"
