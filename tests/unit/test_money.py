from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from billing.money import UnknownCurrency, decimals_of, round_amount, round_to


@pytest.mark.parametrize(
    ("amount", "mode", "rounded"),
    [
        ("0.125", "half-up", "0.13"),
        ("-0.125", "half-up", "-0.13"),
        ("0.124", "half-up", "0.12"),
        ("0.125", "half-even", "0.12"),
        ("0.135", "half-even", "0.14"),
        ("0.1251", "half-even", "0.13"),
        ("0.121", "up", "0.13"),
        ("-0.121", "up", "-0.13"),
        ("0.12", "up", "0.12"),
        ("0.129", "down", "0.12"),
        ("-0.129", "down", "-0.12"),
        ("-0.004", "half-up", "0.00"),
    ],
)
def test_modes_round_by_magnitude(amount: str, mode: str, rounded: str) -> None:
    assert round_amount(Decimal(amount), "CNY", mode) == Decimal(rounded)


@pytest.mark.parametrize(("currency", "text"), [("CNY", "1234.57"), ("JPY", "1235"), ("KWD", "1234.568")])
def test_each_currency_has_its_own_decimals(currency: str, text: str) -> None:
    assert f"{round_amount(Decimal('1234.5678'), currency):f}" == text


def test_a_division_that_does_not_end_is_rounded_once() -> None:
    assert round_amount(Fraction(1, 3), "CNY") == Decimal("0.33")
    assert round_amount(Fraction(2, 3), "CNY") == Decimal("0.67")
    assert round_amount(Fraction(80 * 308, 31), "CNY") == Decimal("794.84")


def test_zero_keeps_its_decimals() -> None:
    assert f"{round_amount(0, 'CNY'):f}" == "0.00"
    assert f"{round_amount(Decimal('-0.001'), 'CNY'):f}" == "0.00"


def test_negative_places_round_to_tens() -> None:
    assert round_to(Decimal(1250), -2, "half-even") == Decimal(1200)
    assert round_to(Decimal(1350), -2, "half-even") == Decimal(1400)


def test_an_unknown_currency_is_refused_with_what_to_write() -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        decimals_of("RMB")
