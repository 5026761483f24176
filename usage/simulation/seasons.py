"""The calendar of Chinese logistics: working days, public holidays, sales rushes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

MonthDay = tuple[int, int]

NEW_YEAR = ((1, 1), (1, 1))
LABOUR_DAY = ((5, 1), (5, 5))
NATIONAL_DAY = ((10, 1), (10, 8))

# Spring Festival follows the moon: first and last day off.
SPRING_FESTIVAL: dict[int, tuple[MonthDay, MonthDay]] = {
    2024: ((2, 10), (2, 17)),
    2025: ((1, 28), (2, 4)),
    2026: ((2, 15), (2, 23)),
    2027: ((2, 5), (2, 11)),
}

# Weekend days worked in exchange for a longer holiday.
MOVED_WORKING_DAYS = frozenset(
    date(year, month, day)
    for year, month_days in {
        2025: ((1, 26), (2, 8), (4, 27), (9, 28), (10, 11)),
        2026: ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)),
    }.items()
    for month, day in month_days
)


@dataclass(frozen=True)
class Rush:
    """Name days of the year, both included, on which the volume is `factor` times a working day's."""

    name: str
    first: MonthDay
    last: MonthDay
    factor: float

    def covers(self, day: date) -> bool:
        """Tell whether the day lies within the rush, whatever the year."""
        return self.first <= (day.month, day.day) <= self.last


def is_public_holiday(day: date) -> bool:
    """Tell whether China rests; the lunar holidays are known for the years in the table only."""
    spans = [NEW_YEAR, LABOUR_DAY, NATIONAL_DAY]
    if day.year in SPRING_FESTIVAL:
        spans.append(SPRING_FESTIVAL[day.year])
    return any(first <= (day.month, day.day) <= last for first, last in spans)


def effective_weekday(day: date) -> int:
    """Return the weekday (0 = Monday) the traffic behaves like: holidays as Sunday, moved days as Monday."""
    if is_public_holiday(day):
        return 6
    return 0 if day in MOVED_WORKING_DAYS else day.weekday()


def days(start_date: date, end_date: date) -> list[date]:
    """List the days of a half-open range."""
    return [start_date + timedelta(days=n) for n in range((end_date - start_date).days)]
