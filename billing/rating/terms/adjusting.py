"""The shapes of what moves a bill as a whole: factors, discounts, commitments and caps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from billing.rating.refusals import InvalidTerms
from billing.rating.terms.pricing import PercentTier, check_tiers
from billing.rating.terms.selecting import Name


@dataclass(frozen=True, slots=True)
class FactorStep:
    """The rate that holds from a measured level of ``at_least`` on."""

    at_least: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A signed percentage of the lines it names (all discountable ones when ``of`` is empty), before discounts.

    ``reason`` says what it stands for. A performance factor takes its rate from a measurement: the step with
    the highest ``at_least`` that the level reaches.
    """

    code: str
    name: Name
    reference: str = ""
    reason: Literal["region", "industry", "performance", "service_level", "other"] = "other"
    rate: Decimal | None = None
    measure: str | None = None
    steps: tuple[FactorStep, ...] = ()
    of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.rate is None) == (self.measure is None):
            raise InvalidTerms("Write either rate, or measure with steps.", pointer="/rate")
        if (self.measure is None) != (not self.steps):
            raise InvalidTerms("Write measure and steps together.", pointer="/steps")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A deduction from the running subtotal of the lines it names (all discountable ones when ``of`` is empty).

    ``rate`` "0.08" takes 8 % off; ``tiers`` take it by the height of the subtotal (scheme volume: the whole, or
    graduated: each part); ``amount`` takes a fixed sum off, prorated when it holds for part of the month.
    A promotion holds in segments that begin on or after ``starts_on`` and before ``ends_on``.
    """

    code: str
    name: Name
    reason: Literal["volume", "term", "promotion"] = "term"
    reference: str = ""
    rate: Decimal | None = None
    tiers: tuple[PercentTier, ...] = ()
    scheme: Literal["volume", "graduated"] = "volume"
    amount: Decimal | None = None
    of: tuple[str, ...] = ()
    maximum: Decimal | None = None
    starts_on: date | None = None
    ends_on: date | None = None

    def __post_init__(self) -> None:
        if sum((self.rate is not None, bool(self.tiers), self.amount is not None)) != 1:
            raise InvalidTerms("Write exactly one of rate, tiers and amount.", pointer="/rate")
        if self.tiers:
            check_tiers(self.tiers, "up_to", "/tiers")
        rates = [self.rate] if self.rate is not None else [tier.rate for tier in self.tiers]
        if any(not 0 <= rate <= 1 for rate in rates):
            raise InvalidTerms('Write what is taken off as a share from "0" to "1": "0.08" for 8 %.', pointer="/rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """The least that the named clauses (all eligible ones when ``of`` is empty) come to, after discounts.

    Over a quarter, half-year or year counted from the contract's start it is judged in the last month, with
    what the totals say was reached before. ``tax`` is the rate of the true-up.
    """

    code: str
    name: Name
    amount: Decimal
    reference: str = ""
    every: Literal["month", "quarter", "half_year", "year"] = "month"
    of: tuple[str, ...] = ()
    tax: Decimal | None = None

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise InvalidTerms("Write 0 or more.", pointer="/amount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most that the named clauses come to, after discounts; over a longer span it is used up month by month."""

    code: str
    name: Name
    amount: Decimal
    reference: str = ""
    every: Literal["month", "quarter", "half_year", "year"] = "month"
    of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise InvalidTerms("Write 0 or more.", pointer="/amount")
