"""Measure the door: calls per second over HTTP, committed and deduplicated, against COPY of the same rows.

``python -m tests.benchmarks.ingest [--json]``. A real gunicorn takes JSON arrays of 1,000 native records over two
connections; PostgreSQL, durable as in production, web server and load generator share the machine. The baseline is a
server-side ``COPY`` of the same rows into the same indexed partition, in the same run. Medians of several turns.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.benchmarks._serving import Site, load, request_of, site, web

RECORDS = 1000
BATCHES = 60
TURNS = 5
CONNECTIONS = 2
SHANGHAI = ZoneInfo("Asia/Shanghai")


def records_of(turn: int, batch: int, count: int = RECORDS) -> list[dict[str, Any]]:
    """Make one delivery of realistic native records: delivery robots, most calls answered, some counters."""
    chance = random.Random(f"{turn}:{batch}")
    first = datetime.now(SHANGHAI).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return [_record(chance, first, f"{turn:03}-{batch:05}-{number:04}") for number in range(count)]


def _record(chance: random.Random, first: datetime, name: str) -> dict[str, Any]:
    elapsed = (datetime.now(SHANGHAI) - first).total_seconds()
    started = first + timedelta(microseconds=chance.randrange(int(max(elapsed - 600, 60) * 1e6)))
    record: dict[str, Any] = {
        "call_id": f"{chance.getrandbits(64):016x}-{name}",
        "direction": "outbound",
        "caller": f"+8621555010{chance.randrange(100):02}",
        "callee": f"+86138{chance.randrange(10**8):08}",
        "started_at": started.isoformat(),
        "ended_at": (started + timedelta(seconds=28)).isoformat(),
        "hangup_cause": "NO_ANSWER",
        "region": f"{chance.randrange(11, 66)}0000",
        "robot": f"delivery-{chance.randrange(9)}",
        "line": f"trunk-{chance.randrange(4)}",
        "labels": {"campaign": "autumn", "waybill": f"SF{chance.randrange(10**12):012}"},
    }
    if chance.random() < 0.7:
        answered = started + timedelta(seconds=chance.uniform(2, 20))
        ended = answered + timedelta(seconds=chance.expovariate(1 / 45))
        record |= {"answered_at": answered.isoformat(), "ended_at": ended.isoformat(), "hangup_cause": "NORMAL_CLEARING",
                   "modules": ["voice_navigation"], "counters": {"asr_seconds": round(chance.uniform(1, 40), 3)}}  # fmt: skip
    return record


def _turn(place: Site, port: int, turn: int, batches: int) -> dict[str, float]:
    requests = [
        request_of("/api/v1/calls", json.dumps(records_of(turn, n)).encode(), place.key) for n in range(batches)
    ]
    wanted = "accepted"

    def check(body: bytes) -> None:
        if json.loads(body)[wanted] != RECORDS:
            raise AssertionError(body[:500])

    first, _ = load(port, requests, CONNECTIONS, check)
    wanted = "duplicates"
    replay, _ = load(port, requests, CONNECTIONS, check)
    calls = batches * RECORDS
    return {"first": calls / first, "replay": calls / replay, "copy": calls / _copy(place, calls)}


def _copy(place: Site, calls: int) -> float:
    """Copy the rows the turn stored out, empty the partition, and time copying them in again on the server."""
    path = place.pair.data / "postgres" / "bench.copy"
    month = datetime.now(SHANGHAI).strftime("usage_call_%Y_%m")
    with place.connect(superuser=True) as connection:
        # The same rows into a partition that already holds the others: as the turn found it.
        newest = f"(SELECT * FROM {month} WHERE received_at > (SELECT coalesce(max(at), '-infinity') FROM bench_mark))"
        connection.execute("CREATE TABLE IF NOT EXISTS bench_mark (at timestamptz)")
        connection.execute(f"COPY {newest} TO '{path}'")
        connection.execute(
            f"DELETE FROM {month} WHERE received_at > (SELECT coalesce(max(at), '-infinity') FROM bench_mark)"
        )
        connection.execute(f"VACUUM {month}")
        begun = time.perf_counter()
        done = connection.execute(f"COPY {month} FROM '{path}'")
        passed = time.perf_counter() - begun
        if done.rowcount != calls:
            raise AssertionError(f"{done.rowcount} rows copied, {calls} sent")
        connection.execute(f"INSERT INTO bench_mark SELECT max(received_at) FROM {month}")
    path.unlink()
    return passed


def measure(turns: int = TURNS, batches: int = BATCHES, more: tuple[str, ...] = ()) -> dict[str, Any]:
    """Measure first delivery, replay and COPY in turn."""
    with site() as place, web(place.environment, more=more) as (port, server):
        _turn(place, port, 0, 4)  # warm: plans, partitions, caches
        memory = _resident(server.pid)
        found = [_turn(place, port, turn, batches) for turn in range(1, turns + 1)]
        grown = _resident(server.pid) - memory
    value, replay, baseline = (statistics.median(each[name] for each in found) for name in ("first", "replay", "copy"))
    return {"name": "ingest", "unit": "calls/s", "value": value, "baseline": baseline, "ratio": value / baseline,
            "replay": replay, "memory_grown_mib": grown, "turns": found}  # fmt: skip


def _resident(pid: int) -> float:
    """Return the resident memory of a process and its children, in MiB."""
    out = subprocess.run(["ps", "--ppid", str(pid), "-o", "rss="], capture_output=True, text=True, check=False).stdout
    return sum(map(int, out.split())) / 1024


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and end with the one line that trend keepers read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    parser.add_argument("--full", action="store_true", help="more turns and more calls")
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--batches", type=int, default=BATCHES)
    options = parser.parse_args(arguments)
    found = measure(options.turns, options.batches)
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    for each in found["turns"]:
        print("  first {first:>8.0f}/s   replay {replay:>8.0f}/s   COPY {copy:>8.0f}/s".format(**each))
    print(f"replay {found['replay']:.0f}/s; web memory grew by {found['memory_grown_mib']:.0f} MiB")
    print(
        f"bench-ingest ratio={found['ratio']:.5f} value={found['value']:.0f} unit=calls/s baseline={found['baseline']:.0f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
