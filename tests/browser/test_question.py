"""A tenant asks about a line on its page with the keyboard alone and without JavaScript; finance answers; all fits."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.disputing import answer, ask
from invoices.drafting import draft_month
from invoices.links import token_of
from invoices.models import Dispute, Invoice
from tests.conftest import call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def invoice(contract: Any, post: Any) -> Invoice:
    post(call_of(1), call_of(2))
    draft = draft_month(contract, period_containing(date(2026, 10, 1)), datetime.now(UTC))
    return issue_by_two(draft.pk, datetime.now(UTC))


def shoot(page: Any, name: str) -> None:
    if folder := os.environ.get("HUADAN_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize(("language", "width"), [("zh", 1280), ("zh", 390), ("en", 1280), ("en", 390)])
def test_a_line_is_asked_about_without_javascript(
    browser: Any, live_server: Any, invoice: Invoice, language: str, width: int
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(f"{live_server.url}/i/{token_of(invoice)}?language={language}")
    page.locator("a.ask").nth(1).click()
    assert page.locator("#line").input_value() == "talk.tier-2"
    page.locator("#line").focus()
    page.keyboard.press("Tab")
    page.keyboard.type("Wang Fang")
    page.keyboard.press("Tab")
    page.keyboard.type("Our switch counts one call less on 8 October. " * 4)
    page.keyboard.press("Tab")
    assert page.locator("button:focus").count() == 1, "the keyboard reaches the button"
    page.keyboard.press("Enter")
    page.wait_for_selector("[role=status]")
    shoot(page, f"question-{language}-{width}")
    dispute = Dispute.objects.get()
    assert (dispute.line, dispute.asked_by) == ("talk.tier-2", "Wang Fang")
    answer(
        dispute.pk,
        "Call-2 was cut and dialled again.\nBoth are on the list.",
        close=False,
        by="li",
        now=datetime.now(UTC),
    )
    page.goto(f"{live_server.url}/i/{token_of(invoice)}?language={language}")
    shoot(page, f"answered-{language}-{width}")
    wide = page.locator("main").bounding_box()
    assert wide["x"] >= 0
    assert wide["x"] + wide["width"] <= width
    unnamed = page.locator("input:not([id]), textarea:not([id]), select:not([id])").count()
    assert unnamed == 0
    context.close()


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 1280), ("zh-CN", 390), ("en", 1280), ("en", 390)])
def test_finance_answers_a_question(
    admin_page: Any, live_server: Any, invoice: Invoice, language: str, width: int
) -> None:
    dispute = ask(
        invoice.pk, "Why two calls? " * 20, line="talk.tier-2", asked_by="Wang Fang", via="page", now=datetime.now(UTC)
    )
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.set_extra_http_headers({"Accept-Language": language})
    for place in ("dispute/", f"dispute/{dispute.pk}/change/", f"invoice/{invoice.pk}/change/", "receivable/"):
        admin_page.goto(f"{live_server.url}/admin/invoices/{place}")
        shoot(admin_page, f"admin-{place.strip('/').replace('/', '-')}-{language}-{width}")
        assert admin_page.evaluate("document.documentElement.scrollWidth") <= width, place
    admin_page.goto(f"{live_server.url}/admin/invoices/dispute/{dispute.pk}/change/")
    admin_page.fill("#answer", "Because both were answered.")
    admin_page.click("button.ed-main")
    admin_page.wait_for_load_state()
    assert Dispute.objects.get().closed_at
    shoot(admin_page, f"admin-dispute-closed-{language}-{width}")
