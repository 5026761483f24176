"""Charge a dated fee that the contract names."""

from __future__ import annotations

from billing.rating.bill import Line, Step
from billing.rating.clauses.context import Context
from billing.rating.exact import exact
from billing.rating.terms import OneOffClause
from billing.rating.tiers import Part


def lines(clause: OneOffClause, context: Context) -> list[Line]:
    """Charge the fee in the segment that holds its day."""
    if not context.segment.starts_on <= clause.on < context.segment.ends_on:
        return []
    quantity, price = exact(clause.quantity), exact(clause.price)
    steps = (Step("start", quantity, "quantity"), Step("multiply", price, "price"))
    part = Part("", quantity, quantity * price, steps, clause.price)
    return [context.line(clause, "one_off", part, unit=clause.unit or "once")]
