"""Charge a promise of service, and give credit when it was missed."""

from __future__ import annotations

from billing.rating.bill import Line, Step
from billing.rating.clauses.context import Context
from billing.rating.clauses.usage import percent_of_clauses
from billing.rating.exact import ONE
from billing.rating.prices import bounded, parts_of
from billing.rating.terms import Percentage, ServiceLevelClause


def lines(clause: ServiceLevelClause, context: Context) -> list[Line]:
    """Charge the monthly fee for the segment's days, or the percentage of the named clauses."""
    price = clause.price
    if isinstance(price, Percentage):
        parts = bounded(price, percent_of_clauses(context, price), *context.bound_shares)
        return [context.line(clause, "service_level", part, unit="currency") for part in parts if part.amount]
    share = context.fee_share(clause.code)
    if not share:
        return []
    found = []
    for part in bounded(price, parts_of(price, ONE)):
        head = (Step("start", ONE, "quantity"),)
        tail = () if share == 1 else (context.days_step(share),)
        owed = part._replace(amount=part.amount * share, steps=(*part.steps, *tail))
        found.append(context.line(clause, "service_level", owed, head=head, unit="month"))
    return found
