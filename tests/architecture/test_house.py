"""The house keeps its own rules."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("module", ["billing.rating", "billing.money", "billing.periods", "billing.errors"])
def test_the_engine_loads_no_framework(module: str) -> None:
    code = f"import sys, {module}; print([m for m in sys.modules if m.partition('.')[0] in {{'django', 'celery', 'rest_framework', 'redis', 'psycopg', 'msgspec'}}])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_wiring_package_is_empty() -> None:
    assert (ROOT / "billing" / "__init__.py").read_bytes() == b""


def test_imports_follow_the_one_way_rules() -> None:
    command = "from importlinter.cli import lint_imports_command as lint; lint()"
    done = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_contract_of_the_demo_is_read_by_the_engine_without_findings() -> None:
    from billing.rating import Agreement, lint

    story = json.loads((ROOT / "invoices/management/demo/vendor.json").read_text(encoding="utf-8"))
    for each in story["tenants"]:
        agreement = Agreement.from_json(each["contract"]["agreement"])
        assert [f for f in lint(agreement) if f.severity == "error"] == [], each["tenant"]["code"]


def test_locks_are_hashed_and_name_no_place() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", ".ci/bootstrap/uv.txt"):
        text = (ROOT / name).read_text()
        packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert packages
        assert all(line.endswith("\\") for line in packages), f"{name}: a package without a hash"
        assert "://" not in text, f"{name} names an address"
