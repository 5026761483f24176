"""Price cases of other billing systems' test suites, in our terms, against their figures.

Each JSON file beside this one holds the cases of one project: the facts and numbers of its tests, the file and the
name of the case they come from. ``owed`` is their figure, before our rounding. Where we answer with another one,
``ours`` says which and ``why`` says why. How a case states its usage is told by ``totals_of``.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.periods import Period
from billing.rating import (
    Agreement,
    Bill,
    Call,
    Terms,
    Totals,
    billed_pieces,
    count,
    price,
    rate,
    split_at_bands,
    terms_from_versions,
)
from billing.rating.form import read
from billing.rating.terms import DurationRule, FeatureClause
from tests.unit.rating.making import NAME, SHANGHAI, agreement, keeps_its_promises

HERE = Path(__file__).parent
USAGE = {"kind": "feature", "code": "usage", "counter": "units"}
AGREED = ("bands", "caps", "commitments", "discounts", "policies", "tax")


def cases(*asked: str) -> list[Any]:
    """List the cases that state one of the members asked for."""
    found = []
    for path in sorted(HERE.glob("*.json")):
        ported = json.loads(path.read_text(encoding="utf-8"))
        for group in ported["groups"]:
            found += [
                pytest.param({"currency": ported["currency"], **group}, case, id=f"{path.stem}: {case['case']}")
                for case in group["cases"]
                if any(member in case for member in asked)
            ]
    return found


def agreed_of(group: dict[str, Any], part: dict[str, Any]) -> Agreement:
    clauses = part.get("clauses") or [{**USAGE, "price": part["price"], **part.get("clause", {})}]
    rest = {member: group[member] for member in AGREED if member in group}
    rest["bands"] = [{"name": NAME, **band} for band in rest.get("bands", [])]
    return Agreement.from_json(agreement(*clauses, **rest, currency=group["currency"]))


def terms_of(group: dict[str, Any]) -> Terms:
    month = Period(*map(date.fromisoformat, group.get("month", ["2026-11-01", "2026-12-01"])))
    dated = group.get("versions") or [[group.get("since", str(month.starts_on)), group]]
    versions = [
        (str(number), date.fromisoformat(day), agreed_of(group, part)) for number, (day, part) in enumerate(dated, 1)
    ]
    return terms_from_versions(month, SHANGHAI, versions)


def totals_of(terms: Terms, case: dict[str, Any]) -> Totals:
    """Read a case's usage: one ``value``, values by ``days``, ``rows``, single ``events``, dated ``calls``, what is held."""
    document: dict[str, Any] = {
        "rows": [{"segment": "1", **row} for row in rows_of(case)],
        "events": [
            {"segment": "1", "clause": "usage", "at": f"2026-11-02T10:{minute:02}:00+08:00", "value": value}
            for minute, value in enumerate(case.get("events", []))
        ],
        "subscriptions": [
            {"item": item, "changes": [{"on": day, "by": by} for day, by in changes]}
            for item, changes in case.get("held", {}).items()
        ],
        "to_date": [{"code": code, "amount": amount} for code, amount in case.get("to_date", {}).items()],
        "balances": case.get("balances", []),
    }
    return count(terms, calls_of(case), Totals.from_json(document))


def rows_of(case: dict[str, Any]) -> list[dict[str, Any]]:
    if "value" in case:
        return [{"clause": "usage", "value": case["value"], "calls": case.get("calls", 1)}]
    if "events" in case:
        whole = sum(map(Decimal, case["events"]))
        return [{"clause": "usage", "value": str(whole), "calls": len(case["events"])}]
    days = [{"clause": "usage", "on": day, "value": value, "calls": 1} for day, value in case.get("days", [])]
    return [*days, *case.get("rows", [])]


def calls_of(case: dict[str, Any]) -> list[Call]:
    found = []
    for each in case["calls"] if isinstance(case.get("calls"), list) else []:
        start = local(each["at"])
        talk_ms = int(Decimal(each["talk_s"]) * 1000)
        answered = start if each.get("answered", True) else None
        call = Call(started_at=start, answered_at=answered, talk_ms=talk_ms, region=each.get("region", ""))
        found += [call] * each.get("count", 1)
    return found


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(SHANGHAI))


def whole_of(bill: Bill) -> Fraction:
    return sum((line.unrounded for line in bill.lines), Fraction(0))


@pytest.mark.parametrize(("group", "case"), [each for each in cases("owed") if "start" not in each.values[1]])
def test_their_case_comes_to_the_figure_we_answer_for(group: dict[str, Any], case: dict[str, Any]) -> None:
    terms = terms_of(group)
    totals = totals_of(terms, case)
    bill = rate(terms, totals)
    keeps_its_promises(bill)
    assert not bill.uncovered
    assert whole_of(bill) == Fraction(case.get("ours", case["owed"]))
    if "lines" in case:
        assert {line.key: f"{line.amount:f}" for line in bill.lines} == case["lines"]
    for member in ("net", "tax", "total"):
        expected = case.get(f"ours_{member}", case.get(member))
        assert expected in (None, f"{getattr(bill, member):f}"), member
    if "billed_seconds" in case:
        assert sum(row.billed_seconds for row in totals.rows) == case["billed_seconds"]


@pytest.mark.parametrize(("group", "case"), cases("start"))
def test_their_quantity_continues_from_a_position(group: dict[str, Any], case: dict[str, Any]) -> None:
    clause = agreed_of(group, group).clauses[0]
    assert isinstance(clause, FeatureClause)
    assert price(clause.price, Decimal(case["value"]), start=Fraction(case["start"])).amount == Fraction(case["owed"])


@pytest.mark.parametrize(("group", "case"), cases("pieces"))
def test_their_call_is_cut_where_their_rates_change(group: dict[str, Any], case: dict[str, Any]) -> None:
    bands = agreed_of({"currency": group["currency"], "bands": case["bands"]}, {"price": "0"}).bands
    start = local(case["at"])
    found = split_at_bands(DurationRule(), start, int(case["talk_s"]) * 1000, SHANGHAI, bands)
    assert [[(each.started_at - start) // timedelta(seconds=1), each.band] for each in found] == case["pieces"]


@pytest.mark.parametrize(("group", "case"), cases("increments"))
def test_their_increment_takes_its_excess_from_the_next_piece(group: dict[str, Any], case: dict[str, Any]) -> None:
    rules = [
        read(DurationRule, {"first_increment_s": seconds, "next_increment_s": seconds})
        for seconds in case["increments"]
    ]
    assert billed_pieces(rules, [seconds * 1000 for seconds in case["talks_s"]]) == case["billed"]


def test_every_other_figure_is_another_one_and_says_why() -> None:
    for each in cases("ours"):
        case = each.values[1]
        assert case["why"], case["case"]
        same = Fraction(case["ours"]) == Fraction(case["owed"]) and case.get("ours_total") == case.get("total")
        assert not same, case["case"]
