"""Charge billed seconds of answered calls, priced per minute."""

from __future__ import annotations

from fractions import Fraction

from billing.rating.bill import Line, Step
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import Metering, Used, usage_lines
from billing.rating.terms import DurationClause

UNITS = {1: "second", 60: "minute", 3600: "hour"}


def lines(clause: DurationClause, context: Context) -> list[Line]:
    """Charge what the calls of the clause talked, after the included minutes."""
    return usage_lines(clause, context, used(clause, context), metering(clause))


def used(clause: DurationClause, context: Context) -> list[Used]:
    """Count billed seconds by row."""
    return [Used(row.billed_seconds, row) for row in context.rows.get(clause.code, ())]


def metering(clause: DurationClause) -> Metering:
    """Turn seconds into the unit of the price; included minutes are converted to that unit."""
    convert = () if clause.per_s == 1 else (Step("divide", Fraction(clause.per_s), "per_s", unit_of(clause)),)
    included = clause.included_minutes * 60 / clause.per_s
    return Metering("second", unit_of(clause), convert, included, clause.per_s)


def unit_of(clause: DurationClause) -> str:
    """Name the unit that the price is for."""
    return UNITS.get(clause.per_s, f"{clause.per_s}_seconds")
