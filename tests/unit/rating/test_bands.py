from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from billing.rating.bands import NO_CALENDAR, band_at, is_working_day, split_at_bands
from billing.rating.terms import Band, BandRule, Calendar, DurationRule, InvalidTerms, Name
from tests.unit.rating.making import SHANGHAI, at

NAME = Name("时段", "Band")
PEAK = Band("peak", NAME, (BandRule("08:00", "20:00"),), 10)
REST = Band("rest", NAME, (BandRule(),))
BANDS = (REST, PEAK)
MINUTES = DurationRule()


def band(
    text: str, bands: tuple[Band, ...] = BANDS, calendar: Calendar = NO_CALENDAR, zone: str = SHANGHAI
) -> str | None:
    return band_at(bands, calendar, at(text, zone), zone)


def pieces(
    text: str, talk_s: int, rule: DurationRule = MINUTES, zone: str = SHANGHAI
) -> list[tuple[str | None, int, int]]:
    found = split_at_bands(rule, at(text, zone), talk_s * 1000, zone, BANDS)
    return [(piece.band, piece.talk_ms, piece.billed_seconds) for piece in found]


def test_bands_are_half_open_and_the_higher_priority_wins() -> None:
    assert band("2026-11-03 07:59:59") == "rest"
    assert band("2026-11-03 08:00:00") == "peak"
    assert band("2026-11-03 19:59:59") == "peak"
    assert band("2026-11-03 20:00:00") == "rest"


def test_of_equal_priorities_the_first_listed_wins() -> None:
    assert band("2026-11-03 10:00:00", (Band("a", NAME, (BandRule(),)), Band("b", NAME, (BandRule(),)))) == "a"


def test_a_time_that_no_band_covers_has_none() -> None:
    assert band("2026-11-03 07:00:00", (PEAK,)) is None


def test_weekdays_months_dates_and_date_ranges() -> None:
    assert band("2026-11-07 10:00:00", (Band("weekend", NAME, (BandRule(weekdays=(6, 7)),)),)) == "weekend"
    assert band("2026-11-06 10:00:00", (Band("weekend", NAME, (BandRule(weekdays=(6, 7)),)),)) is None
    assert band("2026-11-06 10:00:00", (Band("summer", NAME, (BandRule(months=(7, 8)),)),)) is None
    assert band("2026-11-11 10:00:00", (Band("sale", NAME, (BandRule(dates=(date(2026, 11, 11),)),)),)) == "sale"
    ranged = (Band("fair", NAME, (BandRule(starts_on=date(2026, 11, 3), ends_on=date(2026, 11, 5)),)),)
    assert [band(f"2026-11-0{day} 10:00:00", ranged) for day in (2, 3, 4, 5)] == [None, "fair", "fair", None]


def test_a_band_over_midnight_asks_the_day_it_starts_on() -> None:
    night = (Band("night", NAME, (BandRule("22:00", "06:00", weekdays=(5,)),)),)
    assert band("2026-11-06 21:59:59", night) is None
    assert band("2026-11-06 22:00:00", night) == "night"
    assert band("2026-11-07 05:59:59", night) == "night"
    assert band("2026-11-07 06:00:00", night) is None
    assert band("2026-11-06 03:00:00", night) is None


def test_holidays_and_make_up_working_days() -> None:
    calendar = Calendar(holidays=(date(2026, 10, 1),), working_days=(date(2026, 10, 10),))
    assert not is_working_day(calendar, date(2026, 10, 1))
    assert is_working_day(calendar, date(2026, 10, 10))
    assert not is_working_day(calendar, date(2026, 10, 11))
    assert is_working_day(calendar, date(2026, 10, 2))
    work = Band("work", NAME, (BandRule(days="working"),), 1)
    free = Band("free", NAME, (BandRule(days="holiday"),), 1)
    assert band("2026-10-10 10:00:00", (work, free), calendar) == "work"
    assert band("2026-10-01 10:00:00", (work, free), calendar) == "free"


def test_a_call_is_cut_at_the_edge_and_its_excess_taken_from_the_next_piece() -> None:
    assert pieces("2026-11-03 19:59:01", 120) == [("peak", 59_000, 60), ("rest", 61_000, 60)]
    assert pieces("2026-11-03 20:00:00", 61) == [("rest", 61_000, 120)]
    assert pieces("2026-11-03 19:59:00", 60) == [("peak", 60_000, 60)]


def test_midnight_alone_cuts_nothing() -> None:
    assert pieces("2026-11-03 23:59:30", 60) == [("rest", 60_000, 60)]


def test_a_call_through_three_bands() -> None:
    assert pieces("2026-11-03 07:59:50", 12 * 3600 + 20) == [
        ("rest", 10_000, 60),
        ("peak", 12 * 3600_000, 12 * 3600),
        ("rest", 10_000, 0),
    ]


def test_a_repeated_hour_belongs_to_its_band_twice() -> None:
    night = (Band("one", NAME, (BandRule("02:00", "03:00"),), 1), REST)
    start = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # 01:30 in Berlin, before the clocks go back at 03:00
    found = split_at_bands(MINUTES, start, 4 * 3600_000, "Europe/Berlin", night)
    assert [(piece.band, piece.talk_ms // 60_000) for piece in found] == [("rest", 30), ("one", 120), ("rest", 90)]


def test_a_skipped_boundary_becomes_the_first_instant_that_exists() -> None:
    bands = (Band("early", NAME, (BandRule("02:30", "06:00"),), 1), REST)
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 in Berlin; 02:00 becomes 03:00
    found = split_at_bands(MINUTES, start, 3600_000, "Europe/Berlin", bands)
    assert [(piece.band, piece.talk_ms // 60_000) for piece in found] == [("rest", 30), ("early", 30)]


@pytest.mark.parametrize(
    ("start", "end", "pointer"), [("8:00", "20:00", "/start"), ("08:00", "24:01", "/end"), ("08:00", "08:00", "/end")]
)
def test_faulty_times_are_refused(start: str, end: str, pointer: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        BandRule(start, end)
    assert refused.value.pointer == pointer


def test_faulty_weekdays_and_months_are_refused() -> None:
    with pytest.raises(InvalidTerms):
        BandRule(weekdays=(0,))
    with pytest.raises(InvalidTerms):
        BandRule(months=(13,))
