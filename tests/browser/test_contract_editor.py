"""Finance sets up each way of charging by hand in the editor, reads what it would cost, and signs it."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.rating import Agreement
from tenants.catalogue import sample_bill
from tenants.models import Contract, ContractVersion, Tenant

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = os.environ.get("HUADAN_PICTURES")  # a folder to look at the pages afterwards


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


@pytest.fixture
def paper(tenant: Tenant) -> Contract:
    return Contract.objects.create(tenant=tenant, code="C-9", name_zh="合同", name_en="Contract")


class Editor:
    """The editor as a person uses it: labels, not addresses."""

    def __init__(self, page: Any, url: str, contract: Contract) -> None:
        self.page, self.url, self.contract = page, url, contract

    def begin(self) -> None:
        """Make an empty draft through the form for new versions."""
        self.page.goto(f"{self.url}/admin/tenants/contractversion/add/?contract={self.contract.pk}")
        self.page.fill("input[name=starts_on]", "2026-01-01")
        self.page.fill("input[name=reason]", "first agreement")
        self.page.click("button[name=_save]")
        self.page.wait_for_selector("#editor")

    def press(self, command: str) -> None:
        """Press a button that changes the form, and wait for the form it answers with."""
        self.page.evaluate("document.getElementById('editor').dataset.old = 'yes'")
        self.page.click(f"#editor button[value='{command}']")
        self.page.wait_for_selector("#editor:not([data-old])")

    def choose(self, pointer: str, value: str) -> None:
        self.page.evaluate("document.getElementById('editor').dataset.old = 'yes'")
        self.page.select_option(f"[name='{pointer}']", value)
        self.page.wait_for_selector("#editor:not([data-old])")

    def write(self, **texts: str) -> None:
        raise NotImplementedError

    def fill(self, texts: dict[str, str]) -> None:
        for pointer, text in texts.items():
            field = self.page.locator(f"[name='{pointer}']").first
            field.evaluate("each => { for (let d = each; (d = d.parentElement?.closest('details'));) d.open = true }")
            if field.evaluate("each => each.tagName") == "SELECT":
                field.select_option(text)
            else:
                field.fill(text)

    def save(self) -> str:
        self.page.click("#editor .ed-foot button[value=save]")
        self.page.wait_for_load_state()
        return str(self.page.inner_text("main, body"))

    def version(self) -> ContractVersion:
        return ContractVersion.objects.get(contract=self.contract)


@pytest.fixture
def editor(admin_page: Any, live_server: Any, paper: Contract) -> Editor:
    admin_page.set_viewport_size({"width": 1280, "height": 900})
    return Editor(admin_page, live_server.url, paper)


def test_a_first_look(editor: Editor) -> None:
    editor.begin()
    picture(editor.page, "empty")
    editor.press("add /clauses duration")
    editor.choose("/clauses/0/price/kind", "graduated")
    editor.fill({"/clauses/0/price/tiers/0/up_to": "1000", "/clauses/0/price/tiers/0/price": "0.15"})
    editor.fill({"/clauses/0/price/tiers/1/up_to": "5,000", "/clauses/0/price/tiers/1/price": "0.12"})
    editor.fill({"/clauses/0/price/tiers/2/price": "0.09"})
    body = editor.save()
    picture(editor.page, "tiers")
    assert "Nothing stands against signing" in body
    agreement = Agreement.from_json(editor.version().agreement)
    totals = {"rows": [{"segment": "1", "clause": "talk", "calls": 1, "billed_seconds": 6200 * 60}]}
    assert sample_bill(agreement, totals).net == Decimal("738.00")
    assert editor.version().starts_on == date(2026, 1, 1)
