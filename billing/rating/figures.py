"""Numbers, money and units as sentences print them."""

from __future__ import annotations

import re
from fractions import Fraction

from billing.money import decimals_of, round_to
from billing.rating.exact import shown
from billing.rating.wording import UNITS

SECONDS = re.compile(r"(\d+)_seconds\Z")


def unit_name(unit: str, value: Fraction, language: int) -> str:
    """Name a unit in Chinese or English, singular for one; units nobody knows are printed as they are."""
    seconds = SECONDS.match(unit)
    if seconds:
        return f"个 {seconds[1]} 秒" if language == 0 else f"times {seconds[1]} seconds"
    if unit.endswith("_day"):
        held = UNITS.get(unit.removesuffix("_day"), (unit.removesuffix("_day"),) * 2)
        days = "day" if value == 1 else "days"
        return f"{held[0].removeprefix('个') or '个'}·天" if language == 0 else f"{held[1].removesuffix('s')}-{days}"
    if unit.endswith(("_seconds", "_minutes")):  # a counter of time, such as asr_seconds
        unit = unit.rpartition("_")[2].removesuffix("s")
    name = UNITS.get(unit, (unit, unit))[language]
    if language == 1 and value == 1 and unit in UNITS:
        return "analysis" if unit == "analysis" else name.removesuffix("s")
    return name


def number(value: Fraction) -> str:
    """Print a number with thousands separators, to eight places at most."""
    return f"{shown(value):,f}"


def percent(value: Fraction) -> str:
    """Print a share as a percentage."""
    return f"{number(value * 100)}%"


def price(value: Fraction, currency: str, language: int) -> str:
    """Print a price in words' order, as it is written: 0.12 元, CNY 0.12."""
    return _in_words(number(value), currency, language)


def money(value: Fraction, currency: str, language: int) -> str:
    """Print an amount in words' order: 12.00 元, CNY 12.00."""
    return _in_words(amount(value, currency), currency, language)


def amount(value: Fraction, currency: str) -> str:
    """Print an amount with the currency's decimals, or with all it has where those would not be exact."""
    places = decimals_of(currency)
    rounded = round_to(value, places)
    return f"{rounded:,.{places}f}" if rounded == value else number(value)


def _in_words(text: str, currency: str, language: int) -> str:
    if language == 0 and currency == "CNY":
        return f"{text} 元"
    return f"{text} {currency}" if language == 0 else f"{currency} {text}"
