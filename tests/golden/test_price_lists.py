"""Published price lists of the trade, as model contracts, priced by hand."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from billing.rating import Agreement, Terms, Totals, explain, lint, rate, terms_from_versions
from tests.unit.rating.making import NOVEMBER, SHANGHAI, keeps_its_promises

HERE = Path(__file__).parent
CATALOGUE = HERE.parent.parent / "tenants" / "catalogue"
MODELS = sorted(path.stem for path in CATALOGUE.glob("*.json"))


def model_of(name: str) -> dict[str, Any]:
    return json.loads((CATALOGUE / f"{name}.json").read_text(encoding="utf-8"))


def cases() -> list[Any]:
    found = []
    for path in sorted(HERE.glob("*.json")):
        golden = json.loads(path.read_text(encoding="utf-8"))
        found += [
            pytest.param(golden["model"], case, id=f"{golden['model']}: {case['arithmetic']}")
            for case in golden["cases"]
        ]
    return found


def terms_of(model: str) -> Terms:
    return terms_from_versions(NOVEMBER, SHANGHAI, [("1", date(2026, 1, 1), model_of(model)["agreement"])])


@pytest.mark.parametrize(("model", "case"), cases())
def test_a_price_list_comes_to_what_a_person_computes(model: str, case: dict[str, Any]) -> None:
    bill = rate(terms_of(model), Totals.from_json(case["totals"]))
    keeps_its_promises(bill)
    assert {line.key: f"{line.amount:f}" for line in bill.lines} == case["lines"]
    assert (f"{bill.net:f}", f"{bill.tax:f}", f"{bill.total:f}") == (case["net"], case["tax"], case["total"])
    for package, (drawn, remaining) in case.get("balances_after", {}).items():
        after = next(balance for balance in bill.balances if balance.package == package)
        assert (f"{after.drawn:f}", f"{after.remaining:f}") == (drawn, remaining)
    assert all(explain(line).amount == line.amount for line in bill.lines)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_contract_is_tidy_and_without_faults(name: str) -> None:
    model = model_of(name)
    agreement = Agreement.from_json(model["agreement"])
    assert model["code"] == name
    assert model["name"]["zh"]
    assert not [finding for finding in lint(agreement) if finding.severity == "error"]
    assert Agreement.from_json(agreement.to_json()) == agreement


@pytest.mark.parametrize("name", MODELS)
def test_every_model_contract_has_golden_cases(name: str) -> None:
    assert (HERE / f"{name}.json").exists()
