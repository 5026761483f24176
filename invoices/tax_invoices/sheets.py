"""Requests as the tax bureau's batch import reads them (批量开票模板): heads in the third row, rows from the fourth on.

Amounts go in with tax (是否含税: 是), so that each total is the invoice's to the fen whatever the bureau rounds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from decimal import Decimal
from typing import IO, Any, cast

from billing.money import round_to
from billing.rating.exact import exact
from invoices.tax_invoices.lines import DISCOUNT, PLACES

SHOWN = "展示地址、电话、开户银行及银行账号"
BASE = (
    "发票流水号", "发票类型", "特定业务类型", "是否含税", "受票方自然人标识", "购买方名称", "购买方纳税人识别号",
    "购买方证件类型", "购买方证件号码", "购买方国籍（或地区）", "购买方地址", "购买方电话", "购买方开户银行", "购买方银行账号",
    "备注", "报废产品销售类型", "是否展示购买方地址电话银行账号", "销售方开户行", "销售方银行账号",
    "是否展示销售方地址电话银行账号", "购买方邮箱", "购买方经办人姓名", "购买方经办人证件类型", "购买方经办人证件号码",
    "经办人国籍(地区)", "经办人自然人纳税人识别号", "放弃享受减按1%征收率原因", "收款人", "复核人",
)  # fmt: skip
DETAIL = (
    "发票流水号", "项目名称", "商品和服务税收编码", "规格型号", "单位", "数量", "单价", "金额", "税率", "折扣金额",
    "是否使用优惠政策", "优惠政策类型", "即征即退类型",
)  # fmt: skip
RED = (
    "流水号", "对应蓝字数电发票号码", "蓝字开票日期", "购买方名称", "购买方纳税人识别号", "冲红原因", "是否全额冲红", "金额",
    "税额", "价税合计", "说明", "项目名称", "商品和服务税收编码", "单位", "数量", "单价", "明细金额", "税率", "明细税额",
)  # fmt: skip


def workbook(requests: Iterable[dict[str, Any]]) -> IO[bytes]:
    """Write requests as an Excel file, blue ones for the batch import and red ones (红字信息确认单) on a sheet of their own.

    Return it opened at its beginning, for the caller to close.
    """
    import xlsxwriter  # only who exports pays for it

    asked = list(requests)
    blue = [each for each in asked if each["colour"] == "blue"]
    target = cast("IO[bytes]", tempfile.SpooledTemporaryFile(1 << 20))  # noqa: SIM115 - closed by who reads it
    with xlsxwriter.Workbook(target) as book:
        _sheet(book, "1-发票基本信息", BASE, [_base(each) for each in blue])
        _sheet(book, "2-发票明细信息", DETAIL, [row for each in blue for row in _detail(each)])
        if len(blue) < len(asked):
            _sheet(
                book, "红字信息确认单", RED, [row for each in asked if each["colour"] == "red" for row in _red(each)]
            )
    target.seek(0)
    return target


def _sheet(book: Any, name: str, heads: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    sheet, bold = book.add_worksheet(name), book.add_format({"bold": True})
    sheet.freeze_panes(3, 1)
    sheet.set_column(0, len(heads) - 1, 20)
    sheet.write_string(0, 0, name.partition("-")[2] or name, bold)
    for column, head in enumerate(heads):
        sheet.write_string(2, column, head, bold)
        for number, row in enumerate(rows):
            if text := row.get(head, ""):
                sheet.write_string(3 + number, column, text)  # text, so that no digit is lost and nothing is a formula


def _base(asked: dict[str, Any]) -> dict[str, str]:
    buyer, seller = asked["buyer"], asked["seller"]
    shown = any(buyer[name] for name in ("address", "phone", "bank_name", "bank_account"))
    return {
        "发票流水号": asked["serial"], "发票类型": asked["kind"], "是否含税": "是",
        "受票方自然人标识": "" if buyer["tax_id"] else "是", "购买方名称": buyer["name"],
        "购买方纳税人识别号": buyer["tax_id"], "购买方地址": buyer["address"], "购买方电话": buyer["phone"],
        "购买方开户银行": buyer["bank_name"], "购买方银行账号": buyer["bank_account"], "备注": asked["remarks"],
        "是否展示购买方地址电话银行账号": SHOWN if shown else "", "销售方开户行": seller["bank_name"],
        "销售方银行账号": seller["bank_account"], "购买方邮箱": buyer["email"],
    }  # fmt: skip


def _detail(asked: dict[str, Any]) -> list[dict[str, str]]:
    """Give a row for each line; a discount goes into the row of the line above it."""
    rows: list[dict[str, str]] = []
    for line in asked["lines"]:
        gross = Decimal(line["amount"]) + Decimal(line["tax"])
        if line["nature"] == DISCOUNT:
            rows[-1]["折扣金额"] = f"{-gross}"
            continue
        quantity = line["quantity"]
        price = f"{round_to(exact(gross) / exact(Decimal(quantity)), PLACES).normalize():f}" if quantity else ""
        rows.append({
            "发票流水号": asked["serial"], "项目名称": line["name"], "商品和服务税收编码": line["code"],
            "单位": line["unit"], "数量": quantity or "", "单价": price, "金额": f"{gross}", "税率": line["rate"],
            "是否使用优惠政策": "是" if line["policy"] else "", "优惠政策类型": line["policy"],
        })  # fmt: skip
    return rows


def _red(asked: dict[str, Any]) -> list[dict[str, str]]:
    """Give a row for each line of a red one, what concerns the whole in the first."""
    original = asked["original"]
    whole = {
        "对应蓝字数电发票号码": original["number"], "蓝字开票日期": original["issued_on"], "购买方名称": asked["buyer"]["name"],
        "购买方纳税人识别号": asked["buyer"]["tax_id"], "冲红原因": asked["reason"],
        "是否全额冲红": "是" if original["whole"] else "否", "金额": asked["amount"], "税额": asked["tax"],
        "价税合计": asked["total"], "说明": asked["explanation"],
    }  # fmt: skip
    return [
        (whole if number == 0 else {}) | {
            "流水号": asked["serial"], "项目名称": line["name"], "商品和服务税收编码": line["code"], "单位": line["unit"],
            "数量": line["quantity"] or "", "单价": line["price"] or "", "明细金额": line["amount"], "税率": line["rate"],
            "明细税额": line["tax"],
        }
        for number, line in enumerate(asked["lines"])
    ]  # fmt: skip
