"""What changed between two agreements is said in words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from django.utils.translation import override

from billing.rating import Agreement
from tenants.catalogue import entries
from tenants.comparing import compare


def told(before: dict[str, Any], after: dict[str, Any], language: str = "en") -> dict[str, list[str]]:
    with override("zh-hans" if language == "zh" else "en"):
        return {each.title: list(each.sentences) for each in compare(Agreement.from_json(before), Agreement.from_json(after))}  # fmt: skip


@pytest.fixture
def peak() -> dict[str, Any]:
    return copy.deepcopy(entries()["model-peak-minutes"].agreement)


@pytest.mark.parametrize("code", sorted(entries()))
def test_an_agreement_does_not_differ_from_itself(code: str) -> None:
    assert told(entries()[code].agreement, entries()[code].agreement) == {}


def test_a_price_that_changes_is_told_with_both_figures(peak: dict[str, Any]) -> None:
    other = copy.deepcopy(peak)
    other["clauses"][0]["price"]["tiers"][1]["price"] = "0.16"
    assert told(peak, other) == {
        "Duration: Talk at peak (talk-peak)": ["Price · tiers · row 2 · price: 0.15 → 0.16"]
    }  # fmt: skip
    assert told(peak, other, "zh") == {"通话时长：高峰通话（talk-peak）": ["单价 · 阶梯 · 第 2 行 · 单价：0.15 → 0.16"]}


def test_parts_that_come_and_go_are_told(peak: dict[str, Any]) -> None:
    other = copy.deepcopy(peak)
    gone = other["clauses"].pop()
    assert told(peak, other) == {f"Duration: Talk off-peak ({gone['code']})": ["Is gone."]}
    news = told(other, peak)["Duration: Talk off-peak (talk-off-peak)"]
    assert news[0] == "Is new."
    assert "Price: (one price for each unit, price 0.10)" in news


def test_another_order_and_another_tax_are_told(peak: dict[str, Any]) -> None:
    other = copy.deepcopy(peak) | {"tax": {"rate": "0.13"}}
    other["clauses"].reverse()
    changes = told(peak, other)
    assert changes["The agreement as a whole"] == ["Tax · tax rate: 6% → 13%"]
    assert changes["Duration: Talk at peak (talk-peak)"] == ["Stands at another place in the order."]


@pytest.mark.parametrize("one", sorted(entries()))
def test_any_two_model_contracts_can_be_compared_in_both_languages(one: str) -> None:
    for other in entries().values():
        for language in ("zh", "en"):
            sentences = [
                text for each in told(entries()[one].agreement, other.agreement, language).values() for text in each
            ]
            assert not any(("=" in text and "mapping" in text) or "Decimal(" in text for text in sentences)
