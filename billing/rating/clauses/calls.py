"""Charge calls by number, with daily and monthly limits."""

from __future__ import annotations

from fractions import Fraction
from itertools import repeat

from billing.rating.bill import Line
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import CALLS, Metering, Used, usage_lines
from billing.rating.exact import exact
from billing.rating.remembering import remembered
from billing.rating.terms import CallsClause
from billing.rating.totals import Row, Uncovered


def lines(clause: CallsClause, context: Context) -> list[Line]:
    """Charge the calls within the limits, and those beyond as the clause says."""
    within, beyond = limited(clause, context, used(clause, context))
    charged = usage_lines(clause, context, within, metering(clause))
    if not beyond.rows:
        return charged
    if clause.beyond_limit == "refuse":
        context.uncovered.extend(map(_refused, repeat(clause), *beyond))
        return charged
    price = clause.beyond_price if clause.beyond_limit == "charge" else None
    if price is None:
        return charged
    return [*charged, *usage_lines(clause, context, beyond, metering(clause), price=price, suffix="beyond")]


def used(clause: CallsClause, context: Context) -> Used:
    """Count calls by row."""
    rows = context.rows.get(clause.code, [])
    return Used(list(map(CALLS, rows)), rows)


@remembered
def metering(clause: CallsClause) -> Metering:
    """Price calls one by one, after the included ones."""
    return Metering("call", "call", (), exact(clause.included_calls))


def limited(clause: CallsClause, context: Context, calls: Used) -> tuple[Used, Used]:
    """Part the calls into those within the limits and those beyond, the daily limit first.

    Rows of a day fill its limit in order of group and cell. The limits hold per group when tiers do.
    A monthly limit is prorated like an allowance, to whole calls.
    """
    if clause.limit_per_day is None and clause.limit_per_month is None:
        return calls, Used((), ())
    month = None if clause.limit_per_month is None else int(clause.limit_per_month * context.allowance_share)
    days: dict[object, int] = {}
    months: dict[str, int] = {}
    within: list[tuple[int, Row]] = []
    beyond: list[tuple[int, Row]] = []
    for row in sorted(calls.rows, key=_order):
        scope = row.group if clause.tiers_per == "group" else ""
        room = row.calls
        if clause.limit_per_day is not None:
            room = min(room, clause.limit_per_day - days.get((scope, row.on), 0))
        if month is not None:
            room = min(room, month - months.get(scope, 0))
        days[(scope, row.on)] = days.get((scope, row.on), 0) + room
        months[scope] = months.get(scope, 0) + room
        within.extend([(room, row)] if room else [])
        beyond.extend([(row.calls - room, row)] if row.calls > room else [])
    return _beside(within), _beside(beyond)


def _beside(pairs: list[tuple[int, Row]]) -> Used:
    return Used([calls for calls, _ in pairs], [row for _, row in pairs])


def _order(row: Row) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return (row.on.isoformat() if row.on else "", row.group, row.cell)


def _refused(clause: CallsClause, calls: Fraction | int, row: Row) -> Uncovered:
    return Uncovered("calls", int(calls), 0, row.value, row.on, row.cell, f"beyond_limit:{clause.code}")
