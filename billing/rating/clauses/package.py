"""Charge packages as they are bought; grant, draw down and expire what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from billing.periods import add_months, period_containing
from billing.rating.bill import BalanceAfter, Line, Step
from billing.rating.clauses.context import Context
from billing.rating.exact import ZERO, exact, shown
from billing.rating.terms import PackageClause
from billing.rating.tiers import Part


@dataclass(slots=True, eq=False)
class Pool:
    """One purchase of a package during the month: what it held and what was drawn."""

    clause: PackageClause
    number: str
    bought_on: date
    expires_on: date | None
    held: Fraction
    drawn: Fraction = ZERO
    by_clause: dict[tuple[str, str], Fraction] = field(default_factory=dict)

    @property
    def left(self) -> Fraction:
        """Give what is not drawn yet."""
        return self.held - self.drawn

    def holds_on(self, day: date) -> bool:
        """Tell whether it can be drawn on a day."""
        return self.bought_on <= day and (self.expires_on is None or day < self.expires_on)


def lines(clause: PackageClause, context: Context) -> list[Line]:
    """Charge the monthly package for the segment's days, or each purchase made in the segment."""
    price = exact(clause.price)
    if clause.every == "month":
        share = context.fee_share(clause.code)
        if not share:
            return []
        tail = () if share == 1 else (context.days_step(share),)
        steps = (Step("start", exact(1), "quantity"), Step("multiply", price, "price"), *tail)
        part = Part("", exact(1), price * share, steps, clause.price)
        return [context.line(clause, "package", part, unit="month")]
    bought = [
        b
        for b in context.totals.balances
        if b.package == clause.code and context.segment.starts_on <= b.bought_on < context.segment.ends_on
    ]
    if not bought:
        return []
    steps = (Step("start", exact(len(bought)), "quantity"), Step("multiply", price, "price"))
    part = Part("", exact(len(bought)), price * len(bought), steps, clause.price)
    return [context.line(clause, "package", part, unit="package")]


def pools_of(contexts: list[Context]) -> list[Pool]:
    """List every purchase that can be drawn in the month, in the order in which it is drawn.

    Oldest expiry first, then the higher priority, then the earlier purchase.
    """
    pools = [pool for context in contexts for pool in _granted(context)] + list(_bought(contexts))
    return sorted(pools, key=lambda pool: (pool.expires_on or date.max, -pool.clause.priority, pool.bought_on))


def _packages(context: Context) -> list[PackageClause]:
    return [clause for clause in context.agreement.clauses if isinstance(clause, PackageClause)]


def _granted(context: Context) -> Iterator[Pool]:
    """Grant monthly packages anew; a part of the month grants its part, as the allowance policy says."""
    for clause in _packages(context):
        share = context.fee_share(clause.code)
        if clause.every == "month" and share:
            granted = exact(clause.quantity) * (share if context.policies.prorate_allowance else 1)
            start = context.segment.starts_on
            yield Pool(clause, context.segment.number, start, expiry(clause, context, start), granted)


def _bought(contexts: list[Context]) -> Iterator[Pool]:
    """Take up the purchases in the totals, under the newest version that knows the package."""
    period = contexts[0].period
    clauses = {clause.code: (clause, context) for context in contexts for clause in _packages(context)}
    for balance in contexts[0].totals.balances:
        known = clauses.get(balance.package)
        if known and balance.bought_on < period.ends_on:
            clause, context = known
            expires_on = balance.expires_on or expiry(clause, context, balance.bought_on)
            yield Pool(clause, context.segment.number, balance.bought_on, expires_on, exact(balance.remaining))


def expiry(clause: PackageClause, context: Context, bought_on: date) -> date | None:
    """Find the first day on which a purchase is worth nothing, or None if it lasts."""
    if clause.valid_days is not None:
        return bought_on + timedelta(days=clause.valid_days)
    if clause.valid_months is not None:
        return add_months(bought_on, clause.valid_months)
    if clause.every == "once":
        return None
    billing_day = max(context.period.starts_on.day, context.period.ends_on.day)
    end = period_containing(bought_on, billing_day).ends_on
    for _ in range(clause.carry_over_months):
        end = period_containing(end, billing_day).ends_on
    return end


def balances_after(pools: list[Pool], context: Context) -> tuple[BalanceAfter, ...]:
    """Say what every purchase has left when the month ends; what expires with it is lost, and said."""
    found = []
    for pool in pools:
        lost = pool.expires_on is not None and pool.expires_on <= context.period.ends_on
        left = shown(pool.left)
        found.append(
            BalanceAfter(
                pool.clause.code,
                pool.bought_on,
                shown(pool.drawn),
                shown(ZERO) if lost else left,
                pool.clause.unit,
                pool.expires_on,
                left if lost else shown(ZERO),
            )
        )
    return tuple(found)
