"""Charge what is held: seats, slots, numbers, robots; and modules, which are held the same way."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple

from billing.rating.bill import Evidence, Line, LineKind, Step
from billing.rating.clauses.context import Context
from billing.rating.clauses.held import changes_of, held_on, spans
from billing.rating.exact import ONE, ZERO, exact, total
from billing.rating.prices import bounded, parts_of
from billing.rating.terms import ModuleClause, Price, SeatClause
from billing.rating.tiers import Part
from billing.rating.totals import Change


class Holding(NamedTuple):
    """The quantity to price, the steps to it, and the part of the month the price is owed for."""

    quantity: Fraction
    steps: tuple[Step, ...]
    share: Fraction


def lines(clause: SeatClause, context: Context) -> list[Line]:
    """Charge the seats held in the segment, at least the committed ones, less the included ones."""
    holding = _holding(clause, context)
    if holding is None:
        return []
    used, quantity, steps = holding.quantity, holding.quantity, holding.steps
    if clause.committed:
        quantity = max(quantity, exact(clause.committed))
        steps = (*steps, Step("at_least", exact(clause.committed), "committed"))
    if clause.included:
        quantity = max(quantity - exact(clause.included), ZERO)
        steps = (*steps, Step("subtract", exact(clause.included), "included"), Step("at_least", ZERO, "nothing"))
    evidence = _measured_evidence(clause, context)
    return held_lines(
        clause, context, "seat", Holding(quantity, steps, holding.share), used=used, unit=clause.unit, evidence=evidence
    )


def _holding(clause: SeatClause, context: Context) -> Holding | None:
    if clause.counts == "snapshot":
        return _snapshot(clause, context)
    if clause.counts == "measured":
        value = max((exact(row.value) for row in context.rows.get(clause.code, ())), default=ZERO)
        return Holding(value, (Step("start", value, "measured", clause.unit),), context.fee_share(clause.code))
    segment, changes = context.segment, changes_of(context, clause.item)
    if clause.counts == "peak":
        most = max(held for _, _, held in spans(changes, segment.starts_on, segment.ends_on))
        return Holding(most, (Step("start", most, "peak", clause.unit),), context.fee_share(clause.code))
    if clause.per_day:
        return _by_day(clause, context)
    return averaged(context, clause.code, changes, clause.unit)


def _snapshot(clause: SeatClause, context: Context) -> Holding | None:
    """Take what is held on the snapshot day of the month; a shorter month is taken on its last day."""
    period = context.period
    day = period.starts_on + timedelta(days=min(clause.snapshot_day, period.days) - 1)
    if not context.segment.starts_on <= day < context.segment.ends_on:
        return None
    held = held_on(changes_of(context, clause.item), day)
    return Holding(held, (Step("start", held, "snapshot", clause.unit),), ONE)


def _by_day(clause: SeatClause, context: Context) -> Holding:
    """Count seat-days, for prices per seat and day; they need no proration."""
    segment = context.segment
    days = sum(
        (
            held * (end - begin).days
            for begin, end, held in spans(changes_of(context, clause.item), segment.starts_on, segment.ends_on)
        ),
        ZERO,
    )
    return Holding(days, (Step("start", days, "seat_days", f"{clause.unit}_day"),), ONE)


def averaged(context: Context, code: str, changes: list[Change], unit: str) -> Holding:
    """Average what is held over the days of the segment; the price is then owed for the segment's part of the month.

    Without proration the month counts what was held first (``none``) or the most held (``full_month``).
    """
    segment, policy = context.segment, context.policies.proration
    if policy in ("none", "full_month"):
        having = context.segments_with(code)
        found = spans(changes, having[0].starts_on, having[-1].ends_on)
        held = found[0][2] if policy == "none" else max(each[2] for each in found)
        return Holding(held, (Step("start", held, "held", unit),), context.fee_share(code))
    share = context.month_share(segment.starts_on, segment.ends_on)
    found = spans(changes, segment.starts_on, segment.ends_on)
    days = context.days_between(segment.starts_on, segment.ends_on) or 1
    seat_days = total(held * context.days_between(begin, end) for begin, end, held in found)
    steps = (
        Step("start", seat_days, "held_days", f"{unit}_day"),
        Step("divide", Fraction(days), "days_of_segment", unit),
    )
    return Holding(seat_days / days, steps, share)


def held_lines(
    clause: SeatClause | ModuleClause,
    context: Context,
    kind: LineKind,
    holding: Holding,
    *,
    used: Fraction,
    unit: str,
    evidence: Evidence | None = None,
) -> list[Line]:
    """Price a holding and print its parts, each times the part of the month it is owed for."""
    if not holding.share:
        return []
    zero_flat = context.policies.zero_usage_flat == "charged"
    price: Price = clause.price
    parts = bounded(price, parts_of(price, holding.quantity, zero_flat=zero_flat))
    later = [part.quantity for part in parts[1:] if not part.unit]
    found = []
    for index, part in enumerate(parts):
        own = (ZERO if part.unit else part.quantity) if index else max(total([used], less=later), ZERO)
        if used or part.amount:
            owed = _owed_for(context, part, holding.share)
            found.append(context.line(clause, kind, owed, head=holding.steps, unit=unit, used=own, evidence=evidence))
    return found


def _owed_for(context: Context, part: Part, share: Fraction) -> Part:
    if share == 1:
        return part
    return part._replace(amount=part.amount * share, steps=(*part.steps, context.days_step(share)))


def _measured_evidence(clause: SeatClause, context: Context) -> Evidence | None:
    rows = context.rows.get(clause.code, ())
    if clause.counts != "measured" or not rows:
        return None
    selector = (("segment", context.segment.number), ("clause", clause.code))
    return Evidence(sum(row.calls for row in rows), sum(row.talk_ms for row in rows), 0, selector)
