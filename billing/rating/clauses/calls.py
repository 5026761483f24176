"""Charge calls by number, with daily and monthly limits."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from billing.rating.bill import Line
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import CALLS, Metering, Used, usage_lines
from billing.rating.exact import exact
from billing.rating.remembering import remembered
from billing.rating.terms import CallsClause, PerUnit
from billing.rating.totals import Row, Uncovered

FREE = PerUnit(price=Decimal(0))


def lines(clause: CallsClause, context: Context) -> list[Line]:
    """Charge the calls within the limits, and those beyond as the clause says."""
    within, beyond = limited(clause, context, used(clause, context))
    charged = usage_lines(clause, context, within, metering(clause))
    if not beyond.rows:
        return charged
    if clause.beyond_limit == "refuse":
        context.uncovered.extend(_refused(clause, number, row) for number, row in zip(*beyond, strict=True) if number)
        return charged
    price = clause.beyond_price if clause.beyond_limit == "charge" else FREE
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
    rooms: list[int] = []
    rows = sorted(calls.rows, key=_order)
    for row in rows:
        scope = row.group if clause.tiers_per == "group" else ""
        room = row.calls
        if clause.limit_per_day is not None:
            room = min(room, clause.limit_per_day - days.get((scope, row.on), 0))
        if month is not None:
            room = min(room, month - months.get(scope, 0))
        days[(scope, row.on)] = days.get((scope, row.on), 0) + room
        months[scope] = months.get(scope, 0) + room
        rooms.append(room)
    return _of_groups(rooms, rows), _of_groups([row.calls - room for room, row in zip(rooms, rows, strict=True)], rows)


def _of_groups(raw: list[int], rows: list[Row]) -> Used:
    """Give the usage of the groups that have some, with all their rows: which calls were beyond cannot be said."""
    groups = {row.group for number, row in zip(raw, rows, strict=True) if number}
    kept = [(number, row) for number, row in zip(raw, rows, strict=True) if row.group in groups]
    return Used([number for number, _ in kept], [row for _, row in kept])


def _order(row: Row) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return (row.on.isoformat() if row.on else "", row.group, row.cell)


def _refused(clause: CallsClause, calls: Fraction | int, row: Row) -> Uncovered:
    return Uncovered("calls", int(calls), 0, row.value, row.on, row.cell, f"beyond_limit:{clause.code}")
