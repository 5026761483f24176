"""Half-open billing months in a tenant's time zone."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing.errors import Refused


class InvalidPeriod(Refused):
    """Refuse a month that ends before it begins, or a billing day outside 1 to 31."""


@dataclass(frozen=True, slots=True)
class Period:
    """The local dates from ``starts_on`` up to, not including, ``ends_on``."""

    starts_on: date
    ends_on: date

    def __post_init__(self) -> None:
        if self.ends_on <= self.starts_on:
            raise InvalidPeriod(
                "invalid_period", "Write an end after the start; the end is exclusive.", pointer="/ends_on"
            )

    @property
    def days(self) -> int:
        """Count the calendar days."""
        return (self.ends_on - self.starts_on).days

    @property
    def label(self) -> str:
        """Name the period by the month it starts in: 2026-11."""
        return self.starts_on.isoformat()[:7]

    def __contains__(self, day: date) -> bool:
        return self.starts_on <= day < self.ends_on

    def instants(self, zone: str) -> tuple[datetime, datetime]:
        """Give the UTC instants of the local midnights that bound the period."""
        return midnight(self.starts_on, zone), midnight(self.ends_on, zone)


def midnight(day: date, zone: str) -> datetime:
    """Give the first instant of a local day in UTC; where midnight is skipped, the first instant that exists."""
    place = ZoneInfo(zone)
    local = datetime.combine(day, time(), place)
    instant = local.astimezone(UTC)
    if instant.astimezone(place).date() < day or instant.astimezone(place).replace(tzinfo=None) != datetime.combine(
        day, time()
    ):
        return _first_instant(day, place)
    return instant


def _first_instant(day: date, place: ZoneInfo) -> datetime:
    low = datetime.combine(day, time(), UTC) - timedelta(hours=36)
    high = low + timedelta(hours=72)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (low, middle) if middle.astimezone(place).date() >= day else (middle, high)
    return high


def clamped(year: int, month: int, billing_day: int) -> date:
    """Give the billing day of a month, or the month's last day where it is missing."""
    return date(year, month, min(billing_day, calendar.monthrange(year, month)[1]))


def period_containing(day: date, billing_day: int = 1) -> Period:
    """Find the billing month that contains a local date. 31 Jan → 28 Feb → 31 Mar."""
    _check_billing_day(billing_day)
    start = clamped(day.year, day.month, billing_day)
    if start > day:
        year, month = _shifted(day.year, day.month, -1)
        return Period(clamped(year, month, billing_day), start)
    return Period(start, clamped(*_shifted(day.year, day.month, 1), billing_day))


def period_of(instant: datetime, zone: str, billing_day: int = 1) -> Period:
    """Find the billing month that contains an aware instant, on the tenant's calendar."""
    return period_containing(instant.astimezone(ZoneInfo(zone)).date(), billing_day)


def periods(billing_day: int, zone: str, *, since: date) -> Iterator[tuple[Period, datetime, datetime]]:
    """Yield billing months without end from the one containing ``since``, each with its UTC bounds."""
    period = period_containing(since, billing_day)
    while True:
        yield period, *period.instants(zone)
        period = period_containing(period.ends_on, billing_day)


def add_months(day: date, months: int) -> date:
    """Move a date by months, clamped to the month's last day."""
    return clamped(*_shifted(day.year, day.month, months), day.day)


def _shifted(year: int, month: int, by: int) -> tuple[int, int]:
    years, zero_based = divmod(month - 1 + by, 12)
    return year + years, zero_based + 1


def _check_billing_day(billing_day: int) -> None:
    if not 1 <= billing_day <= 31:
        raise InvalidPeriod("invalid_period", "Write a billing day from 1 to 31.", pointer="/billing_day")
