"""Every refusal of the engine has its sentence in both languages, and every member of an agreement its label."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from django.utils.translation import override

from billing.rating import Agreement
from billing.rating.form import hints_of
from tenants.wording.choices import choice_of
from tenants.wording.labels import is_share, label_of
from tenants.wording.sentences import SENTENCES, in_words

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*(ROOT / "billing/rating/terms").glob("*.py"), ROOT / "billing/rating/form.py", ROOT / "billing/money.py"]
CHINESE = re.compile(r"[一-鿿]")


def refusals() -> list[str]:
    """List what the engine may say about an agreement; what an f-string fills in stands as 9."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"InvalidTerms", "UnknownCurrency"}:
                said = node.args[-1] if node.func.id == "UnknownCurrency" else node.args[0]  # type: ignore[union-attr]
                if isinstance(said, ast.Constant):
                    found.add(said.value)
                elif isinstance(said, ast.JoinedStr):
                    found.add("".join(p.value if isinstance(p, ast.Constant) else "9" for p in said.values))
    return sorted(found)


def members(shape: Any, seen: set[Any] | None = None) -> Iterator[tuple[type, str, Any]]:
    seen = set() if seen is None else seen
    if is_dataclass(shape) and shape not in seen:
        seen.add(shape)
        for f in fields(shape):
            hint = hints_of(shape)[f.name]
            yield shape, f.name, hint  # type: ignore[misc]
            yield from members(hint, seen)
    for argument in get_args(shape):
        yield from members(argument, seen)


def choices(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield from get_args(hint)
    for argument in get_args(hint):
        if not is_dataclass(argument):
            yield from choices(argument)


@pytest.mark.parametrize("message", refusals())
def test_a_refusal_has_a_sentence_in_both_languages(message: str) -> None:
    message = message.replace('"version": 9', '"version": 1').replace("here. 9", 'here. Did you mean "x"?')
    with override("zh-hans"):
        assert CHINESE.search(in_words(message)), message
    with override("en"):
        assert "%(" not in in_words(message)


def test_no_sentence_is_left_over() -> None:
    said = [
        re.sub(r"here\. 9", "here. Known members: 9.", m).replace('"version": 9', '"version": 1') for m in refusals()
    ]
    said += ['Nothing is called "9" here. Did you mean "9"?']
    assert [pattern for pattern, _ in SENTENCES if not any(re.fullmatch(pattern, each) for each in said)] == []


def test_every_member_and_choice_of_an_agreement_has_a_chinese_label() -> None:
    with override("zh-hans"):
        bare = [f"{s.__name__}.{n}" for s, n, _ in members(Agreement) if not CHINESE.search(label_of(s, n))]
        english = [
            f"{shape.__name__}.{name}={value}"
            for shape, name, hint in members(Agreement)
            for value in choices(hint)
            if not CHINESE.search(choice_of(shape, name, value))
        ]
    assert [each for each in bare if each != "Agreement.version"] == []
    assert english == []


def test_rates_are_written_as_percentages() -> None:
    shares = {f"{shape.__name__}.{name}" for shape, name, _ in members(Agreement) if is_share(shape, name)}
    assert {"Tax.rate", "Discount.rate", "Factor.rate", "DurationClause.tax"} <= shares
    assert "PerUnit.price" not in shares
