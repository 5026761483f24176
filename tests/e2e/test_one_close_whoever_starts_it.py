"""A month closed by real processes, the admin and beat at once, on a real database: one run, one draft per contract."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from billing.environment import ROOT
from billing.periods import add_months
from invoices import tasks
from invoices.models import CloseRun, Invoice, RunStep
from tenants.models import Seller
from tests.e2e.servers import Servers, wait_for
from tests.verbs.test_closing import other_contract

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.xdist_group("processes")]
LAST_MONTH = add_months(datetime.now(UTC).date().replace(day=1), -1)
CONTRACTS, HERE = 6, 4711
WAIT = f"""
CREATE FUNCTION wait_at_the_gate() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
$$ BEGIN PERFORM pg_advisory_xact_lock_shared({HERE}); RETURN NEW; END $$;
CREATE TRIGGER gate BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION wait_at_the_gate();
"""
WAITING = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = {HERE} AND NOT granted"


@contextmanager
def gate(table: str) -> Iterator[Callable[[], int]]:
    """Hold everyone who inserts a row, until the block ends; give a way to count who waits."""

    def waiting() -> int:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            return int(cursor.fetchone()[0])

    with connection.cursor() as cursor:
        cursor.execute(WAIT % table)
        cursor.execute("SELECT pg_advisory_lock(%s)", [HERE])
    try:
        yield waiting
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [HERE])


@pytest.fixture
def contracts(seller: Seller) -> Iterator[list[int]]:
    """Contracts of which only the last month is to be closed, by now."""
    Seller.objects.update(billing_starts_on=LAST_MONTH, grace_days=0)
    yield [other_contract(seller, f"t{number}").pk for number in range(CONTRACTS)]
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS wait_at_the_gate CASCADE")


def close_month(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "close_month", "--period", f"{LAST_MONTH:%Y-%m}", *words]
    patient = {"HUADAN_STATEMENT_TIMEOUT_SECONDS": "600"}  # at the gate, until the slowest is there
    return subprocess.Popen(
        command, cwd=ROOT, env=Servers(folder).environment | patient, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def assert_closed_once(contracts: list[int]) -> None:
    run = CloseRun.objects.get(purpose=CloseRun.CLOSE)
    assert (run.month, run.state) == (LAST_MONTH, CloseRun.DONE)
    assert sorted(run.steps.values_list("contract_id", "state")) == [(pk, RunStep.READY) for pk in contracts]
    assert sorted(Invoice.objects.values_list("contract_id", flat=True)) == contracts


def test_the_command_closes_a_month_with_two_processes(contracts: list[int], tmp_path: Path) -> None:
    with gate("invoices_invoice") as waiting:
        command = close_month(tmp_path, "--workers", "2")
        wait_for(lambda: waiting() == 2, "both processes at a draft of their own", 180)
    said, _ = command.communicate(timeout=180)
    assert command.returncode == 0, said
    assert f"{CONTRACTS} ready" in said
    assert_closed_once(contracts)


def test_eight_closes_at_once_from_command_admin_and_beat_are_one(
    contracts: list[int], admin_client: Client, seller: Seller, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(tasks, "REHEARSAL_HOUR", 24)
    monkeypatch.setattr(tasks.work_on_closes, "apply_async", lambda *_, **__: None)
    pages: list[str] = []

    def admin() -> None:
        client = Client()
        client.cookies = admin_client.cookies
        asked = {"seller": str(seller.pk), "month": f"{LAST_MONTH:%Y-%m}"}
        pages.append(client.post("/admin/invoices/closerun/start/", asked)["Location"])
        connection.close()

    def beat() -> None:
        tasks.start_due_closes()
        tasks.keep_closes_going()
        connection.close()

    threads = [threading.Thread(target=start) for start in (admin, beat) * 3]
    with gate("invoices_closerun") as waiting:
        commands = [close_month(tmp_path) for _ in range(2)]
        wait_for(lambda: waiting() == 2, "both commands at the gate", 180)
        for thread in threads:
            thread.start()
        wait_for(lambda: waiting() == 8, "all eight at the gate")
    said = [command.communicate(timeout=180)[0] for command in commands]
    for thread in threads:
        thread.join(180)
    assert [command.returncode for command in commands] == [0, 0], said
    assert_closed_once(contracts)
    assert pages == [f"/admin/invoices/closerun/{CloseRun.objects.get(purpose=CloseRun.CLOSE).pk}/change/"] * 3
