"""A cent that could go to either of two tax rates does not follow the order of the clauses."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.rating import Totals, period_containing, rate, terms_from_versions


def lines_of(clauses: list[dict[str, Any]]) -> dict[str, str]:
    factor = {"code": "f", "name": {"zh": "系数", "en": "Factor"}, "rate": "-0.05"}
    document = {"version": 1, "currency": "CNY", "tax": {"rate": "0.06"}, "clauses": clauses, "factors": [factor]}
    terms = terms_from_versions(
        period_containing(date(2026, 11, 1)), "Asia/Shanghai", [("1", date(2026, 1, 1), document)]
    )
    return {line.key: str(line.amount) for line in rate(terms, Totals()).lines}


def test_the_order_of_clauses_does_not_move_the_cent() -> None:
    one = {"kind": "recurring", "code": "a", "name": {"zh": "甲", "en": "A"}, "price": "21.65", "tax": "0.13"}
    two = {"kind": "recurring", "code": "b", "name": {"zh": "乙", "en": "B"}, "price": "21.65"}
    assert lines_of([one, two]) == lines_of([two, one])
