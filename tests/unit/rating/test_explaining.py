from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from billing.rating import Totals, difference, explain, rate
from billing.rating.bill import Line, Step
from billing.rating.figures import amount, unit_name
from billing.rating.terms import Name
from tests.unit.rating.making import agreement, bill, dials, held, row, talk, terms, tiers, versions

TABLE = {"kind": "graduated", "tiers": tiers(("1000", "0.15"), (None, "0.12"))}


def named(clause: dict[str, object]) -> dict[str, object]:
    return {**clause, "name": {"zh": "通话费", "en": "Talk"}}


def test_a_tier_reads_like_a_sentence_of_a_controller() -> None:
    lines = bill(terms(named(talk(TABLE, included_minutes="100"))), row(minutes=1500)).lines
    assert explain(lines[1]).zh == (
        "通话费：计费时长 90,000 秒，折合 1,500 分钟，扣除套餐内 100 分钟，余 1,400 分钟，扣除前面阶梯的 1,000 分钟，本阶梯计 400 分钟，单价 0.12 元，应计 48.00 元。"
    )
    assert explain(lines[1]).en == (
        "Talk: 90,000 seconds of billed talk, that is 1,500 minutes, less 100 minutes included, leaving 1,400 minutes, "
        "less 1,000 minutes in the tiers below, leaving 400 minutes, at CNY 0.12, making CNY 48.00."
    )


def test_rounding_is_told_where_it_changed_the_amount() -> None:
    line = bill(terms(named(talk("0.115"))), row(minutes=1)).lines[0]
    assert explain(line).zh.endswith("计 0.115 元，四舍五入，应计 0.12 元。")
    assert explain(line).en.endswith("at CNY 0.115, making CNY 0.115, rounded half-up to CNY 0.12.")


def test_proration_is_told_by_days() -> None:
    module = {
        "kind": "module",
        "code": "kb",
        "item": "kb",
        "price": "500",
        "name": {"zh": "知识库", "en": "Knowledge base"},
    }
    line = bill(terms(module), subscriptions=[held("kb", ("2026-11-16", "1"))]).lines[0]
    assert explain(line).zh == "知识库：按日累计 15 模块·天，除以 30 天，平均 0.5 个模块，单价 500 元，应计 250.00 元。"


def test_other_currencies_are_named() -> None:
    line = bill(terms(named(talk("1")), currency="JPY"), row(minutes=3)).lines[0]
    assert explain(line, "JPY").zh.endswith("应计 3 JPY。")
    assert explain(line, "JPY").en.endswith("making JPY 3.")


def test_a_line_whose_steps_do_not_lead_to_its_amount_is_a_fault() -> None:
    line = bill(terms(talk("1")), row(minutes=3)).lines[0]
    with pytest.raises(ValueError, match="the line says"):
        explain(line._replace(amount=Decimal("2.99")))


def test_a_step_without_words_is_a_fault() -> None:
    line = bill(terms(talk("1")), row(minutes=3)).lines[0]
    with pytest.raises(ValueError, match="no words"):
        explain(line._replace(steps=(*line.steps[:-1], Step("add", line.unrounded * 0, "magic"), line.steps[-1])))


def test_a_step_that_lacks_its_number_is_a_fault() -> None:
    line = bill(terms(talk("1")), row(minutes=3)).lines[0]
    with pytest.raises(ValueError, match="lacks its number"):
        explain(line._replace(steps=(Step("add"), *line.steps)))


def last_of(*clauses: dict[str, Any], rows: list[dict[str, Any]] | None = None, **rest: Any) -> Line:
    """Rate and give the last line."""
    totals = {name: rest.pop(name) for name in ("balances", "to_date", "events", "measurements") if name in rest}
    return bill(terms(*clauses, **rest), *(rows or []), **totals).lines[-1]


def fee(amount: str, code: str = "fee", **rest: Any) -> dict[str, Any]:
    return {"kind": "recurring", "code": code, "price": amount, **rest}


def bought(remaining: str) -> list[dict[str, str]]:
    return [{"package": "pack", "bought_on": "2026-01-05", "remaining": remaining}]


def pack(unit: str, *codes: str) -> dict[str, Any]:
    covers = [{"clause": code} for code in codes]
    return {"kind": "package", "code": "pack", "price": "0", "quantity": "1", "unit": unit, "covers": covers}


MINUTE = row(minutes=1)
ELAPSED = {"kind": "elapsed", "parts": [{"up_to_s": 180, "price": "0.3"}, {"price": "0.1", "increment_s": 6}]}
EACH = {"kind": "per_unit", "price": "0.0705", "round_each_call": {"mode": "up"}}
ORDERS = {"kind": "feature", "code": "orders", "counter": "order_amount", "unit": "currency"}
EVENTS = {
    "kind": "percentage",
    "rate": "0.013",
    "fixed": "2",
    "minimum_each": "3",
    "maximum_each": "9",
    "free_events": 1,
}
NAMED = {"fee": Name("月费", "Monthly fee"), "talk": Name("通话", "Talk")}


@pytest.mark.parametrize(
    ("line", "zh", "en"),
    [
        pytest.param(
            last_of(talk({"kind": "flat", "price": "50"}), rows=[MINUTE]),
            "固定费用，应计 50.00 元。",
            "a flat fee, making CNY 50.00.",
            id="a flat price",
        ),
        pytest.param(
            last_of(talk(EACH), rows=[row(minutes=6, histogram=[["60", 4], ["120", 1]])]),
            "逐通按单价 0.0705 元、向上进位至 2 位小数计费（60 秒 × 4、120 秒），应计 0.47 元。",
            "each call priced at CNY 0.0705, rounded up to 2 decimals (60 s × 4, 120 s), making CNY 0.47.",
            id="calls rounded one by one",
        ),
        pytest.param(
            last_of(dials(EACH), rows=[row("dials", calls=8)]),
            "逐通按单价 0.0705 元、向上进位至 2 位小数计费（1 × 8），应计 0.64 元。",
            "each call priced at CNY 0.0705, rounded up to 2 decimals (1 × 8), making CNY 0.64.",
            id="dials rounded one by one",
        ),
        pytest.param(
            last_of(talk(ELAPSED), rows=[row(minutes=4, histogram=[["200", 1]])]),
            "逐通扣除前 180 秒、按 6 秒进整（200 秒），共 24 秒，折合 0.4 分钟，单价 0.1 元，应计 0.04 元。",
            "each call after the first 180 seconds, rounded up by 6 s (200 s), 24 seconds in all, that is 0.4 minutes, "
            "at CNY 0.1, making CNY 0.04.",
            id="later seconds of calls",
        ),
        pytest.param(
            last_of(
                {**ORDERS, "price": EVENTS},
                rows=[row("orders", value="1000")],
                events=[
                    {"segment": "1", "clause": "orders", "at": f"2026-11-0{day}T09:00:00+08:00", "value": value}
                    for day, value in enumerate(("400", "10", "10", "580"), 1)
                ],
            ),
            "逐笔按 1.3%、另加 2.00 元、不低于 3.00 元、不高于 9.00 元 计费（10 × 2、580），应计 15.00 元。",
            "each event charged at 1.3%, plus CNY 2.00, at least CNY 3.00, at most CNY 9.00 (10 × 2, 580), making CNY 15.00.",
            id="events within bounds",
        ),
        pytest.param(
            last_of(fee("100"), discounts=[{"code": "d", "amount": "30"}]),
            "“月费”计 100.00 元，优惠 30.00 元。",
            "Monthly fee comes to CNY 100.00, taking CNY 30.00 off.",
            id="a sum off",
        ),
        pytest.param(
            last_of(fee("100"), discounts=[{"code": "d", "amount": "300"}]),
            "“月费”计 100.00 元，约定减免 300.00 元，以小计为限，优惠 100.00 元。",
            "Monthly fee comes to CNY 100.00, CNY 300.00 agreed, the subtotal at most, taking CNY 100.00 off.",
            id="a sum off that is more than all",
        ),
        pytest.param(
            last_of(
                fee("100"),
                discounts=[
                    {
                        "code": "d",
                        "reason": "volume",
                        "tiers": [{"up_to": "50", "rate": "0.1"}, {"rate": "0.2"}],
                        "scheme": "graduated",
                    }
                ],
            ),
            "“月费”计 100.00 元，各档折扣（第 1 档 5.00、第 2 档 10.00），优惠 15.00 元。",
            "Monthly fee comes to CNY 100.00, the tiers' discounts (tier 1 5.00, tier 2 10.00), taking CNY 15.00 off.",
            id="a discount by tiers",
        ),
        pytest.param(
            last_of(
                talk("0.5"), pack("minute", "talk"), rows=[row(minutes=90, on="2026-11-03")], balances=bought("60")
            ),
            "支取 60 分钟，用于“通话”，抵扣 30.00 元。",
            "60 minutes drawn for Talk, taking CNY 30.00 off.",
            id="minutes drawn",
        ),
        pytest.param(
            last_of(talk("0.5"), fee("20"), pack("money", "*"), rows=[row(minutes=90)], balances=bought("60")),
            "相关条款合计 65.00 元（通话 45.00、月费 20.00），抵扣 60.00 元。",
            "the clauses come to CNY 65.00 (Talk 45.00, Monthly fee 20.00), taking CNY 60.00 off.",
            id="a credit in money",
        ),
        pytest.param(
            last_of(fee("100"), commitments=[{"code": "m", "amount": "150"}]),
            "保底金额 150.00 元，减去“月费”已计 100.00 元，补足 50.00 元。",
            "the commitment of CNY 150.00, less CNY 100.00 charged for Monthly fee, leaving CNY 50.00 to make up.",
            id="a true-up",
        ),
        pytest.param(
            last_of(fee("100"), caps=[{"code": "c", "amount": "80"}]),
            "封顶金额 80.00 元，减去“月费”已计 100.00 元，应减 20.00 元。",
            "the cap of CNY 80.00, less CNY 100.00 charged for Monthly fee, taking CNY 20.00 off.",
            id="a cap",
        ),
        pytest.param(
            last_of(dials({"kind": "block", "size": "10", "price": "3"}), rows=[row("dials", calls=21)]),
            "计费 21 通，按每块 10 通进整为 30 通，共 3 块，单价 3 元，应计 9.00 元。",
            "21 calls, rounded up by blocks of 10 to 30 calls, that is 3 blocks, at CNY 3, making CNY 9.00.",
            id="blocks",
        ),
        pytest.param(
            last_of(talk({"kind": "volume", "tiers": [{"price": "0", "flat": "8"}]}), rows=[MINUTE]),
            "计费时长 60 秒，折合 1 分钟，加收阶梯固定费 8.00 元，应计 8.00 元。",
            "60 seconds of billed talk, that is 1 minute, with the tier's flat fee of CNY 8.00, making CNY 8.00.",
            id="a flat fee without a price",
        ),
        pytest.param(
            last_of(talk("0.001", per_s=6), rows=[MINUTE]),
            "计费时长 60 秒，折合 10 个 6 秒，单价 0.001 元，应计 0.01 元。",
            "60 seconds of billed talk, that is 10 times 6 seconds, at CNY 0.001, making CNY 0.01.",
            id="a price per six seconds",
        ),
        pytest.param(
            last_of(
                {
                    "kind": "service_level",
                    "code": "sla",
                    "price": "500",
                    "measure": "up",
                    "credits": [{"below": "0.99", "rate": "0.1"}],
                },
                measurements=[{"measure": "up", "level": "0.98"}],
            ),
            "“sla”计 500.00 元，实测 98%，低于 99%，按 10% 计，退还 50.00 元。",
            "sla comes to CNY 500.00, 98% measured, below 99%, 10% of it, giving CNY 50.00 back.",
            id="a credit for missed service",
        ),
    ],
)
def test_every_kind_of_line_reads_like_a_sentence(line: Line, zh: str, en: str) -> None:
    told = explain(line, "CNY", NAMED)
    assert (told.zh, told.en) == (f"条款：{zh}", f"Clause: {en}")


def test_versions_weigh_a_commitment_by_their_days() -> None:
    minimum = {"code": "m", "amount": "300"}
    changed = versions(
        (date(2026, 1, 1), agreement(fee("90"), commitments=[minimum])),
        (date(2026, 11, 11), agreement(fee("90"), commitments=[{**minimum, "amount": "600"}])),
    )
    told = explain(bill(changed).lines[-1], "CNY", NAMED)
    assert told.zh == (
        "条款：保底金额按 10/30 天加权 100.00 元，保底金额按 20/30 天加权 400.00 元，累计 500.00 元，减去“月费”已计 90.00 元，补足 410.00 元。"
    )
    assert told.en == (
        "Clause: the commitment for 10/30 days, CNY 100.00, the commitment for 20/30 days, CNY 400.00, CNY 500.00 so far, "
        "less CNY 90.00 charged for Monthly fee, leaving CNY 410.00 to make up."
    )


def test_a_late_difference_tells_both_figures() -> None:
    agreed = terms(talk("0.1"))
    first, again = (rate(agreed, Totals.from_json({"rows": [row(minutes=minutes)]})) for minutes in (100, 130))
    told = [explain(line) for line in (*difference(first, again).lines, *difference(again, first).lines)]
    assert [each.zh for each in told] == [
        "条款：重新计费为 13.00 元，减去已出账 10.00 元，应计 3.00 元。",
        "条款：重新计费为 10.00 元，减去已出账 13.00 元，应减 3.00 元。",
    ]
    assert [each.en for each in told] == [
        "Clause: rated again at CNY 13.00, less CNY 10.00 already billed, making CNY 3.00.",
        "Clause: rated again at CNY 10.00, less CNY 13.00 already billed, taking CNY 3.00 off.",
    ]


def test_the_cent_that_rounding_moved_is_told_last() -> None:
    clauses = [fee("3.33", "a"), fee("3.33", "b", tax="0.02"), fee("3.34", "c", tax="0.01")]
    told = explain(last_of(*clauses, tax={"rate": "0.03"}, discounts=[{"code": "d", "amount": "1"}]))
    assert told.zh.endswith(
        "约定减免 1.00 元，按税率分摊，本税率部分 0.334 元，四舍五入为 0.33 元，尾差 0.01 元，优惠 0.34 元。"
    )


@pytest.mark.parametrize(
    ("unit", "value", "zh", "en"),
    [
        ("seat", 1, "个坐席", "seat"),
        ("seat", 2, "个坐席", "seats"),
        ("seat_day", 1, "坐席·天", "seat-day"),
        ("unit_day", 3, "个·天", "unit-days"),
        ("license_day", 3, "license·天", "license-days"),
        ("analysis", 1, "次分析", "analysis"),
        ("license", 1, "license", "license"),
        ("6_seconds", 1, "个 6 秒", "times 6 seconds"),
    ],
)
def test_units_have_names(unit: str, value: int, zh: str, en: str) -> None:
    assert (unit_name(unit, Fraction(value), 0), unit_name(unit, Fraction(value), 1)) == (zh, en)


@pytest.mark.parametrize(
    ("value", "currency", "printed"),
    [
        ("987.6", "CNY", "987.60"),
        ("0.116", "CNY", "0.116"),
        ("1234", "JPY", "1,234"),
        ("1.5", "KWD", "1.500"),
        ("-3", "CNY", "-3.00"),
    ],
)
def test_amounts_have_the_currencys_decimals_where_those_are_exact(value: str, currency: str, printed: str) -> None:
    assert amount(Fraction(value), currency) == printed
