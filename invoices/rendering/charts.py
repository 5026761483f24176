"""Bars for the usage of a month: the geometry for the page's SVG and the heights for the mail's table cells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from invoices import wording
from invoices.rendering.document import Document, UsageDay
from invoices.wording import Language

WIDTH, HEIGHT, FLOOR = 640, 150, 128
_MAIL_HEIGHT = 64
_TOP = 14


@dataclass(frozen=True)
class Bar:
    """One day: its place in the SVG (user units), its height in the mail (pixels), and its figures as text."""

    x: float
    y: float
    width: float
    height: float
    mail_height: int
    tick: str
    anchor: str
    title: str
    day: str
    calls: str
    answered: str
    minutes: str


@dataclass(frozen=True)
class Chart:
    """All days, the highest value as the scale, and the same in words for who cannot see it."""

    bars: list[Bar]
    scale: str
    described: str
    peak: str
    first_day: str
    last_day: str
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = FLOOR
    top: int = _TOP


def chart_of(language: Language, document: Document) -> Chart | None:
    """Draw billed minutes for every day of the period; none without any usage, as an empty chart says nothing."""
    days = _every_day(document)
    highest = max((day["billed_seconds"] for day in days), default=0)
    if not highest:
        return None
    busiest = max(days, key=lambda day: day["billed_seconds"])
    step = WIDTH / len(days)
    return Chart(
        bars=[_bar(language, day, index, step, highest) for index, day in enumerate(days)],
        scale=f"{_minutes(highest)} {wording.unit_name(language, 'minute')}",
        described=wording.label(language, "chart_by_day", days=str(len(days))),
        peak=wording.label(
            language,
            "peak_day",
            day=wording.day(language, busiest["day"]),
            calls=f"{busiest['calls']:,}",
            minutes=_minutes(busiest["billed_seconds"]),
        ),
        first_day=wording.day_short(language, days[0]["day"]),
        last_day=wording.day_short(language, days[-1]["day"]),
    )


def _every_day(document: Document) -> list[UsageDay]:
    """List the period's days; one without a call is not in the document, but a gap belongs in the picture."""
    known = {day["day"]: day for day in document.get("usage_by_day") or []}
    on, end = (date.fromisoformat(document["period"][bound]) for bound in ("start", "end"))
    count = (end - on).days
    names = ((on + timedelta(days=n)).isoformat() for n in range(count))
    return [known.get(name, {"day": name, "calls": 0, "answered": 0, "billed_seconds": 0}) for name in names]


def _minutes(seconds: int) -> str:
    return f"{round(seconds / 60):,}"


def _bar(language: Language, day: UsageDay, index: int, step: float, highest: int) -> Bar:
    share = day["billed_seconds"] / highest
    height = round(share * (FLOOR - _TOP), 1)
    minutes = _minutes(day["billed_seconds"])
    name = wording.day_short(language, day["day"])
    return Bar(
        x=round(index * step + step * 0.15, 1),
        y=round(FLOOR - height, 1),
        width=round(step * 0.7, 1),
        height=height,
        mail_height=max(1, round(share * _MAIL_HEIGHT)),
        tick=name if index % 7 == 0 else "",
        anchor="end" if (index + 4) * step > WIDTH else "start",
        title=f"{name}: {minutes} {wording.unit_name(language, 'minute')}, {day['calls']:,} {wording.unit_name(language, 'call')}",
        day=name,
        calls=f"{day['calls']:,}",
        answered=f"{day['answered']:,}",
        minutes=minutes,
    )
