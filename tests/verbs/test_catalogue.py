"""The catalogue of model contracts checks itself."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tenants import catalogue
from tenants.management.commands import lint_catalogue

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def last_line() -> str:
    out = StringIO()
    call_command("lint_catalogue", stdout=out)
    return out.getvalue().strip().splitlines()[-1]


def test_all_entries_load_lint_clean_and_price_their_samples() -> None:
    number = len(list(catalogue.FOLDER.glob("*.json")))
    assert last_line() == f"All {number} model contracts load, lint clean and price their samples."


@pytest.mark.parametrize("code", sorted(catalogue.entries()))
def test_a_sample_is_one_of_the_golden_cases(code: str) -> None:
    entry = catalogue.entries()[code]
    golden = json.loads((GOLDEN / f"{code}.json").read_text(encoding="utf-8"))["cases"]
    found = next(case for case in golden if case["arithmetic"] == entry.sample.arithmetic)
    assert {name: each for name, each in found["totals"].items() if name != "version"} == entry.sample.totals
    assert found["total"] == str(entry.sample.total)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"agreement": {"version": 1, "currency": "CNY", "clauses": [{"kind": "duration"}]}}, 'Add "code"'),
        ({"code": "other"}, "its code is other"),
        ({"sample": {"arithmetic": "", "totals": {}, "total": "1.00"}}, "the sample comes to 0"),
    ],
)
def test_a_faulty_entry_is_named_and_the_command_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said: str
) -> None:
    good = json.loads((catalogue.FOLDER / "contact-minutes.json").read_text(encoding="utf-8"))
    (tmp_path / "contact-minutes.json").write_text(json.dumps(good | change), encoding="utf-8")
    monkeypatch.setattr(lint_catalogue, "FOLDER", tmp_path)
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("lint_catalogue", stdout=out)
    assert said in out.getvalue()
