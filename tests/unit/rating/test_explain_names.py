"""A line computed from other clauses names them as people do."""

from __future__ import annotations

from datetime import date

from billing.rating import Totals, explain, period_containing, rate, terms_from_versions


def test_a_discount_names_its_clauses_in_the_readers_language() -> None:
    talk = {"kind": "duration", "code": "talk", "name": {"zh": "通话", "en": "Talk time"}, "price": "0.10"}
    discount = {"code": "term", "name": {"zh": "优惠", "en": "Discount"}, "rate": "0.05"}
    document = {"version": 1, "currency": "CNY", "clauses": [talk], "discounts": [discount]}
    terms = terms_from_versions(
        period_containing(date(2026, 10, 1)), "Asia/Shanghai", [("1", date(2026, 1, 1), document)]
    )
    row = {"segment": "1", "clause": "talk", "calls": 1, "talk_ms": 6_000_000, "billed_seconds": 6000}
    line = rate(terms, Totals.from_json({"version": 1, "rows": [row]})).lines[-1]
    names = {clause.code: clause.name for clause in terms.segments[0].agreement.clauses}
    told = explain(line, "CNY", names)
    assert "“通话”计 10.00 元" in told.zh
    assert "talk" not in told.zh
    assert "Talk time comes to CNY 10.00" in told.en
