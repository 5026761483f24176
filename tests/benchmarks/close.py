"""Measure a month's close: counting against the bare SQL, and thousands of tenants to ready drafts.

The ratio is that of counting one tenant's month, bare time / ours: the baseline is one GROUP BY of the same rows, which
counts calls and started minutes by day and stores nothing. Then a close is driven as in production: ``close_month``
starts it, two worker processes of Celery do it, PostgreSQL commits to disk. The seconds of each stage are those the
steps note, over all of them, so on two processes about half as much passes. Last, a tenant's running month is read with
its forecast, from stored totals of many calls by robot.

``--growth=1000000,3000000,10000000,30000000`` does no more than it takes to fit the exponent: so many tenants
(``--tenants``) are closed with so many calls in all, one after the other. The calls are made by SQL in the database.
"""

from __future__ import annotations

import contextlib
import itertools
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
from tests.benchmarks._months import AGREEMENT, GROUPED, MONTH, agree, fill_many_calls
from tests.benchmarks._serving import ROOT, Site, site

CALLS, ROUNDS = 1_000_000, 3
COUNTED_CALLS, LIVE_CALLS, READS = (1_000_000, 5_000_000, 20_000_000), 5_000_000, 200
CLOSED_CALLS = (1_000_000, 3_000_000, 10_000_000, 30_000_000)
SHAPES = ((100, (1000,)),)  # tenants, calls of each, more and more; so that it ends within a minute
BARE = """
SELECT (started_at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*), sum(talk_ms), sum((talk_ms + 59999) / 60000)
FROM usage_call WHERE tenant_id = %s AND period = '2026-10-01' AND answered_at IS NOT NULL GROUP BY day
"""


def main(arguments: list[str] | None = None) -> int:
    """Count months and close them; print the seconds of each stage, and last the ratio."""
    options = comparing.options_of(arguments, __doc__, calls=10_000_000, tenants=1000, growth=())
    sizes, shapes = full_sizes(options.calls, options.tenants) if options.full else ((CALLS,), SHAPES)
    if options.growth:
        sizes, shapes = options.growth[:1], ((options.tenants, calls_each(options.growth, options.tenants)),)
    with site() as place:
        os.environ.update(place.environment)
        import django

        django.setup()
        counted, live = count_growing(sizes)
        closed = [_said(each) for shape in shapes for each in close_growing(place, *shape)]
        exponent = grown([(each["calls"], each["run"]) for each in closed if each["tenants"] == shapes[0][0]])
        from django.db import connection

        connection.close()
    if (options.full or options.growth) and not options.json:
        print(f"exponent over calls {exponent:.3f}")
    first = counted[0]
    comparing.report(
        "close", "calls/s", first["calls"] / first["ours"], first["calls"] / first["bare"], first["ratio"],
        as_json=options.json, counted=counted, closed=closed, exponent=exponent, live=live,
    )  # fmt: skip
    return 0


def full_sizes(calls: int, tenants: int) -> tuple[tuple[int, ...], tuple[tuple[int, tuple[int, ...]], ...]]:
    """Say how many calls are counted for one tenant, up to twice ``calls``, and the shapes of the closes.

    So many tenants are closed with more and more calls, up to ``calls`` in all; then ten times as many tenants with as
    many calls in all.
    """
    counted = tuple(number for number in COUNTED_CALLS if number <= 2 * calls) or (calls,)
    closed = (
        [number for number in CLOSED_CALLS if number < calls] if calls > CLOSED_CALLS[0] else [calls // 10, calls // 3]
    )
    each = calls_each((*closed, calls), tenants)
    return counted, ((tenants, each), (10 * tenants, (max(each[-1] // 500, 1) * 50,)))


def calls_each(totals: tuple[int, ...], tenants: int) -> tuple[int, ...]:
    """Say how many calls each of so many tenants has for each total: the next lower multiple of 50, 50 at least."""
    return tuple(max(number // tenants // 50, 1) * 50 for number in totals)


def _said(figures: dict[str, Any]) -> dict[str, Any]:
    """Show on the side what is measured so far: all of it takes half an hour."""
    print(", ".join(f"{name} {value}" for name, value in figures.items()), file=sys.stderr, flush=True)
    return figures


def count_growing(sizes: tuple[int, ...]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Count a tenant's month of more and more calls, and read it live with its forecast when it has many."""
    _seller, tenant_id, _last = agree("single", 1, GROUPED)
    counted, live, before = [], dict[str, Any](), 0
    for number in sizes:
        _filled(tenant_id, tenant_id, number, before)
        counted.append(_said(count_both_ways(number, tenant_id)))
        if number <= LIVE_CALLS:
            live = _said({"live calls": number} | read_live(tenant_id))
        before = number
    _empty()
    return counted, live


def count_both_ways(number: int, tenant_id: int) -> dict[str, Any]:
    """Count one tenant's month in turn by the bare SQL and by us; return the median seconds and their ratio."""
    from datetime import date

    from django.db import connection

    from billing.periods import period_containing
    from billing.rating import terms_from_versions
    from usage.aggregation import count_month

    terms = terms_from_versions(period_containing(MONTH), "Asia/Shanghai", [("1", date(2026, 1, 1), AGREEMENT)])

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(BARE, [tenant_id])
            cursor.fetchall()

    ours, theirs = comparing.in_turn(lambda: count_month(tenant_id, 0, terms), bare, ROUNDS)
    value, baseline = comparing.median(ours), comparing.median(theirs)
    return {
        "calls": number,
        "bare": round(baseline, 3),
        "ours": round(value, 3),
        "ratio": round(comparing.median([b / o for b, o in zip(theirs, ours, strict=True)]), 3),
    }


def close_growing(place: Site, tenants: int, sizes: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    """Close a month of so many tenants with more and more calls each; yield the seconds it took, and of each stage."""
    seller, first, last = agree(f"s{tenants}", tenants)
    for before, each in itertools.pairwise((0, *sizes)):
        _filled(first, last, each, before)
        yield close_shape(place, seller, tenants, each)
        _open_again(seller)
    _empty()


def _filled(first: int, last: int, each: int, before: int) -> None:
    seconds = comparing.seconds_of(lambda: fill_many_calls(first, last, each, after=before))
    _said({"filled": (each - before) * (last - first + 1), "in seconds": round(seconds, 1)})


def _open_again(seller: Any) -> None:
    """Take a close back, as if it had never been, so that the month can be closed with more calls."""
    from invoices.models import CloseRun, Invoice
    from usage.models import UsageMonth

    CloseRun.objects.filter(seller=seller).delete()
    Invoice.objects.filter(seller=seller).delete()
    tenants = list(seller.tenants.values_list("pk", flat=True))
    UsageMonth.objects.filter(tenant_id__in=tenants).update(state="open", frozen_at=None, stale_since=datetime.now(UTC))


def close_shape(place: Site, seller: Any, tenants: int, each: int) -> dict[str, Any]:
    """Close a seller's month; return the seconds it took, and those of each stage."""
    from django.db import connection
    from django.db.models import Count

    from invoices.models import CloseRun

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
    inside = (run.finished_at - run.started_at).total_seconds()  # type: ignore[operator]
    return {
        "tenants": tenants, "each": each, "calls": tenants * each, "seconds": round(seconds, 1),
        "run": round(inside, 1), "stages": stages,
    }  # fmt: skip


def read_live(tenant_id: int) -> dict[str, Any]:
    """Read a tenant's running month and its forecast; return the milliseconds of half and of 95 % of the reads."""
    from datetime import date

    from billing.periods import period_containing
    from invoices.forecasting import outlook
    from tenants.models import Contract
    from usage.aggregation import count_now

    month, today = period_containing(MONTH), date(2026, 10, 28)

    def contract() -> Contract:
        return Contract.objects.select_related("tenant").get(tenant_id=tenant_id)

    count_now(contract().tenant, month, datetime.now(UTC))
    took = sorted(comparing.seconds_of(lambda: outlook(contract(), month, today)) * 1000 for _ in range(READS))
    return {"p50 ms": round(took[READS // 2], 1), "p95 ms": round(took[READS * 95 // 100], 1)}


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
