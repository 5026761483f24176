"""The engine is pure: no float, no clock, nothing but the standard library, and short functions."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
BILLING = ROOT / "billing"
FILES = sorted(
    [*(BILLING / "rating").rglob("*.py"), BILLING / "money.py", BILLING / "periods.py", BILLING / "errors.py"]
)
CLOCKS = {"now", "today", "utcnow", "time", "monotonic", "perf_counter"}
OPTIONAL = {"signature.py": {"cryptography"}}
INEXACT = {"float", "complex", "total_seconds", "timestamp", "sqrt", "log", "exp", "random"}


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BILLING)))
def test_no_number_is_inexact(path: Path) -> None:
    for node in nodes(path):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, (float, complex))), f"line {node.lineno}"
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        assert name not in INEXACT, f"line {getattr(node, 'lineno', 0)}: {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BILLING)))
def test_nothing_reads_a_clock(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCKS, f"line {node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BILLING)))
def test_only_the_standard_library_is_imported(path: Path) -> None:
    allowed = {"billing"} | set(sys.stdlib_module_names) | OPTIONAL.get(path.name, set())
    for node in nodes(path):
        names = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        for name in names:
            assert name.split(".")[0] in allowed, name
            assert not name.startswith("billing.") or name.startswith(
                ("billing.rating", "billing.money", "billing.periods", "billing.errors")
            ), name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BILLING)))
def test_functions_read_on_one_screen_and_files_are_one_idea(path: Path) -> None:
    for node in nodes(path):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 330
