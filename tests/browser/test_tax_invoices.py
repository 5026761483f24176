"""The pages of tax invoices, wide and narrow, in both languages: nothing runs out of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.tax_invoices import ask_for, record_tax_invoice
from tests.browser.pictures import looked_at
from tests.conftest import NOW, call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 1280), ("zh-CN", 390), ("en", 1280), ("en", 390)])
def test_the_pages_fit(
    admin_page: Any, live_server: Any, tenant: Any, contract: Any, post: Any, language: str, width: int
) -> None:
    tenant.tax_id = "91310000MA1K4XBX03"
    tenant.save()
    post(*(call_of(number) for number in range(1, 6)))
    invoice = issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    ask_for([invoice.pk], "xlsx", days=(date(2026, 11, 1), date(2026, 12, 1)), by="wang", now=NOW)
    record_tax_invoice(invoice, "26312000000000000001", date(2026, 11, 20), b"%PDF-", by="li", now=NOW)
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.set_extra_http_headers({"Accept-Language": language})
    places = {
        "tax-invoice": f"invoices/taxinvoice/invoice/{invoice.pk}/", "tax-invoices": "invoices/taxinvoice/",
        "tax-invoices-ask": "invoices/taxinvoice/add/", "invoice": f"invoices/invoice/{invoice.pk}/change/",
        "tax-code": "tenants/taxcode/add/", "tenant": f"tenants/tenant/{tenant.pk}/change/",
    }  # fmt: skip
    for name, place in places.items():
        admin_page.goto(f"{live_server.url}/admin/{place}")
        looked_at(admin_page, f"{name}-{language}-{width}")
