"""Which calls a clause takes, how their seconds are billed, and the bands of the local clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from billing.rating.refusals import InvalidTerms

CLOCK = re.compile(r"(([01]\d|2[0-3]):[0-5]\d|24:00)\Z")


@dataclass(frozen=True, slots=True)
class Name:
    """What people read, in Chinese and English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Select:
    """The calls a clause asks for: every named dimension must match, an empty one asks nothing.

    A list matches when the call's value is any of it. ``region_match`` prefix takes regions that start with an
    entry. ``module`` asks that the call used one of the modules. ``labels`` maps a label to its wanted values.
    """

    direction: Literal["inbound", "outbound"] | None = None
    answered: bool | None = None
    region: tuple[str, ...] = ()
    region_match: Literal["exact", "prefix"] = "exact"
    band: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    robot: tuple[str, ...] = ()
    line: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    module: tuple[str, ...] = ()
    transferred: bool | None = None
    labels: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class DurationRule:
    """How the talk of one call becomes billed seconds; every duration in whole seconds.

    ``basis``: exact milliseconds rounded up or down to a second, or the source's own reported seconds.
    ``legs``: robot = talk without the agent's part, whole = all talk, each = both parts, rounded apart.
    """

    basis: Literal["exact-ceil", "exact-floor", "reported"] = "exact-ceil"
    free_below_s: int = 0
    minimum_s: int = 0
    first_increment_s: int = 60
    next_increment_s: int = 60
    legs: Literal["robot", "whole", "each"] = "robot"
    at_band_edge: Literal["start", "split"] = "start"

    def __post_init__(self) -> None:
        for name in ("first_increment_s", "next_increment_s"):
            if getattr(self, name) < 1:
                raise InvalidTerms("Write an increment of at least 1 second.", pointer=f"/{name}")
        for name in ("free_below_s", "minimum_s"):
            if getattr(self, name) < 0:
                raise InvalidTerms("Write 0 or more seconds.", pointer=f"/{name}")


@dataclass(frozen=True, slots=True)
class BandRule:
    """When a band rules: local clock from ``start`` (inclusive) to ``end`` (exclusive, up to 24:00).

    ``start`` after ``end`` runs over midnight: the day's conditions are asked of the day it starts on.
    ``weekdays`` 1 Monday … 7 Sunday; ``days`` working and holiday follow the calendar of the agreement.
    ``starts_on``/``ends_on`` bound the dates (exclusive end). Empty conditions ask nothing.
    """

    start: str = "00:00"
    end: str = "24:00"
    weekdays: tuple[int, ...] = ()
    days: Literal["any", "working", "holiday"] = "any"
    dates: tuple[date, ...] = ()
    months: tuple[int, ...] = ()
    starts_on: date | None = None
    ends_on: date | None = None

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            if not CLOCK.match(getattr(self, name)):
                raise InvalidTerms('Write a local time such as "08:00" (24:00 ends the day).', pointer=f"/{name}")
        if self.start == self.end:
            raise InvalidTerms("Write 00:00 to 24:00 for the whole day.", pointer="/end")
        if any(not 1 <= day <= 7 for day in self.weekdays):
            raise InvalidTerms("Write weekdays as 1 (Monday) to 7 (Sunday).", pointer="/weekdays")
        if any(not 1 <= month <= 12 for month in self.months):
            raise InvalidTerms("Write months as 1 to 12.", pointer="/months")


@dataclass(frozen=True, slots=True)
class Band:
    """A named part of time; where two bands meet, the higher priority wins, then the one listed first."""

    code: str
    name: Name
    rules: tuple[BandRule, ...]
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Calendar:
    """Public holidays, and the weekend days that are worked to make up for them.

    A working day is a weekday that is no holiday, or a listed working day; every other day is a holiday.
    """

    holidays: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()
