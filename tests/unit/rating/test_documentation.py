"""The examples of docs/rating.md are executed, its tables computed again, its policies compared with the code."""

from __future__ import annotations

import dataclasses
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from billing.money import RoundingMode, round_to
from billing.rating import Agreement, billed_seconds
from billing.rating.form import hints_of
from billing.rating.terms import DurationRule, Policies

PAGE = (Path(__file__).parents[3] / "docs" / "rating.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|terms)\n(.*?)```", PAGE, re.DOTALL)


def table_after(heading: str) -> list[list[str]]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        line.strip("| ").split("|")
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_examples_run() -> None:
    namespace: dict[str, Any] = {}
    for kind, text in BLOCKS:
        if kind == "terms":
            namespace["agreement"] = json.loads(text)
            Agreement.from_json(namespace["agreement"])
        else:
            exec(compile(text, "docs/rating.md", "exec"), namespace)
    assert len(BLOCKS) > 8


def test_the_table_of_increments_is_right() -> None:
    heading, *rows = table_after("Billed seconds")
    for talk, *billed in rows:
        talk_ms = int(Decimal(talk.removesuffix(" s")) * 1000)
        for increments, seconds in zip(heading[1:], billed, strict=True):
            first, following = map(int, increments.split("/"))
            assert billed_seconds(DurationRule(first_increment_s=first, next_increment_s=following), talk_ms) == int(
                seconds
            )


def test_the_table_of_rounding_is_right() -> None:
    heading, *rows = table_after("Rounding")
    assert set(heading[1:]) == set(get_args(RoundingMode))
    for exact, *rounded in rows:
        for mode, text in zip(heading[1:], rounded, strict=True):
            assert round_to(Decimal(exact), 2, mode) == Decimal(text), (exact, mode)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Policies)])
def test_every_policy_and_value_is_documented(name: str) -> None:
    section = PAGE.split("## Policies\n", 1)[1]
    assert f"`{name}`" in section
    hint = hints_of(Policies)[name]
    for value in get_args(hint) if get_origin(hint) is not None and name != "late_limit" else ():
        assert f"`{value}`" in section, value
