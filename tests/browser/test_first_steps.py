"""What finance does first and every day in Chromium: an empty installation's first draft, the search, a table taken out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from invoices import tasks
from invoices.models import Invoice
from tenants.models import ApiKey, Contract, ContractVersion, Seller, Tenant
from tests.browser.test_contract_editor import Editor
from tests.browser.test_desk import LANGUAGES, each_look
from tests.conftest import call_of
from usage.models import Source, UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)
GUIDE = "/admin/invoices/invoice/guide/"
FROM_NOTHING = {"zh": "从零到第一份草稿", "en": "From nothing to the first draft"}
SEARCH = {
    "zh": "账单号、租户、合同、话单号或电话号码",
    "en": "Invoice number, tenant, contract, call id or telephone number",
}


def choose(page: Any, field: str, typed: str) -> None:
    """Choose the row in a field that completes what is typed."""
    page.click(f".field-{field} .select2-selection")
    page.keyboard.type(typed)
    page.click(".select2-results__option--highlighted:not(.loading-results)")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_empty_installation_is_led_step_by_step_to_its_first_draft(
    admin_page: Any, live_server: Any, language: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(tasks.draft_contract_month, "delay", tasks.draft_contract_month)
    page, guide = admin_page, f"{live_server.url}{GUIDE}"
    each_look(page, guide, "guide-empty", FROM_NOTHING)
    page.set_extra_http_headers({"Accept-Language": LANGUAGES[language]})

    def step(number: int) -> Any:
        page.goto(guide)
        assert page.locator(".desk-tick:text-is('✓')").count() == number - 1, f"before step {number}"
        return page.locator(".desk-steps li").nth(number - 1)

    def follow(number: int) -> None:
        step(number).locator("a").click()
        page.wait_for_url(lambda address: GUIDE not in address)
        page.wait_for_load_state()

    def save(**fields: str) -> None:
        for name, value in fields.items():
            page.fill(f"[name={name}]", value)
        page.click("[name=_save]")

    follow(1)
    save(code="hd", name_zh="话单科技", name_en="Huadan Ltd.", email="billing@huadan.example")
    follow(2)
    page.select_option("[name=seller]", label=str(page.inner_text("[name=seller] option:last-child")))
    save(code="north", name_zh="北方速运", name_en="Northern Express", zone="Asia/Shanghai")
    follow(3)
    choose(page, "tenant", "north")
    save(code="C-1", name_zh="外呼合同", name_en="Outbound calls")
    follow(3)  # the contract is there, but nothing is signed yet
    assert f"/contract/{Contract.objects.get().pk}/change/" in page.url
    page.click("a[href*='contractversion/add/']")
    editor = Editor(page, live_server.url, Contract.objects.get())
    editor.begin(start_from="outbound-minutes")
    page.click("#editor .ed-foot button[value=sign]")
    page.fill("[name=starts_on]", "2026-01-01")
    page.fill("[name=reason]", "signed on paper")
    page.locator("form .ed-main[type=submit]").last.click()
    page.wait_for_load_state()
    assert ContractVersion.objects.get().signed_by == "li"
    follow(4)
    choose(page, "tenant", "north")
    save(code="switch-1", zone="Asia/Shanghai")
    follow(4)
    choose(page, "tenant", "north")
    page.check("[name=scopes][value=ingest]")
    save(name="switch")
    assert ApiKey.objects.get().prefix in page.inner_text("body"), "the key is shown once"
    step(5).locator("button[value=calls]").click()
    page.wait_for_url("**?making=1")
    assert UsageMonth.objects.exists()
    step(6).locator("button[value=draft]").click()
    page.wait_for_url("**?making=1")
    follow_last = page.locator(".desk-steps li").nth(5).locator("a")
    draft = Invoice.objects.get()
    assert follow_last.get_attribute("href") == f"/admin/invoices/invoice/{draft.pk}/change/"
    each_look(page, guide, "guide-whole", FROM_NOTHING)
    follow_last.click()
    page.wait_for_url(f"**/invoice/{draft.pk}/change/")
    assert f"{draft.total:,.2f}" in page.inner_text("#content")
    assert (Seller.objects.count(), Tenant.objects.count(), Source.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_box_leads_to_an_invoice_a_tenant_a_call_and_the_calls_of_a_number(
    admin_page: Any, live_server: Any, bill: Any, post: Any, language: str
) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=9)
    times = {name: (begun + timedelta(seconds=later)).isoformat() for name, later in
             (("started_at", 0), ("answered_at", 5), ("ended_at", 66))}  # fmt: skip
    post(call_of(7001, **times))
    invoice = bill("106")
    page, find = admin_page, f"{live_server.url}/admin/invoices/invoice/find/"
    each_look(page, f"{find}?q=%2B8613800001234", "search-number", SEARCH)
    each_look(page, f"{find}?q=north", "search", SEARCH)
    page.set_extra_http_headers({"Accept-Language": LANGUAGES[language]})

    def found(asked: str, name: str, leads_to: str) -> None:
        page.goto(find)
        page.fill("#q", asked)
        page.press("#q", "Enter")
        page.locator(".desk-hits a", has_text=name).click()
        page.wait_for_url(f"**{leads_to}")

    found("hd-1", "HD-1", f"/invoice/{invoice.pk}/change/")
    found("north", "北方速运" if language == "zh" else "Northern Express", f"/tenant/{invoice.tenant_id}/change/")
    found("call-7001", "call-7001", "/calllisting/*call_id=call-7001*")
    assert "call-7001" in page.inner_text("#content tbody")
    page.goto(find)
    page.fill("#q", "+8613800001234")
    page.press("#q", "Enter")
    page.select_option("#tenant", str(invoice.tenant_id))
    page.locator("form:has(#tenant) button").click()
    page.wait_for_url("**/calllisting/**")
    assert "call-7001" in page.inner_text("#content tbody")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_export_opened_in_a_spreadsheet_says_what_the_database_says(
    admin_page: Any, live_server: Any, bill: Any, language: str, tmp_path: Path
) -> None:
    for total in ("106", "98765432.10", "0.07"):
        bill(total)
    page = admin_page
    each_look(
        page,
        f"{live_server.url}/admin/invoices/tableexport/add/",
        "export",
        {"zh": "导出记录将留存", "en": "Who exports what is kept"},
    )
    page.set_extra_http_headers({"Accept-Language": LANGUAGES[language]})
    page.goto(f"{live_server.url}/admin/invoices/tableexport/add/")
    page.select_option("#kind", "invoices")
    page.select_option("#form", "xlsx")
    page.fill("#first", "2026-11-01")
    page.fill("#last", "2026-11-30")
    with page.expect_download() as downloading:
        page.locator("button.ed-main").click()
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert file.name == "hd-invoices-2026-11-01-2026-11-30.xlsx"
    head, *rows = load_workbook(file).active.iter_rows(values_only=True)
    number, net, total = (head.index(name) for name in HEADS[language])
    told = {row[number]: (money(row[net]), money(row[total])) for row in rows}
    issued = Invoice.documents.filter(state=Invoice.ISSUED)
    assert told == {each.number: (each.net, each.total) for each in issued}
    assert len(told) == 3


HEADS = {"zh": ("编号", "不含税金额", "价税合计"), "en": ("number", "net", "total")}


def money(cell: float | str) -> Decimal:
    return Decimal(str(cell)).quantize(Decimal("0.000001"))
