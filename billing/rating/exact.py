"""Exact numbers: decimals as fractions, and fractions as the decimals people read."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm

from billing.money import round_to

ZERO = Fraction(0)
ONE = Fraction(1)
SHOWN_PLACES = 8


@lru_cache(maxsize=65536)
def exact(value: Decimal | int) -> Fraction:
    """Give a decimal as a fraction; remembered, because the prices of a contract come again every month."""
    return Fraction(value)


def shown(value: Fraction) -> Decimal:
    """Give a quantity as a decimal for print: exact if it ends within eight places, otherwise rounded half-up."""
    if value.denominator == 1:
        return Decimal(value.numerator)
    text = format(round_to(value, SHOWN_PLACES), "f").rstrip("0")
    return Decimal(text.rstrip("."))


def total(numbers: Iterable[Fraction], less: Iterable[Fraction] = ()) -> Fraction:
    """Add fractions, and take ``less`` off; in integers up to the end, as fractions seek divisors at every step."""
    numerator, denominator = 0, 1
    for sign, summands in ((1, numbers), (-1, less)):
        for number in summands:
            more, of = number.as_integer_ratio()
            if of != denominator:
                common = lcm(denominator, of)
                numerator, more, denominator = numerator * (common // denominator), more * (common // of), common
            numerator += sign * more
    return Fraction(numerator, denominator)


def ceil_to(value: Fraction, step: Fraction) -> Fraction:
    """Round up to a whole multiple of ``step``."""
    return -(-value // step) * step
