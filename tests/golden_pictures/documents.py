"""Stored documents as they come out of issuing: a believable invoice, and variations that strain the layout."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

CODES = {"minute": "min"}

EXPLAINED = {
    "talk.tier-1": (
        "前 1,000 分钟按 0.15 元计：1,000 × 0.15 = 150.00 元。",
        "The first 1,000 minutes at 0.15: 1,000 × 0.15 = 150.00.",
    ),
    "talk.tier-2": (
        "超过 1,000 至 5,000 分钟的部分按 0.12 元计：4,000 × 0.12 = 480.00 元。",
        "Minutes above 1,000 up to 5,000 at 0.12: 4,000 × 0.12 = 480.00.",
    ),
    "talk.tier-3": (
        (
            "超过 5,000 分钟的部分按 0.09 元计：1,200 × 0.09 = 108.00 元。本月共 8,412 次接通，"
            "通话 335,120 秒，按 60 秒一档向上取整后计 372,000 秒，即 6,200 分钟。"
        ),
        (
            "Minutes above 5,000 at 0.09: 1,200 × 0.09 = 108.00. 8,412 answered calls, 335,120 seconds of talk time, "
            "each rounded up to full 60 seconds: 372,000 seconds, which are 6,200 minutes."
        ),
    ),
    "transfer": (
        "转人工 456 次，每次 0.25 元：456 × 0.25 = 114.00 元。",
        "456 calls forwarded to an agent at 0.25 each: 456 × 0.25 = 114.00.",
    ),
    "knowledge": (
        "知识库模块自 2026年10月17日启用，31 天中计 15 天：500.00 × 15 ÷ 31 = 241.94 元。",
        "The knowledge base was in use from 17 October 2026, 15 of 31 days: 500.00 × 15 / 31 = 241.94.",
    ),
    "seats": (
        "坐席日合计 308，当月 31 天：80.00 × 308 ÷ 31 = 794.84 元。",
        "308 seat-days in a month of 31 days: 80.00 × 308 / 31 = 794.84.",
    ),
    "platform": ("平台使用费，每月 8,111.22 元。", "Platform fee, 8,111.22 a month."),
    "industry": (
        "物流行业系数 −5%，以费用小计 10,000.00 元为基数：−500.00 元。",
        "Industry factor logistics, −5% of the charges of 10,000.00: −500.00.",
    ),
    "term": (
        "合同期 24 个月，折扣 8%，以系数后的 9,500.00 元为基数：−760.00 元。",
        "Contract term of 24 months, 8% off what remains, 9,500.00: −760.00.",
    ),
    "commitment": (
        "本月小计 8,740.00 元，低于保底消费 9,000.00 元，补足 260.00 元。",
        "The month came to 8,740.00, below the commitment of 9,000.00: 260.00 make up the difference.",
    ),
}


def line(key: str, kind: str, zh: str, en: str, *terms: str, **more: Any) -> dict[str, Any]:
    """Write one line of a bill as ``Bill.to_json`` does; ``terms`` are its reference and its amount."""
    reference, amount = terms
    given = {
        "key": key,
        "kind": kind,
        "code": key.split(".", maxsplit=1)[0],
        "name": {"zh": zh, "en": en},
        "reference": reference,
        "version": "1",
        "period": "2026-10",
        "amount": amount,
        "unrounded": amount,
        "tax_rate": "0.06",
    }
    return given | more


def talk(tier: int, bounds: tuple[str | None, str | None], *figures: str) -> dict[str, Any]:
    """Write one tier of the talk time clause."""
    quantity, price, amount = figures
    within = {name: bound for name, bound in zip(("tier_from", "tier_to"), bounds, strict=True) if bound is not None}
    evidence = {"calls": 8412, "talk_ms": 335120000, "billed_seconds": 372000} if tier == 3 else {"calls": 0}
    return line(
        f"talk.tier-{tier}", "usage", "外呼通话时长", "Outbound talk time", "4.2(a)", amount,
        unit="minute", quantity_used=quantity, quantity_billed=quantity, unit_price=price, evidence=evidence, **within,
    )  # fmt: skip


def believable_lines() -> list[dict[str, Any]]:
    """Give ten lines: tiers, counts, a prorated module, seats, a fee, a factor, a discount and a true-up."""
    return [
        talk(1, ("0", "1000"), "1000", "0.15", "150.00"),
        talk(2, ("1000", "5000"), "4000", "0.12", "480.00"),
        talk(3, ("5000", None), "1200", "0.09", "108.00"),
        line("transfer", "usage", "转人工", "Transfer to agent", "4.3", "114.00", unit="call", quantity_used="456",
             quantity_billed="456", unit_price="0.25", evidence={"calls": 456, "talk_ms": 31920000, "billed_seconds": 0}),
        line("knowledge", "module", "知识库模块", "Knowledge base module", "5.1(c)", "241.94", unit="month",
             quantity_used="0.483871", quantity_billed="0.483871", unit_price="500.00"),
        line("seats", "seat", "人工坐席", "Agent seats", "5.4", "794.84", unit="seat", quantity_used="9.935484",
             quantity_billed="9.935484", unit_price="80.00"),
        line("platform", "recurring", "平台使用费", "Platform fee", "3.1", "8111.22", unit="month", quantity_used="1",
             quantity_billed="1", unit_price="8111.22"),
        line("industry", "factor", "行业系数：物流", "Industry factor: logistics", "6.1", "-500.00"),
        line("term", "discount", "合同期折扣（24 个月）", "Contract term discount (24 months)", "6.2", "-760.00"),
        line("commitment", "true_up", "保底消费补足", "Minimum commitment true-up", "7.1", "260.00"),
    ]  # fmt: skip


def bill_of(lines: list[dict[str, Any]], currency: str = "CNY", rate: str = "0.06", places: int = 2) -> dict[str, Any]:
    """Add lines up to a bill with one tax rate."""
    net = sum((Decimal(each["amount"]) for each in lines), Decimal(0))
    tax = round(net * Decimal(rate), places)
    return {
        "version": 1,
        "currency": currency,
        "period": {"starts_on": "2026-10-01", "ends_on": "2026-11-01"},
        "zone": "Asia/Shanghai",
        "inclusive": False,
        "lines": lines,
        "taxes": [{"rate": rate, "net": f"{net}", "tax": f"{tax}"}],
        "net": f"{net}",
        "tax": f"{tax}",
        "total": f"{net + tax}",
        "segments": [
            {
                "number": "1",
                "starts_on": "2026-10-01",
                "ends_on": "2026-11-01",
                "days": 31,
                "of_days": 31,
                "policies": {},
            }
        ],
    }


def usage_by_day() -> list[dict[str, Any]]:
    """Give October 2026 with its holiday week and its weekends."""
    days = []
    for number in range(1, 32):
        weekend = (number + 3) % 7 in (6, 0)
        calls = 40 + number % 5 if number <= 7 else 150 + number % 7 * 3 if weekend else 560 + number * 37 % 130
        days.append(
            {
                "day": f"2026-10-{number:02}",
                "calls": calls,
                "answered": calls * 2 // 3,
                "billed_seconds": calls * 2 // 3 * 48,
            }
        )
    return days


def invoice(language: str = "zh", **more: Any) -> dict[str, Any]:
    """Give the document of a typical month; ``more`` replaces members."""
    given = {
        "format": "huadan-invoice/1",
        "kind": "invoice",
        "state": "issued",
        "number": "HD-2026-000123",
        "language": language,
        "currency": "CNY",
        "issued_on": "2026-11-01",
        "due_on": "2026-11-16",
        "period": {"start": "2026-10-01", "end": "2026-11-01", "zone": "Asia/Shanghai"},
        "seller": {
            "name_zh": "云声智能科技（上海）有限公司",
            "name_en": "Yunsheng Voice Robotics (Shanghai) Co., Ltd.",
            "tax_id": "91310115MA1K4XT27B",
            "address_zh": "上海市浦东新区张江路 665 号 3 幢 1208 室",
            "address_en": "Room 1208, Building 3, 665 Zhangjiang Road, Pudong, Shanghai",
            "phone": "021-5080 1234",
            "email": "billing@yunsheng.example",
            "bank_name": "招商银行上海张江支行",
            "bank_name_en": "China Merchants Bank, Shanghai Zhangjiang Branch",
            "bank_account": "1219 0000 1234 5678 901",
        },
        "buyer": {
            "code": "JISU",
            "name_zh": "极速达物流（杭州）有限公司",
            "name_en": "Jisuda Logistics (Hangzhou) Co., Ltd.",
            "tax_id": "91330106MA2H9QY41N",
            "address_zh": "杭州市西湖区文三路 478 号华星时代广场 A 座 9 层",
            "address_en": "9/F Tower A, Huaxing Times Plaza, 478 Wensan Road, Hangzhou",
            "contact": "finance@jisuda.example",
        },
        "contract": {
            "code": "C-2026-07",
            "name_zh": "智能外呼服务合同",
            "name_en": "Voice robot services",
            "versions": [{"number": 1, "from": "2026-07-01", "to": None}],
        },
        "bill": bill_of(believable_lines()),
        "explanations": {key: {"zh": zh, "en": en} for key, (zh, en) in EXPLAINED.items()},
        "evidence": {"digest": "sha256:" + "3f9a0c5be1d27486" * 4, "calls": 12345, "terms": "sha256:" + "0" * 64},
        "previous": {
            "number": "HD-2026-000098",
            "period": {"start": "2026-09-01", "end": "2026-10-01"},
            "total": "8904.00",
            "net": "8400.00",
            "by_clause": {
                "talk": "655.20", "transfer": "96.50", "seats": "774.19", "platform": "8111.22",
                "industry": "-481.86", "term": "-732.42", "commitment": "0.00",
            },
        },
        "usage_by_day": usage_by_day(),
        "summary": {"calls": 12345, "answered": 8412, "talk_seconds": 335120, "billed_seconds": 372000},
    }  # fmt: skip
    return given | more


def invoice_of_lines(count: int, language: str = "zh") -> dict[str, Any]:
    """Give an invoice of ``count`` lines over several clauses, each line with its own amount and explanation."""
    lines = []
    for n in range(count):
        clause, robot = divmod(n, 12)
        lines.append(
            line(f"c{clause}.{n}", "usage", f"外呼通话（线路组 {clause + 1}）", f"Outbound talk (trunk group {clause + 1})",
                 f"4.{clause + 1}", f"{1000 + n}.{n % 100:02}", unit="minute", quantity_used=f"{n * 7 + 3}.5",
                 quantity_billed=f"{n * 7 + 4}", unit_price="0.0705", group=f"robot-{robot + 1:02}")
        )  # fmt: skip
    explanations = {
        each["key"]: {"zh": f"计费 {each['quantity_billed']} 分钟，单价 0.0705 元。",
                      "en": f"{each['quantity_billed']} minutes at 0.0705."}
        for each in lines
    }  # fmt: skip
    return invoice(language, bill=bill_of(lines), explanations=explanations)


def credit_note(language: str = "zh") -> dict[str, Any]:
    """Give a credit note over part of the talk time."""
    lines = [
        line("talk.tier-3", "usage", "外呼通话时长", "Outbound talk time", "4.2(a)", "-108.00", unit="minute",
             quantity_used="-1200", quantity_billed="-1200", unit_price="0.09")
    ]  # fmt: skip
    return invoice(
        language,
        kind="credit_note",
        number="HC-2026-000007",
        due_on=None,
        bill=bill_of(lines),
        previous=None,
        summary=None,
        usage_by_day=[],
        explanations={},
    )


GOLDEN = {
    "invoice-zh": lambda: invoice("zh"),
    "invoice-en": lambda: invoice("en"),
    "draft-en": lambda: invoice("en", state="draft", number=None),
    "credit-note-zh": lambda: credit_note("zh"),
    "lines-40-zh": lambda: invoice_of_lines(40, "zh"),
}


def account(language: str = "zh", movements: int = 9) -> dict[str, Any]:
    """Give a statement of account: invoices, payments that lag behind, a credit note."""
    like, rows, balance = invoice(language), [], Decimal("1200.00")
    for n in range(movements):
        kind, name, amount = (
            ("received", f"2026110{n % 10}0000{n:04}", "-9540.00") if n % 3 == 1
            else ("credited", f"HC-2026-{n:06}", "-114.48") if n % 7 == 5
            else ("issued", f"HD-2026-{n:06}", f"{9540 + n}.00")
        )  # fmt: skip
        balance += Decimal(amount)
        day = f"2026-10-{1 + n * 30 // movements:02}"
        rows.append({"on": day, "kind": kind, "name": name, "amount": amount, "balance": f"{balance}"})
    return {
        "language": language, "currency": "CNY", "drawn_on": "2026-11-01",
        "period": {"start": "2026-10-01", "end": "2026-11-01"}, "seller": like["seller"], "buyer": like["buyer"],
        "opening": "1200.00", "rows": rows, "closing": f"{balance}",
        "ages": ["9544.00", "9543.00", "1200.00", "0.00", "0.00", "114.48"],
        "open": [
            {"number": "HD-2026-000004", "due_on": "2026-11-16", "open": "9544.00"},
            {"number": "HD-2026-000003", "due_on": "2026-10-16", "open": "9543.00"},
        ],
    }  # fmt: skip


STATEMENTS = {
    "statement-zh": lambda: account("zh"),
    "statement-en": lambda: account("en"),
    "statement-500-zh": lambda: account("zh", 500),
}
