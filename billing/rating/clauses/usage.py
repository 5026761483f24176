"""What duration, calls and feature clauses share: groups, cells, allowances, tiers, and how they become lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import NamedTuple

from billing.rating.bill import Evidence, Line, Step
from billing.rating.clauses.context import Context
from billing.rating.exact import ONE, ZERO, exact, total
from billing.rating.matrix import matching_cell
from billing.rating.prices import Priced, bounded, parts_of, percentage_parts, price_calls, price_events
from billing.rating.steps import run
from billing.rating.terms import Elapsed, Matrix, Percentage, PerUnit, Price, UsageClause
from billing.rating.tiers import Part
from billing.rating.totals import Pairs, Row, Uncovered

CALLS, TALK_MS, BILLED_SECONDS = attrgetter("calls"), attrgetter("talk_ms"), attrgetter("billed_seconds")

RAW = itemgetter(0)
NOTHING_LESS = Step("at_least", ZERO, "nothing")

Used = tuple[Fraction | int, Row]
"""Usage of one totals row, with the row's raw measure in front: seconds, calls, or a counter's value."""


class Metering(NamedTuple):
    """How raw usage becomes priced units: what raw counts, the steps to units, and what units are called."""

    raw_unit: str
    unit: str
    convert: tuple[Step, ...] = ()
    included: Fraction = ZERO
    per_s: int = 60


class Portion(NamedTuple):
    """A part of the price of one group and cell, with the steps that lead to the part's quantity."""

    group: str
    cell: Pairs
    part: Part
    head: tuple[Step, ...]
    used: Fraction
    evidence: Evidence
    members: Sequence[Used] = ()


class Batch(NamedTuple):
    """Rows that are priced as one quantity."""

    group: str
    cell: Pairs
    price: Price
    members: list[Used]


def usage_lines(
    clause: UsageClause,
    context: Context,
    used: list[Used],
    metering: Metering,
    *,
    price: Price | None = None,
    suffix: str = "",
) -> list[Line]:
    """Turn the usage of a clause into its lines; ``price`` and ``suffix`` for usage beyond a limit."""
    return [
        context.line(
            clause,
            "usage",
            portion.part,
            head=portion.head,
            unit=metering.unit,
            used=portion.used,
            evidence=portion.evidence,
            group=portion.group,
            cell=portion.cell,
            suffix=suffix,
        )
        for portion in usage_portions(clause, context, used, metering, price=price, suffix=suffix)
        if portion.used.numerator or portion.part.amount.numerator
    ]


def usage_portions(
    clause: UsageClause,
    context: Context,
    used: list[Used],
    metering: Metering,
    *,
    price: Price | None = None,
    suffix: str = "",
) -> list[Portion]:
    """Price the usage of a clause, group by group and cell by cell, before anything is rounded."""
    portions = []
    for scope in _scopes(clause, used):
        left = context.allowance(metering.included) if not suffix else ZERO
        scope_portions: list[Portion] = []
        for batch in _cells(context, clause, price or clause.price, scope):
            priced, head, units, left = _priced(clause, context, batch, metering, left=left, suffix=suffix)
            scope_portions.extend(_portions(context, clause, batch, priced.parts, head=head, units=units))
        portions.extend(_matrix_bounds(price or clause.price, context, scope_portions))
    if clause.group_by and clause.tiers_per == "clause":
        return [share for portion in portions for share in _shared_out(context, clause, portion)]
    return portions


def _portions(
    context: Context,
    clause: UsageClause,
    batch: Batch,
    parts: Sequence[Part],
    *,
    head: tuple[Step, ...],
    units: Fraction,
) -> Iterator[Portion]:
    """Give every part its share of the units used; what the allowance took is counted with the first part."""
    evidence = evidence_of(context, clause, batch.group, batch.cell, batch.members)
    first = units
    if len(parts) > 1:
        first = max(units - total(part.quantity for part in parts[1:] if not part.unit), ZERO)
    for index, part in enumerate(parts):
        used = (ZERO if part.unit else part.quantity) if index else first
        start = () if _own_start(part) else head
        yield Portion(batch.group, batch.cell, part, start, used, evidence, batch.members)


def _own_start(part: Part) -> bool:
    return part.steps[0].op in ("start", "each")


def _scopes(clause: UsageClause, used: list[Used]) -> Iterable[list[Used]]:
    """Cut the usage where allowances and tiers begin anew."""
    if not clause.group_by or clause.tiers_per == "clause":
        return [used]
    ordered = sorted(used, key=lambda each: each[1].group)
    return [list(members) for _, members in groupby(ordered, key=lambda each: each[1].group)]


def _cells(context: Context, clause: UsageClause, price: Price, used: list[Used]) -> Iterator[Batch]:
    group = used[0][1].group if used and clause.group_by and clause.tiers_per == "group" else ""
    if not isinstance(price, Matrix):
        yield Batch(group, (), price, used)
        return
    by_cell: dict[int, list[Used]] = {}
    for each in used:
        by_cell.setdefault(matching_cell(price, dict(each[1].cell)), []).append(each)
    for index, members in sorted(by_cell.items()):
        if index < len(price.cells):
            cell = price.cells[index]
            yield Batch(group, tuple(sorted(cell.where.items())), cell.price, members)
        elif price.otherwise is not None:
            yield Batch(group, (("cell", "otherwise"),), price.otherwise, members)
        else:
            context.uncovered.extend(_no_cell(clause, each[1]) for each in members)


def _no_cell(clause: UsageClause, row: Row) -> Uncovered:
    return Uncovered(f"{clause.code}!", row.calls, row.talk_ms, row.value, row.on, row.cell, "no_matrix_cell")


def _priced(
    clause: UsageClause, context: Context, batch: Batch, metering: Metering, *, left: Fraction, suffix: str
) -> tuple[Priced, tuple[Step, ...], Fraction, Fraction]:
    """Price one batch; answer with the steps to its quantity, the units used, and the allowance left over."""
    raw = Fraction(sum(map(RAW, batch.members)))
    head, units = _to_units(raw, metering)
    if suffix or not metering.included:
        return _by_price(clause, context, batch, metering, quantity=units, suffix=suffix), head, units, ZERO
    head = (*head, Step("subtract", left, context.included_note), NOTHING_LESS)
    rest = units - left
    quantity, left = (rest, ZERO) if rest.numerator > 0 else (ZERO, -rest)
    return _by_price(clause, context, batch, metering, quantity=quantity, suffix=suffix), head, units, left


def _to_units(raw: Fraction, metering: Metering) -> tuple[tuple[Step, ...], Fraction]:
    head: tuple[Step, ...] = (Step("start", raw, "used", metering.raw_unit), *metering.convert)
    units = raw
    for step in metering.convert:
        units = run((step,), units)
    return head, units


def _by_price(
    clause: UsageClause, context: Context, batch: Batch, metering: Metering, *, quantity: Fraction, suffix: str
) -> Priced:
    price = batch.price
    least = context.share if context.policies.prorate_commitment else ONE
    most = context.share if context.policies.prorate_cap else ONE
    if isinstance(price, Elapsed) or (
        isinstance(price, PerUnit) and price.round_each_call and metering.raw_unit == "second"
    ):
        histogram = _histogram(batch.members)
        return bounded(price, list(price_calls(price, histogram, metering.per_s).parts), least, most)
    if isinstance(price, Percentage):
        return bounded(price, _percentage(clause, context, batch, price, quantity), least, most)
    position = ZERO
    if len(context.terms.segments) > 1:
        position = _position(clause, context, batch, metering, suffix)
        context.positions[_place(clause, batch, suffix)] = (metering.unit, position + quantity)
    parts = parts_of(price, quantity, position, zero_flat=context.policies.zero_usage_flat == "charged")
    return bounded(price, parts, least, most)


def _place(clause: UsageClause, batch: Batch, suffix: str) -> str:
    return repr((clause.code, batch.group, batch.cell, suffix))


def _position(clause: UsageClause, context: Context, batch: Batch, metering: Metering, suffix: str) -> Fraction:
    """Find the tier position that an earlier version of this month left, where the policy carries it."""
    if context.policies.tiers_across_versions == "anew":
        return ZERO
    unit, position = context.carried.get(_place(clause, batch, suffix), ("", ZERO))
    return position if unit == metering.unit else ZERO


def _histogram(members: list[Used]) -> list[tuple[Fraction, int]]:
    counts: dict[Fraction, int] = {}
    for each in members:
        for number, calls in each[1].histogram:
            counts[exact(number)] = counts.get(exact(number), 0) + calls
    return sorted(counts.items())


def _percentage(
    clause: UsageClause, context: Context, batch: Batch, price: Percentage, quantity: Fraction
) -> list[Part]:
    calls = sum(each[1].calls for each in batch.members)
    if price.of:
        return percent_of_clauses(context, price, calls)
    if price.by_event:
        events = sorted(
            (
                e
                for e in context.totals.events
                if e.segment == context.segment.number
                and e.clause == clause.code
                and (e.group == batch.group or clause.tiers_per == "clause")
            ),
            key=lambda event: event.at,
        )
        return list(price_events(price, [exact(event.value) for event in events]).parts)
    return percentage_parts(price, quantity, calls)


def percent_of_clauses(context: Context, price: Percentage, events: int = 0) -> list[Part]:
    """Take a percentage of the unrounded amounts of the named clauses in this segment."""
    named = tuple((code, context.amounts.get(code, ZERO)) for code in price.of)
    base = sum((amount for _, amount in named), ZERO)
    head = Step("sum", None, "clauses", "", named)
    return [
        part if part.steps[0].op == "start" else part._replace(steps=(Step("start", ZERO, "of"), head, *part.steps))
        for part in percentage_parts(price, base, events)
    ]


def _matrix_bounds(price: Price, context: Context, portions: list[Portion]) -> list[Portion]:
    """Hold the cells of a matrix together to its own minimum and maximum."""
    if not isinstance(price, Matrix):
        return portions
    parts = [portion.part for portion in portions]
    least = context.share if context.policies.prorate_commitment else ONE
    most = context.share if context.policies.prorate_cap else ONE
    group = portions[0].group if portions else ""
    extra = bounded(price, parts, least, most).parts[len(parts) :]
    return [*portions, *(Portion(group, (), part, (), ZERO, Evidence()) for part in extra)]


def _shared_out(context: Context, clause: UsageClause, portion: Portion) -> Iterator[Portion]:
    """Share a part among the groups that used it, in proportion to their usage, so that tiers count over all."""
    members: dict[str, list[Used]] = {}
    for each in portion.members:
        members.setdefault(each[1].group, []).append(each)
    weights = {group: Fraction(sum(raw for raw, _ in found)) for group, found in members.items()}
    whole = total(weights.values())
    if not whole:
        yield portion
        return
    for group, weight in sorted(weights.items()):
        share = weight / whole
        part = portion.part._replace(
            quantity=portion.part.quantity * share,
            amount=portion.part.amount * share,
            steps=(*portion.part.steps, Step("multiply", share, "group_share")),
        )
        evidence = evidence_of(context, clause, group, portion.cell, members[group])
        yield portion._replace(group=group, part=part, used=portion.used * share, evidence=evidence)


def evidence_of(context: Context, clause: UsageClause, group: str, cell: Pairs, members: Sequence[Used]) -> Evidence:
    """Sum up the calls behind usage, and say how to find them."""
    rows = [row for _, row in members]
    selector = (
        ("segment", context.segment.number),
        ("clause", clause.code),
        *((("group", group),) if group else ()),
        *cell,
    )
    return Evidence(sum(map(CALLS, rows)), sum(map(TALK_MS, rows)), sum(map(BILLED_SECONDS, rows)), selector)
