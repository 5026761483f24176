"""The desk of the finance staff in both languages, wide and on a phone: what waits, what is owed, how the month runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from invoices import closing
from invoices.models import Invoice, RunStep
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
    admin_page.wait_for_url("**/invoice/?state__exact=draft")
    admin_page.go_back()
    admin_page.click("text=Contracts parked in a close")
    admin_page.wait_for_selector("#result_list")
