"""Charge a functional module: by the days it was active, and per call that used it."""

from __future__ import annotations

from fractions import Fraction

from billing.rating.bill import Evidence, Line, Step
from billing.rating.clauses.context import Context
from billing.rating.clauses.held import changes_of
from billing.rating.clauses.seat import averaged, held_lines
from billing.rating.exact import ZERO
from billing.rating.prices import bounded, parts_of
from billing.rating.terms import ModuleClause


def lines(clause: ModuleClause, context: Context) -> list[Line]:
    """Charge the monthly price for the active days, then the price of each use."""
    changes = changes_of(context, clause.item, clause.minimum_months)
    holding = averaged(context, clause.code, changes, "module")
    charged = (
        held_lines(clause, context, "module", holding, used=holding.quantity, unit="month") if holding.quantity else []
    )
    return [*charged, *_uses(clause, context)]


def _uses(clause: ModuleClause, context: Context) -> list[Line]:
    rows = context.rows.get(clause.code, ())
    calls = Fraction(sum(row.calls for row in rows))
    if clause.use_price is None or not calls:
        return []
    selector = (("segment", context.segment.number), ("clause", clause.code))
    evidence = Evidence(int(calls), sum(row.talk_ms for row in rows), 0, selector)
    parts = bounded(clause.use_price, parts_of(clause.use_price, calls, ZERO), *context.bound_shares)
    head = (Step("start", calls, "used", "call"),)
    return [
        context.line(
            clause,
            "module",
            part,
            head=head,
            unit="call",
            used=part.quantity,
            evidence=evidence,
            suffix="use",
        )
        for part in parts
    ]
