"""Payments in a browser, wide and narrow, in both languages: nothing runs out of the page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invoices.bank.taking import import_file
from invoices.models import BankFile, Payment
from invoices.paying import record_payment, set_off
from invoices.refunding import request_refund
from invoices.writing_off import request_write_off
from tests.browser.pictures import looked_at

pytestmark = pytest.mark.django_db(transaction=True)
CSV = "Date,Amount,Payer,Description,Reference\n2026-11-20,70,Northern Express,October,20261120000017\n2026-11-20,5,someone,interest,\n"


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 1280), ("zh-CN", 390), ("en", 1280), ("en", 390)])
def test_the_money_pages_fit(
    admin_page: Any, live_server: Any, bill: Any, seller: Any, language: str, width: int
) -> None:
    now = datetime.now(UTC)
    bill("1234.56", -40), bill("70", 3)
    asked = request_write_off(bill("12"), None, reason="Insolvent", by="chen", now=now)
    payment = record_payment(asked.invoice.tenant_id, Decimal(1300), currency="CNY", by="li", now=now, allocate_to={})
    favour = bill("-300")
    set_off(favour, {asked.invoice_id: Decimal(5)}, by="li", now=now)
    refund = request_refund(favour.tenant_id, Decimal(95), currency="CNY", reason="Contract ended", by="chen", now=now)
    file = import_file(seller, "november.csv", CSV.encode(), currency="CNY", by="li", now=now)
    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.set_extra_http_headers({"Accept-Language": language})
    for place in (
        "payment/", "payment/add/", f"payment/{payment.pk}/change/", "bankfile/add/", f"bankfile/{file.pk}/change/",
        f"writeoff/{asked.pk}/change/", f"invoice/{asked.invoice_id}/change/", "ledgerentry/", f"receivable/set-off/{favour.pk}/",
        "refund/", f"refund/tenant/{favour.tenant_id}/", f"refund/{refund.pk}/change/", *PLACES,
    ):  # fmt: skip
        admin_page.goto(f"{live_server.url}/admin/invoices/{place.format(tenant=asked.invoice.tenant_id)}")
        name = place.strip("/").replace("/", "-").split("?")[0]
        looked_at(admin_page, f"{name}-{language}-{width}")


PLACES = ("receivable/", "receivable/statement/{tenant}/", "tableexport/", "tableexport/add/")


def test_a_row_of_the_bank_becomes_a_payment(
    admin_page: Any, live_server: Any, bill: Any, seller: Any, tmp_path: Path
) -> None:
    invoice = bill("70", 3)
    (tmp_path / "november.csv").write_text(CSV)
    admin_page.goto(f"{live_server.url}/admin/invoices/bankfile/add/")
    admin_page.set_input_files("#file", tmp_path / "november.csv")
    admin_page.click("button.ed-main")
    admin_page.wait_for_url("**/change/")
    assert f"{invoice.number} · 70.00" in admin_page.inner_text("body")
    admin_page.click("text=Confirm the rows ticked, as proposed")
    admin_page.wait_for_selector("text=1 row decided.")
    admin_page.click("text=the payment")
    admin_page.wait_for_url("**/payment/**")
    assert Payment.objects.get().rest == 0
    assert BankFile.objects.get().lines.filter(state="waiting").count() == 1
