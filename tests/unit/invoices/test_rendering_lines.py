"""What sets the lines of one clause apart is said: the days of each version, and what is beyond a limit."""

from __future__ import annotations

from datetime import date
from typing import Any

from billing.rating import Bill
from invoices.rendering.lines import groups_of
from tests.unit.rating.making import agreement, bill, dials, row, talk, terms, versions


def printed(rated: Bill, language: Any) -> list[tuple[str, list[str]]]:
    return [
        (group.name, [each.name for each in group.rows]) for group in groups_of(language, rated, {"explanations": {}})
    ]


def test_a_clause_under_two_versions_says_the_days_of_each() -> None:
    agreed = versions(
        (date(2026, 1, 1), agreement(talk("0.15"), dials("0.03"))),
        (date(2026, 11, 16), agreement(talk("0.16"))),
    )
    rated = bill(agreed, row(minutes=10), row("dials", calls=2), row(minutes=10, segment="2"))
    assert printed(rated, "en") == [
        ("", ["Clause · 1 Nov – 15 Nov"]), ("", ["Clause"]), ("", ["Clause · 16 Nov – 30 Nov"]),
    ]  # fmt: skip
    assert printed(rated, "zh")[0] == ("", ["条款 · 11月1日至11月15日"])


def test_a_group_under_two_versions_says_its_days_in_its_head() -> None:
    tiers = [{"up_to": "5", "price": "0.15"}, {"price": "0.1"}]
    rated = bill(
        versions(
            (date(2026, 1, 1), agreement(talk({"kind": "graduated", "tiers": tiers}))),
            (date(2026, 11, 16), agreement(talk("0.16"))),
        ),
        row(minutes=10),
        row(minutes=10, segment="2"),
    )
    heads = [name for name, _ in printed(rated, "en")]
    assert heads == ["Clause · 1 Nov – 15 Nov", ""]


def test_calls_beyond_a_limit_are_told_from_those_within() -> None:
    agreed = terms(dials("0.3", limit_per_month=5, beyond_price="0.1"))
    rated = bill(agreed, row("dials", calls=8, on="2026-11-03"))
    assert printed(rated, "en") == [("Clause", ["Clause", "beyond the limit"])]
    assert printed(rated, "zh")[0][1][1] == "超出上限"


def test_one_version_needs_no_days() -> None:
    assert printed(bill(terms(talk("0.15")), row(minutes=10)), "en") == [("", ["Clause"])]
