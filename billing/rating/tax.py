"""Tax the lines, once per rate."""

from __future__ import annotations

from collections.abc import Iterable
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
    found = []
    for rate in sorted(amounts, reverse=True):
        whole = sum(amounts[rate], Decimal(0))
        share = exact(rate) / (1 + exact(rate)) if inclusive else exact(rate)
        taxed = amounts[rate] if per_line else [whole]
        tax = sum((round_amount(exact(each) * share, currency, mode) for each in taxed), round_amount(0, currency))
        found.append(TaxRow(rate, whole - tax if inclusive else whole, tax, period))
    return tuple(found)
