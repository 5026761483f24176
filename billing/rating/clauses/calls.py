"""Charge calls by number, with daily and monthly limits."""

from __future__ import annotations

from billing.rating.bill import Line
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import Metering, Used, usage_lines
from billing.rating.exact import exact
from billing.rating.terms import CallsClause
from billing.rating.totals import Row, Uncovered


def lines(clause: CallsClause, context: Context) -> list[Line]:
    """Charge the calls within the limits, and those beyond as the clause says."""
    within, beyond = limited(clause, context, used(clause, context))
    charged = usage_lines(clause, context, within, metering(clause))
    if not beyond:
        return charged
    if clause.beyond_limit == "refuse":
        context.uncovered.extend(_refused(clause, each) for each in beyond)
        return charged
    price = clause.beyond_price if clause.beyond_limit == "charge" else None
    if price is None:
        return charged
    return [*charged, *usage_lines(clause, context, beyond, metering(clause), price=price, suffix="beyond")]


def used(clause: CallsClause, context: Context) -> list[Used]:
    """Count calls by row."""
    return [(row.calls, row) for row in context.rows.get(clause.code, ())]


def metering(clause: CallsClause) -> Metering:
    """Price calls one by one, after the included ones."""
    return Metering("call", "call", (), exact(clause.included_calls))


def limited(clause: CallsClause, context: Context, calls: list[Used]) -> tuple[list[Used], list[Used]]:
    """Part the calls into those within the limits and those beyond, the daily limit first.

    Rows of a day fill its limit in order of group and cell. The limits hold per group when tiers do.
    A monthly limit is prorated like an allowance, to whole calls.
    """
    if clause.limit_per_day is None and clause.limit_per_month is None:
        return calls, []
    month = None if clause.limit_per_month is None else int(clause.limit_per_month * context.allowance_share)
    days: dict[object, int] = {}
    months: dict[str, int] = {}
    within: list[Used] = []
    beyond: list[Used] = []
    for raw, row in sorted(calls, key=lambda each: _order(each[1])):
        scope = row.group if clause.tiers_per == "group" else ""
        room = int(raw)
        if clause.limit_per_day is not None:
            room = min(room, clause.limit_per_day - days.get((scope, row.on), 0))
        if month is not None:
            room = min(room, month - months.get(scope, 0))
        days[(scope, row.on)] = days.get((scope, row.on), 0) + room
        months[scope] = months.get(scope, 0) + room
        within.extend([(room, row)] if room else [])
        beyond.extend([(raw - room, row)] if raw > room else [])
    return within, beyond


def _order(row: Row) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return (row.on.isoformat() if row.on else "", row.group, row.cell)


def _refused(clause: CallsClause, each: Used) -> Uncovered:
    raw, row = each
    return Uncovered("calls", int(raw), 0, row.value, row.on, row.cell, f"beyond_limit:{clause.code}")
