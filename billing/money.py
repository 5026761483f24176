"""The only place that rounds money.

Amounts are exact (``Decimal`` or ``Fraction``) until they come here; each is rounded once, with the mode named.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Literal

from billing.errors import Refused

RoundingMode = Literal["half-up", "half-even", "up", "down"]
DECIMALS = {  # ISO 4217; the currencies this trade invoices in
    "AED": 2,
    "AUD": 2,
    "BHD": 3,
    "BRL": 2,
    "CAD": 2,
    "CHF": 2,
    "CLP": 0,
    "CNY": 2,
    "CZK": 2,
    "DKK": 2,
    "EGP": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "HUF": 2,
    "IDR": 2,
    "ILS": 2,
    "INR": 2,
    "IQD": 3,
    "ISK": 0,
    "JOD": 3,
    "JPY": 0,
    "KES": 2,
    "KHR": 2,
    "KRW": 0,
    "KWD": 3,
    "LAK": 2,
    "LYD": 3,
    "MAD": 2,
    "MMK": 2,
    "MOP": 2,
    "MXN": 2,
    "MYR": 2,
    "NGN": 2,
    "NOK": 2,
    "NZD": 2,
    "OMR": 3,
    "PHP": 2,
    "PKR": 2,
    "PLN": 2,
    "PYG": 0,
    "QAR": 2,
    "RUB": 2,
    "SAR": 2,
    "SEK": 2,
    "SGD": 2,
    "THB": 2,
    "TND": 3,
    "TRY": 2,
    "TWD": 2,
    "UAH": 2,
    "UGX": 0,
    "USD": 2,
    "UYU": 2,
    "VND": 0,
    "XAF": 0,
    "XOF": 0,
    "ZAR": 2,
}


class UnknownCurrency(Refused):
    """Refuse a currency whose decimals nobody stated."""


def decimals_of(currency: str) -> int:
    """Give the decimals of an ISO 4217 currency: 2 for CNY, 0 for JPY, 3 for KWD."""
    decimals = DECIMALS.get(currency)
    if decimals is None:
        raise UnknownCurrency("unknown_currency", 'Write an ISO 4217 currency code such as "CNY".', pointer="/currency")
    return decimals


def round_amount(amount: Decimal | Fraction | int, currency: str, mode: RoundingMode = "half-up") -> Decimal:
    """Round money to the currency's minor unit; half-up goes away from zero, up and down likewise by magnitude."""
    return round_to(amount, decimals_of(currency), mode)


def round_to(amount: Decimal | Fraction | int, places: int, mode: RoundingMode = "half-up") -> Decimal:
    """Round an exact number to ``places`` decimals, symmetrically about zero."""
    numerator, denominator = amount.as_integer_ratio()
    if places >= 0:
        numerator *= 10**places
    else:
        denominator *= 10**-places
    whole, rest = divmod(abs(numerator), denominator)
    if mode == "half-up":
        whole += 2 * rest >= denominator
    elif rest and _goes_away_from_zero(whole, rest, denominator, mode):
        whole += 1
    return Decimal(whole if numerator >= 0 else -whole).scaleb(-places)


def _goes_away_from_zero(whole: int, rest: int, denominator: int, mode: RoundingMode) -> bool:
    """Tell whether a rest, which is never nothing, takes the number up."""
    if mode == "half-even":
        return 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    return mode == "up"
