"""``manage.py backtest_forecast``: how far the forecast of a month's use lies from what was used, beside two naive ones."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any

from django.core.management.base import BaseCommand

from billing.environment import ROOT
from billing.periods import Period, period_containing
from invoices.seasons import expected_volume, known_days, spread
from usage.simulation.presets import PRESETS
from usage.simulation.profiles import Profile

PAGE = ROOT / "docs" / "forecast.md"
BEGIN, END = "<!-- backtest -->\n", "<!-- /backtest -->"
FROM, MONTHS, DAYS = date(2025, 1, 1), 21, (5, 10, 20)
SHAPES = {"simulated": 0.0, "growing 5 % a month": 0.05, "shrinking 5 % a month": -0.05}


class Command(BaseCommand):
    """Forecast held-out months of the simulator's tenants from their beginnings; print the table of docs/forecast.md."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take whether to write."""
        parser.add_argument("--write", action="store_true", help="put the table into docs/forecast.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Compute and print."""
        told = table()
        self.stdout.write(told)
        if options["write"]:
            write(PAGE, told)


def write(page: Path, told: str) -> None:
    """Put the table between its marks on a page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    page.write_text(before + BEGIN + told + END + rest.partition(END)[2], encoding="utf-8")


def table() -> str:
    """Write the mean absolute error of each method, in percent of the month, by shape and by day of the forecast."""
    lines = [
        "| volumes | forecast on day | days so far go on | mean of weekdays | Huadan | within the range |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(row(shape, day) for shape in SHAPES for day in DAYS)]) + "\n"


def row(shape: str, day: int) -> str:
    """Write one row of the table."""
    found = [
        _try(volumes, month, day) for profile in PRESETS.values() for month, volumes in held_out(profile, SHAPES[shape])
    ]
    naive, weekdays, ours = (fmean(abs(each[number]) for each in found) for number in range(3))
    within = fmean(each[3] for each in found)
    return f"| {shape} | {day} | {naive:.1%} | {weekdays:.1%} | {ours:.1%} | {within:.0%} |"


def held_out(profile: Profile, growth: float) -> Iterator[tuple[Period, dict[date, float]]]:
    """Yield months of a profile with the volume of each day since six weeks before, drawn as the simulator draws it."""
    month = period_containing(FROM)
    for _ in range(MONTHS):
        yield (
            month,
            {day: _volume(profile, day, growth) for day in _days(month.starts_on - timedelta(weeks=6), month.ends_on)},
        )
        month = period_containing(month.ends_on)


def _volume(profile: Profile, day: date, growth: float) -> float:
    """Give a day's calls: what the profile expects, chance, and a burst now and then (usage.simulation.traffic)."""
    rng = random.Random(f"{profile.code}/{day}")  # noqa: S311 - no secret # nosec B311
    volume = profile.volume(day) * max(0.5, rng.gauss(1, 0.06))
    volume *= math.exp(growth * (day - FROM).days / 30)
    return volume * (1 + profile.burst_share * (rng.random() < profile.burst_rate))


def _try(volumes: Mapping[date, float], month: Period, day: int) -> tuple[float, float, float, bool]:
    """Forecast a month on the morning of a day of it; give the errors of the three methods and whether it ended in the range."""
    today = month.starts_on + timedelta(days=day - 1)
    past = {each: volume for each, volume in volumes.items() if each < today}
    so_far = sum(past[each] for each in _days(month.starts_on, today))
    really = sum(volumes[each] for each in _days(month.starts_on, month.ends_on))
    known, left = known_days(min(past), today), (month.ends_on - today).days
    weekdays = so_far + sum(
        fmean(past[each] for each in known if each.weekday() == later.weekday())
        for later in _days(today, month.ends_on)
    )
    rest = expected_volume(past, today, month.ends_on, "CN")
    may = spread(past, today, left, "CN") * rest
    naive, ours = so_far / (day - 1) * month.days, so_far + rest
    return naive / really - 1, weekdays / really - 1, ours / really - 1, abs(ours - really) <= may


def _days(begin: date, end: date) -> list[date]:
    return [begin + timedelta(days=number) for number in range((end - begin).days)]
