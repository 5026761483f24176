"""Months, prices and rules for the laws, small enough to hit boundaries and odd enough to hurt.

Hypothesis draws bytes, once per example, and ``Choices`` decodes them: drawing every number by itself took ten times
as long as rating the month. Whatever has bytes of its own (each call, clause and version) shrinks without disturbing
its neighbours; a zero byte is always the first and plainest choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeVar

from hypothesis import strategies as st

from billing.rating import Bill, Call, Terms, Totals, count, rate, terms_from_versions
from billing.rating.totals import Change, Subscription
from tests.unit.rating.making import NAME, NOVEMBER, SHANGHAI, at

Option = TypeVar("Option")

BANDS = [
    {"code": "rest", "name": NAME, "rules": [{}]},
    {"code": "peak", "name": NAME, "priority": 1, "rules": [{"start": "08:00", "end": "20:00"}]},
]
SEATS = Totals(
    subscriptions=(
        Subscription(
            "seats",
            (
                Change(NOVEMBER.starts_on.replace(month=5), Decimal(2)),
                Change(NOVEMBER.starts_on.replace(day=12), Decimal(3)),
            ),
        ),
    )
)
MOST_CALLS, MOST_LATE, MOST_CLAUSES = 12, 4, 5
CALL_BYTES, CLAUSE_BYTES, RULES_BYTES, ODDS_BYTES = 20, 64, 64, 32
VERSION_BYTES = 1 + MOST_CLAUSES * CLAUSE_BYTES + RULES_BYTES
MONTH_BYTES = 2 + (MOST_CALLS + MOST_LATE) * CALL_BYTES + 4 + 2 * VERSION_BYTES + ODDS_BYTES


class Choices:
    """Decode choices from bytes; after the last byte every choice is its first."""

    def __init__(self, drawn: bytes) -> None:
        self._drawn, self._at = drawn, 0

    def whole(self, low: int, high: int) -> int:
        """Choose a whole number, both ends included."""
        size = ((high - low).bit_length() + 7) // 8
        return low + int.from_bytes(self.apart(size)) % (high - low + 1)

    def one_of(self, *options: Option) -> Option:
        """Choose one of the options."""
        return options[self.whole(0, len(options) - 1)]

    def once_in(self, times: int) -> bool:
        """Choose true once in so many times."""
        return self.whole(1, times) == times

    def decimal(self, most: int, places: int) -> str:
        """Choose a decimal from 0 to ``most``, now and then one that rounds badly."""
        if self.once_in(8):
            return self.one_of("0", "0.05", "0.005", str(most), "0.3333"[: 2 + places])
        return f"{Decimal(self.whole(0, most * 10**places)).scaleb(-places):f}"

    def apart(self, size: int) -> bytes:
        """Take bytes for something that chooses by itself."""
        taken = self._drawn[self._at : self._at + size]
        self._at += size
        return taken.ljust(size, b"\0")


def price_of(choices: Choices) -> str:
    return choices.decimal(2, 4)


def amount_of(choices: Choices) -> str:
    return choices.decimal(500, 2)


def quantity_of(choices: Choices) -> Decimal:
    whole = Decimal(choices.whole(0, 200))
    return whole if choices.once_in(2) else min(whole + Decimal(choices.whole(0, 999)).scaleb(-3), Decimal(200))


def talk_of(choices: Choices) -> int:
    seconds = choices.whole(0, 400)
    return seconds * 1000 if choices.once_in(2) else max(seconds * 1000 - choices.whole(0, 999), 0)


def table_of(choices: Choices, *, flats: bool = True) -> list[dict[str, str]]:
    highest = choices.one_of(3, 10, 30, 150)
    bounds = sorted({choices.whole(1, highest) for _ in range(choices.whole(0, 4))})
    tiers = [{"up_to": str(bound), "price": price_of(choices)} for bound in bounds] + [{"price": price_of(choices)}]
    if flats:
        for tier in tiers:
            tier["flat"] = choices.one_of("0", "0", "5.5")
    return tiers


def simple_price_of(choices: Choices) -> dict[str, Any]:
    kind = choices.one_of("per_unit", "graduated", "volume", "block", "flat")
    members: dict[str, Any] = {"kind": kind}
    if kind in ("graduated", "volume"):
        members["tiers"] = table_of(choices)
    else:
        members["price"] = price_of(choices)
    if kind == "block":
        members["size"] = str(choices.whole(1, 50))
    if choices.once_in(4):
        members["minimum"] = amount_of(choices)
    if choices.once_in(4):
        members["maximum"] = str(Decimal(members.get("minimum", "0")) + Decimal(amount_of(choices)))
    return members


def rule_of(choices: Choices) -> dict[str, Any]:
    return {
        "basis": choices.one_of("exact-ceil", "exact-floor"),
        "first_increment_s": choices.one_of(1, 6, 30, 60, 90),
        "next_increment_s": choices.one_of(1, 6, 60),
        "minimum_s": choices.one_of(0, 0, 20),
        "free_below_s": choices.one_of(0, 0, 5),
    }


def clause_of(choices: Choices, code: str) -> dict[str, Any]:
    kind = choices.one_of("duration", "calls", "feature", "recurring", "seat")
    found: dict[str, Any] = {"kind": kind, "code": code, "name": NAME, "tax": choices.one_of("0.06", "0.13", "0")}
    if kind == "recurring":
        return {**found, "price": amount_of(choices)}
    found["price"] = simple_price_of(choices)
    if kind == "seat":
        return {**found, "item": "seats", "committed": str(choices.whole(0, 3))}
    found["select"] = choices.one_of({}, {"region": ["a"]}, {"direction": "inbound"}, {"band": ["peak"]})
    if kind == "duration":
        edges = {"at_band_edge": choices.one_of("start", "split"), "legs": choices.one_of("robot", "whole", "each")}
        found |= {"rule": rule_of(choices) | edges, "included_minutes": str(choices.whole(0, 5))}
    elif kind == "calls":
        found |= {"counts": choices.one_of("answered", "attempted"), "included_calls": str(choices.whole(0, 2))}
        if choices.once_in(2):
            found |= {"limit_per_day": choices.whole(0, 2), "beyond_price": price_of(choices)}
    else:
        found |= {"counter": "n", "aggregate": choices.one_of("sum", "max", "distinct", "latest")}
    if choices.once_in(4):
        found |= {"group_by": "robot", "tiers_per": choices.one_of("clause", "group")}
    return found


def agreement_of(choices: Choices) -> dict[str, Any]:
    number_of_clauses = choices.whole(1, MOST_CLAUSES)
    clauses = [clause_of(Choices(choices.apart(CLAUSE_BYTES)), f"c{n}") for n in range(MOST_CLAUSES)]
    found: dict[str, Any] = {
        "version": 1,
        "currency": choices.one_of("CNY", "JPY", "KWD"),
        "bands": BANDS,
        "tax": {"rate": "0.06", "inclusive": choices.once_in(2)},
        "clauses": clauses[:number_of_clauses],
        "policies": {
            "rounding": choices.one_of("half-up", "half-even", "up", "down"),
            "round_order": choices.one_of("line_then_tax_on_net", "tax_per_line"),
            "proration": choices.one_of("calendar_days", "thirty_days", "none", "full_month"),
            "tiers_across_versions": choices.one_of("anew", "carry"),
            "versions_split_month": choices.one_of("whole_month", "per_segment"),
            "zero_usage_flat": choices.one_of("charged", "not_charged"),
            "prorate_commitment": choices.once_in(2),
            "prorate_cap": choices.once_in(2),
            "prorate_allowance": choices.once_in(2),
        },
    }
    return found | adjustments_of(choices)


def adjustments_of(choices: Choices) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if choices.once_in(2):
        found["factors"] = [{"code": "f1", "name": NAME, "rate": choices.one_of("-0.05", "0.125", "-0.333")}]
    if choices.once_in(2):
        tiers = [{"up_to": "50", "rate": "0"}, {"rate": choices.decimal(1, 3)}]
        scheme = choices.one_of("volume", "graduated")
        found["discounts"] = [
            {"code": "d1", "name": NAME, "rate": choices.decimal(1, 3)},
            {"code": "d2", "name": NAME, "reason": "volume", "tiers": tiers, "scheme": scheme},
        ]
    if choices.once_in(2):
        found["commitments"] = [{"code": "m1", "name": NAME, "amount": amount_of(choices)}]
    if choices.once_in(2):
        found["caps"] = [{"code": "x1", "name": NAME, "amount": amount_of(choices)}]
    return found


def call_of(choices: Choices, call_id: str, number: int) -> Call:
    day = choices.one_of(1, 7, 8, 15, 16, 30) if choices.once_in(2) else choices.whole(1, 30)
    second = choices.whole(0, 86_399)
    if choices.once_in(3):  # just before a band's edge or midnight
        second = choices.one_of(8, 20, 24) * 3600 - choices.whole(1, 60)
    start = at(f"2026-11-{day:02} 00:00:00") + timedelta(seconds=second, microseconds=number)
    talk_ms = talk_of(choices)
    return Call(
        call_id=call_id,
        started_at=start,
        answered_at=start if choices.whole(0, 4) < 4 else None,
        talk_ms=talk_ms,
        agent_ms=choices.one_of(0, 0, talk_ms // 3),
        region=choices.one_of("a", "b"),
        direction=choices.one_of("inbound", "outbound"),
        robot=choices.one_of("r1", "r2", ""),
        counters={"n": Decimal(choices.whole(0, 20))} if choices.once_in(2) else {},
    )


@dataclass(frozen=True)
class Month:
    """One drawn month: the documents of its versions, its calls, and a few that come late.

    ``odds`` are bytes for whatever a law still has to choose.
    """

    versions: list[tuple[str, date, dict[str, Any]]]
    calls: list[Call]
    late: list[Call]
    odds: bytes = field(repr=False)

    @cached_property
    def terms(self) -> Terms:
        return terms_from_versions(NOVEMBER, SHANGHAI, self.versions)

    @cached_property
    def totals(self) -> Totals:
        return count(self.terms, self.calls, SEATS)

    @cached_property
    def bill(self) -> Bill:
        return rate(self.terms, self.totals)


def month_of(drawn: bytes) -> Month:
    choices = Choices(drawn)
    number_of_calls, number_late = choices.whole(0, MOST_CALLS), choices.whole(0, MOST_LATE)
    calls = [call_of(Choices(choices.apart(CALL_BYTES)), str(n), n) for n in range(MOST_CALLS)]
    late = [call_of(Choices(choices.apart(CALL_BYTES)), f"late-{n}", n) for n in range(MOST_LATE)]
    began = choices.one_of(date(2026, 1, 1), date(2026, 11, 8))
    changes, keeps_clauses = choices.once_in(2), choices.once_in(2)
    first, second = (agreement_of(Choices(choices.apart(VERSION_BYTES))) for _ in range(2))
    versions = [("1", began, first)]
    if changes:
        second |= {"currency": first["currency"], "tax": first["tax"]}
        second |= {"clauses": first["clauses"]} if keeps_clauses else {}
        versions.append(("2", date(2026, 11, 16), second))
    return Month(versions, calls[:number_of_calls], late[:number_late], choices.apart(ODDS_BYTES))


@dataclass(frozen=True)
class Purchase:
    """One drawn price, a price table without fees, and two quantities."""

    price: dict[str, Any]
    table: list[dict[str, str]]
    one: Decimal
    two: Decimal

    @property
    def both(self) -> tuple[Fraction, Fraction]:
        return Fraction(self.one), Fraction(self.two)


def purchase_of(drawn: bytes) -> Purchase:
    choices = Choices(drawn)
    price, table = (Choices(choices.apart(CLAUSE_BYTES)) for _ in range(2))
    return Purchase(simple_price_of(price), table_of(table, flats=False), quantity_of(choices), quantity_of(choices))


@dataclass(frozen=True)
class Talks:
    """One drawn rule of billed seconds, some talks, and the second of the day at which the first began."""

    rule: dict[str, Any]
    talks_ms: Sequence[int]
    second: int


def talks_of(drawn: bytes) -> Talks:
    choices = Choices(drawn)
    rule, second = rule_of(choices), choices.whole(0, 86_399)
    return Talks(rule, [talk_of(choices) for _ in range(choices.whole(1, 5))], second)


def drawn(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


months = drawn(MONTH_BYTES).map(month_of)
purchases = drawn(2 * CLAUSE_BYTES + 8).map(purchase_of)
talks = drawn(32).map(talks_of)
