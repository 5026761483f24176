"""The simulator: the same calls every time, and traffic as it really is."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from usage.simulation import PRESETS, Books, Disturbances, calls, disturb
from usage.simulation.numbers import national

SHANGHAI = ZoneInfo("Asia/Shanghai")
EXPRESS = PRESETS["express"]


def week_of(profile=EXPRESS, seed=7):
    return list(calls(profile, date(2026, 9, 7), date(2026, 9, 14), SHANGHAI, seed))


def first(predicate, profile=EXPRESS):
    return next(call for call in week_of(profile) if predicate(call))


def local_days(found):
    return Counter(call.started_at.astimezone(SHANGHAI).date() for call in found)


def transferred(call):
    return call.transferred_at is not None


def test_the_same_seed_makes_the_same_calls_and_another_seed_others():
    assert week_of(seed=7) == week_of(seed=7)
    assert not {call.call_id for call in week_of(seed=7)} & {call.call_id for call in week_of(seed=8)}


def test_a_call_stays_what_it_was_when_it_was_first_simulated():
    # Pinned: a change here changes every demo invoice.
    call = week_of()[0]
    assert (call.call_id, call.caller, call.started_at.isoformat()) == (
        "e59cc90d-aff1-4a9d-a091-992ebed2c38d",
        "+8615119437928",
        "2026-09-06T17:34:10.293456+00:00",
    )


def test_a_day_made_alone_equals_that_day_within_a_longer_range():
    day = date(2026, 9, 9)
    alone = list(calls(EXPRESS, day, day + timedelta(days=1), SHANGHAI, 7))
    assert alone == [call for call in week_of() if call.started_at.astimezone(SHANGHAI).date() == day]


@pytest.mark.parametrize("profile", PRESETS.values(), ids=PRESETS)
def test_calls_come_in_time_order_with_distinct_ids_and_possible_times(profile):
    found = week_of(profile)
    assert all(one.started_at <= two.started_at for one, two in pairwise(found))
    assert len({call.call_id for call in found}) == len(found)
    for call in found:
        assert call.started_at.utcoffset() == timedelta(0)
        assert call.started_at < call.ended_at
        if call.answered_at is None:
            assert (call.talk_ms, call.agent_ms, call.modules, call.transferred_at) == (0, 0, (), None)
        else:
            assert call.started_at <= call.answered_at < call.ended_at
        if call.transferred_at is not None:
            assert call.agent_ms > 0
            assert call.transferred_at + timedelta(milliseconds=call.agent_ms) <= call.ended_at


def test_a_zone_with_summer_time_keeps_its_calls_within_the_local_day():
    berlin = ZoneInfo("Europe/Berlin")
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        found = list(calls(PRESETS["cross-border"], day, day + timedelta(days=1), berlin, 7))
        assert found
        assert {call.started_at.astimezone(berlin).date() for call in found} == {day}


def test_milliseconds_of_talk_do_not_depend_on_how_they_are_rounded():
    for call in week_of():
        if call.answered_at is not None:
            answer, end = (round(at.timestamp() * 1_000_000) for at in (call.answered_at, call.ended_at))
            assert call.talk_ms == end // 1000 - answer // 1000 == round((end - answer) / 1000)
    assert any(call.ended_at.microsecond % 1000 for call in week_of())


def test_office_hours_are_busy_and_outbound_calls_let_people_sleep():
    found = week_of()
    by_hour = Counter(call.started_at.astimezone(SHANGHAI).hour for call in found)
    assert by_hour[10] > 8 * by_hour[3]
    outbound = {call.started_at.astimezone(SHANGHAI).hour for call in found if call.direction == "outbound"}
    assert outbound <= set(range(9, 20))


def test_weekends_and_national_day_are_quiet_and_the_eleventh_of_november_is_not():
    by_day = local_days(calls(EXPRESS, date(2026, 9, 1), date(2026, 11, 30), SHANGHAI, 7))
    plain = by_day[date(2026, 9, 8)]
    assert by_day[date(2026, 9, 13)] < 0.8 * plain
    assert all(by_day[date(2026, 10, day)] < 0.7 * plain for day in range(1, 9))
    assert by_day[date(2026, 10, 10)] > 0.8 * plain, "a Saturday worked in exchange for the holiday"
    assert by_day[date(2026, 11, 11)] > 2 * plain
    assert PRESETS["freight"].volume(date(2026, 10, 5)) == pytest.approx(0.08 * 70), "a holiday Monday, no Sunday"
    same_city = local_days(calls(PRESETS["same-city"], date(2026, 9, 1), date(2026, 10, 9), SHANGHAI, 7))
    assert same_city[date(2026, 10, 3)] > same_city[date(2026, 9, 8)], "people order in on holidays"


def test_a_burst_crowds_calls_into_minutes():
    def quarter_hours(burst_rate):
        profile = replace(EXPRESS, burst_rate=burst_rate, burst_share=1.0)
        found = calls(profile, date(2026, 9, 8), date(2026, 9, 9), SHANGHAI, 7)
        return max(Counter(int(call.started_at.timestamp()) // 900 for call in found).values())

    assert quarter_hours(1.0) > 2 * quarter_hours(0.0)


def test_six_tenants_make_about_sixty_thousand_calls_in_three_months():
    found = {
        code: sum(1 for _ in calls(profile, date(2026, 8, 1), date(2026, 11, 1), SHANGHAI, 7))
        for code, profile in PRESETS.items()
    }
    assert len(found) == 6
    assert 54_000 < sum(found.values()) < 66_000


def test_a_profile_that_cannot_call_is_refused():
    for wrong in ({"robots": 0}, {"inbound_share": 1.2}, {"weekday_factors": (1.0,)}, {"inbound_hours": ()}):
        with pytest.raises(ValueError, match="express"):
            replace(EXPRESS, **wrong)


def test_numbers_look_like_those_of_their_country():
    assert national("+8613812345678") == "13812345678"
    assert national("+862151086001") == "02151086001"
    assert national("+861051086001") == "01051086001"
    assert national("+8695546") == "95546"
    assert national("+85291234567") == "0085291234567"
    for call in week_of():
        subscriber = call.caller if call.direction == "inbound" else call.callee
        assert 12 <= len(subscriber) <= 14


def test_undisturbed_calls_arrive_once_each_as_they_end():
    found = week_of()
    arrived = [delivery.call for delivery in disturb(iter(found), Disturbances(), 7)]
    assert sorted(call.call_id for call in arrived) == sorted(call.call_id for call in found)
    assert all(one.ended_at <= two.ended_at for one, two in pairwise(arrived))


def test_disturbances_hit_about_the_asked_share_and_never_lose_a_call():
    found = week_of()
    deliveries = list(disturb(found, Disturbances(duplicates=20, disorder=30, late=10, faults=5), 7))
    assert deliveries == list(disturb(found, Disturbances(duplicates=20, disorder=30, late=10, faults=5), 7))
    firsts = [delivery for delivery in deliveries if delivery.kind == "first"]
    assert {delivery.call.call_id for delivery in firsts} == {call.call_id for call in found}
    assert len(firsts) == len(found)
    share = {kind: count / len(found) for kind, count in Counter(d.kind for d in deliveries).items()}
    assert share["duplicate"] == pytest.approx(0.20, abs=0.04)
    assert share["fault"] == pytest.approx(0.05, abs=0.03)
    assert sum(delivery.late for delivery in firsts) / len(found) == pytest.approx(0.10, abs=0.03)
    place = {delivery.call.call_id: n for n, delivery in enumerate(firsts)}
    assert [call.call_id for call in found] != sorted(place, key=place.__getitem__)
    known = set()
    for delivery in deliveries:
        assert delivery.kind != "duplicate" or delivery.call.call_id in known, "a copy follows its original"
        if delivery.kind == "first":
            known.add(delivery.call.call_id)


def test_percentages_beyond_a_hundred_are_refused():
    with pytest.raises(ValueError, match="percentages"):
        Disturbances(duplicates=101)


def test_books_count_a_call_in_the_local_month_it_started_in():
    call = replace(
        first(lambda call: call.answered_at is not None),
        started_at=datetime(2026, 9, 30, 15, 59, 50, tzinfo=UTC),
        answered_at=datetime(2026, 9, 30, 15, 59, 55, tzinfo=UTC),
        ended_at=datetime(2026, 9, 30, 16, 0, 56, tzinfo=UTC),
    )
    later = replace(call, started_at=datetime(2026, 9, 30, 16, 0, tzinfo=UTC), answered_at=None)
    books = Books(SHANGHAI)
    for delivery in disturb([call, later], Disturbances(), 1):
        books.add(delivery)
    september, october = books.months["2026-09"], books.months["2026-10"]
    assert (september.calls, september.talk_ms, september.started_minutes) == (1, 61_000, 2)
    assert (october.calls, october.answered, october.talk_ms) == (1, 0, 0)
