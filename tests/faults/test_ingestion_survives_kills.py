"""What was acknowledged is there, once, after kill -9 of web workers and of PostgreSQL under load."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks._serving import Site, exchange, request_of, site, web
from tests.benchmarks.ingest import records_of

CALLS = int(os.environ.get("FAULT_CALLS", "20000"))  # by hand with 100,000 and more
SEED = int(os.environ.get("FAULT_SEED", "0"))  # in which order, and when, who is killed; how the load is cut
WRITERS = 4
KILLS = ("worker", "postgres", "worker", "worker", "postgres", "worker")
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("kills")]


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site(durable=True) as made:
        yield made


class Writer(threading.Thread):
    """Send calls in batches of many sizes until each is acknowledged, over and over if need be."""

    def __init__(self, place: Site, port: int, number: int) -> None:
        super().__init__(daemon=True)
        self.place, self.port, self.number = place, port, number
        self.acked: set[str] = set()
        self.retries = 0
        self.line: socket.socket | None = None

    def run(self) -> None:
        chance = random.Random(f"{SEED}/{self.number}")
        waiting = [record for n in range(CALLS // WRITERS // 500) for record in records_of(self.number, n, 500)]
        while waiting:
            cut = chance.choice((1, 1, 20, 100, 250))
            part, waiting = waiting[:cut], waiting[cut:]
            request = request_of("/api/v1/calls", json.dumps(part).encode(), self.place.key)
            while not self._acknowledged(request, len(part)):
                self.retries += 1
                time.sleep(0.05)
            self.acked.update(record["call_id"] for record in part)

    def _acknowledged(self, request: bytes, count: int) -> bool:
        try:
            if self.line is None:
                self.line = socket.create_connection(("127.0.0.1", self.port), 30)
            status, body = exchange(self.line, request)
        except OSError:
            self.line = None
            return False
        if status != 200:
            return False
        answer = json.loads(body)
        return bool(answer["accepted"] + answer["duplicates"] == count)


def _kill_a_worker(server: subprocess.Popen[bytes], chance: random.Random) -> None:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    if children:
        os.kill(int(chance.choice(children)), signal.SIGKILL)


def _kill_postgres(place: Site) -> None:
    pid = place.pair.postgres_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    place.pair.start()


def test_acknowledged_and_missing_is_nothing(place: Site) -> None:
    chance = random.Random(SEED)
    kills = sorted((chance.uniform(0.05, 0.9), kind) for kind in KILLS)
    with web(place.environment, more=["--timeout", "60"]) as (port, server):
        writers = [Writer(place, port, number) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        for share, kind in kills:
            while sum(len(writer.acked) for writer in writers) < CALLS * share:
                time.sleep(0.01)
            _kill_postgres(place) if kind == "postgres" else _kill_a_worker(server, chance)
        for writer in writers:
            writer.join()
    acked = set().union(*(writer.acked for writer in writers))
    with place.connect() as connection:
        stored = [row[0] for row in connection.execute("SELECT call_id FROM usage_call").fetchall()]
        counts = connection.execute(
            "SELECT sum(accepted)::int, sum(conflicts)::int, sum(rejected)::int FROM usage_batch"
        )
        assert counts.fetchone() == (len(acked), 0, 0)
    print(f"{len(acked)} acknowledged, {sum(w.retries for w in writers)} retries, killed at {kills}")
    assert len(acked) == CALLS
    assert acked - set(stored) == set(), "acknowledged and missing"
    assert len(stored) == len(set(stored)) == CALLS, "stored exactly once"
    assert sum(writer.retries for writer in writers), "nobody was hit; the load was too short"


def test_a_month_replayed_shuffled_in_other_sizes_adds_nothing(place: Site) -> None:
    chance = random.Random(1)
    records = [record for n in range(6) for record in records_of(900, n, 500)]
    with web(place.environment) as (port, _), socket.create_connection(("127.0.0.1", port), 30) as line:

        def send(size: int) -> dict[str, int]:
            found = {"accepted": 0, "duplicates": 0}
            for start in range(0, len(records), size):
                body = json.dumps(records[start : start + size]).encode()
                status, answer = exchange(line, request_of("/api/v1/calls", body, place.key))
                assert status == 200, answer
                found = {name: found[name] + json.loads(answer)[name] for name in found}
            return found

        assert send(500) == {"accepted": 3000, "duplicates": 0}
        for size in (1500, 333, 17):
            chance.shuffle(records)
            assert send(size) == {"accepted": 0, "duplicates": 3000}


def test_single_records_share_one_kept_connection(place: Site) -> None:
    """Django's health check of a kept connection must not meet the pipeline."""
    with (
        web(place.environment, workers=1, threads=1) as (port, _),
        socket.create_connection(("127.0.0.1", port), 30) as line,
    ):
        for number, record in enumerate(records_of(901, 0, 5)):
            status, answer = exchange(line, request_of("/api/v1/calls", json.dumps(record).encode(), place.key))
            assert (status, json.loads(answer)["accepted"]) == (200, 1), number
