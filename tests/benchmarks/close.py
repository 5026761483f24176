"""Measure a month's close: counting against the bare SQL, and thousands of tenants to ready drafts.

The ratio is that of counting one tenant's month, bare time / ours: the baseline is one GROUP BY of the same rows, which
counts calls and started minutes by day and stores nothing. Then a close is driven as in production: ``close_month``
starts it, two worker processes of Celery do it, PostgreSQL commits to disk. The seconds of each stage are those the
steps note, over all of them, so on two processes about half as much passes. Last, a tenant's running month is read with
its forecast, from stored totals of many calls by robot.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.benchmarks import _comparing as comparing
from tests.benchmarks._months import AGREEMENT, GROUPED, MONTH, agree, fill_calls
from tests.benchmarks._serving import ROOT, Site, site

CALLS, ROUNDS = 1_000_000, 3
FULL_CALLS = (1_000_000, 5_000_000, 20_000_000)
LIVE_CALLS, FULL_LIVE_CALLS, READS = 100_000, 5_000_000, 200
SHAPES = ((100, 1000),)  # tenants, calls of each; so that it ends within a minute
FULL_SHAPES = ((1000, 1000), (1000, 3000), (1000, 10_000), (1000, 30_000), (10_000, 1000))
BARE = """
SELECT (started_at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*), sum(talk_ms), sum((talk_ms + 59999) / 60000)
FROM usage_call WHERE tenant_id = %s AND period = '2026-10-01' AND answered_at IS NOT NULL GROUP BY day
"""


def main(arguments: list[str] | None = None) -> int:
    """Count months and close them; print the seconds of each stage, and last the ratio."""
    options = comparing.options_of(arguments, __doc__)
    with site() as place:
        os.environ.update(place.environment)
        import django

        django.setup()
        counted = [
            count_both_ways(number, 900_000_000 + number) for number in (FULL_CALLS if options.full else (CALLS,))
        ]
        closed = [close_shape(place, *shape) for shape in (FULL_SHAPES if options.full else SHAPES)]
        exponent = grown([(each["calls"], each["seconds"]) for each in closed if each["tenants"] == 1000])
        live = read_live(FULL_LIVE_CALLS if options.full else LIVE_CALLS)
        from django.db import connection

        connection.close()
    for each in [] if options.json else [*counted, *closed, live]:
        print(", ".join(f"{name} {value}" for name, value in each.items()))
    if options.full and not options.json:
        print(f"exponent over calls {exponent:.3f}")
    first = counted[0]
    comparing.report(
        "close", "calls/s", first["calls"] / first["ours"], first["calls"] / first["bare"], first["ratio"],
        as_json=options.json, counted=counted, closed=closed, exponent=exponent, live=live,
    )  # fmt: skip
    return 0


def count_both_ways(number: int, tenant_id: int) -> dict[str, Any]:
    """Count one tenant's month in turn by the bare SQL and by us; return the median seconds and their ratio."""
    from datetime import date

    from django.db import connection

    from billing.periods import period_containing
    from billing.rating import terms_from_versions
    from usage.aggregation import count_month

    fill_calls(tenant_id, tenant_id, number)
    terms = terms_from_versions(period_containing(MONTH), "Asia/Shanghai", [("1", date(2026, 1, 1), AGREEMENT)])

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(BARE, [tenant_id])
            cursor.fetchall()

    ours, theirs = comparing.in_turn(lambda: count_month(tenant_id, 1, terms), bare, ROUNDS)
    _empty()
    value, baseline = comparing.median(ours), comparing.median(theirs)
    return {
        "calls": number,
        "bare": round(baseline, 3),
        "ours": round(value, 3),
        "ratio": round(comparing.median([b / o for b, o in zip(theirs, ours, strict=True)]), 3),
    }


def close_shape(place: Site, tenants: int, each: int) -> dict[str, Any]:
    """Close a month of so many tenants with so many calls each; return the seconds it took, and those of each stage."""
    from django.db import connection
    from django.db.models import Count

    from invoices.models import CloseRun

    seller, first, last = agree(f"s{tenants}x{each}", tenants)
    fill_calls(first, last, each)
    with working(place):
        begun = time.perf_counter()
        command = [sys.executable, "manage.py", "close_month", "--period", "2026-10", "--seller", seller.code]
        subprocess.run([*command, "--workers", "0"], cwd=ROOT, env=place.environment, check=True, capture_output=True)
        seconds = time.perf_counter() - begun
    run = CloseRun.objects.get(seller=seller)
    states = dict(run.steps.values_list("state").annotate(Count("pk")))
    assert states == {"ready": tenants}, states
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, round(sum(value::numeric), 1)::float8 FROM invoices_runstep, jsonb_each_text(figures -> 'seconds') "
            "WHERE run_id = %s GROUP BY key",
            [run.pk],
        )
        stages = dict(cursor.fetchall())
    _empty()
    inside = (run.finished_at - run.started_at).total_seconds()  # type: ignore[operator]
    return {
        "tenants": tenants, "each": each, "calls": tenants * each, "seconds": round(seconds, 1),
        "run": round(inside, 1), "stages": stages,
    }  # fmt: skip


def read_live(number: int) -> dict[str, Any]:
    """Read a tenant's running month and its forecast, of so many calls; return milliseconds, half and 95 % of reads."""
    from datetime import date

    from billing.periods import period_containing
    from invoices.forecasting import outlook
    from tenants.models import Contract
    from usage.aggregation import count_now

    _seller, first, last = agree(f"live{number}", 1, GROUPED)
    fill_calls(first, last, number)
    month, today = period_containing(MONTH), date(2026, 10, 28)

    def contract() -> Contract:
        return Contract.objects.select_related("tenant").get(tenant_id=first)

    count_now(contract().tenant, month, datetime.now(UTC))
    _empty()  # the calls are gone: what is told comes from the totals alone
    took = sorted(comparing.seconds_of(lambda: outlook(contract(), month, today)) * 1000 for _ in range(READS))
    return {"live calls": number, "p50 ms": round(took[READS // 2], 1), "p95 ms": round(took[READS * 95 // 100], 1)}


@contextlib.contextmanager
def working(place: Site) -> Iterator[None]:
    """Have two processes of a Celery worker for the length of a block, ready when it begins."""
    from billing.celery import app

    with tempfile.TemporaryFile() as log:
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "billing.celery", "worker", "--concurrency", "2"],
            cwd=ROOT, env=place.environment, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            while not app.control.ping(timeout=0.5):
                pass
            yield
        finally:
            worker.terminate()
            worker.wait(60)


def grown(points: list[tuple[int, float]]) -> float:
    """Fit the exponent of the growth of seconds over calls; not a number for a single point."""
    if len(points) < 2:
        return math.nan
    logs = [(math.log(calls), math.log(seconds)) for calls, seconds in points]
    middle_x, middle_y = (sum(axis) / len(logs) for axis in zip(*logs, strict=True))
    return sum((x - middle_x) * (y - middle_y) for x, y in logs) / sum((x - middle_x) ** 2 for x, _ in logs)


def _empty() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE usage_call")
