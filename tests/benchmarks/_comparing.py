"""What benchmarks share: a throw-away database, and subject against baseline in turn."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any


def options_of(
    arguments: list[str] | None, description: str | None, **sizes: int | tuple[int, ...]
) -> argparse.Namespace:
    """Read --json and --full, and what else makes the full sizes smaller or larger, each with its default.

    A tuple is several numbers with commas between.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    parser.add_argument("--full", action="store_true", help="all sizes, however long it takes")
    for name, default in sizes.items():
        if isinstance(default, int):
            parser.add_argument(
                f"--{name}", type=int, default=default, help=f"how many {name} with --full ({default:,})"
            )
        else:
            parser.add_argument(f"--{name}", type=several, default=default, help="several numbers, as 1000,3000,10000")
    return parser.parse_args(arguments)


def several(words: str) -> tuple[int, ...]:
    """Read numbers with commas between, from the least to the greatest."""
    return tuple(sorted({int(word) for word in words.split(",")}))


def open_database() -> None:
    """Start a throw-away PostgreSQL and Valkey for this process, and migrate."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing.settings")
    # Without fsync the disk of a shared machine stays out of the figures; both sides have the same advantage.
    import django

    import tests.embedded  # noqa: F401

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def in_turn(
    subject: Callable[[], object], baseline: Callable[[], object], rounds: int
) -> tuple[list[float], list[float]]:
    """Time both, one after the other, ``rounds`` times after one warm-up each; return seconds."""
    subject(), baseline()
    subjects, baselines = [], []
    for _ in range(rounds):
        baselines.append(seconds_of(baseline))
        subjects.append(seconds_of(subject))
    return subjects, baselines


def seconds_of(work: Callable[[], object]) -> float:
    """Time one piece of work."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def report(name: str, unit: str, value: float, baseline: float, ratio: float, *, as_json: bool, **more: Any) -> None:
    """Print the line that trend keepers read, or everything as JSON."""
    if as_json:
        figures = {"name": name, "ratio": ratio, "value": value, "unit": unit, "baseline": baseline}
        print(json.dumps(figures | more, indent=2, default=str))
    else:
        print(f"bench-{name} ratio={ratio:.3f} value={value:.4g} unit={unit} baseline={baseline:.4g}")


median = statistics.median
