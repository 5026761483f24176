"""A cap that only rounding has passed is cut by the rounded amount, and every rate's line explains itself."""

from __future__ import annotations

from tests.unit.rating.making import amounts, bill, row, terms


def test_a_cap_passed_only_by_rounding_at_two_tax_rates() -> None:
    half = {"kind": "calls", "price": "0.05"}
    agreed = terms(
        {**half, "code": "a", "tax": "0.13"},
        {**half, "code": "b", "select": {"direction": "inbound"}, "tax": "0.06"},
        currency="JPY",
        tax={"rate": "0.06"},
        caps=[{"code": "most", "amount": "1"}],
    )
    found = bill(agreed, row("a", calls=10), row("b", calls=10))
    assert amounts(found) == {"a": "1", "b": "1", "most.tax=0.13": "-1", "most": "0"}
    assert found.net == 1
