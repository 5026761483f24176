"""Paying online with the gateway of docs/gateways.md: to it, and back from it, recorded exactly once."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client

from billing.environment import ROOT, Environment
from invoices.gateways.checks import every_gateway_can_be_made
from invoices.links import token_of
from invoices.models import Invoice, Payment, Receivable
from invoices.paying import reverse_payment
from tests.conftest import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> Any:
    (code,) = re.findall(
        r"<!-- gateway -->\n```python\n(.*?)```", (ROOT / "docs" / "gateways.md").read_text(encoding="utf-8"), re.DOTALL
    )
    known: dict[str, Any] = {}
    exec(code, known)
    made = known["ExamplePay"]()
    for place in ("invoices.gateways.gateway.gateways", "invoices.pages.invoice.gateways"):
        monkeypatch.setattr(place, lambda: {"example": made})
    return made


@pytest.fixture
def report(gateway: Any) -> Callable[..., Any]:
    def report(body: Any, key: bytes | None = None, name: str = "example") -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = hmac.new(key or gateway.key, content, hashlib.sha256).hexdigest()
        return Client().post(
            f"/gateways/{name}/callback", content, content_type="application/json", headers={"X-Signature": signature}
        )

    return report


def paid(invoice: Invoice, amount: str = "106.00", **changes: str) -> dict[str, str]:
    told = {
        "id": "p-1",
        "order": str(invoice.number),
        "amount": amount,
        "currency": "CNY",
        "state": "paid",
        "payer": "North",
    }
    return told | changes


def test_a_report_pays_the_invoice_it_names_and_is_acknowledged(bill: Any, report: Any) -> None:
    bill("50.00")
    invoice = bill("106.00", days=90)
    answer = report(paid(invoice))
    assert (answer.status_code, answer.content) == (200, b"success")
    payment = Payment.objects.get()
    assert (payment.amount, payment.rest, payment.reference, payment.by) == (106, 0, "example:p-1", "gateway example")
    assert Receivable.objects.get(invoice=invoice).open == 0


def test_ten_reports_at_once_and_one_a_year_later_are_one_payment(bill: Any, report: Any) -> None:
    invoice = bill("106.00")

    def send(_number: int) -> int:
        try:
            return int(report(paid(invoice)).status_code)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(send, range(10))) == {200}
    payment = Payment.objects.get()
    reverse_payment(payment.pk, reason="refunded", by="wang", now=NOW)
    assert report(paid(invoice)).status_code == 200
    assert Payment.objects.get().reversed


def test_what_is_more_than_open_or_in_another_currency_stays_on_account(bill: Any, report: Any) -> None:
    invoice = bill("100.00")
    report(paid(invoice, "106.00"))
    assert Payment.objects.get().rest == Decimal("6.000")
    report(paid(invoice, "5.00", id="p-2", currency="USD"))
    assert Payment.objects.get(currency="USD").rest == 5


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"order": "HD-nobody"}, 409), ({"amount": "0"}, 409), ({"amount": "-1"}, 409), ({"amount": "NaN"}, 409),
        ({"amount": "1.001"}, 409), ({"state": "closed"}, 200),
    ],
)  # fmt: skip
def test_what_is_no_payment_of_ours_records_nothing(bill: Any, report: Any, changes: Any, status: int) -> None:
    assert report(paid(bill("106.00")) | changes).status_code == status
    assert not Payment.objects.exists()


def test_a_report_with_another_signature_records_nothing(bill: Any, report: Any) -> None:
    answer = report(paid(bill("106.00")), key=b"somebody else's")
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_signature")
    assert not Payment.objects.exists()


def test_the_same_reference_with_another_amount_is_refused(bill: Any, report: Any) -> None:
    invoice = bill("106.00")
    report(paid(invoice))
    assert report(paid(invoice, "1.00")).json()["code"] == "other_amount"
    assert Payment.objects.count() == 1


def test_a_report_that_is_too_large_or_of_no_gateway_is_refused(report: Any) -> None:
    assert report(b"x" * 300_000).status_code == 413
    assert report(b"{}", name="other").status_code == 404
    assert Client().get("/gateways/example/callback").status_code == 405


def test_the_page_of_an_open_invoice_leads_to_the_gateway_with_what_is_open(bill: Any, report: Any) -> None:
    invoice = bill("106.00")
    report(paid(invoice, "6.00"))
    page = Client().get(f"/i/{token_of(invoice)}").content.decode()
    (href,) = re.findall(r'href="(/i/[^"]+/pay/example)"', page)
    assert "Pay by Example Pay" in page
    answer = Client().get(href)
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"https://pay.example/{invoice.number}?amount=100.00&currency=CNY&notify=http")
    assert "/gateways/example/callback" in answer["Location"]
    report(paid(invoice, "100.00", id="p-2"))
    assert "Example Pay" not in Client().get(f"/i/{token_of(invoice)}").content.decode()
    assert Client().get(href).status_code == 409


def test_the_setting_names_gateways_by_their_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUADAN_GATEWAYS", "a=x.Y, b-2=x.y.Z")
    assert Environment().gateway_classes == {"a": "x.Y", "b-2": "x.y.Z"}
    monkeypatch.setenv("HUADAN_GATEWAYS", "x.Y")
    with pytest.raises(ValueError, match="HUADAN_GATEWAYS"):
        Environment()


def test_no_gateway_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUADAN_GATEWAYS", raising=False)
    assert Environment().gateway_classes == {}


def test_a_gateway_that_cannot_be_made_is_told_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert every_gateway_can_be_made(None) == []
    wrong = settings.ENVIRONMENT.model_copy(update={"gateways": "a=nowhere.Gateway, b=pathlib.Nothing"})
    monkeypatch.setattr(settings, "ENVIRONMENT", wrong)
    told = [error.msg for error in every_gateway_can_be_made(None)]
    assert told[0].startswith("HUADAN_GATEWAYS: a cannot be made of nowhere.Gateway: No module named 'nowhere'")
    assert "b cannot be made of pathlib.Nothing" in told[1]
