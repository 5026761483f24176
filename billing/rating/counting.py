"""Say which calls every clause takes and what is counted of them, in a form that SQL can be built from.

Per meter the first clause in order that matches takes the call. A call that is answered, or attempted where a
clause of its meter counts attempts, and that no clause of a meter takes, is uncovered on that meter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from billing.rating.remembering import remembered
from billing.rating.terms import (
    Agreement,
    CallsClause,
    DurationClause,
    DurationRule,
    Elapsed,
    FeatureClause,
    Matrix,
    ModuleClause,
    PackageClause,
    Percentage,
    PerUnit,
    Price,
    SeatClause,
    Select,
    UsageClause,
)

Histogram = Literal["billed", "talk", "value"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What one clause takes and what a totals row of it must carry.

    ``meter``: talk, calls, ``counter:<name>``, or a meter of the clause's own (``<code>!``) that needs no
    coverage. ``counts`` which calls qualify; ``rule`` turns talk into ``billed_seconds``; ``counter`` is aggregated
    into ``value`` by ``aggregate`` (within ``window`` first, by ``window_takes``, then summed). ``dimensions`` name
    the cell of a row, ``group_by`` its group. ``scale`` is only for reading; ``value`` is the raw counter.
    ``by_day`` says that rows without a day would not do; ``histogram`` and ``events`` what else is needed.
    """

    clause: str
    meter: str
    select: Select
    counts: Literal["answered", "attempted", "transferred"] = "answered"
    rule: DurationRule | None = None
    counter: str | None = None
    aggregate: Literal["sum", "max", "latest", "distinct"] | None = None
    window: Literal["hour", "day"] | None = None
    window_takes: Literal["max", "min"] = "max"
    measure: Literal["distinct_robots", "distinct_lines", "peak_concurrency"] | None = None
    group_by: str | None = None
    dimensions: tuple[str, ...] = ()
    by_day: bool = False
    histogram: Histogram | None = None
    events: bool = False
    scale: Decimal = Decimal(1)

    @property
    def needs_cover(self) -> bool:
        """Tell whether calls on this meter that nobody takes are uncovered usage."""
        return bool(self.meter) and not self.meter.endswith("!")


@remembered
def takings(agreement: Agreement) -> tuple[Taking, ...]:
    """List, in the order of the contract, every clause that counts calls."""
    by_day = {covered.clause for c in agreement.clauses if isinstance(c, PackageClause) for covered in c.covers}
    return tuple(replace(t, by_day=True) if t.clause in by_day else t for t in _takings(agreement))


@remembered
def meters(agreement: Agreement) -> Mapping[str, tuple[Taking, ...]]:
    """Group the takings by meter; within a meter the first that matches takes the call."""
    found: dict[str, tuple[Taking, ...]] = {}
    for taking in takings(agreement):
        found[taking.meter] = (*found.get(taking.meter, ()), taking)
    return found


def _takings(agreement: Agreement) -> Iterator[Taking]:
    for clause in agreement.clauses:
        if isinstance(clause, (DurationClause, CallsClause, FeatureClause)):
            yield _usage(clause)
        elif isinstance(clause, ModuleClause) and clause.use_price is not None:
            select = replace(clause.select, module=(clause.item,))
            yield Taking(clause=clause.code, meter=f"{clause.code}!", select=select)
        elif isinstance(clause, SeatClause) and clause.measure is not None:
            yield Taking(clause=clause.code, meter=f"{clause.code}!", select=Select(), measure=clause.measure)


def _usage(clause: UsageClause) -> Taking:
    meter = f"{clause.code}!" if clause.on_top else meter_of(clause)
    common = Taking(
        clause=clause.code,
        meter=meter,
        select=clause.select,
        group_by=clause.group_by,
        dimensions=clause.price.dimensions if isinstance(clause.price, Matrix) else (),
        histogram=histogram_of(clause),
        events=isinstance(clause.price, Percentage) and clause.price.by_event,
    )
    if isinstance(clause, DurationClause):
        return replace(common, rule=clause.rule)
    if isinstance(clause, CallsClause):
        return replace(common, counts=clause.counts, by_day=clause.limit_per_day is not None)
    return replace(
        common,
        counter=clause.counter,
        aggregate=clause.aggregate,
        window=clause.window,
        window_takes=clause.window_takes,
        scale=clause.scale,
        by_day=clause.aggregate == "latest",
    )


def meter_of(clause: UsageClause) -> str:
    """Name the meter on which a clause competes with others."""
    if isinstance(clause, DurationClause):
        return "talk"
    return "calls" if isinstance(clause, CallsClause) else f"counter:{clause.counter}"


def histogram_of(clause: UsageClause) -> Histogram | None:
    """Say which histogram a clause's rows need: of billed seconds, of counted talk seconds, of counter values, or none."""
    if _asks(clause.price, Elapsed):
        return "talk"
    if isinstance(clause, DurationClause) and _rounds_each(clause.price):
        return "billed"
    return None


def _asks(price: Price, kind: type[Elapsed]) -> bool:
    return isinstance(price, kind)


def _rounds_each(price: Price) -> bool:
    if isinstance(price, Matrix):
        return any(_rounds_each(cell.price) for cell in price.cells)
    return isinstance(price, PerUnit) and price.round_each_call is not None
