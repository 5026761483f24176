"""Measure the door: calls per second over HTTP, committed and deduplicated, against COPY of the same rows.

``python -m tests.benchmarks ingest [--json] [--full [--rows=N] [--records=N]]``. A real gunicorn takes JSON arrays of 1,000 native records over
two connections; PostgreSQL, durable as in production, web server and load generator share the machine. The baseline is a
server-side ``COPY`` of the same rows into the same indexed partition, in the same run. Medians of several turns.

The same goes as NDJSON and as CSV, too. ``--full`` then fills the month with ``rows`` by SQL and measures again, and sends
``records`` and watches the web server's memory; ten million rows take ten gigabytes of disk.
"""

from __future__ import annotations

import csv
import io
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.benchmarks._comparing import median, options_of, report, seconds_of
from tests.benchmarks._serving import Site, load, request_of, site, web

RECORDS = 1000
BATCHES = 60
TURNS = 5
FORM_TURNS = 3
CONNECTIONS = 2
FULL_ROWS = 10_000_000
LONG_RUN = 5_000_000
COLUMNS = ["call_id", "direction", "caller", "callee", "started_at", "answered_at", "ended_at", "hangup_cause", "region", "robot",
           "line", "modules", "counters.asr_seconds", "labels.campaign", "labels.waybill"]  # fmt: skip
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


def _as_json(records: list[dict[str, Any]]) -> bytes:
    return json.dumps(records).encode()


def _as_lines(records: list[dict[str, Any]]) -> bytes:
    return b"\n".join(json.dumps(record).encode() for record in records)


def _as_table(records: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for record in records:
        flat = record | {f"labels.{name}": text for name, text in record["labels"].items()}
        flat |= {f"counters.{name}": number for name, number in record.get("counters", {}).items()}
        flat["modules"] = ",".join(record.get("modules", ()))
        table.writerow(flat.get(name, "") for name in COLUMNS)
    return out.getvalue().encode()


FORMS = {
    "json": ("application/json", _as_json), "ndjson": ("application/x-ndjson", _as_lines), "csv": ("text/csv", _as_table),
}  # fmt: skip


def _send(place: Site, port: int, bodies: list[bytes], wanted: str, form: str = "json") -> float:
    """Send bodies of 1,000 records, each of which must have the wanted outcome; return calls per second."""

    def check(body: bytes) -> None:
        if json.loads(body)[wanted] != RECORDS:
            raise AssertionError(body[:500])

    requests = [request_of("/api/v1/calls", body, place.key, FORMS[form][0]) for body in bodies]
    seconds, _ = load(port, requests, CONNECTIONS, check)
    return len(bodies) * RECORDS / seconds


def _turn(place: Site, port: int, turn: int, batches: int, form: str = "json") -> dict[str, float]:
    bodies = [FORMS[form][1](records_of(turn, n)) for n in range(batches)]
    first = _send(place, port, bodies, "accepted", form)
    replay = _send(place, port, bodies, "duplicates", form)
    calls = batches * RECORDS
    return {"first": first, "replay": replay, "copy": calls / _copy(place, calls)}


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


def _fill(place: Site, rows: int) -> None:
    """Put a month of so many rows, with keys as random as real ones, in the place of this month's partition."""
    month = datetime.now(SHANGHAI).strftime("usage_call_%Y_%m")
    with place.connect(superuser=True) as connection:
        (bounds,) = connection.execute(
            "SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE relname = %s", [month]
        ).fetchone() or ("",)
        columns = "call_id, " + ", ".join(
            name
            for (name,) in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = 'usage_call'::regclass AND attnum > 0 AND attname <> 'call_id'"
            )
        )
        connection.execute("CREATE TABLE bench_full (LIKE usage_call INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
        connection.execute(
            f"INSERT INTO bench_full ({columns}) SELECT md5(n || call_id), {columns.removeprefix('call_id, ')} "
            f"FROM (SELECT * FROM {month} LIMIT 1000) AS kept, generate_series(1, {rows // 1000}) AS n"
        )
        connection.execute(f"ALTER TABLE usage_call DETACH PARTITION {month}")
        connection.execute(f"DROP TABLE {month}")
        connection.execute(f"ALTER TABLE bench_full OWNER TO huadan; ALTER TABLE bench_full RENAME TO {month}")
        connection.execute(f"ALTER TABLE usage_call ATTACH PARTITION {month} {bounds}")  # which builds the indexes
        connection.execute("VACUUM ANALYZE usage_call")
        connection.execute("CHECKPOINT")


def _run_long(place: Site, port: int, server: int, records: int) -> list[float]:
    """Send many records; return the web server's memory in MiB after each tenth of them."""
    templates = [_as_json(records_of(1, n)) for n in range(100)]
    rounds, found = max(records // (RECORDS * len(templates)), 3), []
    for number in range(rounds):
        bodies = [body.replace(b"-001-", b"-L%05d-" % number) for body in templates]
        speed = _send(place, port, bodies, "accepted")
        if (number + 1) * 10 // rounds > len(found):
            found.append(_resident(server))
            sent = (number + 1) * RECORDS * len(templates)
            print(f"{sent:,} records: {found[-1]:.0f} MiB, {speed:.0f}/s", file=sys.stderr, flush=True)
    return found


def _measure_forms(place: Site, port: int, batches: int) -> dict[str, dict[str, float]]:
    """Measure first delivery and replay in each form, in turn; medians."""
    turned: dict[str, list[dict[str, float]]] = {form: [] for form in FORMS}
    for turn in range(FORM_TURNS):
        for number, form in enumerate(FORMS):
            turned[form].append(_turn(place, port, 500 + 10 * turn + number, batches, form))
    return {
        form: {name: median(each[name] for each in turns) for name in ("first", "replay")}
        for form, turns in turned.items()
    }


def _measure_full(
    place: Site, port: int, server: int, found: dict[str, Any], rows: int, records: int
) -> dict[str, Any]:
    print(f"filled in {seconds_of(lambda: _fill(place, rows)):.0f} s", file=sys.stderr, flush=True)
    _send(place, port, [_as_json(records_of(600, n)) for n in range(4)], "accepted")
    filled = [
        _send(place, port, [_as_json(records_of(600 + turn, n)) for n in range(BATCHES)], "accepted")
        for turn in range(1, TURNS + 1)
    ]
    memory = _run_long(place, port, server, records)
    return {
        "rows_in_the_month": rows, "filled": median(filled), "filled_to_empty": median(filled) / found["value"],
        "memory_mib_by_tenths": memory,
        "memory_kib_per_million": _slope(memory) * len(memory) / records * 1e6 * 1024,
    }  # fmt: skip


def _slope(values: list[float]) -> float:
    """Return how much values grow from one to the next, by least squares, the first left out: it warms up."""
    return statistics.linear_regression(range(len(values) - 1), values[1:]).slope


def measure(
    turns: int = TURNS, batches: int = BATCHES, more: tuple[str, ...] = (), *, full: tuple[int, int] | None = None
) -> dict[str, Any]:
    """Measure first delivery, replay and COPY in turn; ``full``: then with so many rows there, and so many records on."""
    with site() as place, web(place.environment, more=more) as (port, server):
        _turn(place, port, 0, 4)  # warm: plans, partitions, caches
        memory = _resident(server.pid)
        turned = [_turn(place, port, turn, batches) for turn in range(1, turns + 1)]
        value, replay, baseline = (median(each[name] for each in turned) for name in ("first", "replay", "copy"))
        found = {"value": value, "baseline": baseline, "ratio": value / baseline, "replay": replay,
                 "memory_grown_mib": _resident(server.pid) - memory, "turns": turned}  # fmt: skip
        found["forms"] = _measure_forms(place, port, batches // 3)
        return found | (_measure_full(place, port, server.pid, found, *full) if full else {})


def _resident(pid: int) -> float:
    """Return the resident memory of a process's children, in MiB."""
    out = subprocess.run(["ps", "--ppid", str(pid), "-o", "rss="], capture_output=True, text=True, check=False).stdout
    return sum(map(int, out.split())) / 1024


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and end with the one line that trend keepers read."""
    options = options_of(arguments, __doc__, rows=FULL_ROWS, records=LONG_RUN)
    found = measure(full=(options.rows, options.records) if options.full else None)
    if not options.json:
        for each in found["turns"]:
            print("  first {first:>8.0f}/s   replay {replay:>8.0f}/s   COPY {copy:>8.0f}/s".format(**each))
        print(f"replay {found['replay']:.0f}/s; web memory grew by {found['memory_grown_mib']:.0f} MiB")
        print("          first/s  replay/s")
        for form, each in found["forms"].items():
            print(f"  {form:>6} {each['first']:>8.0f}  {each['replay']:>8.0f}")
    if options.full and not options.json:
        print(
            f"with {options.rows:,} rows in the month: {found['filled']:.0f}/s, {found['filled_to_empty']:.2f} of without"
        )
        print("web memory in MiB by tenths:", " ".join(f"{each:.0f}" for each in found["memory_mib_by_tenths"]))
        print(f"it grows by {found['memory_kib_per_million']:.0f} KiB a million records")
    report("ingest", "calls/s", as_json=options.json, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
