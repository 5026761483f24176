"""Finance tries other contracts on a tenant's real months, on a desk and on a phone, in Chinese and English."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.models import Contract
from tests.browser.pictures import looked_at
from tests.verbs.test_comparing import AUGUST, OCTOBER, SEPTEMBER, deliver, talks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_contracts_are_chosen_and_compared(
    admin_page: Any, live_server: Any, contract: Contract, language: str, width: int
) -> None:
    for month, number in ((AUGUST, 120), (SEPTEMBER, 90), (OCTOBER, 160)):
        deliver(contract.tenant, *talks(month, number, 10))
    admin_page.set_extra_http_headers({"Accept-Language": language})
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.goto(f"{live_server.url}/admin/tenants/contract/{contract.pk}/change/")
    admin_page.click("a[href*='what-if']")
    admin_page.evaluate("document.querySelectorAll('input[name=with]').forEach(each => { each.checked = false })")
    for code in ("own", "outbound-minutes", "model-peak-minutes", "all-in-one"):
        admin_page.check(f"input[name=with][value={code}]")
    admin_page.select_option("#months", "3")
    admin_page.click("form button.ed-main")
    assert admin_page.locator("#advice li").count() > 3
    assert admin_page.locator(".desk-bars tbody tr").count() == 4
    looked_at(admin_page, f"what-if-{language}-{width}")  # the table scrolls in its own box


def test_seats_are_told_and_then_ranked(admin_page: Any, live_server: Any, contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 40, 10))
    admin_page.goto(
        f"{live_server.url}/admin/invoices/invoice/what-if/{contract.pk}/?months=1&with=own&with=all-in-one"
    )
    assert "is not ranked: it charges for Further seats" in admin_page.inner_text("#advice")
    for item in ("seats", "modules"):
        admin_page.fill(f"input[name='held.{item}']", "2")
    admin_page.click("form button.ed-main")
    assert "is not ranked" not in admin_page.inner_text("#advice")
    admin_page.fill("input[name='held.seats']", "two")
    admin_page.click("form button.ed-main")
    assert "How many would be held is a number: “two” is none." in admin_page.inner_text("body")
