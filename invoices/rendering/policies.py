"""How a bill was computed, as sentences for print: one per setting on which the trade disagrees.

Every value a contract can choose has its sentence; a value without one fails a test, never an invoice.
"""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal

from billing.rating.bill import Bill
from billing.rating.terms import Policies
from invoices import wording
from invoices.wording import Language

# setting → value → (zh, en). Kept in the order of the settings' table in docs/rating.md.
SENTENCES: dict[str, dict[object, tuple[str, str]]] = {
    "zero_usage_flat": {
        "not_charged": (
            "用量为零的阶梯，不收取该阶梯的固定费用。",
            "A tier without usage does not charge its flat fee.",
        ),
        "charged": ("用量为零的阶梯，仍收取该阶梯的固定费用。", "A tier without usage still charges its flat fee."),
    },
    "proration": {
        "calendar_days": (
            "不足整月的费用按当月日历天数折算。",
            "Fees for part of a month are prorated by the calendar days of the month.",
        ),
        "none": ("不足整月的费用不收取。", "Fees for part of a month are not charged."),
        "full_month": ("不足整月的费用按整月收取。", "Fees for part of a month are charged in full."),
        "thirty_days": (
            "不足整月的费用按每月三十天折算。",
            "Fees for part of a month are prorated as if every month had thirty days.",
        ),
    },
    "prorate_allowance": {
        True: ("不足整月时，套餐内用量按天折算。", "Included usage is prorated by days."),
        False: ("不足整月时，套餐内用量不折算。", "Included usage is not prorated."),
    },
    "prorate_commitment": {
        True: ("不足整月时，保底消费按天折算。", "The minimum commitment is prorated by days."),
        False: ("不足整月时，保底消费不折算。", "The minimum commitment is not prorated."),
    },
    "prorate_cap": {
        True: ("不足整月时，封顶金额按天折算。", "The cap is prorated by days."),
        False: ("不足整月时，封顶金额不折算。", "The cap is not prorated."),
    },
    "versions_split_month": {
        "whole_month": (
            "合同在月中变更时，保底与封顶按整月判断一次，各版本金额按天加权。",
            "When contract versions split a month, commitments and caps are judged once on the whole month, day-weighted.",
        ),
        "per_segment": (
            "合同在月中变更时，保底与封顶按各版本的时段分别判断。",
            "When contract versions split a month, commitments and caps are judged for each part.",
        ),
    },
    "tiers_across_versions": {
        "anew": ("合同在月中变更时，阶梯重新累计。", "When contract versions split a month, tiers start anew."),
        "carry": (
            "合同在月中变更时，阶梯沿用此前的累计用量。",
            "When contract versions split a month, tiers carry their position.",
        ),
    },
    "rounding": {
        "half-up": (
            "金额四舍五入到币种的最小单位。",
            "Amounts are rounded half up to the smallest unit of the currency.",
        ),
        "half-even": (
            "金额按四舍六入五成双取到币种的最小单位。",
            "Amounts are rounded half to even to the smallest unit of the currency.",
        ),
        "up": ("金额向上取到币种的最小单位。", "Amounts are rounded up to the smallest unit of the currency."),
        "down": ("金额向下取到币种的最小单位。", "Amounts are rounded down to the smallest unit of the currency."),
    },
    "round_order": {
        "line_then_tax_on_net": (
            "每行金额各取整一次后相加；税额按每个税率的合计计算并取整一次。",
            "Each line is rounded once, then added up; tax is computed and rounded once per rate on the sum of its lines.",
        ),
        "tax_per_line": (
            "每行金额各取整一次后相加；税额逐行计算并取整。",
            "Each line is rounded once, then added up; tax is computed and rounded line by line.",
        ),
    },
    "late_calls": {
        "difference": (
            "账期结束后才收到的迟到话单，按其所属账期的重算差额计入以后的账单。",
            (
                "Calls that arrive after their period was closed are settled on a later bill, "
                "as the difference of two computations of their own period."
            ),
        ),
        "roll_into_current": (
            "账期结束后才收到的迟到话单，按其所属账期的重算差额计入以后的账单；差额低于 {limit} 时每个税率合并为一行。",
            (
                "Calls that arrive after their period was closed are settled on a later bill, as the difference of two "
                "computations of their own period; below {limit} in one line for each tax rate."
            ),
        ),
    },
    "uncovered": {
        "blocks": (
            "没有计费条款适用的用量，未经处理不得出账。",
            "A bill with usage that no clause covers is not issued until that is settled.",
        ),
        "listed_at_zero": (
            "没有计费条款适用的用量，按零金额列示。",
            "Usage that no clause covers is listed at zero.",
        ),
    },
}

_ORDER = (
    "计算次序：各项费用、系数、折扣、保底、封顶、套餐抵扣、税额、合计。",
    "Order of computation: charges, factors, discounts, minimum commitment, cap, packages and credits, tax, total.",
)
_PERIOD = (
    "通话按开始时间归入账期，以 {zone} 的当地时间为准；跨零点的通话整通计入开始的一天。",
    "A call belongs to the period and day it started in, whole, by the local time of {zone}.",
)
_TAX = {
    False: ("单价不含税。", "Prices exclude tax."),
    True: ("单价含税，税额从金额中析出。", "Prices include tax; the tax is taken out of the amounts."),
}
_ONLY_WHEN_SPLIT = ("versions_split_month", "tiers_across_versions")


def sentences(language: Language, bill: Bill) -> list[str]:
    """List the rules that this bill followed; where two versions differ, each rule names its version."""
    said = [
        wording.pick(language, *_ORDER),
        wording.pick(language, *_PERIOD).format(zone=bill.zone),
        wording.pick(language, *_TAX[bill.inclusive]),
    ]
    for field in fields(Policies):
        if field.name not in SENTENCES or (field.name in _ONLY_WHEN_SPLIT and len(bill.segments) < 2):
            continue
        by_value: dict[str, list[str]] = {}
        for segment in bill.segments:
            sentence = _sentence(language, field.name, segment.policies, bill.currency)
            by_value.setdefault(sentence, []).append(segment.number)
        for sentence, numbers in by_value.items():
            said.append(sentence if len(by_value) == 1 else _of_versions(language, numbers) + sentence)
    return said


def _sentence(language: Language, setting: str, policies: Policies, currency: str) -> str:
    text = wording.pick(language, *SENTENCES[setting][getattr(policies, setting)])
    limit = policies.late_limit if policies.late_limit is not None else Decimal(0)
    return text.format(limit=wording.money(language, str(limit), currency))


def _of_versions(language: Language, numbers: list[str]) -> str:
    each = wording.pick(language, "、", ", ").join(dict.fromkeys(numbers))
    return wording.pick(language, f"第 {each} 版：", f"Version {each}: ")
