"""A line computed from other clauses names them as people do."""

from __future__ import annotations

from datetime import date

from billing.rating import Totals, explain, names_of, period_containing, rate, terms_from_versions


def test_a_discount_names_its_clauses_in_the_readers_language() -> None:
    talk = {"kind": "duration", "code": "talk", "name": {"zh": "通话", "en": "Talk time"}, "price": "0.10"}
    discount = {"code": "term", "name": {"zh": "优惠", "en": "Discount"}, "rate": "0.05"}
    document = {"version": 1, "currency": "CNY", "clauses": [talk], "discounts": [discount]}
    terms = terms_from_versions(
        period_containing(date(2026, 10, 1)), "Asia/Shanghai", [("1", date(2026, 1, 1), document)]
    )
    row = {"segment": "1", "clause": "talk", "calls": 1, "talk_ms": 6_000_000, "billed_seconds": 6000}
    line = rate(terms, Totals.from_json({"version": 1, "rows": [row]})).lines[-1]
    told = explain(line, "CNY", names_of(terms))
    assert "“通话”计 10.00 元" in told.zh
    assert "talk" not in told.zh
    assert "Talk time comes to CNY 10.00" in told.en


def test_a_cap_names_the_commitment_it_cuts() -> None:
    fee = {"kind": "recurring", "code": "fee", "name": {"zh": "月费", "en": "Fee"}, "price": "10"}
    minimum = {"code": "least", "name": {"zh": "保底", "en": "Minimum"}, "amount": "50"}
    cap = {"code": "most", "name": {"zh": "封顶", "en": "Cap"}, "amount": "30", "of": ["fee", "least"]}
    document = {"version": 1, "currency": "CNY", "clauses": [fee], "commitments": [minimum], "caps": [cap]}
    terms = terms_from_versions(
        period_containing(date(2026, 10, 1)), "Asia/Shanghai", [("1", date(2026, 1, 1), document)]
    )
    told = explain(rate(terms, Totals()).lines[-1], "CNY", names_of(terms))
    assert "减去“保底”已计 40.00 元" in told.zh
    assert "less CNY 40.00 charged for Minimum" in told.en
