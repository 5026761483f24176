"""What days to come will be like, from the days there are: weekdays, holidays, the trend, and how sure that is.

The method, in words: a day to come is like the days of its kind in the four weeks before, on average: the same weekday, leaving
holidays out; a holiday like the holidays, or else the Sundays; a weekend day that is worked like the days from Monday to
Friday. All of it is moved by half of what the last two weeks changed against the two before, weekday by weekday, at most by a fifth
and only when three of the four weeks had use on most days. The range is where four of five months end, by how far whole days lay from the days of
their kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from math import sqrt
from statistics import fmean

from invoices.holidays import kind_of

WEEKS = 4
DAMPED, MOST_TREND, LEAST_DAYS = 0.5, 0.2, 21
FOUR_OF_FIVE = 1.28  # standard deviations on either side
LEVEL = 0.06  # what the level of a month may drift besides, from the back-test
USUAL_SPREAD = 0.25  # of a day, where too few days are known to say


def known_days(first: date, today: date) -> list[date]:
    """List the whole days to look back on: of the last four weeks, from the first with use, up to yesterday."""
    begin = max(first, today - timedelta(weeks=WEEKS))
    return [begin + timedelta(days=number) for number in range((today - begin).days)]


def alike(day: date, known: Iterable[date], country: str) -> list[date]:
    """List the known days that tell what a day will be like; all of them where none is of its kind."""
    kinds = {each: kind_of(each, country) for each in known}
    wanted = kind_of(day, country)
    choices = {"holiday": [{"holiday"}, {"7"}], "working": [{"working", *"12345"}]}.get(wanted, [{wanted}])
    for choice in choices:
        if found := [each for each, kind in kinds.items() if kind in choice]:
            return found
    return list(kinds)


def trend(volumes: Mapping[date, float], today: date, country: str) -> float:
    """Say by what to multiply days alike for the trend: 1 without one, between 0.8 and 1.2."""
    known = known_days(min(volumes, default=today), today)
    if sum(1 for day in known if volumes.get(day)) < LEAST_DAYS:
        return 1.0
    middle = today - timedelta(weeks=WEEKS // 2)
    plain = [day for day in known if kind_of(day, country) not in ("holiday", "working")]
    later, earlier = (
        {
            number: fmean(days)
            for number in range(7)
            if (days := [volumes.get(day, 0.0) for day in half if day.weekday() == number])
        }
        for half in ([day for day in plain if day >= middle], [day for day in plain if day < middle])
    )
    both = later.keys() & earlier.keys()
    before = sum(earlier[number] for number in both)
    if not before:
        return 1.0
    change = sum(later[number] for number in both) / before - 1
    return 1 + max(-MOST_TREND, min(MOST_TREND, DAMPED * change))


def spread(volumes: Mapping[date, float], today: date, left: int, country: str) -> float:
    """Say how far the sum of the days left may lie from what is expected, as a share of it, in four of five months."""
    known = known_days(min(volumes, default=today), today)
    misses = []
    for day in known:
        others = [volumes.get(each, 0.0) for each in alike(day, [each for each in known if each != day], country)]
        if others and (mean := fmean(others)) > 0:
            misses.append(volumes.get(day, 0.0) / mean - 1)
    days = len(misses)
    one = sqrt(fmean(miss * miss for miss in misses)) if days >= 14 else USUAL_SPREAD
    return min(FOUR_OF_FIVE * sqrt(one * one / max(left, 1) + one * one / max(days, 7) + LEVEL * LEVEL), 0.9)


def expected_volume(volumes: Mapping[date, float], today: date, ends_on: date, country: str) -> float:
    """Add up what the days from a day to a month's end, exclusive, are expected to use."""
    known = known_days(min(volumes, default=today), today)
    if not known:
        return 0.0
    factor = trend(volumes, today, country)
    days = (today + timedelta(days=number) for number in range((ends_on - today).days))
    return sum(factor * fmean(volumes.get(each, 0.0) for each in alike(day, known, country)) for day in days)
