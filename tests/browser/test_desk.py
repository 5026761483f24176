"""The desk of the finance staff in both languages, wide and on a phone: what waits, what is owed, how the month runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from invoices import closing
from invoices.models import Invoice, RunStep
from invoices.reviewing import drafts_by_risk
from invoices.tasks import work_on_some
from tests.browser.test_month_close import october as october  # noqa: PLC0414 - the fixture of twenty tenants
from tests.conftest import issue_by_two
from tests.verbs.test_closing import close

pytestmark = pytest.mark.django_db(transaction=True)
LANGUAGES = {"zh": "zh-CN,zh;q=0.9", "en": "en-US,en;q=0.9"}
WIDTHS = (1280, 390)


def shown(page: Any, language: str, width: int, name: str) -> None:
    """Hold that nothing sticks out of the page; keep its picture where HUADAN_PICTURES says."""
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than the screen"
    if pictures := os.environ.get("HUADAN_PICTURES"):
        page.screenshot(path=Path(pictures) / f"{name}-{language}-{width}.png", full_page=True)


def each_look(page: Any, address: str, name: str, words: dict[str, str]) -> None:
    """Look at a page in both languages and at both widths, and find its words."""
    for language, accepted in LANGUAGES.items():
        page.set_extra_http_headers({"Accept-Language": accepted})
        page.goto(address)
        assert words[language] in page.inner_text("#content")
        for width in WIDTHS:
            shown(page, language, width, name)
    page.set_viewport_size({"width": 1280, "height": 720})


def test_the_first_page_tells_what_waits_and_leads_there(
    admin_page: Any, live_server: Any, october: Any, seller: Any
) -> None:
    run = close(seller)
    issue_by_two(run.steps.filter(state=RunStep.READY).order_by("pk").first().invoice_id)
    closing.start_rehearsals(timezone.localdate(), datetime.now(UTC) - timedelta(seconds=1))
    while work_on_some():
        pass
    each_look(
        admin_page, f"{live_server.url}/admin/", "home",
        {"zh": "待您处理", "en": "Waits for you"},
    )  # fmt: skip
    drafts = Invoice.objects.filter(state=Invoice.DRAFT).count()
    admin_page.click(f"a:has-text('Drafts to review'):has-text('{drafts}')")
    admin_page.wait_for_url("**/invoice/review/")
    admin_page.go_back()
    admin_page.click("text=Contracts parked in a close")
    admin_page.wait_for_selector("#result_list")


def login_as(page: Any, live_server: Any, name: str) -> None:
    User.objects.create_superuser(name, f"{name}@huadan.example", "a-long-password-1")
    page.context.clear_cookies()
    page.goto(f"{live_server.url}/admin/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", "a-long-password-1")
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/admin/")


def test_drafts_are_reviewed_by_keyboard_and_approved_by_a_second_person(
    admin_page: Any, live_server: Any, october: Any, seller: Any
) -> None:
    close(seller)
    queue = drafts_by_risk()
    address = f"{live_server.url}/admin/invoices/invoice/review/"
    each_look(admin_page, address, "review", {"zh": "高风险", "en": "high risk"})
    admin_page.wait_for_selector(f"text={queue[0].contract_code}")
    admin_page.keyboard.press("?")
    admin_page.wait_for_selector("text=accept: another person approves")
    admin_page.keyboard.press("j")
    admin_page.wait_for_url(f"**?at={queue[1].invoice_id}")
    admin_page.keyboard.press("k")
    admin_page.wait_for_url(f"**?at={queue[0].invoice_id}")
    admin_page.keyboard.press("p")
    admin_page.keyboard.type("The silence is not explained.")
    admin_page.keyboard.press("Enter")
    admin_page.wait_for_selector(f"text={queue[0].contract_code} is held.")
    assert admin_page.url.endswith(f"?at={queue[1].invoice_id}")
    ready = next(each for each in queue if each.low or each.points < 60)
    admin_page.goto(f"{address}?at={ready.invoice_id}")
    admin_page.keyboard.press("a")
    admin_page.wait_for_selector(f"text={ready.contract_code} waits for approval by another person.")
    draft = Invoice.objects.get(pk=ready.invoice_id)
    assert (draft.state, draft.requested_by) == (Invoice.REQUESTED, "li")
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/issue/?ids={draft.pk}")
    admin_page.wait_for_selector("text=another person must approve")
    admin_page.click("button[value=issue]")
    admin_page.wait_for_selector("text=Another person than the one who asked must approve.")
    login_as(admin_page, live_server, "qian")
    admin_page.click("text=Invoices another person put up for your approval")
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/issue/?ids={draft.pk}")
    admin_page.click("button[value=issue]")
    draft.refresh_from_db()
    assert (draft.state, draft.issued_by) == (Invoice.ISSUED, "qian")
