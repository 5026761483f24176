from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import islice, pairwise

import pytest

from billing.periods import InvalidPeriod, Period, add_months, midnight, period_containing, period_of, periods


def starts(billing_day: int, since: date, count: int) -> list[str]:
    return [str(period.starts_on) for period, _, _ in islice(periods(billing_day, "Asia/Shanghai", since=since), count)]


def test_a_billing_day_that_a_month_lacks_is_clamped_and_recovered() -> None:
    assert starts(31, date(2026, 1, 31), 4) == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
    assert starts(29, date(2028, 1, 30), 3) == ["2028-01-29", "2028-02-29", "2028-03-29"]


def test_months_join_without_gap() -> None:
    found = list(islice(periods(31, "Europe/Berlin", since=date(2026, 1, 1)), 24))
    assert all(one[0].ends_on == two[0].starts_on and one[2] == two[1] for one, two in pairwise(found))


def test_the_day_before_the_billing_day_belongs_to_the_month_before() -> None:
    assert period_containing(date(2026, 3, 14), 15) == Period(date(2026, 2, 15), date(2026, 3, 15))
    assert period_containing(date(2026, 3, 15), 15) == Period(date(2026, 3, 15), date(2026, 4, 15))
    assert period_containing(date(2026, 1, 1), 15) == Period(date(2025, 12, 15), date(2026, 1, 15))


def test_an_instant_belongs_to_the_month_of_the_tenants_calendar() -> None:
    instant = datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert period_of(instant, "Asia/Shanghai").label == "2026-11"
    assert period_of(instant, "UTC").label == "2026-10"


def test_the_bounds_are_local_midnights() -> None:
    assert Period(date(2026, 11, 1), date(2026, 12, 1)).instants("Asia/Shanghai") == (
        datetime(2026, 10, 31, 16, tzinfo=UTC),
        datetime(2026, 11, 30, 16, tzinfo=UTC),
    )


def test_a_midnight_that_the_clock_skips_becomes_the_first_instant_that_exists() -> None:
    # In Santiago the clock went from 23:59:59 on 2 September 2023 to 01:00 on the 3rd.
    assert midnight(date(2023, 9, 3), "America/Santiago") == datetime(2023, 9, 3, 4, 0, tzinfo=UTC)


def test_a_repeated_midnight_is_the_first_one() -> None:
    # In Havana 00:00 to 01:00 came twice on 5 November 2023.
    assert midnight(date(2023, 11, 5), "America/Havana") == datetime(2023, 11, 5, 4, 0, tzinfo=UTC)


def test_days_and_label() -> None:
    period = Period(date(2028, 2, 1), date(2028, 3, 1))
    assert period.days == 29
    assert period.label == "2028-02"
    assert date(2028, 2, 29) in period
    assert date(2028, 3, 1) not in period
    assert date(2028, 1, 31) not in period


def test_months_are_added_to_the_last_day_of_short_months() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2026, 11, 30), 3) == date(2027, 2, 28)


@pytest.mark.parametrize("day", [0, 32])
def test_a_billing_day_outside_the_month_is_refused(day: int) -> None:
    with pytest.raises(InvalidPeriod, match="1 to 31"):
        period_containing(date(2026, 1, 1), day)


def test_a_period_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidPeriod, match="exclusive"):
        Period(date(2026, 2, 1), date(2026, 2, 1))
