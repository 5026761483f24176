"""Whatever a bill charges and takes off: its tax invoice adds up to it, to the fen, and keeps the tax bureau's rules."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import round_amount
from billing.rating.bill import Bill, Line
from billing.rating.reversal import reverse
from billing.rating.tax import tax_rows
from invoices.tax_invoices.lines import DISCOUNT, DISCOUNTED, TOLERANCE, CannotAsk, sums, tax_lines
from tests.golden_pictures import documents

fens = st.integers(1, 10**8).map(lambda fen: Decimal(fen).scaleb(-2))
rates = st.sampled_from([Decimal("0.06"), Decimal("0.09"), Decimal("0.13"), Decimal(0)])
charges = st.lists(st.tuples(fens, rates, st.integers(1, 100_000)), min_size=1, max_size=12)


def bill_of(charged: Any, off: int, *, inclusive: bool, per_line: bool) -> Bill:
    """Charge lines of several rates, and take a share of each rate off again."""
    like = Bill.from_json(documents.bill_of(documents.believable_lines()))
    kinds: list[tuple[Any, Decimal, Decimal, int]] = [("usage", amount, rate, count) for amount, rate, count in charged]
    for rate in {rate for _amount, rate, _count in charged}:
        whole = sum(amount for amount, its, _count in charged if its == rate)
        kinds.append(("discount", -round_amount(whole * off / 100, "CNY"), rate, 0))
    lines = tuple(
        like.lines[0]._replace(
            key=f"line-{n}", kind=kind, amount=amount, unrounded=Fraction(amount), tax_rate=rate,
            quantity_billed=Decimal(count) or None,
        )
        for n, (kind, amount, rate, count) in enumerate(kinds) if amount
    )  # fmt: skip
    taxes = tax_rows(lines, "CNY", inclusive=inclusive, per_line=per_line, period=like.period.label)
    net, tax = sum((row.net for row in taxes), Decimal(0)), sum((row.tax for row in taxes), Decimal(0))
    return Bill(
        currency="CNY", period=like.period, zone=like.zone, inclusive=inclusive, lines=lines, taxes=taxes, net=net, tax=tax,
        total=net + tax, segments=like.segments,
    )  # fmt: skip


def check(bill: Bill) -> None:
    lines = tax_lines(bill, lambda line: "3040203000000000000")
    assert sums(lines) == (bill.net, bill.tax)
    sign = 1 if bill.total > 0 else -1
    for line, above in zip(lines, [None, *lines], strict=False):
        exact = Fraction(line.amount) * Fraction(line.rate)
        assert abs(Fraction(line.tax) - exact) <= Fraction(TOLERANCE) + Fraction(1, 200)
        assert (line.price is None) == (line.quantity is None)
        if line.price is not None and line.quantity is not None:
            assert round_amount(line.price * line.quantity, "CNY") == line.amount
        if line.nature == DISCOUNT:
            assert above is not None
            assert (above.nature, above.rate, above.code) == (DISCOUNTED, line.rate, line.code)
            assert sign * line.amount < 0 <= sign * (above.amount + line.amount)
        else:
            assert sign * line.amount > 0


@given(charges, st.integers(0, 99), st.booleans(), st.booleans())
def test_the_lines_add_up_to_the_invoice_at_every_rate(charged: Any, off: int, inclusive: bool, per_line: bool) -> None:
    bill = bill_of(charged, off, inclusive=inclusive, per_line=per_line)
    if bill.total:
        check(bill)


@given(charges, st.integers(0, 60), st.booleans())
def test_the_red_one_of_a_whole_credit_note_adds_up_to_it(charged: Any, off: int, inclusive: bool) -> None:
    bill = bill_of(charged, off, inclusive=inclusive, per_line=False)
    if bill.total:
        check(reverse(bill))


def line(amount: str, rate: str = "0.06") -> Line:
    given = documents.line("fee", "recurring", "费", "Fee", "1", amount, tax_rate=rate)
    return Bill.from_json(documents.bill_of([given])).lines[0]


def test_more_taken_off_than_charged_at_a_rate_is_refused() -> None:
    lines = (line("10.00")._replace(key="a"), line("-20.00", "0.09")._replace(key="b"))
    taxes = tax_rows(lines, "CNY", inclusive=False)
    like = Bill.from_json(documents.bill_of(documents.believable_lines()))
    bill = Bill(
        currency="CNY", period=like.period, zone=like.zone, inclusive=False, lines=lines, taxes=taxes, net=Decimal(30),
        tax=Decimal(0), total=Decimal(30), segments=like.segments,
    )  # fmt: skip
    with pytest.raises(CannotAsk) as refusal:
        tax_lines(bill, lambda line: "")
    assert refusal.value.code == "more_taken_off"


def test_another_currency_is_refused() -> None:
    bill = Bill.from_json(documents.bill_of(documents.believable_lines(), "EUR"))
    with pytest.raises(CannotAsk, match="EUR"):
        tax_lines(bill, lambda line: "")
