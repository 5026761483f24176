"""Charge billed seconds of answered calls, priced per minute."""

from __future__ import annotations

from fractions import Fraction

from billing.rating.bill import Line, Step
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import BILLED_SECONDS, Metering, Used, usage_lines
from billing.rating.exact import exact
from billing.rating.prices import seconds_named
from billing.rating.remembering import remembered
from billing.rating.terms import DurationClause


def lines(clause: DurationClause, context: Context) -> list[Line]:
    """Charge what the calls of the clause talked, after the included minutes."""
    return usage_lines(clause, context, used(clause, context), metering(clause))


def used(clause: DurationClause, context: Context) -> Used:
    """Count billed seconds by row."""
    rows = context.rows.get(clause.code, [])
    return Used(list(map(BILLED_SECONDS, rows)), rows)


@remembered
def metering(clause: DurationClause) -> Metering:
    """Turn seconds into the unit of the price; included minutes are converted to that unit."""
    unit, per_s = seconds_named(clause.per_s), clause.per_s
    convert = () if per_s == 1 else (Step("divide", Fraction(per_s), "per_s", unit),)
    included = exact(clause.included_minutes)
    return Metering("second", unit, convert, included if per_s == 60 else included * 60 / per_s, per_s)
