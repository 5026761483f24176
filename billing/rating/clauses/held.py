"""What was held on each day: modules, seats, slots, numbers, from their dated changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.periods import add_months
from billing.rating.clauses.context import Context
from billing.rating.exact import ZERO, exact
from billing.rating.totals import Change

Span = tuple[date, date, Fraction]


def changes_of(context: Context, item: str, minimum_months: int = 0) -> list[Change]:
    """List the changes of an item in order; what ends before its minimum term ends with the term instead."""
    changes = [c for s in context.totals.subscriptions if s.item == item for c in s.changes]
    changes.sort(key=lambda change: change.on)
    return list(_kept_for(minimum_months, changes)) if minimum_months else changes


def _kept_for(months: int, changes: Iterable[Change]) -> Iterator[Change]:
    """Put off each ending until what it ends, oldest first, has run its minimum term."""
    running: list[tuple[date, Decimal]] = []
    for change in changes:
        left = change.by
        if left > 0:
            running.append((change.on, left))
            yield change
        while left < 0 and running:
            began, held = running[0]
            ended = min(held, -left)
            yield Change(max(change.on, add_months(began, months)), -ended)
            left += ended
            running[:1] = [(began, held - ended)] if held > ended else []


def spans(changes: Iterable[Change], begin: date, end: date) -> list[Span]:
    """Give the stretches of equal holding between two dates, as (first day, day after, quantity held)."""
    by_day: dict[date, Fraction] = {begin: ZERO}
    for change in changes:
        day = max(change.on, begin)
        if day < end:
            by_day[day] = by_day.get(day, ZERO) + exact(change.by)
    held, found = ZERO, []
    days = sorted(by_day)
    for day, following in zip(days, [*days[1:], end], strict=True):
        held += by_day[day]
        found.append((day, following, max(held, ZERO)))
    return found


def held_on(changes: Iterable[Change], day: date) -> Fraction:
    """Give what is held on a day."""
    return max(sum((exact(change.by) for change in changes if change.on <= day), ZERO), ZERO)
