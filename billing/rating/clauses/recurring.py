"""Charge a fee per month, quarter, half-year or year: platform fees, line rent, with ramps."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.periods import Period, period_containing
from billing.rating.bill import Line, Step
from billing.rating.clauses.context import CYCLE_MONTHS, Context
from billing.rating.exact import ONE, exact
from billing.rating.steps import days_step
from billing.rating.terms import RecurringClause
from billing.rating.tiers import Part


def lines(clause: RecurringClause, context: Context) -> list[Line]:
    """Charge the fee when it falls due, for the days it is owed for."""
    if clause.every == "month":
        share = context.fee_share(clause.code, prorated=clause.prorated)
        return [_fee(clause, context, share)] if share else []
    return _long_cycle(clause, context)


def price_in(clause: RecurringClause, month_number: int) -> Decimal:
    """Find the price of a billing month, counted from 0 at the contract's start: the phase that holds it."""
    end = 0
    for phase in clause.phases:
        if phase.months is None or month_number < end + phase.months:
            return phase.price
        end += phase.months
    return clause.phases[-1].price if clause.phases else clause.price


def _fee(
    clause: RecurringClause, context: Context, share: Fraction, *, of_days: int = 0, suffix: str = "", sign: int = 1
) -> Line:
    unit_price = price_in(clause, context.month_number)
    quantity = exact(clause.quantity)
    steps = [Step("start", quantity, "quantity"), Step("multiply", exact(unit_price), "price")]
    if share != 1:
        steps.append(days_step(share, of_days or context.days_of_month))
    if sign < 0:
        steps.append(Step("multiply", Fraction(-1), "given_back"))
    amount = quantity * exact(unit_price) * share * sign
    part = Part(suffix, quantity, amount, tuple(steps), unit_price)
    return context.line(clause, "recurring", part, unit=clause.unit or clause.every)


def _long_cycle(clause: RecurringClause, context: Context) -> list[Line]:
    """Charge a quarter or longer once, in its first month (advance) or its last (arrears).

    Only the days in force of the cycle are owed; what was paid in advance for days after the contract's end is
    given back. The version that rules when the fee falls due sets the price.
    """
    months = CYCLE_MONTHS[clause.every]
    place = context.month_number % months
    cycle = cycle_of(context, months)
    having = context.segments_with(clause.code)
    found = []
    if clause.charged == "advance":
        if place == 0 and having[0] is context.segment:
            found.append(_fee(clause, context, _in_force(clause, context, cycle, until_end=False), of_days=cycle.days))
        unused = ONE - _in_force(clause, context, cycle, until_end=True, from_start=False)
        if context.ends_here and unused and having[-1] is context.segment:
            found.append(_fee(clause, context, unused, of_days=cycle.days, suffix="given-back", sign=-1))
    elif (place == months - 1 or context.ends_here) and having[-1] is context.segment:
        found.append(_fee(clause, context, _in_force(clause, context, cycle, until_end=True), of_days=cycle.days))
    return found


def cycle_of(context: Context, months: int) -> Period:
    """Find the cycle of ``months`` billing months, counted from the contract's start, that holds this month."""
    billing_day = max(context.period.starts_on.day, context.period.ends_on.day)
    first = context.period.starts_on
    for _ in range(context.month_number % months):
        first = period_containing(date.fromordinal(first.toordinal() - 1), billing_day).starts_on
    end = first
    for _ in range(months):
        end = period_containing(end, billing_day).ends_on
    return Period(first, end)


def _in_force(
    clause: RecurringClause, context: Context, cycle: Period, *, until_end: bool, from_start: bool = True
) -> Fraction:
    """Give the part of a cycle in which the contract is in force; the whole where the fee is not prorated."""
    prorated = (
        context.policies.proration in ("calendar_days", "thirty_days") if clause.prorated is None else clause.prorated
    )
    if not prorated:
        return ONE
    begin, end = cycle.starts_on, cycle.ends_on
    if from_start and context.terms.contract_starts_on:
        begin = max(begin, context.terms.contract_starts_on)
    if until_end and context.terms.contract_ends_on:
        end = min(end, context.terms.contract_ends_on)
    return Fraction((end - begin).days, cycle.days)
