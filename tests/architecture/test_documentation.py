"""Run what docs/getting-started.md and docs/operations.md tell people to run.

A comment above a fenced block says what becomes of it: ``file: NAME`` is written to a folder, ``run`` is run there by
bash, ``prints`` is what the last run printed, ``answers`` what the server said; the others are read by the code they
are meant for. Blocks without a comment are not run: they start servers or need a person.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest
from django.core.management import load_command_class
from django.urls import resolve

from billing.environment import ROOT
from billing.periods import period_containing
from billing.rating import Agreement, lint
from invoices.models import Invoice
from tests.conftest import TALK, call_of
from usage.aggregation import count_if_stale
from usage.formats import native
from usage.formats.record import refusal_of

GETTING_STARTED = ROOT / "docs" / "getting-started.md"
BLOCK = re.compile(r"(?:^<!-- (?P<mark>.+?) -->\n)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
MARKS = {"run", "prints", "answers", "answers again", "agreement", "freeswitch", "parse"}


def blocks() -> list[tuple[str, str, str]]:
    """List the marked blocks: mark, language, content."""
    found = BLOCK.finditer(GETTING_STARTED.read_text(encoding="utf-8"))
    return [(block["mark"], block["kind"], block["body"]) for block in found if block["mark"]]


def marked(mark: str) -> list[str]:
    found = [body for name, _, body in blocks() if name == mark]
    assert found, f"getting-started.md has no block marked {mark}"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder as the reader's: the files of the page, and the environment."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for mark, _, body in blocks():
        if mark.startswith("file: "):
            (tmp_path / mark.removeprefix("file: ")).write_text(body, encoding="utf-8")
    return tmp_path


def run(command: str, folder: Path, **environment: str) -> str:
    inherited = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "no_proxy": "*"}
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=inherited | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_mark_is_known_and_every_example_that_can_be_read_is_marked() -> None:
    assert {mark for mark, _, _ in blocks() if not mark.startswith("file: ")} == MARKS
    text = GETTING_STARTED.read_text(encoding="utf-8")
    unmarked = [block["body"].strip() for block in BLOCK.finditer(text) if not block["mark"]]
    assert unmarked == ["make demo"]


def test_the_engine_prints_what_the_page_shows(folder: Path) -> None:
    command = next(body for body in marked("run") if "billing.rating" in body)
    assert run(command, folder) == marked("prints")[0]


def test_the_page_shows_terms_that_raise_no_finding(folder: Path) -> None:
    command = next(body for body in marked("run") if "billing.rating" in body)
    words = command.replace(" price ", " lint ").replace(" totals.json", "")
    assert run(words, folder) == ""


def test_the_agreement_can_be_signed() -> None:
    agreement = Agreement.from_json(json.loads(marked("agreement")[0]))
    assert [clause.kind for clause in agreement.clauses] == ["duration", "recurring"]
    assert [finding for finding in lint(agreement) if finding.severity == "error"] == []


def test_the_calls_are_taken_without_a_fault(folder: Path) -> None:
    decoded = native.decode((folder / "calls.json").read_bytes())
    assert [each.fault for each in decoded] == [None, None]
    for each in decoded:
        assert each.record is not None
        ended = each.record.ended_at
        assert refusal_of(each.record, ended - timedelta(days=1), ended) is None
    assert decoded[0].record is not None
    assert decoded[0].record.talked_ms == 64_520


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("source")
@pytest.mark.skipif(not shutil.which("curl"), reason="the page posts with curl, which is not installed here")
def test_the_calls_are_posted_and_a_second_time_known(folder: Path, live_server: Any, key: str) -> None:
    command = next(body for body in marked("run") if body.startswith("curl"))
    for mark in ("answers", "answers again"):
        answer = json.loads(run(command, folder, HUADAN_URL=live_server.url, HUADAN_KEY=key))
        assert re.fullmatch(r"[0-9a-f-]{36}", answer["batch"])
        assert answer | {"batch": ""} == json.loads(marked(mark)[0]) | {"batch": ""}


def test_the_switch_posts_to_an_address_that_exists() -> None:
    settings = {
        param.get("name"): param.get("value") or "" for param in ET.fromstring(marked("freeswitch")[0]).iter("param")
    }
    found = resolve(urlsplit(settings["url"]).path)
    assert (found.url_name, found.kwargs) == ("freeswitch", {"source": "switch-1"})
    assert base64.b64encode(settings["cred"].encode())
    assert settings["cred"].partition(":")[2].startswith("hd_live_")
    assert settings["encode"] in {"true", "false", "base64"}


def test_channel_variables_that_the_page_names_are_read() -> None:
    source = (ROOT / "usage" / "formats" / "freeswitch.py").read_text(encoding="utf-8")
    named = set(re.findall(r"`(hd_[a-z_]+?)(?:NAME)?`", GETTING_STARTED.read_text(encoding="utf-8")))
    assert named
    plain = {"hd_robot", "hd_line", "hd_region", "hd_language"}
    assert [name for name in named - plain if name not in source] == []
    assert all(f'"{name.removeprefix("hd_")}"' in source for name in plain)


def test_the_simulator_understands_its_line() -> None:
    words = shlex.split(marked("parse")[0].replace('"$', '"'))
    assert words[:3] == [".venv/bin/python", "manage.py", "simulate_traffic"]
    options = (
        load_command_class("usage", "simulate_traffic")
        .create_parser("manage.py", "simulate_traffic")
        .parse_args(words[3:])
    )
    assert (options.source, options.profile, options.calls_per_day) == ("switch-1", "express", 50)


@pytest.mark.django_db(transaction=True)
def test_the_operators_lines_draft_a_month_anew(tenant: Any, post: Any, make_contract: Any) -> None:
    lines = re.findall(
        r"^```python\n(.*?)^```$",
        (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )[0]
    post(call_of(1), call_of(2))
    count_if_stale(tenant, period_containing(date(2026, 10, 1)), datetime.now(UTC))  # before there was a contract
    make_contract(TALK, code="YT-2026-001")
    exec(compile(lines, "docs/operations.md", "exec"), {})
    assert [(draft.contract.code, draft.net) for draft in Invoice.objects.all()] == [("YT-2026-001", Decimal("0.50"))]
