"""Measure the rating engine: bills per second, against the bare arithmetic of the same lines.

``python -m tests.benchmarks.rating [--json]``. The subject rates a contract of 12 clauses into 40 lines from totals as
the database counts them (a row per clause and day). The baseline multiplies and rounds 40 decimals, nothing else.
Both are measured several times in turn, in one process; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from billing.periods import Period
from billing.rating import Terms, Totals, rate, terms_from_versions

ROUNDS = 7
SECONDS_PER_ROUND = 0.4
FIRST = date(2026, 11, 1)
NAME = {"zh": "条款", "en": "Clause"}


def contract(clauses: int = 12, tiers: int = 4) -> dict[str, Any]:
    """Make a version document: duration clauses by region with tiers, and fixed fees for the last few."""
    fees = [
        {"kind": "recurring", "code": "platform", "name": NAME, "price": "500"},
        {"kind": "seat", "code": "seats", "name": NAME, "item": "seats", "price": "80"},
        {"kind": "module", "code": "knowledge", "name": NAME, "item": "knowledge", "price": "300"},
    ]
    usage = [_usage(number, tiers) for number in range(clauses - len(fees))]
    return {
        "version": 1,
        "currency": "CNY",
        "tax": {"rate": "0.06"},
        "clauses": usage + fees,
        "discounts": [{"code": "term", "name": NAME, "rate": "0.08"}],
    }


def _usage(number: int, tiers: int) -> dict[str, Any]:
    table = [{"up_to": str(1000 * (t + 1)), "price": f"0.{20 - t:02}"} for t in range(min(tiers, 19) - 1)]
    table += [{"up_to": str(1000 * (t + 1)), "price": "0.02"} for t in range(len(table), tiers - 1)]
    return {
        "kind": "duration",
        "code": f"talk-{number}",
        "name": NAME,
        "select": {"region": [f"{number:02}"]},
        "included_minutes": "100",
        "price": {"kind": "graduated", "tiers": [*table, {"price": "0.01"}]},
    }


def usage(clauses: int = 12, tiers: int = 4) -> Totals:
    """Make totals that reach into every tier, counted by day."""
    seconds = (1000 * tiers * 60) // 30
    rows = [
        {
            "segment": "1",
            "clause": f"talk-{number}",
            "on": str(FIRST + timedelta(day)),
            "calls": 40,
            "talk_ms": seconds * 1000,
            "billed_seconds": seconds,
        }
        for number in range(clauses - 3)
        for day in range(30)
    ]
    held = [{"item": item, "changes": [{"on": "2026-01-01", "by": "3"}]} for item in ("seats", "knowledge")]
    return Totals.from_json({"version": 1, "rows": rows, "subscriptions": held})


def terms(clauses: int = 12, tiers: int = 4) -> Terms:
    """Assemble the terms of one month."""
    period = Period(FIRST, date(2026, 12, 1))
    return terms_from_versions(period, "Asia/Shanghai", [("1", date(2026, 1, 1), contract(clauses, tiers))])


def baseline_work(lines: int) -> Callable[[], object]:
    """Multiply and round as many decimals as the bill has lines, and sum them."""
    pairs = [(Decimal(1000 + n), Decimal("0.1234")) for n in range(lines)]
    cent = Decimal("0.01")

    def work() -> Decimal:
        return sum(((q * p).quantize(cent, ROUND_HALF_UP) for q, p in pairs), Decimal(0))

    return work


def per_second(work: Callable[[], object], seconds: float = SECONDS_PER_ROUND) -> float:
    """Count how often some work is done in a second."""
    count, begun = 0, time.process_time()
    while (passed := time.process_time() - begun) < seconds:
        for _ in range(10):
            work()
        count += 10
    return count / passed


def measure() -> dict[str, Any]:
    """Measure subject and baseline in turn, and how the time of a bill grows with tiers and clauses."""
    agreed, used = terms(), usage()
    lines = len(rate(agreed, used).lines)
    bare = baseline_work(lines)
    subjects, baselines = [], []
    for _ in range(ROUNDS):
        subjects.append(per_second(lambda: rate(agreed, used)))
        baselines.append(per_second(bare))
    value, baseline = statistics.median(subjects), statistics.median(baselines)
    return {
        "name": "rating",
        "unit": "bills/s",
        "value": value,
        "baseline": baseline,
        "ratio": value / baseline,
        "lines": lines,
        "clauses": len(agreed.segments[0].agreement.clauses),
        "rows": len(used.rows),
        "subjects": subjects,
        "baselines": baselines,
        "growth": growth(),
    }


def growth() -> dict[str, list[dict[str, float]]]:
    """Give microseconds a bill by number of tiers and of clauses; linear growth keeps microseconds a line level."""
    by_tiers = [_timed(12, tiers) for tiers in (2, 4, 8, 16, 32)]
    return {"tiers": by_tiers, "clauses": [_timed(clauses, 4) for clauses in (6, 12, 24, 48, 96)]}


def _timed(clauses: int, tiers: int) -> dict[str, float]:
    agreed, used = terms(clauses, tiers), usage(clauses, tiers)
    lines = len(rate(agreed, used).lines)
    microseconds = 1e6 / per_second(lambda: rate(agreed, used), 0.2)
    return {
        "clauses": clauses,
        "tiers": tiers,
        "lines": lines,
        "us_per_bill": microseconds,
        "us_per_line": microseconds / lines,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and end with the one line that trend keepers read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    options = parser.parse_args(arguments)
    found = measure()
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{found['clauses']} clauses, {found['rows']} rows, {found['lines']} lines a bill; median of {ROUNDS} rounds")
    for kind, steps in found["growth"].items():
        print(f"growth with {kind}:")
        for step in steps:
            print(
                f"  {step[kind]:>3} {kind}: {step['lines']:>4} lines {step['us_per_bill']:>8.0f} us/bill {step['us_per_line']:>6.1f} us/line"
            )
    print(
        f"bench-rating ratio={found['ratio']:.5f} value={found['value']:.0f} unit=bills/s baseline={found['baseline']:.0f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
