"""The finance staff's tour has no fault that axe calls serious or critical."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin import site
from django.urls import reverse

from invoices.models import Invoice
from tests.admin.rows import make_rows
from tests.browser.test_axe import faults
from tests.browser.test_desk import LANGUAGES
from tests.conftest import call_of

pytestmark = pytest.mark.django_db(transaction=True)
OWN = (
    "index", "own_settings", "invoices_invoice_find", "invoices_invoice_guide", "invoices_prospect", "invoices_invoice_review", "invoices_tableexport_add",
    "invoices_payment_add", "invoices_closerun_start", "invoices_trailanchor_verify",
)  # fmt: skip


def tour(rows: dict[Any, Any]) -> list[str]:
    """Name every list of the menu, what-if, and the pages that are no rows."""
    lists = [reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") for model in site._registry]
    contract = rows[Invoice].contract_id
    some = [reverse(f"admin:{name}") for name in OWN]
    issued = Invoice.objects.filter(state=Invoice.ISSUED).values_list("pk", flat=True)[0]
    return [
        *some, reverse("admin:invoices_what_if", args=[contract]), reverse("admin:invoices_invoice_change", args=[issued]),
        reverse("admin:invoices_creditrequest_ask", args=[issued]), *lists,
    ]  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_staffs_pages_are_without_serious_faults(
    admin_page: Any, live_server: Any, contract: Any, post: Any, language: str
) -> None:
    post(call_of(1))
    rows = make_rows(contract)
    admin_page.set_extra_http_headers({"Accept-Language": LANGUAGES[language]})
    found: dict[tuple[str, str], list[str]] = {}
    for address in tour(rows):
        admin_page.goto(f"{live_server.url}{address}")
        for fault in faults(admin_page):
            found.setdefault(fault, []).append(address)
    assert found == {}, "\n".join(
        f"{rule} {html[:160]} on {len(on)} pages such as {on[0]}" for (rule, html), on in found.items()
    )
