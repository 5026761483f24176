"""A running month is told from stored totals, and expected to go on as the same weekdays did."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from time_machine import travel

from billing.periods import period_containing
from invoices.forecasting import outlook
from invoices.holidays import HOLIDAYS, WORKED, YEARS, are_known, kind_of
from invoices.management.commands import backtest_forecast
from invoices.seasons import FOUR_OF_FIVE, LEVEL, spread, trend
from tenants.contracts import amend
from tests.conftest import NOW, TALK, call_of
from usage.aggregation import count_if_stale

pytestmark = pytest.mark.django_db(transaction=True)
SEPTEMBER, OCTOBER = (period_containing(date(2026, month, 1)) for month in (9, 10))
TODAY = date(2026, 10, 8)  # a Thursday


def minutes_on(day: date, minutes: int, number: int) -> dict[str, Any]:
    begun = f"{day}T09:00:00+08:00"
    return call_of(number, started_at=begun, answered_at=begun, ended_at=f"{day}T09:{minutes:02}:00+08:00")


def counted(tenant: Any, post: Any, *calls: dict[str, Any]) -> None:
    post(*calls)
    for month in (SEPTEMBER, OCTOBER):
        count_if_stale(tenant, month, NOW)


def test_each_day_left_is_like_the_same_weekdays_of_four_weeks(tenant: Any, contract: Any, post: Any) -> None:
    thursdays = [date(2026, 9, 10), date(2026, 9, 17), date(2026, 9, 24), date(2026, 10, 1)]
    talk = [
        minutes_on(day, minutes, number)
        for number, (day, minutes) in enumerate(zip(thursdays, [2, 4, 6, 8], strict=True))
    ]
    counted(tenant, post, *talk, minutes_on(date(2026, 10, 4), 20, 9), minutes_on(TODAY, 1, 10))
    found = outlook(contract, OCTOBER, TODAY)
    to_come = found.expected.rows[len(found.totals.rows) :]
    assert sum(row.billed_seconds for row in found.totals.rows) == (8 + 20 + 1) * 60
    # Thursdays have 4 minutes on average, of which today has one already. The first, a Thursday, and the fourth, a Sunday,
    # are holidays, and none is to come; the tenth is a Saturday that is worked, like the days from Monday to Friday.
    assert {row.on.day: row.billed_seconds for row in to_come if row.on} == {
        8: 180, 10: 48, 15: 240, 22: 240, 29: 240,
    }  # fmt: skip
    assert found.bill.net == Decimal("3.00")  # two minutes at 0.15, 27 at 0.10
    assert found.expected_bill.net == found.bill.net + Decimal("1.58"), "tiers are where they will be"


def test_a_month_that_has_just_begun_goes_on_like_the_days_there_are(tenant: Any, contract: Any, post: Any) -> None:
    counted(tenant, post, minutes_on(date(2026, 10, 6), 2, 1), minutes_on(date(2026, 10, 7), 4, 2))
    to_come = outlook(contract, OCTOBER, TODAY).expected.rows[2:]
    assert sum(row.billed_seconds for row in to_come if row.on and row.on.day == 9) == 180
    assert outlook(contract, SEPTEMBER, SEPTEMBER.starts_on).expected.rows == ()


def test_a_clause_that_takes_other_calls_than_before_has_no_past(tenant: Any, contract: Any, post: Any) -> None:
    counted(tenant, post, minutes_on(date(2026, 9, 10), 2, 1))
    assert len(outlook(contract, OCTOBER, TODAY).expected.rows) == 5  # Thursdays, and the Saturday that is worked
    agreement = contract.versions.get().agreement | {"clauses": [TALK | {"select": {"direction": "inbound"}}]}
    amend(contract, agreement, starts_on=OCTOBER.starts_on, by="test", reason="other calls", now=NOW)
    assert outlook(contract, OCTOBER, TODAY).expected.rows == ()


def test_the_tenant_reads_its_running_month_and_how_fresh_it_is(
    tenant: Any, contract: Any, post: Any, key: str
) -> None:
    counted(tenant, post, minutes_on(TODAY, 3, 1))
    with travel(datetime(2026, 10, 8, 12, tzinfo=UTC), tick=False):
        answer = Client().get("/api/v1/usage", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200, answer.content
    [told] = json.loads(answer.content)["items"]
    assert (told["contract"], told["period_starts_on"], told["waiting_since"]) == ("C-1", "2026-10-01", None)
    [talk] = told["to_date"]["clauses"]
    assert (talk["clause"], talk["calls"], talk["billed_seconds"], talk["amount"]) == ("talk", 1, 180, "0.400")
    assert Decimal(told["to_date"]["total"]) == Decimal("0.42")
    assert told["counted_at"]
    post(minutes_on(TODAY + timedelta(days=1), 3, 2))
    with travel(datetime(2026, 10, 9, 12, tzinfo=UTC), tick=False):
        later = json.loads(Client().get("/api/v1/usage", headers={"Authorization": f"Bearer {key}"}).content)
    assert later["items"][0]["waiting_since"], "what is not counted yet is not hidden"
    assert later["items"][0]["to_date"]["clauses"][0]["calls"] == 1


def test_a_range_holds_what_is_expected_and_tiers_come_on_their_day(
    tenant: Any, make_contract: Any, post: Any, key: str
) -> None:
    tiers = [{"up_to": "20", "price": "1"}, {"up_to": "60", "price": "0.5"}, {"price": "0.1"}]
    make_contract(
        TALK | {"price": {"kind": "graduated", "tiers": tiers}, "included_minutes": "10"},
        commitments=[{"code": "least", "name": {"zh": "最低消费", "en": "Minimum"}, "amount": "200"}],
    )
    days = [date(2026, 9, 10) + timedelta(days=number) for number in range(28)]
    counted(tenant, post, *(minutes_on(day, 3 + number % 2, number) for number, day in enumerate(days)))
    with travel(datetime(2026, 10, 8, 1, tzinfo=UTC), tick=False):
        headers = {"Authorization": f"Bearer {key}"}
        answer = Client().get("/api/v1/forecast", headers=headers)
        daily = Client().get("/api/v1/usage/daily", headers=headers).json()["items"][0]["days"]
    assert answer.status_code == 200, answer.content
    [told] = answer.json()["items"]
    low, expected, high = (Decimal(told[name]["total"]) for name in ("low", "expected", "high"))
    assert low <= expected <= high
    assert (told["holidays_known"], told["last_month"]["total"] is not None) == (True, True)
    used = {each["day"]: each["billed_seconds"] / 60 for each in daily}
    reached = {Decimal(each["tier_from"]): each["on"] for each in told["tiers"]}
    assert set(reached) == {20, 60}
    for above, on in reached.items():
        assert sum(minutes for day, minutes in used.items() if day <= on) - 10 > above
        assert sum(minutes for day, minutes in used.items() if day < on) - 10 <= above
    against = {each["kind"]: each for each in told["against"]}
    assert (against["allowance"]["of"], against["allowance"]["unit"]) == ("10.000", "minute")
    assert Decimal(against["commitment"]["expected"]) < Decimal(against["commitment"]["to_date"])
    assert {each["day"] for each in daily if each["expected"]} == {f"2026-10-{day:02}" for day in range(8, 32)}


def test_a_growing_tenant_is_expected_to_grow_and_a_steady_one_is_not() -> None:
    today = date(2026, 6, 1)
    days = [today - timedelta(days=number) for number in range(28, 0, -1)]
    assert trend(dict.fromkeys(days, 100.0), today, "") == 1
    assert trend(
        {day: 100.0 * (1.1 if number >= 14 else 1) for number, day in enumerate(days)}, today, ""
    ) == pytest.approx(1.05)
    assert trend({day: 100.0 * (3 if number >= 14 else 1) for number, day in enumerate(days)}, today, "") == 1.2
    assert trend({day: 100.0 * (3 if number >= 14 else 1) for number, day in enumerate(days[:9])}, today, "") == 1
    steady = spread(dict.fromkeys(days, 100.0), today, 20, "")
    wild = spread({day: 100.0 * (1 + number % 2) for number, day in enumerate(days)}, today, 20, "")
    assert steady == pytest.approx(FOUR_OF_FIVE * LEVEL)
    assert wild > steady


def test_holidays_are_those_of_the_notices_and_no_others() -> None:
    assert [kind_of(date(2026, 10, day), "CN") for day in (7, 8, 10)] == ["holiday", "4", "working"]
    assert [kind_of(date(2026, 10, day), "DE") for day in (7, 8, 10)] == ["3", "4", "6"]
    assert (are_known(date(2026, 1, 1), "CN"), are_known(date(2027, 1, 1), "CN")) == (True, False)
    assert kind_of(date(2027, 10, 1), "CN") == "5", "a year that is not in the table has weekdays alone"
    # Each notice moves whole days: a weekend day is worked for each weekday that is off beyond the statutory ones.
    assert all(day.weekday() >= 5 for day in WORKED)
    assert {year: sum(day.year == year for day in HOLIDAYS) for year in YEARS} == {2024: 28, 2025: 28, 2026: 33}


def test_the_page_of_the_forecast_says_what_the_command_measures() -> None:
    """One row of the table, computed anew; the whole takes ten seconds: manage.py backtest_forecast --write."""
    shown = re.findall(r"^\| simulated \| 10 \|.*$", backtest_forecast.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert shown == [backtest_forecast.row("simulated", 10)]
    naive, weekdays, ours = (float(each) for each in re.findall(r"([0-9.]+)%", shown[0])[:3])
    assert ours < weekdays < naive
