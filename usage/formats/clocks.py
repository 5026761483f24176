"""Instants as senders write them: epochs in three units, local times without a zone, RFC 2822 and RFC 3339."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from usage.formats.record import Unfit

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNIT_BY_DIGITS = {10: "s", 13: "ms", 16: "us"}
MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
LOCAL = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[ T](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?\Z")
DIGITS = re.compile(r"-?\d{1,18}(\.\d{1,9})?\Z", re.ASCII)


def local_time(text: str) -> datetime | None:
    """Read a wall-clock time without a zone, 2026-10-08 09:15:00 or alike; None when it is none."""
    found = LOCAL.match(text.strip()) if text.isascii() else None
    if not found:
        return None
    year, month, day, hour, minute = (int(part) for part in found.groups()[:5])
    try:
        return datetime(year, month, day, hour, minute, int(found[6] or 0), int((found[7] or "0").ljust(6, "0")))  # noqa: DTZ001 - a wall clock, on purpose
    except ValueError:
        return None


def in_zone(wall: datetime, zone: str) -> datetime:
    """Return the instant of a wall clock's time; in the hour that a clock shows twice, the first."""
    return to_utc(wall.replace(tzinfo=zone_of(zone)))


def to_utc(instant: datetime) -> datetime:
    """Return the same instant in UTC. Raises Unfit beyond the calendar."""
    try:
        return instant.astimezone(UTC)
    except (OverflowError, ValueError):
        raise Unfit("beyond_calendar", "The time is beyond any calendar.") from None


def later(instant: datetime, span: timedelta) -> datetime:
    """Return an instant moved by a span of time, back for a negative one. Raises Unfit beyond the calendar."""
    try:
        return instant + span
    except OverflowError:
        raise Unfit("beyond_calendar", "The time is beyond any calendar.") from None


def from_epoch(text: str, unit: str) -> datetime | None:
    """Read a count since 1970 in s, ms or us; zero and empty are never. Raises Unfit when it is no number."""
    text = text.strip()
    if text in {"", "0"}:
        return None
    if not DIGITS.match(text):
        raise Unfit("not_an_instant", f"“{text[:40]}” is not a time in {unit} since 1970.")
    whole, _, fraction = text.partition(".")
    micros = int(whole) * MICROSECONDS[unit]
    if fraction:
        micros += int(fraction.ljust(9, "0")) * MICROSECONDS[unit] // 10**9
    if micros <= 0:
        return None
    try:
        return EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise Unfit("beyond_calendar", "The time is beyond any calendar.") from None


def from_rfc2822(text: str) -> datetime:
    """Read “Fri, 18 Oct 2019 17:02:00 +0000”. Raises Unfit when it is something else."""
    try:
        instant = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        raise Unfit("not_an_instant", f"“{text[:40]}” is not an RFC 2822 date.") from None
    return to_utc(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def from_text(text: str, zone: str) -> datetime:
    """Read RFC 3339 with its offset, a local time of the given zone, or an epoch that its 10, 13 or 16 digits name.

    Raises Unfit when it is none of them.
    """
    if unit := UNIT_BY_DIGITS.get(len(text.strip()) if text.strip().isdecimal() else 0):
        return from_epoch(text, unit) or EPOCH
    wall = local_time(text)
    if wall is not None:
        return in_zone(wall, zone)
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise Unfit("not_an_instant", f"“{text[:40]}” is not a date and time.") from None
    return to_utc(instant) if instant.tzinfo else in_zone(instant, zone)


def from_pattern(text: str, pattern: str, zone: str) -> datetime:
    """Read a time of the given zone by a strptime pattern. Raises Unfit when it does not fit."""
    try:
        instant = datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 - the zone follows
    except (ValueError, TypeError, re.error):
        raise Unfit("not_an_instant", f"“{text[:40]}” is not a time written as {pattern}.") from None
    return to_utc(instant) if instant.tzinfo else in_zone(instant, zone)


@functools.lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name. Raises Unfit for one that does not exist."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Unfit("unknown_zone", f"There is no time zone “{name[:60]}”.") from None
