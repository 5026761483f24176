"""The demo's load, with everything killed in the middle of it: started again, it ends with the same invoices."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from billing.local import Embedded

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["demo", "--exit", "--months", "1", "--customers", "3", "--today", "2026-11-02"]
STORED_FIRST = 300  # of 8,556; up to a second passes before the demo notices and stops sending, four times over
ENVIRONMENT_OF_TESTS = ("DATABASE_URL", "REDIS_URL", "HUADAN_SECRET_KEY", "HUADAN_NUMBER_KEY", "HUADAN_HTTPS")

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("processes")]


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A copy of the sources in a folder with a space in its name, so that the demo has its own servers and data.

    Not in pytest's folder: every other run of pytest closes that to the account the servers run as.
    """
    room = Path(tempfile.mkdtemp(prefix="a copy of "))
    folder = room / "huadan"
    leave_out = shutil.ignore_patterns(".*", "tests", "docs", "static", "__pycache__")
    shutil.copytree(ROOT, folder, ignore=leave_out)
    (folder / "static").mkdir(exist_ok=True)
    room.chmod(0o755)
    for name in ("invoices", "usage", "billing"):  # "static" inside the apps is theirs
        for static in (ROOT / name).rglob("static"):
            shutil.copytree(static, folder / static.relative_to(ROOT), dirs_exist_ok=True)
    yield folder
    Embedded.beside(folder).remove()
    shutil.rmtree(room)


def _demo(checkout: Path, **options: Any) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT_OF_TESTS}
    return subprocess.Popen(
        [sys.executable, "manage.py", *WORDS],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    )


def _finish(checkout: Path) -> list[str]:
    demo = _demo(checkout)
    printed, _ = demo.communicate(timeout=400)
    assert demo.returncode == 0, printed[-3000:]
    assert re.search(r"^done in \d+ s$", printed, re.MULTILINE)
    return re.findall(r"^YT-\d{4}-\d{6} .*$", printed, re.MULTILINE)


def _stored_calls(checkout: Path) -> int:
    try:
        with psycopg.connect(Embedded.beside(checkout).database_url, connect_timeout=2) as connection:
            row = connection.execute("SELECT count(*) FROM usage_call").fetchone()
            return int(row[0]) if row else 0
    except psycopg.Error:
        return -1


def _kill(checkout: Path, victim: str) -> None:
    pair = Embedded.beside(checkout)
    servers = {"postgres": pair.postgres_pid, "valkey": pair.valkey_pid}
    if victim in servers:
        pid = servers[victim]()
        assert pid
        os.kill(pid, signal.SIGKILL)
    else:  # the web server and the worker are families
        os.killpg(int((checkout / ".local" / "logs" / f"{victim}.pid").read_text()), signal.SIGKILL)


def test_killing_anything_in_mid_load_changes_no_invoice(checkout: Path) -> None:
    loaded = 0
    for victim in ("web", "postgres", "valkey", "worker"):
        demo = _demo(checkout)
        deadline = time.monotonic() + 240
        while _stored_calls(checkout) < loaded + STORED_FIRST and time.monotonic() < deadline:
            assert demo.poll() is None, (
                f"the demo ended before {victim} could be killed: {demo.communicate()[0][-2000:]}"
            )
            time.sleep(0.02)
        _kill(checkout, victim)
        printed, _ = demo.communicate(timeout=240)
        assert demo.returncode == 1, f"{victim} was killed, and the demo did not say so: {printed[-2000:]}"
        assert f"{victim} ended by itself" in printed
        pair = Embedded.beside(checkout)
        assert pair.postgres_pid() is None, "left running"
        pair.start()
        loaded = _stored_calls(checkout)
        pair.stop()
    disturbed = _finish(checkout)
    assert len(disturbed) == 3
    assert _finish(checkout) == disturbed, "a second run changes nothing"
    Embedded.beside(checkout).remove()
    shutil.rmtree(checkout / ".local", ignore_errors=True)
    assert _finish(checkout) == disturbed, "a calm run ends with the same"
