"""Finance sets up each way of charging by hand in the editor, reads what it would cost, and signs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from billing.periods import period_containing
from billing.rating import Agreement
from tenants.catalogue import entries, sample_bill
from tenants.levels import enter_level
from tenants.models import Contract, ContractVersion, Tenant
from tenants.packages import buy_package
from tenants.subscribing import change_subscription
from tests.browser.pictures import looked_at
from tests.conftest import call_of

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = os.environ.get("HUADAN_PICTURES")  # a folder to look at the pages afterwards
OPEN = "each => { for (let d = each; (d = d.parentElement?.closest('details'));) d.open = true }"


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


class Editor:
    """The editor as a person uses it: buttons are pressed, fields are typed into."""

    def __init__(self, page: Any, url: str, contract: Contract) -> None:
        self.page, self.url, self.contract = page, url, contract

    def begin(self, start_from: str = "latest") -> None:
        """Make a draft through the page for new versions."""
        self.page.goto(f"{self.url}/admin/tenants/contractversion/add/?contract={self.contract.pk}")
        self.page.fill("input[name=starts_on]", "2026-01-01")
        self.page.fill("input[name=reason]", "first agreement")
        self.page.select_option("select[name=start_from]", start_from)
        self.page.click("button[name=_save]")
        self.page.wait_for_selector("#editor")

    def answered(self, act: Callable[[], Any]) -> None:
        """Do what changes the form, and wait for the form that the server answers with."""
        self.page.evaluate("document.getElementById('editor').dataset.old = 'yes'")
        act()
        self.page.wait_for_selector("#editor:not([data-old])")

    def press(self, command: str) -> None:
        button = self.page.locator(f"#editor button[value='{command}']").first
        button.evaluate(OPEN)
        self.answered(button.click)

    def type_in(self, pointer: str, value: Any) -> None:
        """Write a whole part of an agreement, as a person would: rows into tables, kinds chosen, fields filled."""
        if isinstance(value, dict):
            kind = self.page.locator(f"select[name='{pointer}/kind']")
            if "kind" in value and kind.count() and kind.input_value() != value["kind"]:
                kind.evaluate(OPEN)
                self.answered(lambda: kind.select_option(value["kind"]))
            for name, each in value.items():
                if name != "kind":
                    self.type_in(f"{pointer}/{name}", each)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for index, each in enumerate(value):
                adds = f"add {pointer} {each['kind']}" if pointer == "/clauses" else f"add {pointer}"
                can_add = self.page.locator(f"#editor button[value='{adds}']").count()
                if can_add and not self.page.locator(f"[name^='{pointer}/{index}/']").count():
                    self.press(adds)
                self.type_in(f"{pointer}/{index}", each)
        else:
            self.fill(pointer, ", ".join(value) if isinstance(value, list) else value)

    def fill(self, pointer: str, value: Any) -> None:
        kind = self.page.locator(f"select[name='{pointer}/kind']")
        if kind.count():  # a bare price is one for each unit
            if kind.input_value() != "per_unit":
                kind.evaluate(OPEN)
                self.answered(lambda: kind.select_option("per_unit"))
            pointer += "/price"
        field = self.page.locator(f"[name='{pointer}']").first
        field.evaluate(OPEN)
        if field.evaluate("each => each.tagName") == "SELECT":
            choice = str(value).lower() if isinstance(value, bool) else value
            if field.locator(f"option[value='{choice}']").count():  # the default stands there without a value
                field.select_option(choice)
        else:
            field.fill(str(value))

    def save(self) -> str:
        self.page.click("#editor .ed-foot button[value=save]")
        self.page.wait_for_load_state()
        return str(self.page.inner_text("body"))

    def sign(self, day: str = "2026-01-01", reason: str = "signed on paper") -> str:
        self.page.click("#editor .ed-foot button[value=sign]")
        self.page.wait_for_selector("text=Once signed")
        self.page.fill("[name=starts_on]", day)
        self.page.fill("[name=reason]", reason)
        self.page.click("button:text-is('Sign')")
        self.page.wait_for_load_state()
        return str(self.page.inner_text("body"))

    def preview(self, **asked: str) -> str:
        """Price the version; return the total as printed beside the figure."""
        query = "&".join(f"{name}={value}" for name, value in asked.items())
        self.page.goto(f"{self.url}/admin/invoices/invoice/preview/{self.version().pk}/?{query}")
        return str(self.page.get_attribute("[data-total]", "data-total"))

    def version(self) -> ContractVersion:
        return ContractVersion.objects.filter(contract=self.contract).latest("number")

    def notes(self) -> list[str]:
        return [str(each) for each in self.page.locator(".ed-findings .ed-note").all_inner_texts()]


@pytest.fixture
def paper(tenant: Tenant) -> Contract:
    return Contract.objects.create(tenant=tenant, code="C-9", name_zh="物流外呼合同", name_en="Delivery calls")


@pytest.fixture
def editor(admin_page: Any, live_server: Any, paper: Contract) -> Editor:
    admin_page.set_viewport_size({"width": 1280, "height": 900})
    admin_page.set_default_timeout(15_000)
    return Editor(admin_page, live_server.url, paper)


ROWS = {
    "M1 duration": "model-peak-minutes",
    "M2 calls": "model-calls",
    "M3 modules": "model-modules",
    "M4 seats": "model-seats",
    "M5 service level": "model-service-levels",
    "M6 features": "model-features",
    "M7 factors, discounts, commitment, cap": "model-term-and-region",
    "packages": "prepaid-minutes",
}


@pytest.mark.parametrize("code", ROWS.values(), ids=list(ROWS))
def test_each_way_of_charging_is_set_up_by_hand_saved_signed_and_priced_as_the_engine_does(
    editor: Editor, code: str
) -> None:
    entry = entries()[code]
    editor.begin()
    for part, value in entry.agreement.items():
        if part not in {"version", "currency", "tax"}:
            editor.type_in(f"/{part}", value)
    assert "Nothing stands against signing" in editor.save()
    picture(editor.page, code)
    assert Agreement.from_json(editor.version().agreement) == Agreement.from_json(entry.agreement)
    assert editor.preview(on="sample", sample=code) == str(entry.sample.total)
    picture(editor.page, f"{code}-preview")
    editor.page.click("a:text-is('Editor')")
    assert "C-9 v1 is signed." in editor.sign()
    version = editor.version()
    assert (version.signed_by, version.reason, version.starts_on) == ("li", "signed on paper", date(2026, 1, 1))
    assert editor.page.locator("#editor input:enabled:not([type=hidden])").count() == 0
    agreed = Agreement.from_json(version.agreement)
    assert str(sample_bill(agreed, entry.sample.totals).total) == str(entry.sample.total)


def test_a_past_months_real_calls_are_priced_beside_what_is_in_force(
    editor: Editor, post: Any, make_contract: Any, live_server: Any
) -> None:
    contract = make_contract()  # graduated: 2 minutes at 0.15, the rest at 0.10
    editor.contract = contract
    post(*(call_of(number) for number in range(1, 6)))  # five calls of two started minutes each
    editor.begin()
    editor.page.select_option("select[name='/clauses/0/price/kind']", "per_unit")
    editor.page.wait_for_selector("[name='/clauses/0/price/price']")
    editor.fill("/clauses/0/price/price", "0.20")
    editor.save()
    assert editor.preview(on="month", month="2026-10-01") == "2.12"  # 10 min * 0.20 and 6 %
    body = editor.page.inner_text("body")
    assert "Under this version 2.12 CNY, under the one in force 1.17 CNY" in body  # (2 * 0.15 + 8 * 0.10) * 1.06
    assert "0.95 more" in body
    assert "10 minutes" in body
    from usage.models import UsageTotal

    assert not UsageTotal.objects.filter(contract_id__lt=0).exists()
    picture(editor.page, "preview-month")


def test_quantities_of_ones_own_are_priced(editor: Editor) -> None:
    editor.begin("model-calls")
    editor.page.click("a:text-is('Price preview')")
    editor.page.fill("[name='calls:calls']", "6,600")  # more than the limit of 200 on every day
    editor.page.click("text=Price the quantities")
    total = editor.page.get_attribute("[data-total]", "data-total")
    month = period_containing(date.fromisoformat(editor.page.inner_text("#preview h2").strip() + "-01"))
    beyond = 6600 - 200 * month.days
    assert total == f"{((6600 - beyond - 100) * 30 + beyond * 10) * 106 / 10000:.2f}"


def test_tiers_are_pasted_from_a_spreadsheet(editor: Editor) -> None:
    editor.begin("contact-minutes")
    kind = editor.page.locator("select[name='/clauses/0/price/kind']")
    editor.answered(lambda: kind.select_option("graduated"))
    editor.answered(
        lambda: editor.page.locator("[name='/clauses/0/price/tiers/0/up_to']").evaluate(
            """each => { const data = new DataTransfer();
            data.setData('text/plain', '上限\\t单价\\n1,000\\t0.15\\n5,000\\t0.12\\n\\t0.09');
            each.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true})) }"""
        )
    )
    editor.save()
    tiers = [{"up_to": "1000", "price": "0.15"}, {"up_to": "5000", "price": "0.12"}, {"price": "0.09"}]
    assert editor.version().agreement["clauses"][0]["price"]["tiers"] == tiers


WRONG: list[tuple[str, dict[str, str], str, str]] = [
    ("model-peak-minutes", {"/clauses/0/price/tiers/0/up_to": ""}, "/clauses/0/price/tiers/0/up_to", "leave a gap"),
    ("model-service-levels", {"/clauses/2/price/of": "tlak"}, "/clauses/2/price/of", "No clause has the code tlak"),
    ("model-peak-minutes", {"/clauses/1/select/band": "peak"}, "/clauses/1/select/band", "takes every call"),
    ("model-peak-minutes", {"/bands/1/rules/0/end": "20:00"}, "/bands", "No band covers"),
    ("model-peak-minutes", {"/clauses/0/select/band": "noon"}, "/clauses/0/select", "band noon is not defined"),
    ("contact-minutes", {"/clauses/0/code": "Talk!"}, "/clauses/0/code", "small letters"),
    ("contact-minutes", {"/clauses/0/price/price": "free"}, "/clauses/0/price/price", "Write a number"),
    ("contact-minutes", {"/currency": "RMB"}, "/currency", "currency code such as CNY"),
    ("model-calls", {"/clauses/0/beyond_price/price": "-1"}, "/clauses/0/beyond_price/price", "Write 0 or more"),
]


@pytest.mark.parametrize(("start", "texts", "place", "said"), WRONG, ids=[f"{w[2]} {w[3]}" for w in WRONG])
def test_wrong_input_is_kept_as_a_draft_and_told_at_its_field(
    editor: Editor, start: str, texts: dict[str, str], place: str, said: str
) -> None:
    editor.begin(start)
    for pointer, text in texts.items():
        editor.fill(pointer, text)
    assert "cannot be signed until" in editor.save()
    assert any(said in note for note in editor.notes())
    near = editor.page.locator(f".ed-note.ed-error:has-text('{said}')").last
    shown = near.evaluate("each => each.closest('.ed-field, td, .ed-card, .ed-stack, .ed-group').outerHTML")
    assert f"{place}" in shown
    for pointer, text in texts.items():
        assert editor.page.locator(f"[name='{pointer}']").first.input_value() == text
    editor.page.click("#editor .ed-foot button[value=sign]")
    assert "cannot be signed" in editor.page.inner_text("body")
    assert editor.page.locator("button:text-is('Sign')").count() == 0
    assert editor.version().signed_at is None


def test_a_total_that_falls_is_pointed_out_with_its_quantity(editor: Editor) -> None:
    editor.begin("contact-channels")
    assert any("passes 5" in note and note.startswith("Mind") for note in editor.notes())
    assert "Once signed" in editor.page.inner_text("body") or editor.save()
    editor.page.click("#editor .ed-foot button[value=sign]")
    assert "Once signed" in editor.page.inner_text("body")  # a warning is no hindrance


def test_two_versions_stand_side_by_side_in_words(editor: Editor) -> None:
    editor.begin("model-peak-minutes")
    editor.fill("/clauses/0/price/tiers/1/price", "0.14")
    editor.save()
    editor.page.goto(f"{editor.url}/admin/tenants/contractversion/{editor.version().pk}/compare/")
    assert editor.page.input_value("#with") == "origin"  # what it was started from
    assert "row 2 · price: 0.15 → 0.14" in editor.page.inner_text("body")
    picture(editor.page, "compare")


def test_the_document_goes_out_as_a_file_and_comes_in_again(editor: Editor, tmp_path: Path) -> None:
    editor.begin("model-seats")
    address = f"{editor.url}/admin/tenants/contractversion/{editor.version().pk}"
    exported = editor.page.request.get(f"{address}/export/").body()
    tiers = editor.page.request.get(f"{address}/tiers/").text()
    assert tiers.startswith("\ufeff")
    (tmp_path / "out.json").write_bytes(exported.replace(b'"80"', b'"85"'))
    editor.page.goto(f"{address}/json/")
    editor.page.set_input_files("#file", tmp_path / "out.json")
    editor.page.click("text=Replace the draft by the file")
    editor.page.wait_for_selector("text=Saved as a draft.")
    assert editor.version().agreement["clauses"][0]["price"]["price"] == "85"
    editor.page.fill("textarea", '{"version": 1,\n "currency": "CNY",\n "clauses": [{"kind": "seat",\n "kode": 1}]}')
    editor.page.click("button:text-is('Save')")
    body = editor.page.inner_text("body")
    assert "Nothing is called “kode” here. Did you mean “code”?" in body
    assert "/clauses/0/kode" in body
    assert "line 4" in body
    editor.page.fill("textarea", '{"version": 1,\n "currency" "CNY"}')
    editor.page.click("button:text-is('Save')")
    assert "not JSON from line 2, character 13" in editor.page.inner_text("body")
    assert editor.page.input_value("textarea").startswith('{"version"')


@pytest.mark.parametrize("language", ["zh-hans", "en"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_fit_every_screen_in_both_languages(
    admin_page: Any, live_server: Any, paper: Contract, make_contract: Any, language: str, width: int
) -> None:
    clauses = [
        clause
        for code in ("model-seats", "model-service-levels", "prepaid-minutes")
        for clause in entries()[code].agreement["clauses"]
    ]
    held = make_contract(*{clause["code"]: clause for clause in clauses}.values())
    how: dict[str, Any] = {"by": "li", "reason": "新增客服组", "now": datetime.now(UTC)}
    change_subscription(held, "seats", Decimal(10), on=date(2026, 11, 1), **how)
    change_subscription(held, "seats", Decimal(-2), on=date(2026, 11, 16), **how)
    enter_level(held, "availability", Decimal("0.9985"), period_containing(date(2026, 10, 1)), **how)
    package = next(clause["code"] for clause in clauses if clause["kind"] == "package")
    buy_package(held, package, on=date(2026, 11, 1), **how)
    document = {"version": 1, "currency": "CNY", "tax": {"rate": "0.06"}, "clauses": []}
    for code in ("model-peak-minutes", "model-service-levels", "model-term-and-region"):
        for part, value in entries()[code].agreement.items():
            if isinstance(value, list):
                known = {each["code"] for each in document.get(part, [])}
                document[part] = [*document.get(part, []), *(each for each in value if each["code"] not in known)]
    version = ContractVersion.objects.create(contract=paper, number=1, starts_on="2026-01-01", agreement=document)
    admin_page.set_viewport_size({"width": width, "height": 844})
    admin_page.context.set_extra_http_headers({"Accept-Language": language})
    address = f"{live_server.url}/admin/tenants/contractversion/{version.pk}"
    pages = {
        "editor": f"{address}/change/",
        "sign": f"{address}/sign/",
        "json": f"{address}/json/",
        "compare": f"{address}/compare/?with=model-peak-minutes",
        "preview": f"{live_server.url}/admin/invoices/invoice/preview/{version.pk}/?on=quantities&minutes:talk=1000",
        "holdings": f"{live_server.url}/admin/tenants/contract/{held.pk}/holdings/",
        "contract": f"{live_server.url}/admin/tenants/contract/{held.pk}/change/",
        "new": f"{live_server.url}/admin/tenants/contractversion/add/?contract={paper.pk}",
    }
    for name, page_address in pages.items():
        admin_page.goto(page_address)
        looked_at(admin_page, f"{name}-{language}-{width}")


def test_an_amended_contract_begins_from_the_version_in_force(editor: Editor, contract: Contract) -> None:
    editor.contract = contract
    first = contract.versions.get()
    editor.page.goto(f"{editor.url}/admin/tenants/contractversion/{first.pk}/change/")
    editor.page.click("text=Amend")
    editor.page.fill("input[name=starts_on]", "2027-01-01")
    editor.page.click("button[name=_save]")
    editor.page.wait_for_selector("#editor")
    assert editor.version().number == 2
    assert editor.version().agreement == first.agreement
    editor.fill("/clauses/0/price/tiers/1/price", "0.08")
    editor.save()
    editor.page.click("#editor .ed-foot button[value=sign]")
    body = editor.page.inner_text("body")
    assert "What changes against C-1 v1" in body
    assert "row 2 · price: 0.10 → 0.08" in body
    picture(editor.page, "sign")
