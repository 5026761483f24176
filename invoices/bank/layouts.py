"""How banks write their exports: which column says what. An own one is a row of BankFormat, as finance enters it."""

from __future__ import annotations

from dataclasses import dataclass

from invoices.models import BankFormat


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of the columns in the head of an export; of several names the first that is there counts.

    All columns of ``remark`` are read. Where one column has both directions, ``direction`` names the column that tells
    them apart and ``incoming`` the word for money that came in.
    """

    name: str
    day: tuple[str, ...]
    amount: tuple[str, ...]
    payer: tuple[str, ...] = ()
    remark: tuple[str, ...] = ()
    serial: tuple[str, ...] = ()
    currency: tuple[str, ...] = ()
    direction: tuple[str, ...] = ()
    incoming: str = ""


# As the corporate online banks head their CSV exports; what stands in brackets at the end of a name is left out.
PRESETS: tuple[Layout, ...] = (
    Layout(
        "招商银行", day=("交易日", "交易日期"), amount=("贷方金额",), payer=("收(付)方名称", "收付方名称"),
        remark=("摘要", "用途", "业务摘要", "其它摘要"), serial=("流水号", "交易流水号"), currency=("币种",),
    ),
    Layout(
        "建设银行", day=("记账日期", "交易日期", "交易时间"), amount=("贷方发生额",), payer=("对方户名",),
        remark=("摘要", "备注"), serial=("账户明细编号-交易流水号", "交易流水号"), currency=("币种",),
    ),
    Layout(
        "工商银行", day=("交易时间", "交易日期"), amount=("贷方发生额", "转入金额"), payer=("对方单位名称", "对方单位"),
        remark=("摘要", "用途", "附言", "个性化信息"), serial=("交易流水号",), currency=("币种",),
    ),
    Layout(
        "农业银行", day=("交易时间", "交易日期"), amount=("收入金额",), payer=("对方户名", "对方账户名称"),
        remark=("交易用途", "交易摘要", "摘要", "附言"), serial=("交易流水号", "日志号"), currency=("币种",),
    ),
    Layout(
        "中国银行", day=("交易日期",), amount=("交易金额",), payer=("付款人名称",),
        remark=("用途", "摘要", "备注", "交易附言"), serial=("交易流水号",), currency=("交易货币",),
        direction=("交易类型",), incoming="来账",
    ),
    Layout(
        "支付宝", day=("发生时间", "入账时间"), amount=("收入金额", "收入"), payer=("对方名称", "对方账号"),
        remark=("备注", "商品名称", "业务描述"), serial=("账务流水号", "支付宝流水号"),
    ),
    Layout(
        "微信支付", day=("记账时间",), amount=("收支金额",), remark=("备注", "业务名称"), serial=("资金流水单号",),
        direction=("收支类型",), incoming="收入",
    ),
    Layout(
        "English", day=("Date", "Value date", "Booking date"), amount=("Credit", "Amount"), payer=("Payer", "Counterparty", "Name"),
        remark=("Remark", "Description", "Details"), serial=("Reference", "Transaction id"), currency=("Currency",),
    ),
)  # fmt: skip


def layouts() -> list[Layout]:
    """List finance's own formats, then the presets."""
    return [_own(each) for each in BankFormat.objects.all()] + list(PRESETS)


def _own(kept: BankFormat) -> Layout:
    def one(name: str) -> tuple[str, ...]:
        return (name.strip(),) if name.strip() else ()

    several = kept.remark.replace("，", ",").split(",")
    return Layout(
        kept.name, one(kept.day), one(kept.amount), one(kept.payer), tuple(name.strip() for name in several if name.strip()),
        one(kept.serial), one(kept.currency), one(kept.direction), kept.incoming.strip(),
    )  # fmt: skip
