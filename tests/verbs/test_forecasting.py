"""A running month is told from stored totals, and expected to go on as the same weekdays did."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from time_machine import travel

from billing.periods import period_containing
from invoices.forecasting import outlook
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
    # Thursdays have 5 minutes on average, of which today has one already; of four Sundays since, one had 20.
    assert {row.on.day: row.billed_seconds for row in to_come if row.on} == {
        8: 240, 15: 300, 22: 300, 29: 300, 11: 300, 18: 300, 25: 300,
    }  # fmt: skip
    assert found.bill.net == Decimal("3.00")  # two minutes at 0.15, 27 at 0.10
    assert found.expected_bill.net == found.bill.net + Decimal("0.10") * 34, "tiers are where they will be"


def test_a_month_that_has_just_begun_goes_on_like_the_days_there_are(tenant: Any, contract: Any, post: Any) -> None:
    counted(tenant, post, minutes_on(date(2026, 10, 6), 2, 1), minutes_on(date(2026, 10, 7), 4, 2))
    to_come = outlook(contract, OCTOBER, TODAY).expected.rows[2:]
    assert sum(row.billed_seconds for row in to_come if row.on and row.on.day == 9) == 180
    assert outlook(contract, SEPTEMBER, SEPTEMBER.starts_on).expected.rows == ()


def test_a_clause_that_takes_other_calls_than_before_has_no_past(tenant: Any, contract: Any, post: Any) -> None:
    counted(tenant, post, minutes_on(date(2026, 9, 10), 2, 1))
    assert len(outlook(contract, OCTOBER, TODAY).expected.rows) == 4
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
