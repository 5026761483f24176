"""The words and figures people read on an invoice: labels, dates, amounts, amounts in words, zh and en.

Nothing here computes money. Every function takes the decimal strings of the stored document and gives back
text for people; no figure is rounded on the way, except a percentage of change, which is prose.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, cast
from unicodedata import category

import cn2an
from num2words import num2words

from billing.money import decimals_of

Language = Literal["zh", "en"]

MINUS = "\N{MINUS SIGN}"
# (zh, en); one table for the PDF, the mail and the page, so that they never differ.
_LABELS: dict[str, tuple[str, str]] = {
    "invoice": ("账单", "Invoice"),
    "credit_note": ("红字账单", "Credit note"),
    "draft": ("草稿", "DRAFT"),
    "draft_note": (
        "草稿，仅供核对，金额可能变动，请勿据此付款。",
        "A draft for checking: figures may change. Do not pay it.",
    ),
    "not_numbered": ("未编号", "not numbered yet"),
    "number": ("账单编号", "Invoice number"),
    "credit_note_number": ("红字账单编号", "Credit note number"),
    "credits": ("红冲账单", "Credits invoice"),
    "reason": ("原因", "Reason"),
    "credited_by": ("本账单已由红字账单 {notes} 冲减。", "This invoice is credited by {notes}."),
    "paid_in_full": ("本账单已付清。", "This invoice is paid in full."),
    "paid_in_part": ("已收到部分款项，待付 {open}。", "Paid in part; still to be paid: {open}."),
    "overdue": ("已逾期，待付 {open}。", "Overdue; still to be paid: {open}."),
    "period": ("账期", "Billing period"),
    "zone": ("时区", "Time zone"),
    "issued_on": ("出账日期", "Issued on"),
    "due_on": ("付款期限", "Due date"),
    "contract": ("合同", "Contract"),
    "version": ("合同版本", "Contract version"),
    "currency": ("币种", "Currency"),
    "seller": ("开具方", "From"),
    "buyer": ("客户", "Bill to"),
    "code": ("客户编号", "Customer code"),
    "tax_id": ("纳税人识别号", "Tax ID"),
    "address": ("地址", "Address"),
    "contact": ("联系人", "Contact"),
    "phone": ("电话", "Phone"),
    "email": ("邮箱", "E-mail"),
    "bank_name": ("开户银行", "Bank"),
    "bank_account": ("银行账号", "Account"),
    "account_holder": ("户名", "Account holder"),
    "payment_reference": ("付款附言", "Payment reference"),
    "pay_to": ("付款信息", "How to pay"),
    "amount_due": ("应付金额", "Amount due"),
    "amount_credited": ("红冲金额", "Amount credited"),
    "item": ("项目", "Item"),
    "used": ("使用量", "Used"),
    "billed": ("计费量", "Billed"),
    "unit": ("单位", "Unit"),
    "unit_price": ("单价", "Unit price"),
    "tax_rate": ("税率", "Tax"),
    "amount": ("金额", "Amount"),
    "net_at": ("不含税金额（税率 {rate}）", "Net at {rate}"),
    "tax_at": ("税额（税率 {rate}）", "Tax at {rate}"),
    "tax_included_at": ("其中税额（税率 {rate}）", "Of which tax at {rate}"),
    "untaxed_E": ("税率为 0% 的项目免征增值税。", "The items at 0% are exempt from VAT."),
    "untaxed_AE": (
        "反向征收：税率为 0% 的项目，增值税由购买方申报缴纳。",
        "Reverse charge: the customer accounts for the VAT on the items at 0%.",
    ),
    "untaxed_G": (
        "出口：税率为 0% 的项目为出口服务，不征增值税。",
        "Export: the items at 0% are exported and bear no VAT.",
    ),
    "untaxed_Z": ("税率为 0% 的项目适用增值税零税率。", "The items at 0% are zero-rated for VAT."),
    "untaxed_O": ("税率为 0% 的项目不属于增值税征税范围。", "The items at 0% are not subject to VAT."),
    "untaxed_because": ("依据：{reason}", "Ground: {reason}"),
    "total": ("价税合计", "Total"),
    "in_words": ("大写", "In words"),
    "lines": ("账单明细", "What you pay for"),
    "lines_credited": ("红冲明细", "What is credited"),
    "paragraph": ("合同第 {reference} 条", "Contract § {reference}"),
    "from_period": ("补计 {period}", "For {period}"),
    "version_n": ("第 {number} 版", "version {number}"),
    "how_computed": ("计费规则", "How this bill was computed"),
    "evidence": ("对账依据", "Evidence"),
    "evidence_calls": (
        "本账单依据 {calls} 条话单计算，其摘要为：",
        "This bill was computed from {calls} call records. Their digest:",
    ),
    "evidence_verify": (
        "在账单页面下载对账证据包，用 python -m billing.rating.verify 可离线由话单重新算出本账单的每一行；任何一条话单改动，摘要即随之改变。",
        (
            "Download the evidence bundle from the invoice's page: python -m billing.rating.verify recomputes every line "
            "from the calls, offline. Changing any call record changes the digest."
        ),
    ),
    "not_a_tax_invoice": (
        "本账单用于对账与付款，不是发票。发票由税务平台另行开具。",
        (
            "This document is for payment and reconciliation. It is not a Chinese tax invoice; "
            "that one is issued separately by the tax platform."
        ),
    ),
    "not_a_tax_invoice_short": ("本账单不是发票", "This is not a Chinese tax invoice"),
    "not_covered": ("未计费用量", "Usage not charged"),
    "page_of": ("第 {page} 页，共 {pages} 页", "Page {page} of {pages}"),
    "usage_by_day": ("每日用量", "Usage by day"),
    "calls": ("呼叫次数", "Calls"),
    "answered": ("接通", "Answered"),
    "talk_seconds": ("通话时长", "Talk time"),
    "billed_seconds": ("计费时长", "Billed time"),
    "day": ("日期", "Day"),
    "billed_minutes": ("计费分钟", "Billed minutes"),
    "changed": ("与上期相比", "Against the period before"),
    "first_bill": ("这是您的第一份账单。", "This is your first bill."),
    "top_lines": ("主要费用", "Largest items"),
    "more_lines": ("另有 {count} 项，见附件或账单页面。", "{count} more: see the PDF or the hosted page."),
    "open_page": ("查看账单明细", "Open the invoice"),
    "open_page_why": (
        "逐项明细、计费说明与话单核对，无需登录：",
        "Every line with its explanation, no account needed:",
    ),
    "attached": ("本邮件附有账单文件。", "The invoice is attached as PDF."),
    "statement": ("对账单", "Statement of account"),
    "statement_period": ("对账期间", "Period"),
    "drawn_on": ("制表日期", "Drawn up on"),
    "movements": ("往来明细", "Movements"),
    "on": ("日期", "Date"),
    "what": ("事项", "What"),
    "reference": ("单号", "Reference"),
    "balance_column": ("余额", "Balance"),
    "opening_balance": ("期初余额", "Opening balance"),
    "closing_balance": ("期末余额", "Closing balance"),
    "you_owe": ("期末应付", "You owe"),
    "in_your_favour": ("期末预收（我方欠贵方）", "In your favour"),
    "moved_issued": ("账单", "Invoice"),
    "moved_credited": ("红字账单", "Credit note"),
    "moved_received": ("回款", "Payment"),
    "moved_reversed": ("回款冲销", "Payment reversed"),
    "moved_allocated": ("核销", "Allocated"),
    "moved_written_off": ("坏账核销", "Written off"),
    "moved_refunded": ("退款", "Paid back"),
    "moved_released": ("取消核销", "Released"),
    "ageing_on": ("账龄（截至制表日期）", "By age, on the day drawn up"),
    "age_not_due": ("未到期", "Not due"),
    "age_30": ("逾期 1–30 天", "1–30 days overdue"),
    "age_60": ("逾期 31–60 天", "31–60 days"),
    "age_90": ("逾期 61–90 天", "61–90 days"),
    "age_older": ("逾期 90 天以上", "Over 90 days"),
    "age_credit": ("预收余额", "On account"),
    "open_invoices": ("未付账单", "Open invoices"),
    "no_movements": ("本期无往来。", "Nothing moved in this period."),
    "statement_check": (
        "请核对；如有不符，请于收到后 15 日内回复。本对账单不是发票。",
        "Please compare it with your books and tell us within 15 days if it differs. This is not a tax invoice.",
    ),
    "statement_subject": (
        "{seller}对账单：{period}，{balance}",
        "Statement of account from {seller}: {period}, {balance}",
    ),
    "statement_opening": ("附件是您{period}的对账单。", "Attached is your statement of account for {period}."),
    "statement_attached": ("本邮件附有对账单文件。", "The statement is attached as PDF."),
    "greeting": ("{name}，您好：", "Dear {name},"),
    "opening": ("您{period}的账单已出具。", "Your invoice for {period} is ready."),
    "opening_credit_note": ("您的红字账单已出具（{period}）。", "Your credit note for {period} is ready."),
    "closing": ("如有疑问，请回复本邮件。", "Questions? Just reply to this mail."),
    "questions": ("账单异议与答复", "Questions and answers"),
    "ask_finance": ("对账单有疑问？", "A question about this invoice?"),
    "fit": ("用量体检", "Fit report"),
    "fit_why": ("本月哪些付费未用、哪种合同更省：", "What this month was paid and not used, and what would cost less:"),
    "running_month": ("本月至今", "The running month"),
    "ask_line": ("对本行提问", "Ask about this line"),
    "ask_about": ("关于", "About"),
    "whole_invoice": ("整张账单", "the whole invoice"),
    "your_name": ("您的姓名（选填）", "Your name (optional)"),
    "your_question": ("您的问题", "Your question"),
    "question_hint": (
        "最多 2000 字。答复会发送到贵司接收账单的邮箱，并显示在账单页面。",
        "At most 2000 characters. The answer goes to those who receive your invoices, and onto the invoice's page.",
    ),
    "send_question": ("提交问题", "Send the question"),
    "question_sent": ("您的问题已提交，财务人员将尽快答复。", "Your question is with the finance team."),
    "question_holds": (
        "本账单有尚未办结的异议，付款提醒已暂停。",
        "A question about this invoice is open; no reminder is sent until it is settled.",
    ),
    "question_waits": ("待答复", "waiting for an answer"),
    "question_answered": ("已答复", "answered"),
    "question_settled": ("已办结", "settled"),
    "answer": ("答复", "Answer"),
    "reminder_before": ("账单 {number} 将于{due}到期，谨此提醒。", "Invoice {number} falls due on {due}."),
    "reminder_after": (
        "账单 {number} 的付款期限为{due}，已逾期 {days} 天，我们尚未收到全部款项。",
        "Invoice {number} was due on {due}, {days} days ago, and has not been paid in full.",
    ),
    "reminder_crossed": (
        "如您已付款，请忽略本邮件；款项与本邮件可能交错到达。",
        "If you have paid meanwhile, please disregard this mail.",
    ),
    "reminder_subject_before": (
        "付款提醒：{seller}账单 {number}，待付 {open}，{due}到期",
        "Payment reminder from {seller}: invoice {number}, {open} due on {due}",
    ),
    "reminder_subject_after": (
        "第 {level} 次付款提醒：{seller}账单 {number} 已逾期 {days} 天，待付 {open}",
        "Reminder {level} from {seller}: invoice {number}, {open}, overdue by {days} days",
    ),
    "still_open": ("待付金额", "Still to be paid"),
    "subject_invoice": (
        "{seller}账单 {number}：{period}，应付 {total}，{due}前付款",
        "Invoice {number} from {seller}: {total} for {period}, due {due}",
    ),
    "subject_credit_note": (
        "{seller}红字账单 {number}：{period}，{total}",
        "Credit note {number} from {seller}: {total} for {period}",
    ),
    "download_pdf": ("下载 PDF", "Download PDF"),
    "download_tax_invoice": ("下载发票", "Download tax invoice"),
    "tax_invoice_received": ("数电票 {number} 已于{day}开具。", "Tax invoice {number} was issued on {day}."),
    "tax_invoice_cancelled": (
        "发票已红冲，红字数电票 {number}（{day}）。",
        "The tax invoice was cancelled by the red one {number} of {day}.",
    ),
    "pay_by": ("在线付款：{gateway}", "Pay by {gateway}"),
    "download_evidence": ("下载对账证据包", "Download evidence bundle"),
    "download_calls": ("下载话单", "Download calls (CSV)"),
    "see_calls": ("查看话单", "See the calls"),
    "calls_of_line": ("话单明细", "Calls behind a line"),
    "back_to_invoice": ("返回账单", "Back to the invoice"),
    "all_days": ("全部", "All days"),
    "show": ("查看", "Show"),
    "started_at": ("开始时间", "Started"),
    "caller": ("主叫", "From"),
    "callee": ("被叫", "to"),
    "robot_line_region": ("机器人 · 线路 · 地区", "Robot · line · region"),
    "call_id": ("话单号", "Call id"),
    "no_calls": ("这一天没有话单。", "No calls on this day."),
    "pages": ("翻页", "Pages"),
    "first_page": ("第一页", "First page"),
    "next_page": ("下一页", "Next page"),
    "goes_on": ("接续前一时段，不另计次", "goes on from the band before, counted there"),
    "tiers_share_calls": (
        "同一计费条款的各阶梯行、限额内外各行由同一批话单计算。号码已隐去中间各位。",
        "Lines that are tiers of one clause, or within and beyond its limit, are computed from the same calls. Numbers are masked.",
    ),
    "other_language": ("English", "中文"),
    "downloads": ("下载", "Downloads"),
    "particulars": ("账单信息", "Particulars"),
    "skip": ("跳到明细", "Skip to the lines"),
    "line_evidence": (
        "{calls} 次呼叫，通话 {talk}，计费 {billed}",
        "{calls} calls, {talk} of talk time, {billed} billed",
    ),
    "line_calls": ("{calls} 次呼叫", "{calls} calls"),
    "peak_day": (
        "用量最高：{day}，{calls} 次呼叫，计费 {minutes} 分钟。",
        "Busiest day: {day}, {calls} calls, {minutes} billed minutes.",
    ),
    "chart_by_day": (
        "每日计费分钟柱状图，共 {days} 天。",
        "Bar chart of billed minutes per day, {days} days.",
    ),
    "show_figures": ("显示数据", "Show the figures"),
    "charges": ("费用小计", "Charges"),
    "cell_otherwise": ("其他", "all other"),
    "by_region": ("地区", "region"),
    "by_band": ("时段", "band"),
    "by_robot": ("机器人", "robot"),
    "by_line": ("线路", "line"),
    "by_direction": ("方向", "direction"),
    "by_language": ("语种", "language"),
    "by_module": ("功能模块", "module"),
    "by_label": ("标签", "label"),
    "tier_first": ("{high} {unit}以内", "up to {high} {unit}"),
    "tier_between": ("{low} 至 {high} {unit}", "{low} to {high} {unit}"),
    "tier_above": ("{low} {unit}以上", "above {low} {unit}"),
    "price_changes": ("价格变动", "Price changes"),
    "price_change": (
        "自 {day}起（第 {version} 版）：{name}，{what} {before} → {after}",
        "From {day} (version {version}): {name}, {what} {before} → {after}",
    ),
    "balance": (
        "{package}（{bought}购买）：本期抵扣 {drawn}，剩余 {left}",
        "{package}, bought on {bought}: {drawn} drawn down in this period, {left} left",
    ),
    "balance_expired": ("，过期 {expired}", ", {expired} expired"),
    "beyond_limit": ("超出上限", "beyond the limit"),
    "drawdown": ("套餐抵扣", "drawn from the package"),
    "balance_until": ("，有效期至 {day}", ", valid until {day}"),
    "balances": ("套餐包余额", "Package balances"),
    "uncovered": (
        "{calls} 次呼叫（通话 {talk}）没有适用的计费条款，未计费。",
        "{calls} calls ({talk} of talk time) are covered by no clause and were not charged.",
    ),
    "unanswered": ("{calls} 次呼叫未接通，不计费。", "{calls} calls were not answered; nothing is charged for them."),
    "more_than": (
        "比{period}（{was}）多 {difference}，增加 {percent}。",
        "{difference} more than {period} ({was}), up {percent}.",
    ),
    "less_than": (
        "比{period}（{was}）少 {difference}，减少 {percent}。",
        "{difference} less than {period} ({was}), down {percent}.",
    ),
    "more_than_nothing": ("比{period}（{was}）多 {difference}。", "{difference} more than {period} ({was})."),
    "less_than_nothing": ("比{period}（{was}）少 {difference}。", "{difference} less than {period} ({was})."),
    "unchanged": ("与{period}（{was}）相同。", "The same as {period} ({was})."),
    "reason_more": ("{name}：多 {difference}", "{name}: {difference} more"),
    "reason_less": ("{name}：少 {difference}", "{name}: {difference} less"),
    "mainly": ("主要变化：", "Mainly: "),
    "no_lines": ("本期没有费用。", "Nothing to pay for in this period."),
}

# Short forms for a column; the engine's explanations say the same units in full (billing/rating/wording.py).
_UNITS: dict[str, tuple[str, str]] = {
    "second": ("秒", "s"),
    "minute": ("分钟", "min"),
    "hour": ("小时", "h"),
    "call": ("次", "call"),
    "event": ("笔", "event"),
    "order": ("单", "order"),
    "once": ("次", "once"),
    "block": ("块", "block"),
    "package": ("个", "package"),
    "unit": ("个", "unit"),
    "item": ("项", "item"),
    "analysis": ("次", "analysis"),
    "day": ("天", "day"),
    "month": ("月", "month"),
    "module": ("月", "month"),
    "quarter": ("季", "quarter"),
    "half_year": ("半年", "half-year"),
    "year": ("年", "year"),
    "module_day": ("模块·天", "module-day"),
    "seat": ("坐席", "seat"),
    "seat_day": ("坐席·天", "seat-day"),
    "slot": ("并发", "slot"),
    "slot_day": ("并发·天", "slot-day"),
    "channel": ("通道", "channel"),
    "channel_day": ("通道·天", "channel-day"),
    "number": ("号码", "number"),
    "number_day": ("号码·天", "number-day"),
    "robot": ("机器人", "robot"),
    "robot_day": ("机器人·天", "robot-day"),
    "line": ("线路", "line"),
    "line_day": ("线路·天", "line-day"),
    "percent": ("", ""),
    "currency": ("", ""),
    "money": ("", ""),
}

# Values that contracts and call records share by convention; all others are codes and shown as written.
_VALUES: dict[str, tuple[str, str]] = {
    "peak": ("高峰", "peak"),
    "off_peak": ("非高峰", "off-peak"),
    "off-peak": ("非高峰", "off-peak"),
    "night": ("夜间", "night"),
    "inbound": ("呼入", "inbound"),
    "outbound": ("呼出", "outbound"),
}

_CURRENCIES: dict[str, tuple[str, str]] = {
    "CNY": ("人民币", "Chinese yuan"),
    "USD": ("美元", "US dollars"),
    "EUR": ("欧元", "euros"),
    "GBP": ("英镑", "pounds sterling"),
    "HKD": ("港元", "Hong Kong dollars"),
    "MOP": ("澳门元", "Macanese patacas"),
    "TWD": ("新台币", "New Taiwan dollars"),
    "SGD": ("新加坡元", "Singapore dollars"),
    "JPY": ("日元", "Japanese yen"),
    "KRW": ("韩元", "South Korean won"),
    "KWD": ("科威特第纳尔", "Kuwaiti dinars"),
    "BHD": ("巴林第纳尔", "Bahraini dinars"),
    "THB": ("泰铢", "Thai baht"),
    "AUD": ("澳大利亚元", "Australian dollars"),
}

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def pick(language: Language, zh: str, en: str) -> str:
    """Take the text of the language."""
    return zh if language == "zh" else en


def label(language: Language, key: str, **values: str) -> str:
    """Say the label ``key``; its {names} are filled from ``values`` as plain text."""
    return pick(language, *_LABELS[key]).format(**values)


def labels(language: Language) -> dict[str, str]:
    """Give all labels of a language, unfilled, for a template."""
    return {key: pick(language, *both) for key, both in _LABELS.items()}


def named(language: Language, thing: Mapping[str, Any], field: str) -> str:
    """Take ``field_zh`` or ``field_en`` of a party or contract; if that is empty, ``field``, or the other language's.

    A name exists in at least one language; inventing a translation would be worse than showing it as it is.
    """
    other = pick(language, "en", "zh")
    return str(thing.get(f"{field}_{language}") or thing.get(field) or thing.get(f"{field}_{other}") or "")


def tidy(text: str) -> str:
    """Put a text on one line, without control characters and without marks that turn its direction round."""
    if text.isprintable():
        return text
    kept = (
        " " if category(char) in ("Cc", "Zl", "Zp") else char for char in text if category(char) not in ("Cf", "Cs")
    )
    return "".join(kept)


def unit_name(language: Language, unit: str) -> str:
    """Name a unit for a column; a contract's own unit (a counter it invented) is shown as written."""
    count, _, rest = unit.partition("_")
    if rest == "seconds" and count.isdigit():
        return pick(language, f"{count} 秒", f"{count} s")
    return pick(language, *_UNITS.get(unit, (unit, unit)))


def value_name(language: Language, value: str) -> str:
    """Name a value of a dimension (a band, a direction); a code is shown as written."""
    return pick(language, *_VALUES.get(value, (value, value)))


def currency_name(language: Language, currency: str) -> str:
    """Name a currency with its code: 人民币（CNY）, Chinese yuan (CNY)."""
    known = _CURRENCIES.get(currency)
    return pick(language, f"{known[0]}（{currency}）", f"{known[1]} ({currency})") if known else currency


# Dates


def day(language: Language, iso: str) -> str:
    """Write an ISO date: 2026年11月1日, 1 November 2026; an empty one as a dash."""
    if not iso:
        return "—"
    on = date.fromisoformat(iso)
    return pick(language, f"{on.year}年{on.month}月{on.day}日", f"{on.day} {_MONTHS[on.month - 1]} {on.year}")


def day_short(language: Language, iso: str) -> str:
    """Write an ISO date without its year: 11月1日, 1 Nov."""
    on = date.fromisoformat(iso)
    return pick(language, f"{on.month}月{on.day}日", f"{on.day} {_MONTHS[on.month - 1][:3]}")


def period(language: Language, start: str, end: str) -> str:
    """Name a half-open period: a calendar month by its name, all else by its first and last day.

    ``end`` is exclusive in the document; people expect the last day itself.
    """
    first, after = date.fromisoformat(start), date.fromisoformat(end)
    if first.day == 1 and after.day == 1 and (first + timedelta(days=32)).replace(day=1) == after:
        return pick(language, f"{first.year}年{first.month}月", f"{_MONTHS[first.month - 1]} {first.year}")
    return span(language, start, end)


def span(language: Language, start: str, end: str) -> str:
    """Write a half-open period by its first and last day."""
    last = (date.fromisoformat(end) - timedelta(days=1)).isoformat()
    return pick(language, " 至 ", " – ").join((day(language, start), day(language, last)))


def days(language: Language, start: str, end: str) -> str:
    """Write a part of a month by its first and last day, without the year: 10月16日至10月31日, 16 Oct – 31 Oct."""
    last = (date.fromisoformat(end) - timedelta(days=1)).isoformat()
    return pick(language, "至", " – ").join((day_short(language, start), day_short(language, last)))


def day_before(iso: str) -> str:
    """Give the day before an exclusive end, ISO 8601."""
    return (date.fromisoformat(iso) - timedelta(days=1)).isoformat()


# Figures


def figure(value: str, least: int = 0) -> str:
    """Group the thousands of a decimal string, keep its digits, show at least ``least`` decimals.

    A quantity that does not end ("11/3") is shown with six decimals and a sign that says so.
    """
    if "/" in value:
        part = Fraction(value)
        exact = Decimal(part.numerator) / Decimal(part.denominator)
        shown = exact.quantize(Decimal("0.000001")).normalize()
        return ("" if Fraction(shown) == part else "≈") + figure(f"{shown:f}", least)
    number = Decimal(value)
    whole, _, decimals = f"{abs(number):f}".partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    text = f"{int(whole):,}" + (f".{decimals}" if decimals else "")
    return (MINUS if number < 0 else "") + text


def amount(value: str, currency: str) -> str:
    """Write an amount of money without its currency, with the currency's decimals."""
    return figure(value, decimals_of(currency))


def money(language: Language, value: str, currency: str) -> str:
    """Write an amount with its currency: ¥9,540.00 in a Chinese text, CNY 9,540.00 in an English one."""
    bare = amount(value.lstrip("-"), currency)
    sign = MINUS if Decimal(value) < 0 else ""
    return f"{sign}¥{bare}" if language == "zh" and currency == "CNY" else f"{sign}{currency} {bare}"


def percent(rate: str) -> str:
    """Write a rate ("0.06") as a percentage (6%)."""
    return figure(str(Decimal(rate) * 100)) + "%"


def duration(language: Language, seconds: int) -> str:
    """Write seconds as people say them, in hours and minutes, seconds only below an hour."""
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    if hours:
        return pick(language, f"{hours:,} 小时 {minutes} 分", f"{hours:,} h {minutes} min")
    return pick(language, f"{minutes} 分 {rest} 秒", f"{minutes} min {rest} s")


# Amounts in words


def in_words(language: Language, value: str, currency: str) -> str:
    """Say an amount in words, 人民币大写 in Chinese, for at most 16 digits before the point."""
    number = Decimal(value)
    places = decimals_of(currency)
    plain = f"{abs(number):.{places}f}"
    if language == "zh":
        return _in_capitals(plain, number < 0, currency)
    return _in_english(plain, number < 0, currency)


def _in_capitals(plain: str, negative: bool, currency: str) -> str:
    """Write Chinese capitals: 人民币壹万零壹拾元整; a currency of thousandths says its digits after 点.

    The rules are those for filling in bills of exchange (支付结算办法, annex 1): 整 closes yuan and jiao,
    nothing closes fen, and a zero jiao before fen is said.
    """
    name = _CURRENCIES.get(currency, (currency, currency))[0]
    if decimals_of(currency) > 2:
        said = str(cn2an.an2cn(plain.rstrip("0").rstrip("."), "up")) + "整"
    else:
        said = str(cn2an.an2cn(plain, "rmb"))
        said += "整" if said.endswith("角") else ""
    return name + ("负" if negative else "") + said


def _in_english(plain: str, negative: bool, currency: str) -> str:
    """Write English words, the fraction in figures as banks do: Chinese yuan ten and 05/100."""
    name = _CURRENCIES.get(currency, (currency, currency))[1]
    whole, _, decimals = plain.partition(".")
    said = cast("str", num2words(int(whole), lang="en"))
    fraction = f"and {decimals}/1{'0' * len(decimals)}" if decimals.strip("0") else "only"
    text = f"{'minus ' if negative else ''}{said} {fraction}"
    return f"{name[0].upper()}{name[1:]} {text}"
