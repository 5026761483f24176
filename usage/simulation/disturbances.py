"""What happens to records between a switch and the books: twice, out of order, late, broken."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from usage.simulation.traffic import SimulatedCall

Kind = Literal["first", "duplicate", "fault"]

FAULTS = (
    "missing call_id",
    "overlong call_id",
    "negative talk",
    "end before start",
    "no zone",
    "year 9999",
    "NUL",
    "unknown field",
    "wrong type",
)


@dataclass(frozen=True)
class Disturbances:
    """Say how many calls in a hundred are sent twice, out of order, late, or accompanied by a broken one."""

    duplicates: float = 0
    disorder: float = 0
    late: float = 0
    faults: float = 0

    def __post_init__(self) -> None:
        """Refuse what is not a percentage."""
        if not all(0 <= percent <= 100 for percent in (self.duplicates, self.disorder, self.late, self.faults)):
            raise ValueError("disturbances are percentages: 0 to 100")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold one record on its way. `fault` names what to break; a fault never replaces a good record."""

    call: SimulatedCall
    kind: Kind
    late: bool = False
    fault: str = ""


def disturb(calls: Iterable[SimulatedCall], disturbances: Disturbances, seed: int) -> Iterator[Delivery]:
    """Yield each call when its switch would send it: at its end, plus the delays the disturbances add.

    Every call comes exactly once as `first`. Streams: what is held back is bounded by the calls of the
    longest delay, three days. Calls must be ordered by start.
    """
    rng = random.Random(f"{seed}/disturbances")  # noqa: S311 - no secret # nosec B311
    waiting: list[tuple[datetime, int, Delivery]] = []
    serial = 0
    for call in calls:
        while waiting and waiting[0][0] <= call.started_at:
            yield heapq.heappop(waiting)[2]
        for due_at, delivery in _deliveries(call, disturbances, rng):
            # The serial number settles ties, because deliveries have no order of their own.
            heapq.heappush(waiting, (due_at, serial, delivery))
            serial += 1
    while waiting:
        yield heapq.heappop(waiting)[2]


def _deliveries(
    call: SimulatedCall, disturbances: Disturbances, rng: random.Random
) -> Iterator[tuple[datetime, Delivery]]:
    due_at = call.ended_at
    # All dice are thrown for every call, so that one percentage does not move the others' victims.
    disorder, late, duplicate, fault = (rng.random() * 100 for _ in range(4))
    minutes, hours, again, kind = (rng.random() for _ in range(4))
    if disorder < disturbances.disorder:
        due_at += timedelta(minutes=30 * minutes)
    is_late = late < disturbances.late
    if is_late:
        due_at += timedelta(hours=6 + 66 * hours)
    yield due_at, Delivery(call, "first", is_late)
    if duplicate < disturbances.duplicates:
        # Pushes are repeated for 300 minutes; most repeats follow at once.
        yield due_at + timedelta(minutes=300 * again**3), Delivery(call, "duplicate")
    if fault < disturbances.faults:
        yield due_at, Delivery(call, "fault", fault=FAULTS[int(kind * len(FAULTS))])
