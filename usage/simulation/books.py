"""The sender's own books: what a month must come to if every record arrives exactly once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import tzinfo

from usage.simulation.disturbances import Delivery
from usage.simulation.traffic import SimulatedCall


@dataclass
class Month:
    """Count one local calendar month; a call belongs to the month it started in."""

    calls: int = 0
    answered: int = 0
    talk_ms: int = 0
    started_minutes: int = 0
    transferred: int = 0
    agent_ms: int = 0
    modules: Counter[str] = field(default_factory=Counter)
    counters: Counter[str] = field(default_factory=Counter)

    def add(self, call: SimulatedCall, talk_ms: int) -> None:
        """Count a call with the talk time its format can tell; minutes are rounded up call by call."""
        self.calls += 1
        self.answered += call.answered_at is not None
        self.talk_ms += talk_ms
        self.started_minutes += -(-talk_ms // 60_000)
        self.transferred += call.transferred_at is not None
        self.agent_ms += call.agent_ms
        self.modules.update(call.modules)
        self.counters.update(call.counters)


@dataclass
class Books:
    """Keep what was sent, by month in the tenant's zone, disturbances beside."""

    zone: tzinfo
    months: dict[str, Month] = field(default_factory=dict)
    duplicates: int = 0
    late: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, delivery: Delivery, talk_ms: int | None = None) -> None:
        """Enter one delivery; only first ones count as calls. `talk_ms` overrides the call's exact figure."""
        if delivery.kind == "duplicate":
            self.duplicates += 1
        elif delivery.kind == "fault":
            self.faults[delivery.fault] += 1
        else:
            call = delivery.call
            name = call.started_at.astimezone(self.zone).strftime("%Y-%m")
            self.months.setdefault(name, Month()).add(call, call.talk_ms if talk_ms is None else talk_ms)
            self.late += delivery.late

    @property
    def calls(self) -> int:
        """Return the number of distinct good calls."""
        return sum(month.calls for month in self.months.values())
