"""A close in which workers, beat, PostgreSQL and Valkey are killed ends with the drafts of a calm one, books in order."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks._serving import ROOT, Site, site

SEEDS = int(os.environ.get("FAULT_SEEDS", "3"))  # by hand with 20
TENANTS, KILLS = 48, 4
LONGEST_SECONDS = 240
VICTIMS = ("child", "child", "worker", "beat", "postgres", "valkey")
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("kills")]

SETUP = f"""
import django; django.setup()
from tests.benchmarks._months import agree, fill_calls
seller, first, last = agree("kills", {TENANTS})
for number in range(6):
    fill_calls(first + number * {TENANTS // 6}, first + (number + 1) * {TENANTS // 6} - 1, 50 * (number + 1))
"""
START = """
import django; django.setup()
from datetime import UTC, datetime
from invoices.closing import start_close
from tenants.models import Seller
from tests.benchmarks._months import MONTH
start_close(Seller.objects.get(code="kills"), MONTH, by="test", now=datetime.now(UTC))
"""
FORGET = """
TRUNCATE invoices_closerun, invoices_invoice, usage_usagetotal CASCADE;
UPDATE usage_usagemonth SET state = 'open', frozen_at = NULL, counted_at = NULL, stale_since = now();
"""
# Every question of the books but I10: the TRUNCATE above passes the audit trail by, which rightly names what is gone.
BOOKS = """
import django; django.setup()
from datetime import UTC, datetime
from invoices.books import broken
found = [str(each) for each in broken(datetime.now(UTC)) if each.invariant != "I10"]
raise SystemExit("; ".join(found) or 0)
"""
DRAFTS = """
SELECT c.code, s.state, m.state, i.net, i.total, i.terms::text, i.totals::text, i.document::text,
    (SELECT array_agg(l.key || ' ' || l.amount ORDER BY l.position) FROM invoices_line AS l WHERE l.invoice_id = i.id),
    (SELECT array_agg(f.code || f.facts ORDER BY f.code) FROM invoices_finding AS f WHERE f.step_id = s.id)
FROM invoices_runstep AS s JOIN tenants_contract AS c ON c.id = s.contract_id
LEFT JOIN invoices_invoice AS i ON i.contract_id = c.id AND i.period_starts_on = s.period_starts_on
LEFT JOIN usage_usagemonth AS m ON m.tenant_id = s.tenant_id AND m.period = s.period_starts_on ORDER BY c.code
"""


class Installation:
    """A worker with two processes and beat on servers of their own, each of which can be killed and comes back."""

    def __init__(self, place: Site, folder: Path) -> None:
        self.place, self.folder = place, folder
        self.environment = place.environment | {
            "HUADAN_CLOSE_EVERY_SECONDS": "0.5", "HUADAN_CLOSE_LEASE_SECONDS": "2", "HUADAN_COUNT_EVERY_SECONDS": "1",
        }  # fmt: skip
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=self.environment, check=False, capture_output=True, text=True
        )

    def start(self, name: str) -> None:
        words = {
            "worker": ["worker", "--concurrency", "2"],
            "beat": ["beat", "--schedule", str(self.folder / f"beat-{time.monotonic_ns()}")],
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "billing.celery", *words[name]],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self, victim: str) -> None:
        if victim in ("postgres", "valkey"):
            pair = self.place.pair
            pid = {"postgres": pair.postgres_pid, "valkey": pair.valkey_pid}[victim]()
            assert pid
            os.kill(pid, signal.SIGKILL)
            pair.start()
        elif victim == "child":
            parent = self.processes["worker"].pid
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
            if children:
                os.kill(int(random.choice(children)), signal.SIGKILL)
        else:
            os.killpg(self.processes[victim].pid, signal.SIGKILL)
            self.processes[victim].wait()
            self.start(victim)

    def stop(self) -> None:
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def asked(self, question: str) -> list[tuple[Any, ...]]:
        with self.place.connect() as connection:
            return connection.execute(question).fetchall()

    def wait_for(self, true: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not true():
            logs = "".join(log.read_text(errors="replace")[-3000:] for log in self.folder.glob("*.log"))
            assert time.monotonic() < deadline, f"{what} did not come\n{logs}"
            time.sleep(0.02)

    def ended_steps(self) -> int:
        question = "SELECT count(*) FROM invoices_runstep WHERE state NOT IN ('planned', 'counted', 'drafted')"
        return int(self.asked(question)[0][0])

    def is_done(self) -> bool:
        return self.asked("SELECT state FROM invoices_closerun") == [("done",)]


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site(durable=True) as made:
        yield made


@pytest.fixture(scope="module")
def calm(place: Site, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    """The drafts of a close that nobody disturbed."""
    installation = Installation(place, tmp_path_factory.mktemp("calm"))
    done = installation.run("-c", SETUP)
    assert done.returncode == 0, done.stderr
    done = installation.run("manage.py", "close_month", "--period", "2026-10", "--seller", "kills")
    assert done.returncode == 0, done.stdout + done.stderr
    drafts = installation.asked(DRAFTS)
    assert {(row[1], row[2]) for row in drafts} == {("ready", "frozen")}
    assert len({row[3] for row in drafts}) == 6
    return drafts


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_close_under_kills_ends_with_the_same_drafts(
    place: Site, calm: list[tuple[Any, ...]], tmp_path: Path, seed: int
) -> None:
    random.seed(seed)
    kills = [(random.randrange(TENANTS - 4), random.choice(VICTIMS), random.uniform(0, 0.1)) for _ in range(KILLS)]
    installation = Installation(place, tmp_path)
    with place.connect() as connection:
        connection.execute(FORGET)
    try:
        started = installation.run("-c", START)
        assert started.returncode == 0, started.stderr
        installation.start("worker")
        installation.start("beat")
        reached = []
        for after, victim, pause in sorted(kills):
            installation.wait_for(lambda after=after: installation.ended_steps() >= after, f"step {after}")
            time.sleep(pause)
            reached.append((victim, installation.ended_steps()))
            installation.kill(victim)
        installation.wait_for(installation.is_done, "the end of the close")
        print(f"seed {seed}: killed at step {reached}")
        assert reached[0][1] < TENANTS, "the close was over before anything was killed"
    finally:
        installation.stop()
    assert installation.asked(DRAFTS) == calm
    books = installation.run("-c", BOOKS)
    assert books.returncode == 0, books.stderr
