"""A seller's system asks for tax invoices and keeps what comes back; the tenant sees and fetches it, nobody else."""

from __future__ import annotations

import base64
from datetime import date
from typing import Any

import pytest
from django.test import Client

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.links import page_link
from invoices.models import Invoice, TaxInvoice
from tenants.keys import make_key
from tenants.models import ApiKey, Seller
from tests.api.test_operating import ask
from tests.conftest import NOW, call_of, issue_by_two

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
NUMBER = "26312000000000000001"
PDF = b"%PDF-1.7 tax invoice"
KEPT = {"number": NUMBER, "issued_on": "2026-11-20", "file": base64.b64encode(PDF).decode()}


@pytest.fixture
def invoice(tenant: Any, contract: Any, post: Any) -> Invoice:
    tenant.tax_id = "91310000MA1K4XBX03"
    tenant.save()
    post(*(call_of(number) for number in range(1, 6)))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


@pytest.fixture
def sellers_key(seller: Seller) -> str:
    return make_key(seller, "crm", [ApiKey.OPERATE])[1]


def test_it_is_asked_for_kept_and_fetched(sellers_key: str, key: str, invoice: Invoice) -> None:
    to = f"tax-invoices/{invoice.number}"
    told = ask(sellers_key, "get", to).json()
    assert (told["state"], told["request"]["total"], told["history"]) == ("not_asked", f"{invoice.total:.2f}", [])
    assert ask(sellers_key, "post", to).json()["state"] == "asked"
    assert ask(key, "get", f"invoices/{invoice.number}").json()["tax_invoice"]["state"] == "asked"
    assert ask(key, "get", f"invoices/{invoice.number}/tax-invoice").status_code == 404
    told = ask(sellers_key, "put", to, KEPT).json()
    assert (told["state"], told["history"][0]["number"], told["history"][0]["by"][:4]) == ("received", NUMBER, "key ")
    assert ask(sellers_key, "put", to, KEPT).status_code == 200
    assert TaxInvoice.objects.count() == 2
    told = ask(key, "get", f"invoices/{invoice.number}").json()["tax_invoice"]
    assert told == {"state": "received", "number": NUMBER, "issued_on": "2026-11-20", "file_name": f"{NUMBER}.pdf"}
    assert ask(key, "get", f"invoices/{invoice.number}/tax-invoice").content == PDF
    assert ask(sellers_key, "post", to).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"number": "12"}, 409, "/number"),
        ({"issued_on": "soon"}, 400, "/issued_on"),
        ({"file": "no base64!"}, 400, "/file"),
        ({"file": base64.b64encode(b"GIF89a").decode()}, 409, "/file"),
        ({"colour": "red"}, 400, "/colour"),
    ],
)
def test_a_wrong_one_is_a_problem_with_its_place(
    sellers_key: str, invoice: Invoice, changes: Any, status: int, pointer: str
) -> None:
    answer = ask(sellers_key, "put", f"tax-invoices/{invoice.number}", KEPT | changes)
    assert (answer.status_code, answer.json()["pointer"]) == (status, pointer)
    assert not TaxInvoice.objects.exists()


def test_another_needs_a_reason(sellers_key: str, invoice: Invoice) -> None:
    to = f"tax-invoices/{invoice.number}"
    ask(sellers_key, "put", to, KEPT)
    other = KEPT | {"number": NUMBER[::-1]}
    assert ask(sellers_key, "put", to, other).json()["code"] == "known_otherwise"
    assert ask(sellers_key, "put", to, other | {"reason": "typed wrong"}).json()["history"][1]["number"] == NUMBER
    assert ask(sellers_key, "put", to, KEPT | {"red": True}).json()["code"] == "reason_needed"


def test_another_sellers_key_and_a_tenants_find_nothing(key: str, invoice: Invoice) -> None:
    stranger = Seller.objects.create(code="other", name_zh="他", name_en="Other", email="x@other.example")
    strange_key = make_key(stranger, "crm", [ApiKey.OPERATE])[1]
    assert ask(strange_key, "get", f"tax-invoices/{invoice.number}").status_code == 404
    assert ask(key, "get", f"tax-invoices/{invoice.number}").status_code == 403
    assert ask(key, "put", f"tax-invoices/{invoice.number}", KEPT).status_code == 403


def test_the_customers_page_names_it_and_gives_the_file(sellers_key: str, invoice: Invoice) -> None:
    address = page_link(invoice).partition("//")[2].partition("/")[2]
    assert Client().get(f"/{address}/tax-invoice").status_code == 404
    assert "Tax invoice" not in Client().get(f"/{address}").content.decode()
    ask(sellers_key, "put", f"tax-invoices/{invoice.number}", KEPT)
    page = Client().get(f"/{address}").content.decode()
    assert f"Tax invoice {NUMBER} was issued on 20 November 2026." in page
    assert Client().get(f"/{address}/tax-invoice").content == PDF
