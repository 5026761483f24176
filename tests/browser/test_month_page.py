"""The running month is shown behind an invoice's link: range, chart, tiers, budgets with their alerts; on a desk and a phone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.budgeting import keep_budget, watch_budgets
from invoices.drafting import draft_month
from invoices.links import token_of
from invoices.models import Invoice
from tenants.models import Budget
from tests.browser.pictures import looked_at
from tests.conftest import call_of, issue_by_two
from usage.aggregation import count_now

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invoice(tenant: Any, contract: Any, post: Any) -> Invoice:
    """Issue last month; the running one has calls on each day until yesterday, and a budget that is half used."""
    now = datetime.now(UTC)
    month = period_containing(now.date())
    before = period_containing(month.starts_on - timedelta(days=1))
    days = [now.date() - timedelta(days=number) for number in range(1, 29)]
    post(*(_call(day, number) for number, day in enumerate(days)))
    for each in (before, month):
        count_now(tenant, each, now)
    used = sum(2 + day.weekday() for day in days if day in month)
    keep_budget(Budget(tenant=tenant, name="Robots", measure="minutes", limit=Decimal(used or 1)), now)
    watch_budgets(tenant.pk, now)
    return issue_by_two(draft_month(contract, before, now).pk, now)


def _call(day: date, number: int) -> dict[str, Any]:
    begun = f"{day}T09:00:00+08:00"
    return call_of(number, started_at=begun, answered_at=begun, ended_at=f"{day}T09:{2 + day.weekday():02}:00+08:00")


@pytest.mark.parametrize(
    ("language", "width", "told"),
    [
        ("zh", 1280, ["预计月末", "五次中有四次", "预算", "阴影：预计"]),
        ("zh", 390, ["本月已用"]),
        ("en", 1280, ["four times out of five", "Hatched: expected"]),
        ("en", 390, ["Used this month"]),
    ],
)
def test_the_running_month_is_led_to_from_the_invoice_and_fits(
    browser: Any, live_server: Any, invoice: Invoice, language: str, width: int, told: list[str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(f"{live_server.url}/i/{token_of(invoice)}?language={language}")
    page.locator("a.month").click()
    page.wait_for_selector("svg.chart")
    text = page.locator("main").inner_text()
    for each in told:
        assert each in text
    assert "Robots" in text
    assert page.locator("svg.chart rect").count() >= 20
    looked_at(page, f"month-{language}-{width}")
    context.close()
