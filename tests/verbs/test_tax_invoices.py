"""Tax invoices are asked for, kept, corrected with a reason and red-cancelled; nothing that was known is lost."""

from __future__ import annotations

import re
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from billing.periods import period_containing
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.models import Invoice, TableExport, TaxInvoice
from invoices.tax_invoices import CannotAsk, ask_for, record_red, record_tax_invoice, request_for, state_of, workbook
from invoices.tax_invoices.keeping import CannotKeep
from tenants.models import TaxCode, Tenant
from tests.conftest import NOW, TALK, call_of, issue_by_two

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
DAY = date(2026, 11, 20)
BLUE, OTHER, RED = "26312000000000000001", "26312000000000000002", "26312000000000000003"
DAYS = (date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture
def buyer(tenant: Tenant) -> Tenant:
    tenant.tax_id, tenant.address_zh, tenant.phone = "91310000MA1K4XBX03", "上海市张江路 1 号", "021-5080"
    tenant.bank_name, tenant.bank_account = "招商银行", "1219000012345678901"
    tenant.save()
    return tenant


@pytest.fixture
def invoice(buyer: Tenant, make_contract: Any, post: Any) -> Invoice:
    discount = {"code": "off", "name": {"zh": "折扣", "en": "Discount"}, "rate": "0.1"}
    contract = make_contract(TALK | {"price": {"kind": "flat", "price": "12.35"}}, discounts=[discount])
    post(call_of(1), call_of(2))
    return issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)


def rows_of(file: Any) -> dict[str, list[dict[str, str]]]:
    """Read the bureau's workbook: by sheet, the rows from the fourth on by their heads in the third."""
    with zipfile.ZipFile(file) as book:
        shared = [
            re.sub("<[^>]+>", "", each)
            for each in re.findall("<si>.*?</si>", book.read("xl/sharedStrings.xml").decode())
        ]
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
        found = {}
        for number, name in enumerate(names, 1):
            cells = re.findall(
                r'<c r="([A-Z]+)(\d+)"[^>]* t="s"><v>(\d+)</v>', book.read(f"xl/worksheets/sheet{number}.xml").decode()
            )
            table: dict[int, dict[str, str]] = {}
            for column, row, text in cells:
                table.setdefault(int(row), {})[column] = shared[int(text)]
            heads = table[3]
            found[name] = [{heads[at]: text for at, text in table[row].items()} for row in sorted(table) if row > 3]
        return found


def asked(*invoices: Invoice) -> tuple[list[dict[str, Any]], list[str]]:
    return ask_for([each.pk for each in invoices], "xlsx", days=DAYS, by="wang", now=NOW)


def kept(invoice: Invoice, number: str = BLUE, content: bytes = b"%PDF-1.7 x", **more: Any) -> TaxInvoice:
    return record_tax_invoice(invoice, number, DAY, content, by="li", now=NOW, **more)


def credited(invoice: Invoice, amounts: dict[str, Decimal] | None = None) -> Invoice:
    wish = request_credit(invoice, amounts, reason="Wrong number of calls", by="li", now=NOW)
    note = decide(wish.pk, approve=True, by="chen", now=NOW).credit_note
    assert note
    return note


def test_the_request_says_who_buys_what_and_adds_up(invoice: Invoice) -> None:
    told = request_for(invoice)
    assert (told["colour"], told["kind"], told["serial"]) == ("blue", "增值税专用发票", invoice.number)
    assert told["buyer"]["tax_id"] == "91310000MA1K4XBX03"
    assert (told["buyer"]["phone"], told["buyer"]["bank_account"]) == ("021-5080", "1219000012345678901")
    assert Decimal(told["amount"]) == invoice.net
    assert Decimal(told["total"]) == invoice.total
    talk, off = told["lines"]
    assert (talk["nature"], off["nature"], talk["code"]) == ("01", "02", "3040203000000000000")
    assert Decimal(off["amount"]) == -round(Decimal(talk["amount"]) / 10, 2)
    assert (talk["name"], talk["unit"], talk["quantity"], talk["price"]) == ("通话", "次", "1", "12.35")
    assert f"账单 {invoice.number}" in told["remarks"]


def test_what_is_frozen_in_the_invoice_counts_not_what_the_tenant_is_called_now(invoice: Invoice) -> None:
    Tenant.objects.update(name_zh="改名", phone="000")
    buyer = request_for(Invoice.objects.get())["buyer"]
    assert (buyer["name"], buyer["phone"]) == ("北方速运", "021-5080")


def test_a_line_bears_the_code_of_its_clause_before_that_of_its_kind(invoice: Invoice) -> None:
    seller = invoice.seller
    for kind, clause, code in (("", "", "1" * 19), ("usage", "", "2" * 19), ("", "talk", "3" * 19)):
        TaxCode.objects.create(seller=seller, kind=kind, clause=clause, code=code)
        assert {line["code"] for line in request_for(invoice)["lines"]} == {code}


def test_a_special_tax_invoice_without_tax_id_is_refused_and_a_general_one_is_not(invoice: Invoice) -> None:
    invoice.document["buyer"]["tax_id"] = ""
    with pytest.raises(CannotAsk, match="needs the customer's tax id"):
        request_for(invoice)
    invoice.tenant.tax_invoice = Tenant.GENERAL
    assert request_for(invoice)["kind"] == "普通发票"


def test_the_workbook_has_the_heads_and_rows_of_the_batch_import(invoice: Invoice) -> None:
    requests, refused = asked(invoice)
    assert refused == []
    with workbook(requests) as file:
        told = rows_of(file)
    assert list(told) == ["1-发票基本信息", "2-发票明细信息"]
    [base], [detail] = told.values()
    assert (base["发票流水号"], base["发票类型"], base["是否含税"]) == (invoice.number, "增值税专用发票", "是")
    assert (base["购买方纳税人识别号"], base["购买方银行账号"]) == ("91310000MA1K4XBX03", "1219000012345678901")
    assert base["是否展示购买方地址电话银行账号"] == "展示地址、电话、开户银行及银行账号"
    assert (detail["发票流水号"], detail["商品和服务税收编码"], detail["税率"]) == (
        invoice.number,
        "3040203000000000000",
        "0.06",
    )
    assert Decimal(detail["金额"]) - Decimal(detail["折扣金额"]) == invoice.total
    assert round(Decimal(detail["数量"]) * Decimal(detail["单价"]), 2) == Decimal(detail["金额"])


def test_asking_is_noted_with_who_and_asking_again_gives_the_same(invoice: Invoice) -> None:
    assert state_of(invoice) == TaxInvoice.NOT_ASKED
    first = asked(invoice)
    assert asked(invoice) == first
    step = TaxInvoice.objects.get()
    assert (step.what, step.by, state_of(invoice)) == ("asked", "wang", "asked")
    assert [(note.kind, note.rows, note.by) for note in TableExport.objects.all()] == [("fapiao", 1, "wang")] * 2


def test_what_came_back_is_kept_and_not_asked_for_again(invoice: Invoice) -> None:
    asked(invoice)
    step = kept(invoice)
    assert (step.number, step.file_name, state_of(invoice)) == (BLUE, f"{BLUE}.pdf", "received")
    assert kept(invoice) == step
    requests, refused = asked(invoice)
    assert requests == []
    assert "here already" in refused[0]


def test_nothing_is_written_over_without_a_reason_and_never_lost(invoice: Invoice) -> None:
    kept(invoice, content=b"")
    kept(invoice)  # the file follows
    with pytest.raises(CannotKeep) as refusal:
        kept(invoice, OTHER)
    assert (refusal.value.code, refusal.value.pointer) == ("known_otherwise", "/reason")
    with pytest.raises(CannotKeep):
        kept(invoice, content=b"%PDF-1.7 another")
    kept(invoice, OTHER, reason="typed wrong")
    assert list(TaxInvoice.objects.order_by("pk").values_list("number", "reason")) == [
        (BLUE, ""), (BLUE, ""), (OTHER, "typed wrong"),
    ]  # fmt: skip
    with pytest.raises(DatabaseError), transaction.atomic():
        TaxInvoice.objects.filter(number=BLUE).update(number=OTHER)
    with pytest.raises(DatabaseError), transaction.atomic():
        TaxInvoice.objects.all().delete()


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": "123"}, "wrong_number"),
        ({"number": "２" * 20}, "wrong_number"),
        ({"issued_on": date(2027, 1, 1)}, "wrong_day"),
        ({"content": b"GIF89a"}, "wrong_file"),
        ({"content": b"%PDF-" + b"x" * 700_000}, "wrong_file"),
    ],
)
def test_what_cannot_be_a_tax_invoice_is_refused_with_its_place(invoice: Invoice, changes: Any, code: str) -> None:
    given = {"number": BLUE, "issued_on": DAY, "content": b""} | changes
    with pytest.raises(CannotKeep) as refusal:
        record_tax_invoice(invoice, **given, by="li", now=NOW)
    assert refusal.value.code == code
    assert not TaxInvoice.objects.exists()


def test_one_number_is_kept_with_one_document(invoice: Invoice) -> None:
    kept(invoice)
    with pytest.raises(CannotKeep) as refusal:
        kept(credited(invoice))
    assert refusal.value.code == "number_taken"


def test_a_credit_note_asks_for_a_red_one_that_names_the_blue_one_and_cancels_it(invoice: Invoice) -> None:
    note = credited(invoice)
    with pytest.raises(CannotAsk, match="Enter the tax invoice of"):
        request_for(note)
    kept(invoice)
    [told], _ = asked(note)
    assert (told["colour"], told["original"]["number"], told["reason"]) == ("red", BLUE, "开票有误")
    assert Decimal(told["total"]) == note.total < 0
    with workbook([told]) as file:
        red = rows_of(file)["红字信息确认单"]
    assert (red[0]["对应蓝字数电发票号码"], red[0]["价税合计"]) == (BLUE, told["total"])
    kept(note, RED)
    assert (state_of(note), state_of(invoice)) == ("received", "red_cancelled")
    assert kept(note, RED).number == RED


def test_a_part_credited_leaves_the_blue_one_as_it_is(invoice: Invoice) -> None:
    kept(invoice)
    note = credited(invoice, {"talk": Decimal("1.00")})
    assert request_for(note)["reason"] == "销售折让"
    kept(note, RED)
    assert state_of(invoice) == "received"


def test_one_cancelled_without_a_credit_note_may_be_asked_for_again(invoice: Invoice) -> None:
    with pytest.raises(CannotKeep, match="no tax invoice to cancel"):
        record_red(invoice, RED, DAY, reason="wrong title", by="li", now=NOW)
    kept(invoice)
    with pytest.raises(CannotKeep, match="Say why"):
        record_red(invoice, RED, DAY, reason=" ", by="li", now=NOW)
    record_red(invoice, RED, DAY, reason="wrong title", by="li", now=NOW)
    assert asked(invoice)[1] == []
    kept(invoice, OTHER)
    assert [step.what for step in TaxInvoice.objects.order_by("pk")] == [
        "received",
        "red_cancelled",
        "asked",
        "received",
    ]
