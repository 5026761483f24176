"""Measure single posts: mod_json_cdr documents per second, each stored for good, against a bare Django view.

``python -m tests.benchmarks single [--json]``. Eight connections post real documents, each with an id of its own. The
baseline is a Django site of one view without middleware, which inserts the body into a table of one key and commits,
under the same gunicorn, in the same run. Medians of several turns.
"""

from __future__ import annotations

import json
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks._comparing import median, options_of, report
from tests.benchmarks._serving import ROOT, load, request_of, site, web

POSTS = 1500
TURNS = 5
CONNECTIONS = 8
PACED_PER_SECOND = 300
TABLE = "CREATE TABLE bench_bare (id bigserial PRIMARY KEY, body text NOT NULL)"
DOCUMENT = ROOT / "tests" / "data" / "cdr" / "05_fs_json_outbound_bot_call.json"


def documents(count: int) -> list[bytes]:
    """Make documents of calls that ended just now, each with its own id."""
    document = json.loads(DOCUMENT.read_text())
    variables, made = document["variables"], []
    ended = datetime.now(UTC) - timedelta(seconds=90)
    times = {"start": 60, "profile_start": 60, "answer": 50, "progress": 55, "end": 0}
    for name, seconds in times.items():
        micros = int((ended - timedelta(seconds=seconds)).timestamp() * 1e6)
        variables |= {f"{name}_uepoch": str(micros), f"{name}_epoch": str(micros // 1_000_000)}
    variables |= {"billusec": "50000000", "billsec": "50"}
    for _ in range(count):
        variables["uuid"] = str(uuid.uuid4())
        made.append(json.dumps(document).encode())
    return made


def measure(turns: int = TURNS, posts: int = POSTS) -> dict[str, Any]:
    """Measure the door and the bare view in turn, then the door at a steady pace."""
    found = []
    with (
        site() as place,
        web(place.environment) as (port, _),
        web(place.environment, "tests.benchmarks._bare") as (bare, _),
    ):
        with place.connect() as connection:
            connection.execute(TABLE)
        for turn in range(turns + 1):
            bodies = documents(posts if turn else 200)
            ours = [request_of("/api/v1/cdr/freeswitch/switch-1", body, place.key) for body in bodies]
            theirs = [request_of("/bare", body, place.key) for body in bodies]
            seconds, _ = load(port, ours, CONNECTIONS, _accepted)
            bare_seconds, _ = load(bare, theirs, CONNECTIONS, lambda body: None)
            found.append({"posts": len(bodies) / seconds, "bare": len(bodies) / bare_seconds})
        waits = sorted(
            _paced(port, [request_of("/api/v1/cdr/freeswitch/switch-1", b, place.key) for b in documents(posts)])
        )
    value, baseline = (median(each[name] for each in found[1:]) for name in ("posts", "bare"))
    return {"value": value, "baseline": baseline, "ratio": value / baseline,
            "p99_ms_at_300": 1000 * waits[int(len(waits) * 0.99)], "p50_ms_at_300": 1000 * waits[len(waits) // 2],
            "turns": found[1:]}  # fmt: skip


def _accepted(body: bytes) -> None:
    if json.loads(body)["accepted"] != 1:
        raise AssertionError(body[:500])


def _paced(port: int, requests: list[bytes]) -> list[float]:
    """Post at a steady pace over some connections; return each post's seconds from when it was due."""
    begun, found, waiting = time.perf_counter(), [], iter(list(enumerate(requests)))
    guard = threading.Lock()

    def send() -> None:
        while True:
            with guard:
                number, request = next(waiting, (0, b""))
            if not request:
                return
            due = begun + number / PACED_PER_SECOND
            time.sleep(max(due - time.perf_counter(), 0))
            load(port, [request], 1, _accepted)
            found.append(time.perf_counter() - due)

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and end with the one line that trend keepers read."""
    options = options_of(arguments, __doc__)
    found = measure()
    if not options.json:
        for each in found["turns"]:
            print("  posts {posts:>6.0f}/s   bare view {bare:>6.0f}/s".format(**each))
        print(f"at {PACED_PER_SECOND}/s: median {found['p50_ms_at_300']:.1f} ms, p99 {found['p99_ms_at_300']:.1f} ms")
    report("single", "posts/s", as_json=options.json, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
