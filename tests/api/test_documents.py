"""A tenant reads its invoices, lines, calls, PDF, evidence, credit notes, payments and balance with a key that may read."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from billing.periods import period_containing
from invoices.api import documents
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.models import Invoice
from invoices.paying import record_payment
from tests.conftest import NOW, call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)
NOT_ASKED = {"state": "not_asked", "number": "", "issued_on": None, "file_name": ""}


@pytest.fixture
def invoice(contract: Any, post: Any) -> Invoice:
    post(*(call_of(number) for number in range(1, 6)))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


@pytest.fixture
def ask(key: str) -> Any:
    def get(to: str, expect: int = 200) -> Any:
        answer = Client().get(f"/api/v1/{to}", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == expect, answer.content
        return answer

    return get


def test_an_invoice_is_told_with_what_is_open_and_its_lines_with_their_sentences(ask: Any, invoice: Invoice) -> None:
    record_payment(invoice.tenant_id, Decimal("0.10"), currency="CNY", by="li", now=NOW)
    [told] = ask("invoices").json()["items"]
    alone = ask(f"invoices/{invoice.number}").json()
    assert alone == told | {"tax_invoice": NOT_ASKED}
    assert (told["number"], told["kind"], told["contract"]) == (invoice.number, "invoice", "C-1")
    assert (told["total"], told["settled"]) == (str(invoice.total), "0.100")
    assert Decimal(told["open"]) == invoice.total - Decimal("0.10")
    lines = ask(f"invoices/{invoice.number}/lines").json()["items"]
    assert [line["key"] for line in lines] == ["talk.tier-1", "talk.tier-2"]
    assert sum(Decimal(line["amount"]) for line in lines) == invoice.net
    assert all(line["explanation"]["zh"] and line["explanation"]["en"] and line["calls"] == 5 for line in lines)


def test_the_calls_of_a_line_come_page_by_page_each_once(ask: Any, invoice: Invoice, monkeypatch: Any) -> None:
    monkeypatch.setattr(documents, "PAGE", 2)
    seen, after = [], ""
    while True:
        page = ask(f"invoices/{invoice.number}/calls?key=talk.tier-1&after={after}").json()
        seen += [call["call_id"] for call in page["items"]]
        assert len(page["items"]) <= 2
        after = page["next"]
        if after is None:
            break
    assert seen == [f"call-{number}" for number in range(1, 6)]
    assert "13800001234" not in str(page)


@pytest.mark.parametrize(
    "query", ["", "key=", "key=fee", "key=talk.tier-1&after=x", "key=talk.tier-1&after=W10=", "key=%00"]
)
def test_a_wrong_parameter_is_a_problem_with_a_pointer(ask: Any, invoice: Invoice, query: str) -> None:
    answer = ask(f"invoices/{invoice.number}/calls?{query}", expect=400).json()
    assert answer["code"] in {"no_calls", "wrong_parameter"}
    assert answer["pointer"].startswith("?")


def test_pdf_and_evidence_are_the_stored_ones(ask: Any, invoice: Invoice) -> None:
    assert ask(f"invoices/{invoice.number}/pdf?language=zh").content.startswith(b"%PDF")
    bundle = b"".join(ask(f"invoices/{invoice.number}/evidence").streaming_content)
    assert "invoice.json" in zipfile.ZipFile(io.BytesIO(bundle)).namelist()


def test_credit_notes_payments_and_balance_are_told(ask: Any, invoice: Invoice) -> None:
    owed = {"currency": "CNY", "balance": str(invoice.total), "credit": "0.000"}
    assert ask("balance").json()["items"] == [owed]
    record_payment(invoice.tenant_id, Decimal(5), currency="CNY", by="li", now=NOW, reference="r-1")
    asked = request_credit(invoice, None, reason="Wrong", by="li", now=NOW)
    note = decide(asked.pk, approve=True, by="chen", now=NOW).credit_note
    assert note
    [told] = ask("credit-notes").json()["items"]
    assert (told["number"], told["credits"], told["open"]) == (note.number, invoice.number, None)
    assert ask(f"invoices/{note.number}").json() == told | {"tax_invoice": NOT_ASKED}
    assert ask(f"invoices/{note.number}/evidence", expect=409).json()["code"] == "credit_note"
    [payment] = ask("payments").json()["items"]
    assert (payment["amount"], payment["on_account"], payment["reference"]) == ("5.000", "5.000", "r-1")
    assert ask("balance").json()["items"] == [{"currency": "CNY", "balance": "-5.000", "credit": "5.000"}]
    for place in ("invoices", "credit-notes", "payments"):
        assert ask(f"{place}?before=1").json()["items"] == []
        assert ask(f"{place}?before=x", expect=400).json()["pointer"] == "?before"


def test_drafts_are_not_there(ask: Any, contract: Any) -> None:
    draft_month(contract, period_containing(date(2026, 10, 1)), NOW)
    assert ask("invoices").json() == {"items": [], "next": None}
