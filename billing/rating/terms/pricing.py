"""The shapes of a price: what is owed for a quantity. The arithmetic lives in ``billing.rating.prices``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from billing.rating.refusals import InvalidTerms

RoundingMode = Literal["half-up", "half-even", "up", "down"]


def check_unit_price(value: Decimal | None, pointer: str) -> None:
    """Refuse a price with more than eight decimals."""
    if value is not None and -int(value.as_tuple().exponent) > 8:
        raise InvalidTerms("Write a price with at most 8 decimals.", pointer=pointer)


def _check_not_negative(value: Decimal | None, pointer: str) -> None:
    if value is not None and value < 0:
        raise InvalidTerms("Write 0 or more; what is given back belongs in factors or discounts.", pointer=pointer)


@dataclass(frozen=True, slots=True)
class RoundEachCall:
    """Round the price of every single call before adding them up."""

    mode: RoundingMode = "half-up"
    places: int = 2


@dataclass(frozen=True, slots=True)
class Tier:
    """One step of a price table, up to and including ``up_to`` (open when null).

    ``flat`` is owed once when the tier is entered; ``step`` rounds the tier's part up to whole steps.
    ``price`` is for ``per`` units: with ``step`` and ``per`` alike it is the price of a started block.
    """

    up_to: Decimal | None = None
    price: Decimal = Decimal(0)
    flat: Decimal = Decimal(0)
    step: Decimal | None = None
    per: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.per <= 0:
            raise InvalidTerms("Write the units that the price is for, above 0.", pointer="/per")
        for name in ("price", "flat"):
            check_unit_price(getattr(self, name), f"/{name}")
            _check_not_negative(getattr(self, name), f"/{name}")
        if self.step is not None and self.step <= 0:
            raise InvalidTerms("Write a step above 0, or leave it out.", pointer="/step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The least and the most a price may come to in a month, whatever the quantity."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)


def check_bounds(minimum: Decimal | None, maximum: Decimal | None) -> None:
    """Refuse a negative minimum and a maximum under the minimum."""
    _check_not_negative(minimum, "/minimum")
    _check_not_negative(maximum, "/maximum")
    if minimum is not None and maximum is not None and maximum < minimum:
        raise InvalidTerms("Write a maximum that is not below the minimum.", pointer="/maximum")


@dataclass(frozen=True, slots=True)
class PerUnit(Bounds):
    """q·p, the price being for ``per`` units. In JSON a bare decimal string is short for this price."""

    kind: ClassVar[str] = "per_unit"
    shorthand: ClassVar[bool] = True
    price: Decimal
    round_each_call: RoundEachCall | None = None
    per: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if self.per <= 0:
            raise InvalidTerms("Write the units that the price is for, above 0.", pointer="/per")
        check_bounds(self.minimum, self.maximum)
        check_unit_price(self.price, "/price")
        _check_not_negative(self.price, "/price")


def check_tiers(tiers: tuple[Tier, ...] | tuple[PercentTier, ...] | tuple[ElapsedPart, ...], end: str, at: str) -> None:
    """Refuse a table that is empty, does not rise, or does not end open."""
    if not tiers:
        raise InvalidTerms("Write at least one tier.", pointer=at)
    previous = Decimal(0)
    for index, tier in enumerate(tiers[:-1]):
        bound = getattr(tier, end)
        if bound is None or bound <= previous:
            raise InvalidTerms(
                f"Write an {end} above {previous}; only the last tier is open.", pointer=f"{at}/{index}/{end}"
            )
        previous = bound
    if getattr(tiers[-1], end) is not None:
        raise InvalidTerms(
            f"Leave {end} out of the last tier, so that no quantity lacks a price.",
            pointer=f"{at}/{len(tiers) - 1}/{end}",
        )


@dataclass(frozen=True, slots=True)
class Graduated(Bounds):
    """Each part of the quantity at the price of the tier it falls into."""

    kind: ClassVar[str] = "graduated"
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        check_tiers(self.tiers, "up_to", "/tiers")


@dataclass(frozen=True, slots=True)
class Volume(Bounds):
    """The whole quantity at the price of the one tier that holds it."""

    kind: ClassVar[str] = "volume"
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        check_tiers(self.tiers, "up_to", "/tiers")


@dataclass(frozen=True, slots=True)
class Block(Bounds):
    """Started blocks of ``size`` units at ``price`` each."""

    kind: ClassVar[str] = "block"
    size: Decimal
    price: Decimal

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        check_unit_price(self.price, "/price")
        _check_not_negative(self.price, "/price")
        if self.size <= 0:
            raise InvalidTerms("Write a block size above 0.", pointer="/size")


@dataclass(frozen=True, slots=True)
class ElapsedPart:
    """The seconds of each call up to ``up_to_s`` (open when null), by their own increment and price."""

    price: Decimal
    up_to_s: int | None = None
    increment_s: int = 60

    def __post_init__(self) -> None:
        check_unit_price(self.price, "/price")
        _check_not_negative(self.price, "/price")
        if self.increment_s < 1:
            raise InvalidTerms("Write an increment of at least 1 second.", pointer="/increment_s")


@dataclass(frozen=True, slots=True)
class Elapsed(Bounds):
    """Price the seconds within each call by how long it has lasted. Duration clauses only."""

    kind: ClassVar[str] = "elapsed"
    parts: tuple[ElapsedPart, ...]

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        check_tiers(self.parts, "up_to_s", "/parts")


@dataclass(frozen=True, slots=True)
class Flat(Bounds):
    """One amount whatever the quantity, if there is any or ``always``."""

    kind: ClassVar[str] = "flat"
    price: Decimal
    always: bool = False

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        check_unit_price(self.price, "/price")
        _check_not_negative(self.price, "/price")


@dataclass(frozen=True, slots=True)
class PercentTier:
    """A rate for the part of the amount up to and including ``up_to``, with a ``flat`` fee when entered."""

    rate: Decimal
    up_to: Decimal | None = None
    flat: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Percentage(Bounds):
    """A rate on an amount: of the clauses named in ``of``, or of the clause's own counter (an order amount).

    ``fixed`` is owed per event beyond the free ones; the first ``free_events`` events and the first
    ``free_amount`` of the amount cost nothing; ``minimum_each``/``maximum_each`` bound the fee of one event.
    ``tiers`` instead of ``rate``: each part of the amount at its own rate (graduated), or the whole amount at
    the rate of the tier that holds it (``scheme`` volume).
    """

    kind: ClassVar[str] = "percentage"
    rate: Decimal | None = None
    tiers: tuple[PercentTier, ...] = ()
    scheme: Literal["graduated", "volume"] = "graduated"
    of: tuple[str, ...] = ()
    fixed: Decimal = Decimal(0)
    free_events: int = 0
    free_amount: Decimal = Decimal(0)
    minimum_each: Decimal | None = None
    maximum_each: Decimal | None = None

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        if (self.rate is None) == (not self.tiers):
            raise InvalidTerms("Write either rate or tiers.", pointer="/rate")
        if self.tiers:
            check_tiers(self.tiers, "up_to", "/tiers")
        if self.tiers and self.by_event:
            raise InvalidTerms(
                "Price single events by one rate; tiers have no free events or bounds.", pointer="/tiers"
            )

    @property
    def by_event(self) -> bool:
        """Tell whether single events matter, so that totals must list them in order."""
        return bool(
            self.free_events or self.free_amount or self.minimum_each is not None or self.maximum_each is not None
        )


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a matrix: the values it is for, and what it costs; an absent dimension takes any value."""

    where: Mapping[str, str]
    price: SimplePrice


@dataclass(frozen=True, slots=True)
class Matrix(Bounds):
    """A price looked up by dimensions; each cell is its own line.

    ``region_match`` prefix takes the longest matching prefix. ``otherwise`` prices what no cell takes; without
    it such usage is uncovered.
    """

    kind: ClassVar[str] = "matrix"
    dimensions: tuple[str, ...]
    cells: tuple[Cell, ...]
    region_match: Literal["exact", "prefix"] = "exact"
    otherwise: SimplePrice | None = None

    def __post_init__(self) -> None:
        check_bounds(self.minimum, self.maximum)
        if not self.dimensions:
            raise InvalidTerms('Write at least one dimension, such as "region".', pointer="/dimensions")
        for index, cell in enumerate(self.cells):
            for stranger in set(cell.where) - set(self.dimensions):
                raise InvalidTerms(
                    f"Name {stranger} among the dimensions, or drop it.", pointer=f"/cells/{index}/where/{stranger}"
                )


SimplePrice = PerUnit | Graduated | Volume | Block | Flat
Price = PerUnit | Graduated | Volume | Block | Elapsed | Flat | Percentage | Matrix
