"""One file per thing charged for; each turns its clause and a segment's usage into lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from billing.rating.bill import Line
from billing.rating.clauses import (
    calls,
    duration,
    feature,
    module,
    one_off,
    package,
    recurring,
    seat,
    service_level,
)
from billing.rating.clauses.context import Context
from billing.rating.terms import Clause

LINES: dict[str, Callable[[Any, Context], list[Line]]] = {
    "duration": duration.lines,
    "calls": calls.lines,
    "feature": feature.lines,
    "module": module.lines,
    "seat": seat.lines,
    "service_level": service_level.lines,
    "recurring": recurring.lines,
    "one_off": one_off.lines,
    "package": package.lines,
}


def lines_of(clause: Clause, context: Context) -> list[Line]:
    """Turn a clause into the lines it owes in a segment."""
    return LINES[clause.kind](clause, context)
