"""A bank's export is taken once, whatever encoding and columns; each row is proposed to somebody and confirmed by a person."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.errors import Refused
from invoices.bank.layouts import PRESETS, layouts
from invoices.bank.matching import propose
from invoices.bank.reading import read_export
from invoices.bank.taking import CannotTake, confirm, ignore, import_file
from invoices.models import BankFile, BankFormat, BankLine, Payment, Receivable
from invoices.paying import CannotPay
from tenants.models import Seller, Tenant
from tests.conftest import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]

EXPORTS = {
    "招商银行": "账号,1109\n交易日,交易时间,起息日,交易类型,借方金额,贷方金额,余额,摘要,流水号,收(付)方名称,收(付)方帐号\n"
    '20261120,101500,20261120,汇款,,"1,060.00","5,000.00",货款,C0031,北方速运,6225\n20261120,101600,20261120,手续费,5.00,,4995,手续费,C0032,,\n',
    "建设银行": "账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,记账日期,摘要,备注,账户明细编号-交易流水号\n"
    "`4100,话单科技,20261120 10:15:00,0.00,1060.00,5000.00,人民币元,北方速运,`6225,20261120,转账,货款,`7-C0031\n",
    "工商银行": "[HISTORYDETAIL]\n凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,摘要,用途,对方单位名称,余额,个性化信息\n"
    "1,2200,6225,2026-11-20 10:15:00,贷,,1060.00,102,转账,货款,北方速运,5000.00,\n",
    "农业银行": '账户明细查询\n交易时间,收入金额,支出金额,账户余额,对方账号,对方户名,交易用途\n2026-11-20 10:15:00,"1,060.00",,5000.00,6225,北方速运,货款\n',
    "中国银行": "交易类型[ Transaction Type ],付款人账号[ Debit Account No. ],付款人名称[ Payer's Name ],收款人名称[ Payee's Name ],"
    "交易日期[ Transaction Date ],交易货币[ Trade Currency ],交易金额[ Trade Amount ],交易流水号[ Transaction reference number ],"
    "用途[ Purpose ],备注[ Remarks ]\n来账,6225,北方速运,话单科技,20261120,CNY,1060.00,T-31,货款,\n往账,99,话单科技,房东,20261120,CNY,88.00,T-32,房租,\n",
    "支付宝": "#支付宝账务明细查询\n账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,备注\n"
    "2026112000,1,,货款,2026-11-20 10:15:00,北方速运(a@b.cn),1060.00,0.00,5000.00,货款\n",
    "微信支付": "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,备注\n"
    "`2026-11-20 10:15:00,`42,`1800,`交易,`交易,`收入,`1060.00,`货款 北方速运\n`2026-11-20 10:15:00,`43,`1801,`退款,`退款,`支出,`6.00,`退\n",
    "English": "Date;Amount;Currency;Payer;Description;Reference\n2026-11-20;1060.00;CNY;北方速运;货款;R-1\n2026-11-21;-5;CNY;;fee;R-2\n",
}  # fmt: skip


def take(seller: Seller, text: str, name: str = "export.csv", encoding: str = "utf-8-sig") -> BankFile:
    return import_file(seller, name, text.encode(encoding), currency="CNY", by="li", now=NOW)


def english(*rows: str) -> str:
    return "Date,Amount,Payer,Description,Reference\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("bank", [layout.name for layout in PRESETS])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_each_banks_export_is_recognised_and_read(bank: str, encoding: str) -> None:
    name, rows, skipped = read_export(EXPORTS[bank].encode(encoding), PRESETS, currency="CNY")
    assert name == bank
    assert [(row.on, row.amount, row.currency) for row in rows] == [(date(2026, 11, 20), Decimal(1060), "CNY")]
    assert "北方速运" in rows[0].payer + rows[0].remark
    assert "货款" in rows[0].remark
    assert skipped == {"招商银行": 1, "中国银行": 1, "微信支付": 1, "English": 1}.get(bank, 0)


def test_the_same_file_and_the_same_row_of_another_file_are_taken_once(seller: Seller) -> None:
    first = take(seller, english("2026-11-20,100,A,x,", "2026-11-20,100,A,x,", "2026-11-21,5,B,,r1"))
    assert (first.rows, first.known) == (3, 0)
    with pytest.raises(CannotTake, match="imported already"):
        take(seller, english("2026-11-20,100,A,x,", "2026-11-20,100,A,x,", "2026-11-21,5,B,,r1"), name="again.csv")
    wider = take(
        seller, english("2026-11-19,7,A,x,", "2026-11-20,100,A,x,", "2026-11-20,100,A,x,", "2026-11-21,5,B,,r1")
    )
    assert (wider.rows, wider.known, wider.lines.get().amount) == (4, 3, 7)
    assert BankLine.objects.count() == 4


def test_eight_imports_of_one_file_at_once_take_each_row_once(seller: Seller) -> None:
    def work(_number: int) -> None:
        try:
            take(seller, english("2026-11-20,100,A,x,", "2026-11-21,5,B,,r1"))
        except CannotTake:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert (BankFile.objects.count(), BankLine.objects.count()) == (1, 2)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "unknown_format"),
        ("a,b\n1,2\n", "unknown_format"),
        (english("2026-13-40,5,A,,"), "no_day"),
        (english("soon,5,A,,"), "no_day"),
        (english("2026-11-20,5 CNY,A,,"), "no_amount"),
        (english("2026-11-20,NaN,A,,"), "no_amount"),
        (english("2026-11-20,1e99,A,,"), "no_amount"),
        ("\x00PK", "no_text"),
        ("x" * (8 * 1024 * 1024 + 1), "too_large"),
    ],
)
def test_what_is_no_export_is_refused_and_nothing_is_taken(seller: Seller, text: str, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        take(seller, text)
    assert refusal.value.code == code
    assert not BankFile.objects.exists()


def test_a_format_of_ones_own_is_known_by_its_columns(seller: Seller) -> None:
    BankFormat.objects.create(
        name="Village bank", day="Tag", amount="Betrag", direction="Art", incoming="H", payer="Wer", remark="Zweck, Text"
    )  # fmt: skip
    text = "Tag,Art,Betrag,Wer,Zweck,Text\n2026-11-20,H,5,A,x,y\n2026-11-20,S,5,A,x,y\n"
    name, rows, skipped = read_export(text.encode(), layouts(), currency="EUR")
    assert (name, [(row.amount, row.currency, row.remark) for row in rows], skipped) == (
        "Village bank",
        [(5, "EUR", "x y")],
        1,
    )


def test_rows_are_proposed_by_number_tax_id_name_and_amount(bill: Any, seller: Seller, tenant: Tenant) -> None:
    other = Tenant.objects.create(
        seller=seller, code="south", name_zh="南方银行", name_en="Southern Bank", zone="UTC", tax_id="91310000MA1K4XBX03"
    )  # fmt: skip
    old, new, third = bill("70", -5), bill("100"), bill("33.30", 40)
    file = take(
        seller,
        english(
            f"2026-11-20,100,someone,pays {new.number},r1",
            "2026-11-20,33.30,NORTHERN EXPRESS,,r2",
            "2026-11-20,80,Northern Express,,r3",
            "2026-11-20,5,,tax 91310000MA1K4XBX03,r4",
            "2026-11-20,12,nobody,,r5",
        ),
    )
    lines = list(file.lines.order_by("position"))
    found = propose(lines, seller.pk)
    told = [(found[line.pk].tenant, found[line.pk].amounts, found[line.pk].by) for line in lines]
    assert told == [
        (tenant, {new.pk: 100}, ("number", "amount")),
        (tenant, {third.pk: Decimal("33.30")}, ("name", "amount")),
        (tenant, {old.pk: 70}, ("name",)),
        (other, {}, ("tax id",)),
        (None, {}, ()),
    ]
    ignore(lines[0].pk, by="li", now=NOW)
    payment = confirm(lines[2].pk, tenant, found[lines[2].pk].amounts, by="li", now=NOW)
    assert (payment.amount, payment.rest, payment.reference, payment.payer) == (80, 10, "r3", "Northern Express")
    assert Receivable.objects.get(invoice=old).open == 0
    for line in lines[:1] + lines[2:3]:
        with pytest.raises(CannotTake, match="decided already"):
            confirm(line.pk, tenant, None, by="li", now=NOW)


def test_a_row_is_recorded_once_however_many_confirm_it(bill: Any, seller: Seller, tenant: Tenant) -> None:
    bill("70")
    line = take(seller, english("2026-11-20,70,A,,")).lines.get()

    def work(_number: int) -> str:
        try:
            confirm(line.pk, tenant, None, by="li", now=NOW)
        except CannotTake as refusal:
            return refusal.code
        finally:
            connection.close()
        return "recorded"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == ["decided"] * 7 + ["recorded"]
    assert Payment.objects.count() == 1


def test_a_refused_confirmation_leaves_the_row_waiting(bill: Any, seller: Seller, tenant: Tenant) -> None:
    invoice = bill("70")
    elsewhere = Seller.objects.create(code="other", name_zh="别家", name_en="Other", email="a@b.example")
    stranger = Tenant.objects.create(seller=elsewhere, code="theirs", name_zh="他", name_en="Theirs", zone="UTC")
    line = take(seller, english("2026-11-20,80,A,,")).lines.get()
    with pytest.raises(CannotTake, match="another seller"):
        confirm(line.pk, stranger, None, by="li", now=NOW)
    with pytest.raises(CannotPay):
        confirm(line.pk, tenant, {invoice.pk: Decimal(71)}, by="li", now=NOW)
    assert (BankLine.objects.get().state, Payment.objects.count()) == ("waiting", 0)
