from __future__ import annotations

import pytest

from billing.rating import billed_pieces, billed_seconds
from billing.rating.durations import counted_seconds
from billing.rating.terms import DurationRule, InvalidTerms


@pytest.mark.parametrize(
    ("first", "following", "talk_ms", "billed"),
    [
        (60, 60, 0, 0),
        (60, 60, 1, 60),
        (60, 60, 60_000, 60),
        (60, 60, 60_001, 120),
        (60, 60, 120_000, 120),
        (6, 6, 61_000, 66),
        (30, 6, 29_000, 30),
        (30, 6, 30_000, 30),
        (30, 6, 30_001, 36),
        (30, 6, 36_000, 36),
        (90, 60, 95_000, 150),
        (90, 60, 90_000, 90),
        (1, 1, 59_001, 60),
    ],
)
def test_increments(first: int, following: int, talk_ms: int, billed: int) -> None:
    assert billed_seconds(DurationRule(first_increment_s=first, next_increment_s=following), talk_ms) == billed


@pytest.mark.parametrize(
    ("basis", "talk_ms", "reported", "counted"),
    [
        ("exact-ceil", 60_001, None, 61),
        ("exact-floor", 60_999, None, 60),
        ("exact-floor", 60_000, None, 60),
        ("exact-floor", 3_600_000, None, 3600),
        ("exact-ceil", 3_600_000, None, 3600),
        ("exact-floor", 999, None, 0),
        ("reported", 67_540, 68, 68),
        ("reported", 67_540, 67, 67),
    ],
)
def test_basis(basis: str, talk_ms: int, reported: int | None, counted: int) -> None:
    assert counted_seconds(DurationRule(basis=basis), talk_ms, reported_s=reported) == counted


def test_talk_below_the_threshold_is_free_and_at_it_is_not() -> None:
    rule = DurationRule(free_below_s=6)
    assert billed_seconds(rule, 5_000) == 0
    assert billed_seconds(rule, 5_001) == 60
    assert billed_seconds(rule, 6_000) == 60


def test_a_minimum_lifts_short_talk_but_not_silence() -> None:
    rule = DurationRule(minimum_s=30, first_increment_s=1, next_increment_s=1)
    assert billed_seconds(rule, 0) == 0
    assert billed_seconds(rule, 1_000) == 30
    assert billed_seconds(rule, 30_000) == 30
    assert billed_seconds(rule, 31_000) == 31


def test_the_minimum_comes_before_the_increments() -> None:
    assert billed_seconds(DurationRule(minimum_s=61), 1_000) == 120


def test_reported_seconds_are_needed_where_the_contract_bills_them() -> None:
    with pytest.raises(ValueError, match="reports none"):
        billed_seconds(DurationRule(basis="reported"), 1_000)


def test_negative_talk_is_a_fault_of_the_caller() -> None:
    with pytest.raises(ValueError, match="negative"):
        billed_seconds(DurationRule(), -1)


def test_excess_is_taken_from_the_next_piece() -> None:
    rule = DurationRule()
    assert billed_pieces([rule, rule], [59_000, 61_000]) == [60, 60]
    assert billed_pieces([rule, rule], [61_000, 59_000]) == [120, 0]
    assert billed_pieces([rule, rule, rule], [10_000, 10_000, 100_000]) == [60, 0, 60]


def test_long_pieces_are_covered_to_the_millisecond() -> None:
    fine = DurationRule(first_increment_s=1, next_increment_s=1)
    assert billed_pieces([fine] * 3, [3_600_000, 3_600_000, 3_600_000]) == [3600, 3600, 3600]
    assert billed_pieces([fine] * 2, [3_600_001, 3_599_999]) == [3601, 3599]
    assert billed_pieces([fine] * 2, [3_600_001, 3_600_000]) == [3601, 3600]


def test_pieces_of_other_bands_have_their_own_increments() -> None:
    coarse, fine = DurationRule(), DurationRule(first_increment_s=6, next_increment_s=6)
    assert billed_pieces([coarse, fine], [61_000, 65_000]) == [120, 6]
    assert billed_pieces([fine, coarse], [61_000, 65_000]) == [66, 60]


def test_the_first_increment_opens_the_call_only_once() -> None:
    rule = DurationRule(first_increment_s=60, next_increment_s=6)
    assert billed_pieces([rule, rule], [60_000, 7_000]) == [60, 12]


def test_threshold_minimum_and_floor_are_asked_of_the_whole_call() -> None:
    fine = DurationRule(first_increment_s=1, next_increment_s=1, free_below_s=10)
    assert billed_pieces([fine, fine], [4_000, 5_000]) == [0, 0]
    assert billed_pieces([fine, fine], [4_000, 6_000]) == [4, 6]
    lifted = DurationRule(first_increment_s=1, next_increment_s=1, minimum_s=30)
    assert billed_pieces([lifted, lifted], [4_000, 6_000]) == [4, 26]
    floored = DurationRule(basis="exact-floor", first_increment_s=1, next_increment_s=1)
    assert billed_pieces([floored, floored], [1_500, 1_400]) == [2, 0]


@pytest.mark.parametrize("member", ["first_increment_s", "next_increment_s"])
def test_an_increment_of_nothing_is_refused(member: str) -> None:
    with pytest.raises(InvalidTerms, match="at least 1"):
        DurationRule(**{member: 0})
