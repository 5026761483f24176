"""Subtract two bills of the same month, for late and corrected calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.errors import Refused
from billing.rating.bill import Bill, Line, Step, TaxRow
from billing.rating.exact import exact
from billing.rating.form import document_of, read
from billing.rating.terms import Name
from billing.rating.totals import FORM

LATE = Name(zh="迟到与更正的话单（合并）", en="Late and corrected calls, together")


class NotComparable(Refused):
    """Refuse bills of different months, currencies, or ways to hold tax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a month's later bill owes beyond the earlier one: lines and tax, tagged with that month.

    Everything may be negative. net + tax = total; total = total of the later bill − total of the earlier one.
    """

    currency: str
    period: str
    inclusive: bool
    lines: tuple[Line, ...]
    taxes: tuple[TaxRow, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    version: int = FORM

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Difference:
        """Read a difference."""
        return read(cls, document)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form."""
        return document_of(self, FORM)


def difference(earlier: Bill, later: Bill) -> Difference:
    """Give later − earlier, line by line by key; lines that stay as they were are left out.

    What either bill settled for other months plays no part. A line whose tax rate changed is taken back at the
    old rate (key ending in ``.taken-back``) and charged at the new one. Raises NotComparable.
    """
    period = later.period.label
    if (earlier.period, earlier.currency, earlier.inclusive) != (later.period, later.currency, later.inclusive):
        raise NotComparable("not_comparable", "Compare two bills of the same month, currency and tax setting.")
    before = {line.key: line for line in earlier.lines if line.period == period}
    after = {line.key: line for line in later.lines if line.period == period}
    lines = [
        found
        for key in [*after, *(key for key in before if key not in after)]
        for found in _changes(before.get(key), after.get(key))
    ]
    taxes = _tax_changes(earlier, later, period)
    tax = sum((row.tax for row in taxes), Decimal(0))
    net = sum((row.net for row in taxes), Decimal(0))
    return Difference(
        currency=later.currency,
        period=period,
        inclusive=later.inclusive,
        lines=tuple(lines),
        taxes=taxes,
        net=net,
        tax=tax,
        total=net + tax,
    )


def merged(found: Difference) -> Difference:
    """Put a difference into one line for each tax rate, of the same amount and tax; for one that is not worth more.

    The lines keep the month they come from, so that a later difference of that month goes on from here.
    """
    by_rate: dict[Decimal, list[Line]] = {}
    for line in found.lines:
        by_rate.setdefault(line.tax_rate, []).append(line)
    lines = (_one_of(by_rate[rate]) for rate in sorted(by_rate, reverse=True))
    return replace(found, lines=tuple(line for line in lines if line.amount))


def _one_of(lines: list[Line]) -> Line:
    """Add up lines of one tax rate: what they were rated again at, less what was billed."""
    first = lines[0]
    amount = sum((line.amount for line in lines), Decimal(0))
    again, billed = (sum((line.steps[index].value or Fraction(0) for line in lines), Fraction(0)) for index in (0, 1))
    return Line(
        key=f"late.{first.tax_rate}", kind="usage", code="late", name=LATE, reference="", version=first.version,
        period=first.period, amount=amount, tax_rate=first.tax_rate, steps=_less_billed(again, billed, amount),
        unrounded=sum((line.unrounded for line in lines), Fraction(0)),
    )  # fmt: skip


def _less_billed(again: Fraction, billed: Fraction, amount: Decimal) -> tuple[Step, ...]:
    return (
        Step("start", again, "rated_again"),
        Step("subtract", billed, "already_billed"),
        Step("round", Fraction(-int(amount.as_tuple().exponent)), "half-up"),
    )


def _changes(before: Line | None, after: Line | None) -> list[Line]:
    if before is None or after is None or before.tax_rate == after.tax_rate:
        line = _change(before, after)
        return [line] if line else []
    taken_back = _change(before, None)
    renamed = taken_back._replace(key=f"{before.key}.taken-back") if taken_back else None
    return [line for line in (_change(None, after), renamed) if line]


def _change(before: Line | None, after: Line | None) -> Line | None:
    """Give the later line less the earlier one, or nothing when neither amount nor quantity changed."""
    old, new = _amounts(before), _amounts(after)
    model = after or before
    if model is None or [each or 0 for each in old] == [each or 0 for each in new]:
        return None
    amount = new[0] - old[0]
    return model._replace(
        amount=amount,
        steps=_less_billed(exact(new[0]), exact(old[0]), amount),
        quantity_used=_less(new[1], old[1]),
        quantity_billed=_less(new[2], old[2]),
        unrounded=(after.unrounded if after else 0) - (before.unrounded if before else Fraction(0)),
    )


def _amounts(line: Line | None) -> tuple[Decimal, Decimal | None, Decimal | None]:
    return (line.amount, line.quantity_used, line.quantity_billed) if line else (Decimal(0), None, None)


def _less(new: Decimal | None, old: Decimal | None) -> Decimal | None:
    return None if new is None and old is None else (new or Decimal(0)) - (old or Decimal(0))


def _tax_changes(earlier: Bill, later: Bill, period: str) -> tuple[TaxRow, ...]:
    rows: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for bill, sign in ((later, 1), (earlier, -1)):
        for row in bill.taxes:
            if row.period == period:
                net, tax = rows.get(row.rate, (Decimal(0), Decimal(0)))
                rows[row.rate] = (net + sign * row.net, tax + sign * row.tax)
    return tuple(TaxRow(rate, *rows[rate], period) for rate in sorted(rows, reverse=True) if any(rows[rate]))
