"""Charge a counter that calls carry: speech recognition seconds, analyses, order amounts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from billing.rating.bill import Line, Step
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import Metering, Used, usage_lines
from billing.rating.exact import ZERO, exact
from billing.rating.remembering import remembered
from billing.rating.terms import FeatureClause
from billing.rating.totals import Row


def lines(clause: FeatureClause, context: Context) -> list[Line]:
    """Charge the counter's aggregate over the month, after the included units."""
    return usage_lines(clause, context, used(clause, context), metering(clause))


def used(clause: FeatureClause, context: Context) -> Used:
    """Aggregate rows by the clause: sums and window sums add up, of maxima and latest values one row's counts.

    The calls of the other rows were looked at, too, and stay behind the line. Distinct values add up only because the
    totals carry them on one row for the whole segment.
    """
    rows = context.rows.get(clause.code, [])
    if clause.window is not None or clause.aggregate not in ("max", "latest"):
        return Used([exact(row.value) for row in rows], rows)
    by_place: dict[tuple[str, tuple[tuple[str, str], ...]], list[Row]] = {}
    for row in rows:
        by_place.setdefault((row.group, row.cell), []).append(row)
    pick = _highest if clause.aggregate == "max" else _latest
    picked = {id(pick(members)) for members in by_place.values()}
    return Used([exact(row.value) if id(row) in picked else ZERO for row in rows], rows)


def _highest(rows: list[Row]) -> Row:
    return max(rows, key=lambda row: row.value)


def _latest(rows: list[Row]) -> Row:
    return max(rows, key=lambda row: row.on or date.min)


@remembered
def metering(clause: FeatureClause) -> Metering:
    """Scale the aggregate to units and round it as the clause says, before included units and price."""
    convert = () if clause.scale == 1 else (Step("divide", exact(clause.scale), "scale", clause.unit),)
    if clause.rounding is not None:
        convert = (*convert, Step("round", Fraction(clause.rounding.places), clause.rounding.mode, clause.unit))
    return Metering(
        clause.unit if clause.scale == 1 else clause.counter, clause.unit, convert, exact(clause.included_units)
    )
