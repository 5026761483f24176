"""Credit notes over a bill, in any parts and any order, end in zero when everything is taken back."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from billing.money import decimals_of
from billing.rating import Bill, explain, rate
from billing.rating.reversal import reverse
from tests.property.rating.conftest import chosen
from tests.property.rating.making import Month, months


@chosen()
@given(months, st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=8), max_size=3))
def test_parts_taken_back_and_the_rest_make_zero(month: Month, parts: list[list[int]]) -> None:
    bill = rate(month.terms, month.totals)
    notes: list[Bill] = []
    for quarters in parts:
        left = {
            line.key: line.amount + sum(n.amount for b in notes for n in b.lines if n.key == line.key)
            for line in bill.lines
        }
        wanted = {
            key: (amount * quarters[index % len(quarters)] / 4).quantize(
                Decimal(1).scaleb(-decimals_of(bill.currency)), "ROUND_DOWN"
            )
            for index, (key, amount) in enumerate(left.items())
        }
        if any(wanted.values()):
            notes.append(keeps_its_sums(reverse(bill, wanted, notes)))
    if any(line.amount + sum(n.amount for b in notes for n in b.lines if n.key == line.key) for line in bill.lines):
        notes.append(keeps_its_sums(reverse(bill, None, notes)))
    for name in ("net", "tax", "total"):
        assert getattr(bill, name) + sum(getattr(note, name) for note in notes) == 0


def keeps_its_sums(note: Bill) -> Bill:
    assert note.net + note.tax == note.total
    assert sum(line.amount for line in note.lines) == (note.total if note.inclusive else note.net)
    for line in note.lines:
        assert explain(line, note.currency).amount == line.amount
    assert Bill.from_json(note.to_json()) == note
    return note
