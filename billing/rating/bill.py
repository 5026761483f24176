"""What is owed: lines, tax, total; each line with the arithmetic that led to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from billing.periods import Period
from billing.rating.form import document_of, read
from billing.rating.terms import Name, Policies
from billing.rating.totals import FORM, Pairs, Uncovered

LineKind = Literal[
    "usage",
    "recurring",
    "seat",
    "module",
    "service_level",
    "one_off",
    "package",
    "factor",
    "credit",
    "discount",
    "true_up",
    "cap",
    "drawdown",
]


class Step(NamedTuple):
    """One step of a line's arithmetic on a running number.

    ``op``: start (take ``value``), add, subtract, multiply, divide, at_least, at_most, round_up (to whole
    multiples of ``value``), round (to ``value`` places, ``note`` names the mode), sum (of ``parts``), each
    (Σ count · ``steps`` run on the number, for the pairs of ``parts``).
    ``note`` says in one word why (price, included, days, rate …); ``unit`` what the number then counts.
    """

    op: str
    value: Fraction | None = None
    note: str = ""
    unit: str = ""
    parts: tuple[tuple[str, Fraction], ...] = ()
    steps: tuple[Step, ...] = ()


class Evidence(NamedTuple):
    """The calls behind a line: how many, how long, and which (segment, clause, group, cell)."""

    calls: int = 0
    talk_ms: int = 0
    billed_seconds: int = 0
    selector: Pairs = ()


class Line(NamedTuple):
    """One printed line. ``key`` is unique in the bill and stays the same when the month is rated again.

    ``unrounded`` is the exact amount that was rounded to ``amount``. ``version`` is the contract version's
    number, ``period`` the month the usage belongs to (another one for late differences).
    """

    key: str
    kind: LineKind
    code: str
    name: Name
    reference: str
    version: str
    period: str
    amount: Decimal
    unrounded: Fraction
    tax_rate: Decimal
    unit: str = ""
    quantity_used: Decimal | None = None
    quantity_billed: Decimal | None = None
    unit_price: Decimal | None = None
    tier_from: Decimal | None = None
    tier_to: Decimal | None = None
    group: str = ""
    cell: Pairs = ()
    steps: tuple[Step, ...] = ()
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class TaxRow:
    """The tax of one rate: on the net of its lines, or taken out of them when prices include it."""

    rate: Decimal
    net: Decimal
    tax: Decimal
    period: str = ""


@dataclass(frozen=True, slots=True)
class BalanceAfter:
    """What is left of a purchase of a package at the end of the month."""

    package: str
    bought_on: date
    drawn: Decimal
    remaining: Decimal
    unit: str
    expires_on: date | None = None
    expired: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class RuledBy:
    """The days one contract version ruled, and the policies it computed by."""

    number: str
    starts_on: date
    ends_on: date
    days: int
    of_days: int
    policies: Policies


@dataclass(frozen=True, slots=True)
class Reached:
    """What the clauses of a commitment or cap came to this month, for the next month's ``to_date``."""

    code: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One contract's month. net + tax = total; Σ line amounts = net (= total when prices include tax)."""

    currency: str
    period: Period
    zone: str
    inclusive: bool
    lines: tuple[Line, ...]
    taxes: tuple[TaxRow, ...]
    net: Decimal
    tax: Decimal
    total: Decimal
    segments: tuple[RuledBy, ...]
    uncovered: tuple[Uncovered, ...] = ()
    balances: tuple[BalanceAfter, ...] = ()
    reached: tuple[Reached, ...] = ()
    version: int = FORM

    @property
    def blocked(self) -> bool:
        """Tell whether uncovered usage keeps the bill from being issued."""
        return bool(self.uncovered) and any(s.policies.uncovered == "blocks" for s in self.segments)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Bill:
        """Read a bill."""
        return read(cls, document)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form; members that equal their default are left out."""
        return document_of(self, FORM)
