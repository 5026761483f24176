"""The lines of a tax invoice, made of a bill's lines by the rules of the tax bureau.

A line is above zero; what is taken off is a discount line (折扣行) right under the line it is taken off, at its rate and
code. The tax of a line is its amount × its rate, within TOLERANCE; all lines together are the invoice, to the fen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.money import round_amount, round_to
from billing.rating.bill import Bill, Line
from billing.rating.exact import exact
from billing.rating.ledger import allocate
from invoices import wording

CURRENCY, FEN = "CNY", Decimal("0.01")
TOLERANCE = Decimal("0.06")  # by which the bureau lets a line's tax differ from amount × rate
PLACES = 13  # decimals of a quantity or price
NORMAL, DISCOUNTED, DISCOUNT = "00", "01", "02"
LONGEST_NAME, LONGEST_UNIT = 100, 22  # characters
CodeOf = Callable[[Line], str]


class CannotAsk(Refused):
    """The bureau would refuse this request, or it would say something that is not true."""

    status = 409


@dataclass(frozen=True, slots=True)
class TaxLine:
    """A line of a tax invoice: ``amount`` is without ``tax``. ``nature`` is 00 normal, 01 discounted, 02 its discount.

    Quantity and price are given together or not at all; the price is without tax.
    """

    name: str
    code: str
    nature: str
    unit: str
    quantity: Decimal | None
    price: Decimal | None
    amount: Decimal
    rate: Decimal
    tax: Decimal


def tax_lines(bill: Bill, code_of: CodeOf) -> list[TaxLine]:
    """Give the lines of an invoice's tax invoice; of a credit note's, all below zero.

    Raises CannotAsk for another currency than CNY, when nothing is charged, and when more is taken off at a rate than
    is charged at it.
    """
    if bill.currency != CURRENCY:
        raise CannotAsk("not_cny", _("A tax invoice is in CNY; this invoice is in %s.") % bill.currency)
    sign = -1 if bill.total < 0 else 1
    found = []
    for rate in dict.fromkeys(row.rate for row in bill.taxes):
        tax = sign * sum((row.tax for row in bill.taxes if row.rate == rate), Decimal(0))
        same = [line._replace(amount=sign * line.amount) for line in bill.lines if line.tax_rate == rate]
        found += _lines_at(rate, same, tax, inclusive=bill.inclusive, code_of=code_of)
    if not found or not bill.total:
        raise CannotAsk("nothing_charged", _("Nothing is charged here, so there is no tax invoice to ask for."))
    return [_turned(each) for each in found] if sign < 0 else found


def _lines_at(rate: Decimal, lines: list[Line], tax: Decimal, *, inclusive: bool, code_of: CodeOf) -> list[TaxLine]:
    charged = [line for line in lines if line.amount > 0]
    off = sum((line.amount for line in lines if line.amount < 0), Decimal(0))
    if -off > sum((line.amount for line in charged), Decimal(0)):
        raise CannotAsk(
            "more_taken_off",
            _("At %s more is taken off than is charged; write this one at the tax bureau by hand.")
            % wording.percent(str(rate)),
        )
    shares = allocate(off, [exact(line.amount) for line in charged], 2) if off else [Decimal(0)] * len(charged)
    made = []
    for line, share in zip(charged, shares, strict=True):
        whole = _line(line, DISCOUNTED if share else NORMAL, rate, code_of(line))
        made.append(whole)
        if share:
            made.append(replace(whole, nature=DISCOUNT, unit="", quantity=None, amount=share))
    return [_priced(each) for each in _taxed(made, tax, inclusive=inclusive)]


def _line(line: Line, nature: str, rate: Decimal, code: str) -> TaxLine:
    billed = line.quantity_billed
    quantity = None if billed is None or not billed or line.unit in ("percent", "currency", "money") else abs(billed)
    return TaxLine(
        name=wording.tidy(line.name.zh)[:LONGEST_NAME], code=code, nature=nature,
        unit=wording.unit_name("zh", line.unit)[:LONGEST_UNIT] if quantity else "",
        quantity=quantity, price=None, amount=line.amount, rate=rate, tax=Decimal(0),
    )  # fmt: skip


def _taxed(lines: list[TaxLine], tax: Decimal, *, inclusive: bool) -> list[TaxLine]:
    """Give each line its tax so that they add up to ``tax``: rounded, the last fens on the largest lines."""
    taxes = [_tax_of(line, inclusive=inclusive) for line in lines]
    apart = int((tax - sum(taxes, Decimal(0))) / FEN)
    largest = sorted(range(len(lines)), key=lambda n: -abs(lines[n].amount))
    for turn in range(abs(apart)):
        taxes[largest[turn % len(lines)]] += FEN if apart > 0 else -FEN
    if any(abs(mine - _tax_of(line, inclusive=inclusive)) > TOLERANCE for mine, line in zip(taxes, lines, strict=True)):
        raise CannotAsk(
            "tax_apart", _("The tax differs from amount × rate by more than the tax bureau allows; write it by hand.")
        )
    return [
        replace(line, tax=mine, amount=line.amount - mine if inclusive else line.amount)
        for mine, line in zip(taxes, lines, strict=True)
    ]


def _tax_of(line: TaxLine, *, inclusive: bool) -> Decimal:
    share = exact(line.rate) / (1 + exact(line.rate)) if inclusive else exact(line.rate)
    return round_amount(exact(line.amount) * share, CURRENCY)


def _priced(line: TaxLine) -> TaxLine:
    """Give the price that makes the amount of the quantity; neither where their product would not be the amount."""
    if line.quantity is None:
        return line
    price = round_to(exact(line.amount) / exact(line.quantity), PLACES).normalize()
    if (
        round_amount(exact(price) * exact(line.quantity), CURRENCY) != line.amount
        or round_to(line.quantity, PLACES) != line.quantity
    ):
        return replace(line, quantity=None, unit="")
    return replace(line, price=price)


def _turned(line: TaxLine) -> TaxLine:
    quantity = None if line.quantity is None else -line.quantity
    return replace(line, amount=-line.amount, tax=-line.tax, quantity=quantity)


def sums(lines: Iterable[TaxLine]) -> tuple[Decimal, Decimal]:
    """Give amount and tax of all lines."""
    listed = list(lines)
    return sum((each.amount for each in listed), Decimal(0)), sum((each.tax for each in listed), Decimal(0))
