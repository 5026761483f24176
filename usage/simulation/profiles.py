"""What one customer of a robot vendor is like on the telephone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from usage.simulation.seasons import Rush, effective_weekday, is_public_holiday

Hours = tuple[float, ...]
Week = tuple[Hours, ...]
Weights = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class TalkKind:
    """Describe one sort of conversation: log-normal seconds with a median, cut at the longest."""

    name: str
    weight: float
    median_seconds: float
    spread: float
    longest_seconds: float


SHORT_HANG_UP = TalkKind("short hang-up", 0.22, 3.2, 0.6, 15)
DIALOGUE = TalkKind("dialogue", 0.68, 41, 0.55, 300)
LONG_TALK = TalkKind("long talk", 0.10, 165, 0.5, 1500)


def hours(*bands: tuple[int, int, float], night: float = 0.0) -> Hours:
    """Give 24 weights, one an hour: each band is (first hour, hour after, weight), the rest is night."""
    weights = [night] * 24
    for first, end, weight in bands:
        weights[first:end] = [weight] * (end - first)
    return tuple(weights)


def week(working_day: Hours, weekend: Hours, monday: Hours | None = None) -> Week:
    """Give the seven days' hours; Monday may differ, because weekends leave a queue."""
    return (monday or working_day, *[working_day] * 4, weekend, weekend)


@dataclass(frozen=True)
class Profile:
    """Describe a tenant's traffic. Rates and shares are 0 to 1, weights relative, numbers E.164.

    `calls_per_day` is the mean of a plain working day, attempts included; `modules` gives each module's
    probability on an answered call; `burst_rate` is the chance of a burst on a day and `burst_share` its
    size against the day's volume.
    """

    code: str
    name: str
    calls_per_day: float
    inbound_share: float
    lines: tuple[str, ...]
    robots: int
    regions: Weights
    inbound_hours: Week
    outbound_hours: Week
    campaigns: tuple[str, ...]
    shops: tuple[str, ...]
    modules: Weights
    inbound_answer_rate: float = 0.985
    outbound_answer_rate: float = 0.62
    talk: tuple[TalkKind, ...] = (SHORT_HANG_UP, DIALOGUE, LONG_TALK)
    transfer_rate: float = 0.09
    agent_median_seconds: float = 95
    languages: Weights = (("zh-CN", 1.0),)
    mobile_share: float = 0.85
    analysis_rate: float = 0.4
    waybill_prefix: str = "YT"
    redial_share: float = 0.12
    weekday_factors: tuple[float, ...] = (1.1, 1.0, 1.0, 0.98, 1.02, 0.55, 0.4)
    holiday_factor: float = 0.35
    rushes: tuple[Rush, ...] = ()
    burst_rate: float = 0.06
    burst_share: float = 0.35

    def __post_init__(self) -> None:
        """Refuse a profile that cannot make calls, before three months of nonsense come out of it."""
        shares = (self.inbound_share, self.inbound_answer_rate, self.outbound_answer_rate, self.transfer_rate)
        if not all(0 <= share <= 1 for share in (*shares, self.mobile_share, self.redial_share)):
            raise ValueError(f"{self.code}: every rate and share must lie between 0 and 1")
        if self.calls_per_day < 0 or self.robots < 1 or not (self.lines and self.regions and self.talk):
            raise ValueError(f"{self.code}: calls, robots, lines, regions and talk kinds are needed")
        if len(self.weekday_factors) != 7 or _wrong(self.inbound_hours) or _wrong(self.outbound_hours):
            raise ValueError(f"{self.code}: a week has 7 days of 24 hours, with some weight in each day")

    def volume(self, day: date) -> float:
        """Return the calls to expect on that day before chance: rush, holiday or weekday decides."""
        for rush in self.rushes:
            if rush.covers(day):
                return self.calls_per_day * rush.factor
        if is_public_holiday(day):
            return self.calls_per_day * self.holiday_factor
        return self.calls_per_day * self.weekday_factors[effective_weekday(day)]


def _wrong(shape: Sequence[Hours]) -> bool:
    return len(shape) != 7 or any(len(day) != 24 or sum(day) <= 0 for day in shape)
