"""A month of twenty tenants is closed in the admin by someone who sees it for the first time."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from invoices.models import CloseRun, Invoice, Reopening
from invoices.tasks import work_on_some
from tenants.models import Tenant
from tests.conftest import issue_by_two
from tests.verbs.test_closing import close
from tests.verbs.test_settling import OCTOBER, SEPTEMBER, Side, call
from usage.models import UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = [
    f"{place}{trade}"
    for place in ("北方", "海岸", "青松", "晨光")
    for trade in ("速运", "银行", "保险", "家电", "物流")
]


@pytest.fixture
def october(seller: Any) -> list[Side]:
    """Twenty tenants after September was invoiced: the third has no calls, the fifth many, the seventh a late one."""
    sides = [Side(seller) for _ in NAMES]
    for name, side in zip(NAMES, sides, strict=True):
        Tenant.objects.filter(pk=side.tenant.pk).update(name_zh=name, name_en=f"{side.tenant.code} Ltd.")
        side.send(*(call(number, SEPTEMBER, 61) for number in range(5)))
    for step in close(seller, month=SEPTEMBER.starts_on).steps.all():
        issue_by_two(step.invoice_id)
    for number, side in enumerate(sides):
        calls = {3: 0, 5: 20}.get(number, 5)
        if calls:
            side.send(*(call(100 + each, OCTOBER, 61) for each in range(calls)))
    sides[7].send(call(99, SEPTEMBER, 61))
    return sides


def test_a_month_is_closed_looked_at_and_goes_on(admin_page: Any, live_server: Any, october: list[Side]) -> None:
    admin_page.goto(f"{live_server.url}/admin/invoices/closerun/")
    admin_page.click("text=Close a month …")
    admin_page.fill("input[name=month]", "2026-10")
    admin_page.click("button:has-text('Close the month')")
    admin_page.wait_for_selector("text=0 %", state="attached")
    run = CloseRun.objects.get(month=OCTOBER.starts_on)
    admin_page.click("button:has-text('Stop')")
    admin_page.wait_for_selector("text=Stopped: no further contract begins")
    admin_page.click("button:has-text('Go on')")
    while work_on_some(run.pk):
        pass
    admin_page.wait_for_selector("text=Every contract that could be closed is.", timeout=10000)  # shown by itself
    shown = admin_page.inner_text("#close")
    assert "No calls at all, unlike the months before." in shown
    assert "20 tenants" in shown
    assert shown.count("Parked") >= 2 or shown.count("parked") >= 2
    with admin_page.expect_download() as download:
        admin_page.click("text=CSV")
    assert "No calls at all" in download.value.path().read_text(encoding="utf-8-sig")

    silent = run.steps.get(contract=october[3].contract)
    admin_page.click(f"text={october[3].contract.code}: parked")
    admin_page.wait_for_selector("text=Open, in grace")
    assert admin_page.get_attribute("text=the deliveries →", "href").endswith(f"tenant={silent.tenant_id}")
    admin_page.fill("input[name=reason]", "They were closed for the holidays.")
    admin_page.click("button:has-text('Accept')")
    admin_page.wait_for_selector("text=Accepted by li")
    while work_on_some(run.pk):
        pass
    admin_page.reload()
    admin_page.wait_for_selector("text=Frozen since")
    assert run.steps.get(pk=silent.pk).state == "ready"


def test_two_people_open_a_month_again(admin_page: Any, live_server: Any, october: list[Side]) -> None:
    side = october[0]
    close(side.tenant.seller)
    draft = Invoice.objects.get(contract=side.contract, state=Invoice.DRAFT)
    side.send(call(200, OCTOBER, 61))
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/{draft.pk}/change/")
    admin_page.wait_for_selector("text=calls or corrections came late")
    admin_page.click("text=Ask for it to be opened again …")
    admin_page.fill("#reason", "The switch was down")
    admin_page.click("button:has-text('Ask for it')")
    admin_page.wait_for_selector("text=You asked for this yourself; another person decides.")
    assert not admin_page.query_selector("text=Approve: open the month")
    asked = Reopening.objects.get()
    # Who knows the form and sends it all the same is refused with a sentence.
    token = admin_page.get_attribute("input[name=csrfmiddlewaretoken]", "value")
    told = admin_page.request.post(
        f"{live_server.url}/admin/invoices/reopening/{asked.pk}/change/",
        form={"csrfmiddlewaretoken": token, "decision": "approve"}, headers={"Referer": live_server.url + "/"},
    )  # fmt: skip
    assert "Another person than the one who asked must decide." in told.text()
    User.objects.filter(username=asked.requested_by).update(username="somebody-else")
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/{draft.pk}/change/")
    admin_page.click("text=Somebody asked for it to be opened; decide.")
    admin_page.click("button:has-text('Approve: open the month')")
    admin_page.wait_for_selector("text=The month is open again; its drafts are made anew.")
    admin_page.wait_for_selector("text=1 late call or correction was taken in.")
    assert UsageMonth.objects.get(tenant_id=side.tenant.pk, period=OCTOBER.starts_on).state == UsageMonth.OPEN
