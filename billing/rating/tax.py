"""Tax the lines, once per rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from billing.money import RoundingMode, round_amount
from billing.rating.bill import Line, TaxRow
from billing.rating.exact import exact


def tax_rows(
    lines: Iterable[Line],
    currency: str,
    *,
    inclusive: bool,
    per_line: bool = False,
    mode: RoundingMode = "half-up",
    period: str = "",
) -> tuple[TaxRow, ...]:
    """Give net and tax of every rate, highest rate first.

    Without tax in the prices the tax is taken of the sum of a rate's printed lines; with it, out of that sum.
    ``per_line`` rounds the tax of each line instead.
    """
    amounts: dict[Decimal, list[Decimal]] = {}
    for line in lines:
        amounts.setdefault(line.tax_rate, []).append(line.amount)
    return tuple(
        _row(
            rate,
            amounts[rate] if per_line else [sum(amounts[rate], Decimal(0))],
            sum(amounts[rate], Decimal(0)),
            currency,
            inclusive,
            mode,
            period,
        )
        for rate in sorted(amounts, reverse=True)
    )


def _row(
    rate: Decimal,
    taxed: Sequence[Decimal],
    whole: Decimal,
    currency: str,
    inclusive: bool,
    mode: RoundingMode,
    period: str,
) -> TaxRow:
    share = exact(rate) / (1 + exact(rate)) if inclusive else exact(rate)
    tax = sum((round_amount(exact(amount) * share, currency, mode) for amount in taxed), round_amount(0, currency))
    return TaxRow(rate, whole - tax if inclusive else whole, tax, period)
