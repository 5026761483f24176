"""Lift the bill to what was committed, and hold it under what was capped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.rating.bill import Line, Reached, Step
from billing.rating.exact import ONE, ZERO, exact, shown, total
from billing.rating.ledger import Adjustment, Bucket, Ledger, post
from billing.rating.steps import days_step, run
from billing.rating.terms import Cap, Commitment, Segment
from billing.rating.totals import Totals


@dataclass(frozen=True, slots=True)
class Span:
    """Where the month stands in the cycles counted from the contract's start, by their length in months.

    ``last`` whether the month ends the cycle (or the contract); ``share`` the part of the cycle in force.
    """

    last: bool
    share: Fraction


Spans = dict[str, Span]
ONE_MONTH = Span(last=True, share=ONE)


def commitment_lines(ledger: Ledger, totals: Totals, spans: Spans) -> tuple[list[Line], list[Reached]]:
    """Print a true-up for every commitment that its clauses fall short of."""
    lines: list[Line] = []
    reached: list[Reached] = []
    for held in _judged(ledger, "commitments"):
        segment, item = held[-1]
        buckets = _buckets(ledger, held)
        base = sum((ledger.exact[bucket] for bucket in buckets), ZERO)
        span = spans.get(item.every, ONE_MONTH)
        before = _to_date(totals, item.code) if item.every != "month" else ZERO
        if item.every != "month":
            reached.append(Reached(item.code, shown(base)))
        if span.last:
            steps = _least_steps(ledger, held, span, before, ledger.by_clause(buckets))
            lines.extend(_true_up(ledger, item, segment, steps))
    return lines, reached


def _true_up(ledger: Ledger, item: Commitment | Cap, segment: Segment, steps: tuple[Step, ...]) -> list[Line]:
    short = run(steps)
    if short <= 0:
        return []
    own = getattr(item, "tax", None)
    tax = segment.agreement.tax.rate if own is None else own
    lifted = {Bucket(segment.number, item.code, tax): short}
    return post(ledger, Adjustment(item, "true_up", segment.number, lifted, ONE, steps, unit_price=item.amount))


def cap_lines(ledger: Ledger, totals: Totals) -> tuple[list[Line], list[Reached]]:
    """Print a negative line for every cap that its clauses exceed; as printed, the bill never does."""
    lines: list[Line] = []
    reached: list[Reached] = []
    for held in _judged(ledger, "caps"):
        segment, item = held[-1]
        buckets = _buckets(ledger, held)
        most = _amount_steps(ledger, held, prorated=segment.agreement.policies.prorate_cap)
        printed = sum((Fraction(ledger.printed.get(bucket, Decimal(0))) for bucket in buckets), ZERO)
        before = _to_date(totals, item.code) if item.every != "month" else ZERO
        above = printed - max(run(most) - before, ZERO)
        if item.every != "month":
            reached.append(Reached(item.code, shown(min(printed, printed - above))))
        if above > 0:
            lines.extend(_cut(ledger, held[-1], buckets, most, before))
    return lines, reached


def _cut(
    ledger: Ledger,
    held: tuple[Segment, Commitment | Cap],
    buckets: list[Bucket],
    most: tuple[Step, ...],
    before: Fraction,
) -> list[Line]:
    segment, item = held
    exact_nets = ledger.exact
    base = total(exact_nets[bucket] for bucket in buckets)
    over = max(base - max(run(most) - before, ZERO), ZERO)
    nets = {bucket: exact_nets[bucket] for bucket in buckets if base}
    steps = [*most]
    if before:
        steps += [Step("subtract", before, "to_date"), Step("at_least", ZERO, "nothing")]
    steps.extend(Step("subtract", amount, f"clause:{code}") for code, amount in ledger.by_clause(buckets, printed=True))
    share = -over / base if base else ZERO
    return post(ledger, Adjustment(item, "cap", segment.number, nets, share, tuple(steps), unit_price=item.amount))


Held = list[tuple[Segment, Commitment | Cap]]


def _judged(ledger: Ledger, part: str) -> list[Held]:
    """Put the amounts of one code together over the versions of the month, or keep them apart by policy."""
    by_code: dict[str, Held] = {}
    for segment in ledger.terms.segments:
        for item in getattr(segment.agreement, part):
            apart = segment.agreement.policies.versions_split_month == "per_segment"
            by_code.setdefault(f"{item.code}@{segment.number}" if apart else item.code, []).append((segment, item))
    return list(by_code.values())


def _buckets(ledger: Ledger, held: Held) -> list[Bucket]:
    found: list[Bucket] = []
    for segment, item in held:
        found.extend(bucket for bucket in ledger.chosen([segment], item.of, "eligible") if bucket not in found)
    return found


def _amount_steps(ledger: Ledger, held: Held, *, prorated: bool) -> tuple[Step, ...]:
    """Weigh the versions' amounts by their days: of the whole month, or, unprorated, of the days they rule."""
    days = ledger.terms.period.days if prorated else sum(segment.days for segment, _ in held)
    longer = any(item.every != "month" for _, item in held)
    if longer:
        return (Step("start", exact(held[-1][1].amount), "agreed"),)
    steps = [Step("start", ZERO, "agreed")] if len(held) > 1 else []
    for segment, item in held:
        share = Fraction(segment.days, days)
        if len(held) > 1:
            steps.append(Step("add", exact(item.amount) * share, f"days:{segment.days}/{days}"))
        else:
            steps.append(Step("start", exact(item.amount), "agreed"))
            steps.extend([days_step(share, days)] if share != 1 else [])
    return tuple(steps)


def _least_steps(
    ledger: Ledger, held: Held, span: Span, before: Fraction, base: Sequence[tuple[str, Fraction]]
) -> tuple[Step, ...]:
    prorated = held[-1][0].agreement.policies.prorate_commitment
    steps = [*_amount_steps(ledger, held, prorated=prorated)]
    if prorated and span.share != 1:
        steps.append(Step("multiply", span.share, "cycle_share"))
    if before:
        steps.append(Step("subtract", before, "to_date"))
    steps.extend(Step("subtract", amount, f"clause:{code}") for code, amount in base)
    return tuple(steps)


def _to_date(totals: Totals, code: str) -> Fraction:
    return sum((exact(each.amount) for each in totals.to_date if each.code == code), ZERO)
