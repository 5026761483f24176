"""What was used in one month under one contract, counted; the database groups, the engine prices.

A row is one group of a GROUP BY: (segment, clause, day, group, cell). Days let the engine judge daily limits and
when a package was used; a row without a day stands for the whole segment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from billing.rating.form import document_of, read
from billing.rating.refusals import InvalidTerms

FORM = 1
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Usage that one clause took.

    ``segment`` the contract version's number; ``group`` the value of ``group_by`` ("" when ungrouped or unset);
    ``cell`` the values of a matrix's dimensions in its order, e.g. (("region", "110000"), ("band", "peak")).
    ``calls`` are the calls counted; ``billed_seconds`` follow the clause's DurationRule; ``value`` is the
    aggregated counter, or the measured number of robots, lines or concurrent calls.
    ``histogram``: (number, calls) pairs, only where ``billing.rating.counting.histogram_of`` asks for it:
    the billed seconds of a call, its counted talk seconds, or the counter's value.
    """

    segment: str
    clause: str
    on: date | None = None
    group: str = ""
    cell: Pairs = ()
    calls: int = 0
    talk_ms: int = 0
    billed_seconds: int = 0
    value: Decimal = Decimal(0)
    histogram: tuple[tuple[Decimal, int], ...] = ()

    def __post_init__(self) -> None:
        for name in ("calls", "talk_ms", "billed_seconds"):
            if getattr(self, name) < 0:
                raise InvalidTerms("Write 0 or more; what was voided is not counted.", pointer=f"/{name}")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of what is held: ``by`` more (or fewer) from the local day ``on`` (the first day it holds)."""

    on: date
    by: Decimal


@dataclass(frozen=True, slots=True)
class Subscription:
    """All changes ever of one item: a module, seats, slots, numbers. The sum of changes is what is held."""

    item: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """A measured level, such as availability 0.9985 or a connect rate; for one segment or the whole month.

    ``counted`` says that it was counted from the calls, so that anyone can count it again; otherwise it was entered.
    """

    measure: str
    level: Decimal
    segment: str | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Balance:
    """One purchase of a package with what is left of it as the month begins (or on the day it is bought).

    Valid from ``bought_on`` up to, not including, ``expires_on`` (for ever when absent).
    """

    package: str
    bought_on: date
    remaining: Decimal
    expires_on: date | None = None
    granted: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ToDate:
    """What the clauses of a longer commitment or cap (``code``) came to in its span before this month."""

    code: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a percentage price with free events or bounds per event, in order of ``at``."""

    segment: str
    clause: str
    at: datetime
    value: Decimal
    group: str = ""


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Usage that no clause took: on which meter, how much, and what such calls look like."""

    meter: str
    calls: int
    talk_ms: int = 0
    value: Decimal = Decimal(0)
    on: date | None = None
    looks_like: Pairs = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Everything the engine needs to know of a month besides the terms."""

    rows: tuple[Row, ...] = ()
    events: tuple[Event, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    balances: tuple[Balance, ...] = ()
    to_date: tuple[ToDate, ...] = ()
    uncovered: tuple[Uncovered, ...] = ()
    version: int = FORM

    def __post_init__(self) -> None:
        if self.version != FORM:
            raise InvalidTerms(f'Write "version": {FORM}; this engine reads no other form.', pointer="/version")

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Totals:
        """Read totals; refuse with the pointer of the first fault."""
        return read(cls, document)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form; members that equal their default are left out."""
        return document_of(self, FORM)
