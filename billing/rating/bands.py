"""Find the band of an instant, and cut a call where bands change, on the local clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.rating.durations import billed_pieces
from billing.rating.terms import Band, BandRule, Calendar, DurationRule

DAY = timedelta(days=1)
NO_CALENDAR = Calendar()


class Piece(NamedTuple):
    """The part of a call that lies in one band (None where no band covers it)."""

    band: str | None
    started_at: datetime
    talk_ms: int
    billed_seconds: int


def split_at_bands(
    rule: DurationRule,
    started_at: datetime,
    talk_ms: int,
    zone: str,
    bands: Sequence[Band],
    *,
    calendar: Calendar = NO_CALENDAR,
    reported_s: int | None = None,
) -> tuple[Piece, ...]:
    """Cut a talk at band edges; each piece is billed by ``rule``, its excess taken from the next piece.

    ``started_at`` is the aware instant the talk begins. Neighbouring stretches of the same band stay one piece.
    """
    cut = cut_at_bands(bands, calendar, started_at, talk_ms, zone)
    billed = billed_pieces([rule] * len(cut), [ms for _, _, ms in cut], reported_s=reported_s) if cut else []
    return tuple(Piece(*piece, seconds) for piece, seconds in zip(cut, billed, strict=True))


def cut_at_bands(
    bands: Sequence[Band], calendar: Calendar, started_at: datetime, talk_ms: int, zone: str
) -> list[tuple[str | None, datetime, int]]:
    """Cut a talk into (band, start, milliseconds) in order of time, without rounding anything."""
    start = started_at.astimezone(UTC)
    end = start + timedelta(milliseconds=talk_ms)
    edges = [start, *sorted(e for e in set(_edges(bands, start, end, ZoneInfo(zone))) if start < e < end), end]
    pieces: list[tuple[str | None, datetime, int]] = []
    for begin, finish in pairwise(edges):
        band = band_at(bands, calendar, begin, zone)
        length = (finish - begin) // timedelta(milliseconds=1)
        if pieces and pieces[-1][0] == band:
            pieces[-1] = (band, pieces[-1][1], pieces[-1][2] + length)
        else:
            pieces.append((band, begin, length))
    return pieces


def band_at(bands: Sequence[Band], calendar: Calendar, instant: datetime, zone: str) -> str | None:
    """Name the band that rules at an aware instant: the highest priority, then the first listed; or None."""
    return band_on_clock(bands, calendar, instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None))


def band_on_clock(bands: Sequence[Band], calendar: Calendar, local: datetime) -> str | None:
    """Name the band that rules at a local wall-clock time."""
    ruling = [band for band in bands if any(_rules(rule, calendar, local) for rule in band.rules)]
    return max(ruling, key=lambda band: band.priority).code if ruling else None


def _rules(rule: BandRule, calendar: Calendar, local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    start, end = minutes_of(rule.start), minutes_of(rule.end)
    today = local.date()
    if start < end:
        return start <= minute < end and _holds_on(rule, calendar, today)
    if minute >= start:
        return _holds_on(rule, calendar, today)
    return minute < end and _holds_on(rule, calendar, today - DAY)


def _holds_on(rule: BandRule, calendar: Calendar, day: date) -> bool:
    if rule.weekdays and day.isoweekday() not in rule.weekdays:
        return False
    if rule.months and day.month not in rule.months:
        return False
    if rule.dates and day not in rule.dates:
        return False
    if (rule.starts_on and day < rule.starts_on) or (rule.ends_on and day >= rule.ends_on):
        return False
    return rule.days == "any" or is_working_day(calendar, day) == (rule.days == "working")


def is_working_day(calendar: Calendar, day: date) -> bool:
    """Tell whether a day is worked: a weekday that is no holiday, or a listed make-up day."""
    return day in calendar.working_days or (day.isoweekday() <= 5 and day not in calendar.holidays)


def minutes_of(clock: str) -> int:
    """Turn 08:30 into minutes since midnight."""
    return int(clock[:2]) * 60 + int(clock[3:])


def clock_edges(bands: Sequence[Band]) -> set[int]:
    """List the minutes of a local day at which a band may begin or end."""
    return {0, *(minutes_of(c) for band in bands for rule in band.rules for c in (rule.start, rule.end))} - {1440}


def _edges(bands: Sequence[Band], start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    minutes = clock_edges(bands)
    day = start.astimezone(zone).date() - DAY
    while day <= end.astimezone(zone).date() + DAY:
        for minute in minutes:
            local = datetime.combine(day, time(minute // 60, minute % 60), zone)
            yield local.astimezone(UTC)
            yield local.replace(fold=1).astimezone(UTC)
        day += DAY
    yield from _clock_changes(start, end, zone)


def _clock_changes(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Find the instants at which the zone's offset changes; calls are shorter than the time between two."""
    before = start.astimezone(zone).utcoffset()
    if before == end.astimezone(zone).utcoffset():
        return
    low, high = start.replace(microsecond=0), end.replace(microsecond=0) + timedelta(seconds=1)
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    yield high
