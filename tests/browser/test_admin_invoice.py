"""Finance logs in, reads an invoice, issues it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.approving import request_issue
from invoices.drafting import draft_month
from invoices.links import page_link
from invoices.models import Invoice
from tests.conftest import call_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def draft(contract: Any, post: Any) -> Invoice:
    post(call_of(1), call_of(2))
    return draft_month(contract, period_containing(date(2026, 10, 1)), datetime.now(UTC))


def test_finance_sees_the_lines_explained_and_issues_the_draft(
    admin_page: Any, live_server: Any, draft: Invoice
) -> None:
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/")
    admin_page.click("text=C-1 2026-10")
    admin_page.wait_for_selector("text=Talk time")
    body = admin_page.inner_text("body")
    assert "§ 3.1" in body
    assert "0.53" in body  # 2 minutes at 0.15 and 2 at 0.10, 6 % tax
    assert "minutes" in body
    admin_page.click("text=Put up for approval …")
    admin_page.wait_for_selector("input[name=reason]")
    assert "1 draft will wait for approval: 0.53 CNY" in admin_page.inner_text("body")
    assert Invoice.objects.get().state == Invoice.DRAFT  # nothing happens before the button
    admin_page.fill("input[name=reason]", "Compared with September.")
    admin_page.click("button:has-text('Put up for approval')")
    admin_page.wait_for_selector("text=1 invoice waits for approval.")
    assert history(draft) == [("requested", "li")]


def test_nobody_approves_what_they_put_up_themselves(admin_page: Any, live_server: Any, draft: Invoice) -> None:
    request_issue(draft.pk, reason="Compared with September.", by="li", now=datetime.now(UTC))
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/{draft.pk}/change/")
    admin_page.click("text=Approve and issue …")
    admin_page.wait_for_selector("input[name=reason]")
    assert "another person must approve it" in admin_page.inner_text("body")
    admin_page.click("button:has-text('Approve and issue')")
    admin_page.wait_for_selector("text=Another person than the one who asked must approve.")
    assert Invoice.objects.get().number is None


def test_a_second_person_issues_or_sends_back(admin_page: Any, live_server: Any, draft: Invoice) -> None:
    request_issue(draft.pk, reason="Compared with September.", by="wang", now=datetime.now(UTC))
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/issue/?ids={draft.pk}")
    assert "1 invoice will be issued and mailed: 0.53 CNY" in admin_page.inner_text("body")
    assert "Compared with September." in admin_page.inner_text("body")
    admin_page.fill("input[name=reason]", "The seats look wrong.")
    admin_page.click("button:has-text('Send back')")
    admin_page.wait_for_selector("text=is a draft again.")
    request_issue(draft.pk, reason="Seats corrected.", by="wang", now=datetime.now(UTC))
    admin_page.goto(f"{live_server.url}/admin/invoices/invoice/issue/?ids={draft.pk}")
    admin_page.click("button:has-text('Approve and issue')")
    admin_page.wait_for_selector("text=HD-2026-000001 is issued.")
    assert history(draft) == [("requested", "wang"), ("sent_back", "li"), ("requested", "wang"), ("issued", "li")]


def history(invoice: Invoice) -> list[tuple[str, str]]:
    return list(invoice.events.values_list("what", "by"))


def test_the_pdf_opens_from_the_admin(admin_page: Any, live_server: Any, draft: Invoice) -> None:
    answer = admin_page.request.get(f"{live_server.url}/admin/invoices/invoice/{draft.pk}/pdf/")
    assert answer.ok
    assert answer.body().startswith(b"%PDF")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_tenants_page_fits_every_screen(
    page: Any, live_server: Any, draft: Invoice, settings: Any, language: str, width: int
) -> None:
    from tests.conftest import issue_by_two

    settings.BASE_URL = live_server.url
    issued = issue_by_two(draft.pk, datetime.now(UTC))
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{page_link(issued)}?language={language}")
    assert "HD-2026-000001" in page.inner_text("body")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_attribute("html", "lang", strict=True) in {"zh-Hans", "zh-CN", "zh", "en"}
    assert page.request.get(f"{page_link(issued)}/pdf").body().startswith(b"%PDF")


def test_a_forged_link_shows_nothing(page: Any, live_server: Any, draft: Invoice) -> None:
    for token in ("MQ:1:x", "x", page_link(draft).rsplit("/", 1)[1]):  # the last is well signed, but names a draft
        assert page.goto(f"{live_server.url}/i/{token}").status == 404
