"""Move lines by region, industry, performance and missed service, then take the discounts off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

from billing.rating.bill import Line, Step
from billing.rating.exact import ZERO, exact, total
from billing.rating.ledger import Adjustment, Bucket, Ledger, post
from billing.rating.terms import Agreement, Credit, Discount, Factor, Segment, ServiceLevelClause
from billing.rating.tiers import percent_parts
from billing.rating.totals import Totals

DISCOUNT_ORDER = {"volume": 0, "term": 1, "promotion": 2}
SHOWN_UNIT = "currency"
MINUS_ONE = Fraction(-1)


def factor_lines(ledger: Ledger, totals: Totals) -> list[Line]:
    """Take every credit and factor of the clauses' own amounts; none of them sees another."""
    before = dict(ledger.exact)
    adjustments = [*_credits(ledger, totals, before), *_factors(ledger, totals, before)]
    return [line for adjustment in adjustments for line in post(ledger, adjustment)]


def _factors(ledger: Ledger, totals: Totals, before: dict[Bucket, Fraction]) -> Iterator[Adjustment]:
    for factor, segments in merged(ledger, _factors_of):
        level = measured(totals, factor.measure, segments)
        rate, told = (factor.rate, "rate") if factor.rate is not None else reached_rate(factor, level)
        if rate is not None:
            buckets = ledger.chosen(segments, factor.of, "discountable")
            nets = {bucket: before[bucket] for bucket in buckets if before[bucket]}
            share = exact(rate)
            if nets and share:
                steps = _percent(nets, share, told)
                yield Adjustment(factor, "factor", segments[0].number, nets, share, steps, unit_price=rate)


def reached_rate(factor: Factor, level: Decimal | None) -> tuple[Decimal | None, str]:
    """Find the rate of the highest step that a measured level reaches, and why; none below the first or unmeasured."""
    reached = [step for step in factor.steps if level is not None and level >= step.at_least]
    if not reached or level is None:
        return None, ""
    step = max(reached, key=lambda step: step.at_least)
    return step.rate, f"reached:{_plain(level)}/{_plain(step.at_least)}"


def measured(totals: Totals, measure: str | None, segments: Sequence[Segment]) -> Decimal | None:
    """Find a measured level: the segment's own, otherwise the month's."""
    found = [m for m in totals.measurements if m.measure == measure]
    own = [m.level for m in found if m.segment is not None and m.segment == segments[0].number]
    month = [m.level for m in found if m.segment is None]
    return next(iter(own or month), None)


def _percent(nets: dict[Bucket, Fraction], rate: Fraction, told: str) -> tuple[Step, ...]:
    sums: dict[str, Fraction] = {}
    for bucket, net in nets.items():
        sums[bucket.code] = sums.get(bucket.code, ZERO) + net
    return (Step("sum", None, "clauses", SHOWN_UNIT, tuple(sums.items())), Step("multiply", rate, told))


def _credits(ledger: Ledger, totals: Totals, before: dict[Bucket, Fraction]) -> Iterator[Adjustment]:
    for segment in ledger.terms.segments:
        for clause in segment.agreement.clauses:
            if isinstance(clause, ServiceLevelClause) and clause.credits:
                level = measured(totals, clause.measure, [segment])
                rate, told = credit_rate(clause.credits, level)
                buckets = ledger.chosen([segment], clause.credit_of or (clause.code,), "discountable")
                nets = {bucket: before[bucket] for bucket in buckets if before[bucket]}
                if nets and rate:
                    steps = _percent(nets, -rate, told)
                    yield Adjustment(clause, "credit", segment.number, nets, -rate, steps, "credit")


def credit_rate(table: Sequence[Credit], level: Decimal | None) -> tuple[Fraction, str]:
    """Find the share given back at a measured level, and why: that of the lowest row above it, or none."""
    missed = [credit for credit in table if level is not None and level < credit.below]
    if not missed or level is None:
        return ZERO, ""
    row = min(missed, key=lambda credit: credit.below)
    return exact(row.rate), f"missed:{_plain(level)}/{_plain(row.below)}"


def _plain(level: Decimal) -> str:
    return f"{level.normalize():f}"


def discount_lines(ledger: Ledger) -> list[Line]:
    """Take discounts one after the other off the running subtotal: volume, term, promotions, each as listed."""
    found = []
    for discount, segments in sorted(merged(ledger, _discounts_of), key=lambda each: DISCOUNT_ORDER[each[0].reason]):
        held = [s for s in segments if _holds_in(discount, s)]
        adjustment = _discount(ledger, discount, held) if held else None
        if adjustment is not None:
            found.extend(post(ledger, adjustment))
    return found


def _holds_in(discount: Discount, segment: Segment) -> bool:
    begun = discount.starts_on is None or segment.starts_on >= discount.starts_on
    return begun and (discount.ends_on is None or segment.starts_on < discount.ends_on)


def _discount(ledger: Ledger, discount: Discount, segments: list[Segment]) -> Adjustment | None:
    exact_nets = ledger.exact
    chosen = ledger.chosen(segments, discount.of, "discountable")
    nets = {bucket: exact_nets[bucket] for bucket in chosen if exact_nets[bucket].numerator}
    base = total(nets.values())
    if base <= 0:
        return None
    taken, steps = _taken(ledger, discount, segments, base)
    if not taken:
        return None
    head = Step("sum", None, "clauses", SHOWN_UNIT, ledger.by_clause(nets))
    steps = (head, *steps, Step("multiply", MINUS_ONE, "taken_off"))
    number = segments[0].number
    return Adjustment(discount, "discount", number, nets, -taken / base, steps, unit_price=discount.rate)


def _taken(
    ledger: Ledger, discount: Discount, segments: list[Segment], base: Fraction
) -> tuple[Fraction, tuple[Step, ...]]:
    """Give what a discount takes off a subtotal, and how."""
    if discount.amount is not None:
        share = Fraction(sum(segment.days for segment in segments), ledger.terms.period.days)
        fixed = exact(discount.amount) * share
        taken = min(fixed, base)
        steps: tuple[Step, ...] = (Step("at_most", fixed, "fixed"),)
    elif discount.rate is not None:
        taken, steps = base * exact(discount.rate), (Step("multiply", exact(discount.rate), "rate"),)
    else:
        parts = percent_parts(discount.tiers, base, discount.scheme)
        taken = min(sum((part.amount for part in parts), ZERO), base)
        steps = (
            parts[0].steps
            if len(parts) == 1 and discount.scheme == "volume"
            else (Step("sum", None, "tiers", SHOWN_UNIT, tuple((part.suffix, part.amount) for part in parts)),)
        )
        steps = (*steps, Step("at_most", base, "subtotal"))
    if discount.maximum is not None and taken > discount.maximum:
        taken, steps = exact(discount.maximum), (*steps, Step("at_most", exact(discount.maximum), "maximum"))
    return taken, steps


Item = TypeVar("Item", Factor, Discount)


def merged(ledger: Ledger, part: Callable[[Agreement], tuple[Item, ...]]) -> list[tuple[Item, list[Segment]]]:
    """List factors or discounts with the segments they hold in; what several versions agree alike is one.

    A factor that looks at a measurement stays apart by segment, because each may have its own level.
    """
    found: list[tuple[Item, list[Segment]]] = []
    for segment in ledger.terms.segments:
        for item in part(segment.agreement):
            same = [held for other, held in found if other == item and getattr(item, "measure", None) is None]
            if same:
                same[0].append(segment)
            else:
                found.append((item, [segment]))
    return found


def _discounts_of(agreement: Agreement) -> tuple[Discount, ...]:
    return agreement.discounts


def _factors_of(agreement: Agreement) -> tuple[Factor, ...]:
    return agreement.factors
