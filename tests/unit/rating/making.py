"""Make small contracts and usage for tests: November 2026 in Shanghai unless said otherwise."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from billing.periods import Period
from billing.rating import Agreement, Bill, Call, Terms, Totals, explain, rate, recompute, terms_from_versions

NAME = {"zh": "条款", "en": "Clause"}
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
SHANGHAI = "Asia/Shanghai"


def agreement(*clauses: dict[str, Any], **rest: Any) -> dict[str, Any]:
    named = [{"name": NAME, **clause} for clause in clauses]
    for part in ("factors", "discounts", "commitments", "caps"):
        if part in rest:
            rest[part] = [{"name": NAME, **item} for item in rest[part]]
    return {"version": 1, "currency": "CNY", "clauses": named, **rest}


def terms(
    *clauses: dict[str, Any], period: Period = NOVEMBER, starts_on: date = date(2026, 1, 1), **rest: Any
) -> Terms:
    ends_on = rest.pop("ends_on", None)
    return terms_from_versions(period, SHANGHAI, [("1", starts_on, agreement(*clauses, **rest))], ends_on=ends_on)


def versions(*dated: tuple[date, dict[str, Any]], period: Period = NOVEMBER) -> Terms:
    """Number the versions from 1."""
    numbered = [(str(number), day, document) for number, (day, document) in enumerate(dated, 1)]
    return terms_from_versions(period, SHANGHAI, numbered)


def talk(price: Any, **rest: Any) -> dict[str, Any]:
    return {"kind": "duration", "code": "talk", "price": price, **rest}


def dials(price: Any, **rest: Any) -> dict[str, Any]:
    return {"kind": "calls", "code": "dials", "price": price, **rest}


def tiers(*pairs: tuple[str | None, str]) -> list[dict[str, str]]:
    return [{"up_to": bound, "price": price} if bound else {"price": price} for bound, price in pairs]


def row(clause: str = "talk", *, minutes: Any = 0, segment: str = "1", **rest: Any) -> dict[str, Any]:
    seconds = int(Decimal(str(minutes)) * 60)
    usage = {"billed_seconds": seconds, "talk_ms": seconds * 1000, "calls": 1} if minutes else {}
    return {"segment": segment, "clause": clause, **usage, **rest}


def held(item: str, *changes: tuple[str, str]) -> dict[str, Any]:
    return {"item": item, "changes": [{"on": day, "by": by} for day, by in changes]}


def bill(agreed: Terms, *rows: dict[str, Any], **rest: Any) -> Bill:
    """Rate, and hold the bill to what every bill promises."""
    found = rate(agreed, Totals.from_json({"version": 1, "rows": list(rows), **rest}))
    keeps_its_promises(found)
    return found


def keeps_its_promises(found: Bill) -> None:
    adds_up(found)
    for line in found.lines:
        explanation = explain(line, found.currency)
        assert explanation.zh
        assert explanation.en


def adds_up(found: Bill) -> None:
    assert len({line.key for line in found.lines}) == len(found.lines), "keys are unique"
    for line in found.lines:
        assert recompute(line) == line.amount, line.key
        if line.kind not in ("cap", "drawdown"):
            cents = Decimal(1).scaleb(line.amount.as_tuple().exponent)  # type: ignore[arg-type]
            assert abs(Fraction(line.amount) - line.unrounded) < 2 * Fraction(cents), line.key
    assert found.net + found.tax == found.total
    amounts = sum((line.amount for line in found.lines), Decimal(0))
    assert amounts == (found.total if found.inclusive else found.net)
    assert Bill.from_json(found.to_json()) == found


def amounts(found: Bill) -> dict[str, str]:
    return {line.key: f"{line.amount:f}" for line in found.lines}


def at(text: str, zone: str = SHANGHAI) -> datetime:
    """Read a local time such as 2026-11-03 07:59:01."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def call(text: str = "2026-11-03 10:00:00", talk_s: Any = 60, **rest: Any) -> Call:
    start = at(text, rest.pop("zone", SHANGHAI))
    talk_ms = int(Decimal(str(talk_s)) * 1000)
    answered = start if rest.pop("answered", True) else None
    return Call(started_at=start, answered_at=answered, talk_ms=talk_ms if answered else 0, **rest)


def document(found: Agreement) -> dict[str, Any]:
    return found.to_json()
