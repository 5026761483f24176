"""The fit report behind an invoice's link: findings, how they were reckoned, and service levels; on a desk and a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoices.drafting import draft_month
from invoices.fitting import keep_report
from invoices.links import fit_link, page_link, token_of
from invoices.models import Invoice
from invoices.rendering import render_mail
from tenants.models import Contract
from tests.conftest import NOW, issue_by_two
from tests.verbs.test_comparing import deliver
from tests.verbs.test_fitting import OCTOBER, calls
from usage.models import Source

pytestmark = pytest.mark.django_db(transaction=True)
TALK = {
    "code": "talk",
    "kind": "duration",
    "name": {"zh": "通话", "en": "Talk time"},
    "price": "3.60",
    "included_minutes": "400",
}
PROMISE = {
    "code": "sla", "kind": "service_level", "name": {"zh": "服务水平", "en": "Service level"}, "price": "100",
    "measure": "answer_rate", "credits": [{"below": "0.95", "rate": "0.10"}],
}  # fmt: skip


@pytest.fixture
def invoice(make_contract: Callable[..., Contract], source: Source) -> Invoice:
    contract = make_contract(TALK, PROMISE)
    deliver(contract.tenant, *calls(300, 61), *calls(40, 7), *calls(60, None))
    made = issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    keep_report(made.pk, NOW)
    return made


@pytest.mark.parametrize(
    ("language", "width", "told"),
    [
        ("zh", 1280, ["计费取整", "本可节省", "最省的合同", "服务水平", "未达标"]),
        ("zh", 390, ["未接通话"]),
        ("en", 1280, ["Rounding", "would have saved", "Cheapest contracts", "Service levels", "missed"]),
        ("en", 390, ["Unanswered calls"]),
    ],
)
def test_the_fit_report_is_led_to_from_the_invoice_and_fits(
    browser: Any, live_server: Any, invoice: Invoice, language: Any, width: int, told: list[str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(f"{live_server.url}/i/{token_of(invoice)}?language={language}")
    page.locator("a.fit").click()
    page.wait_for_selector("section.finding")
    text = page.locator("main").inner_text()
    for each in told:
        assert each in text
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if folder := os.environ.get("HUADAN_PICTURES"):
        page.screenshot(path=Path(folder) / f"fit-{language}-{width}.png", full_page=True)
        mail = render_mail(invoice.document, link=page_link(invoice), fit_link=fit_link(invoice), language=language)
        page.set_content(mail.html)
        page.screenshot(path=Path(folder) / f"mail-{language}-{width}.png", full_page=True)
    context.close()
