from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from billing.rating import explain
from billing.rating.bill import Step
from tests.unit.rating.making import bill, held, row, talk, terms, tiers

TABLE = {"kind": "graduated", "tiers": tiers(("1000", "0.15"), (None, "0.12"))}


def named(clause: dict[str, object]) -> dict[str, object]:
    return {**clause, "name": {"zh": "通话费", "en": "Talk"}}


def test_a_tier_reads_like_a_sentence_of_a_controller() -> None:
    lines = bill(terms(named(talk(TABLE, included_minutes="100"))), row(minutes=1500)).lines
    assert explain(lines[1]).zh == (
        "通话费：计费时长 90,000 秒，折合 1,500 分钟，扣除套餐内 100 分钟，余 1,400 分钟，扣除前面阶梯的 1,000，本阶梯计 400 分钟，单价 0.12 元，计 48 元，应计 48.00 元。"
    )
    assert explain(lines[1]).en == (
        "Talk: 90,000 seconds of billed talk, that is 1,500 minutes, less 100 included, leaves 1,400 minutes, less 1,000 below this tier leaves "
        "400 minutes, at CNY 0.12 comes to CNY 48, so CNY 48.00."
    )


def test_rounding_is_told_where_it_changed_the_amount() -> None:
    line = bill(terms(named(talk("0.115"))), row(minutes=1)).lines[0]
    assert explain(line).zh.endswith("计 0.115 元，四舍五入，应计 0.12 元。")
    assert explain(line).en.endswith("comes to CNY 0.115, rounded half-up to CNY 0.12.")


def test_proration_is_told_by_days() -> None:
    module = {
        "kind": "module",
        "code": "kb",
        "item": "kb",
        "price": "500",
        "name": {"zh": "知识库", "en": "Knowledge base"},
    }
    line = bill(terms(module), subscriptions=[held("kb", ("2026-11-16", "1"))]).lines[0]
    assert (
        explain(line).zh
        == "知识库：按日累计 15 模块·天，除以 30 天，平均 0.5 个月，单价 500 元，计 250 元，应计 250.00 元。"
    )


def test_other_currencies_are_named() -> None:
    line = bill(terms(named(talk("1")), currency="JPY"), row(minutes=3)).lines[0]
    assert explain(line, "JPY").zh.endswith("应计 3 JPY。")
    assert explain(line, "JPY").en.endswith("so JPY 3.")


def test_a_line_whose_steps_do_not_lead_to_its_amount_is_a_fault() -> None:
    line = bill(terms(talk("1")), row(minutes=3)).lines[0]
    with pytest.raises(ValueError, match="the line says"):
        explain(replace(line, amount=Decimal("2.99")))


def test_a_step_without_words_is_a_fault() -> None:
    line = bill(terms(talk("1")), row(minutes=3)).lines[0]
    with pytest.raises(ValueError, match="no words"):
        explain(replace(line, steps=(*line.steps[:-1], Step("add", line.unrounded * 0, "magic"), line.steps[-1])))


def test_a_step_that_lacks_its_number_is_a_fault() -> None:
    line = bill(terms(talk("1")), row(minutes=3)).lines[0]
    with pytest.raises(ValueError, match="lacks its number"):
        explain(replace(line, steps=(Step("add"), *line.steps)))
