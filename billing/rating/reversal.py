"""Take back a bill, whole or in part, for a credit note: lines mirrored, tax so that the parts add up to the whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from billing.errors import Refused
from billing.money import decimals_of, round_amount
from billing.rating.bill import Bill, Line, Step, TaxRow
from billing.rating.exact import exact


class CannotReverse(Refused):
    """More would be taken back than there is, or nothing at all."""

    status = 422


def reverse(bill: Bill, amounts: Mapping[str, Decimal] | None = None, before: Iterable[Bill] = ()) -> Bill:
    """Give the bill of a credit note: the negative of a bill, or of ``amounts`` by the key of a line.

    Amounts have the sign of their lines and are net of tax, or gross where prices include it. ``before`` are the
    credit notes there are already; what they took back is not taken back again. Taking back everything that is left
    brings line by line and rate by rate to zero, cent for cent. Raises CannotReverse with the key as pointer.
    """
    earlier = list(before)
    left = left_of(bill, earlier)
    wanted = dict(left) if amounts is None else dict(amounts)
    for key, amount in wanted.items():
        _refuse(bill, left, key, amount)
    lines = tuple(_mirrored(line, wanted[line.key]) for line in bill.lines if wanted.get(line.key))
    if not lines:
        raise CannotReverse("nothing_left", "There is nothing to take back.")
    rest = {line.key: left[line.key] + line.amount for line in lines}
    taxes = tuple(_tax(bill, earlier, row, lines, left | rest) for row in bill.taxes if _of(lines, row))
    net, tax = _sum(row.net for row in taxes), _sum(row.tax for row in taxes)
    return replace(
        bill, lines=lines, taxes=taxes, net=net, tax=tax, total=net + tax, uncovered=(), balances=(), reached=()
    )


def left_of(bill: Bill, before: Iterable[Bill]) -> dict[str, Decimal]:
    """Give what is left of each line of a bill after its credit notes, by the line's key."""
    left = {line.key: line.amount for line in bill.lines}
    for note in before:
        for line in note.lines:
            left[line.key] += line.amount
    return left


def _refuse(bill: Bill, left: Mapping[str, Decimal], key: str, amount: Decimal) -> None:
    if key not in left:
        raise CannotReverse("unknown_line", f'The invoice has no line "{key}".', pointer=f"/{key}")
    if amount != round_amount(amount, bill.currency):
        places = decimals_of(bill.currency)
        raise CannotReverse("too_fine", f"Write an amount with {places} decimals at most.", pointer=f"/{key}")
    if amount * left[key] < 0 or abs(amount) > abs(left[key]):
        raise CannotReverse("more_than_left", f"Write an amount between 0 and {left[key]}.", pointer=f"/{key}")


def _mirrored(line: Line, amount: Decimal) -> Line:
    whole = amount == line.amount
    steps = (
        Step("start", exact(line.amount), "credited"),
        Step("multiply", -Fraction(amount) / Fraction(line.amount), "credited"),
    )
    return line._replace(
        amount=-amount,
        unrounded=Fraction(-amount),
        quantity_used=_negative(line.quantity_used) if whole else None,
        quantity_billed=_negative(line.quantity_billed) if whole else None,
        steps=steps,
        evidence=None,
    )


def _negative(quantity: Decimal | None) -> Decimal | None:
    return None if quantity is None else -quantity


def _of(lines: Iterable[Line], row: TaxRow) -> list[Line]:
    return [line for line in lines if (line.tax_rate, line.period) == (row.rate, row.period)]


def _tax(bill: Bill, earlier: list[Bill], row: TaxRow, lines: Iterable[Line], rest: Mapping[str, Decimal]) -> TaxRow:
    """Take back a rate's tax so that what stays is in proportion to the rest of its lines, and nothing beside nothing."""
    charged = _of(bill.lines, row)
    base, staying = _sum(line.amount for line in charged), _sum(rest[line.key] for line in charged)
    noted = [each.tax for note in earlier for each in note.taxes if (each.rate, each.period) == (row.rate, row.period)]
    tax = -row.tax - _sum(noted)
    if base and any(rest[line.key] for line in charged):
        tax += round_amount(exact(row.tax) * exact(staying) / exact(base), bill.currency)
    now = _sum(line.amount for line in _of(lines, row))
    return TaxRow(row.rate, now - tax if bill.inclusive else now, tax, row.period)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))
