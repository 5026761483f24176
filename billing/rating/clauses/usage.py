"""What duration, calls and feature clauses share: groups, cells, allowances, tiers, and how they become lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import NamedTuple, TypeVar

from billing.rating.bill import Evidence, Line, Step
from billing.rating.clauses.context import Context
from billing.rating.exact import ZERO, exact, total
from billing.rating.matrix import matching_cell
from billing.rating.prices import bounded, calls_parts, events_parts, parts_of, percentage_parts
from billing.rating.steps import run
from billing.rating.terms import CallsClause, Elapsed, FeatureClause, Matrix, Percentage, PerUnit, Price, UsageClause
from billing.rating.tiers import Part
from billing.rating.totals import Pairs, Row, Uncovered

Key = TypeVar("Key", str, int)

GROUP, CALLS, TALK_MS, BILLED_SECONDS = map(attrgetter, ("group", "calls", "talk_ms", "billed_seconds"))

NOTHING_LESS = Step("at_least", ZERO, "nothing")


class Used(NamedTuple):
    """Usage by totals row: the row's raw measure (seconds, calls, or a counter's value), and the rows beside it."""

    raw: Sequence[Fraction | int]
    rows: Sequence[Row]

    def by(self, key: Callable[[Row], Key]) -> dict[Key, Used]:
        """Cut the usage apart by a key of its rows, in the order in which the keys first come."""
        apart: dict[Key, tuple[list[Fraction | int], list[Row]]] = {}
        for raw, row in zip(self.raw, self.rows, strict=True):
            raws, rows = apart.setdefault(key(row), ([], []))
            raws.append(raw)
            rows.append(row)
        return {key: Used(*members) for key, members in apart.items()}


class Metering(NamedTuple):
    """How raw usage becomes priced units: what raw counts, the steps to units, and what units are called."""

    raw_unit: str
    unit: str
    convert: tuple[Step, ...] = ()
    included: Fraction = ZERO
    per_s: int = 60


class Portion(NamedTuple):
    """The price of one group and cell: its parts, each with the units used that it stands for.

    ``head`` are the steps that lead to the quantity of which the parts are.
    """

    group: str
    cell: Pairs
    shares: Sequence[tuple[Part, Fraction]]
    head: tuple[Step, ...]
    evidence: Evidence
    used: Used = Used((), ())


class Batch(NamedTuple):
    """Rows that are priced as one quantity."""

    group: str
    cell: Pairs
    price: Price
    used: Used


def usage_lines(
    clause: UsageClause,
    context: Context,
    used: Used,
    metering: Metering,
    *,
    price: Price | None = None,
    suffix: str = "",
) -> list[Line]:
    """Turn the usage of a clause into its lines; ``price`` and ``suffix`` for usage beyond a limit."""
    portions = usage_portions(clause, context, used, metering, price=price, suffix=suffix)
    return [
        line
        for portion, shares in _printed(portions)
        for line in context.lines(
            clause,
            "usage",
            shares,
            head=portion.head,
            unit=metering.unit,
            evidence=portion.evidence,
            group=portion.group,
            cell=portion.cell,
            suffix=suffix,
        )
    ]


def _printed(portions: list[Portion]) -> Iterator[tuple[Portion, Sequence[tuple[Part, Fraction]]]]:
    """Leave out parts without units and amount, unless calls would then stand on no line: those are told at zero."""
    charged = [[share for share in each.shares if share[1].numerator or share[0].amount.numerator] for each in portions]
    told = {each.evidence.selector for each, shares in zip(portions, charged, strict=True) if shares}
    for portion, shares in zip(portions, charged, strict=True):
        if not shares and any(portion.evidence[:3]) and portion.evidence.selector not in told:
            told.add(portion.evidence.selector)
            yield portion, portion.shares[:1]
        else:
            yield portion, shares


def usage_portions(
    clause: UsageClause,
    context: Context,
    used: Used,
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
            parts, head, units, left = _priced(clause, context, batch, metering, left=left, suffix=suffix)
            scope_portions.append(_portion(context, clause, batch, parts, head=head, units=units))
        portions.extend(_matrix_bounds(price or clause.price, context, scope_portions))
    if clause.group_by and clause.tiers_per == "clause":
        return [share for portion in portions for share in _shared_out(context, clause, portion)]
    return portions


def _portion(
    context: Context, clause: UsageClause, batch: Batch, parts: list[Part], *, head: tuple[Step, ...], units: Fraction
) -> Portion:
    """Give every part its share of the units used; what the allowance took is counted with the first part."""
    evidence = evidence_of(context, clause, batch.group, batch.cell, batch.used.rows)
    later = [(part, ZERO if part.unit else part.quantity) for part in parts[1:]]
    first = total([units], less=[used for _, used in later]) if later else units
    if parts[0].steps[0].op == "each":  # prices of single calls start from those
        head = ()
    shares = [(parts[0], first if first.numerator > 0 else ZERO), *later]
    return Portion(batch.group, batch.cell, shares, head, evidence, batch.used)


def _scopes(clause: UsageClause, used: Used) -> Iterable[Used]:
    """Cut the usage where allowances and tiers begin anew."""
    if not clause.group_by or clause.tiers_per == "clause":
        return [used]
    return [members for _, members in sorted(used.by(GROUP).items())]


def _cells(context: Context, clause: UsageClause, price: Price, used: Used) -> Iterator[Batch]:
    group = used.rows[0].group if used.rows and clause.group_by and clause.tiers_per == "group" else ""
    if not isinstance(price, Matrix):
        yield Batch(group, (), price, used)
        return
    by_cell = used.by(lambda row: matching_cell(price, dict(row.cell)))
    for index, members in sorted(by_cell.items()):
        if index < len(price.cells):
            cell = price.cells[index]
            yield Batch(group, tuple(sorted(cell.where.items())), cell.price, members)
        elif price.otherwise is not None:
            yield Batch(group, (("cell", "otherwise"),), price.otherwise, members)
        else:
            context.uncovered.extend(_no_cell(clause, row) for row in members.rows)


def _no_cell(clause: UsageClause, row: Row) -> Uncovered:
    return Uncovered(f"{clause.code}!", row.calls, row.talk_ms, row.value, row.on, row.cell, "no_matrix_cell")


def _priced(
    clause: UsageClause, context: Context, batch: Batch, metering: Metering, *, left: Fraction, suffix: str
) -> tuple[list[Part], tuple[Step, ...], Fraction, Fraction]:
    """Price one batch; answer with the steps to its quantity, the units used, and the allowance left over."""
    raw = Fraction(sum(batch.used.raw))
    units = run(metering.convert, raw)
    head: tuple[Step, ...] = (Step("start", raw, "used", metering.raw_unit), *metering.convert)
    if suffix or not metering.included:
        return _by_price(clause, context, batch, metering, quantity=units, suffix=suffix), head, units, ZERO
    head = (*head, Step("subtract", left, context.included_note), NOTHING_LESS)
    rest = units - left
    quantity, left = (rest, ZERO) if rest.numerator > 0 else (ZERO, -rest)
    return _by_price(clause, context, batch, metering, quantity=quantity, suffix=suffix), head, units, left


def _by_price(
    clause: UsageClause, context: Context, batch: Batch, metering: Metering, *, quantity: Fraction, suffix: str
) -> list[Part]:
    price = batch.price
    if isinstance(price, Elapsed) or (
        isinstance(price, PerUnit) and price.round_each_call and metering.raw_unit == "second"
    ):
        parts = calls_parts(price, _histogram(batch.used.rows), metering.per_s)
    elif isinstance(price, Percentage):
        parts = _percentage(clause, context, batch, price, quantity)
    else:
        position = ZERO
        if len(context.terms.segments) > 1:
            position = _position(clause, context, batch, metering, suffix)
            context.positions[_place(clause, batch, suffix)] = (metering.unit, position + quantity)
        parts = parts_of(price, quantity, position, zero_flat=context.policies.zero_usage_flat == "charged")
    return bounded(price, parts, *context.bound_shares)


def _place(clause: UsageClause, batch: Batch, suffix: str) -> str:
    return repr((clause.code, batch.group, batch.cell, suffix))


def _position(clause: UsageClause, context: Context, batch: Batch, metering: Metering, suffix: str) -> Fraction:
    """Find the tier position that an earlier version of this month left, where the policy carries it."""
    if context.policies.tiers_across_versions == "anew":
        return ZERO
    unit, position = context.carried.get(_place(clause, batch, suffix), ("", ZERO))
    return position if unit == metering.unit else ZERO


def _histogram(rows: Sequence[Row]) -> list[tuple[Fraction, int]]:
    counts: dict[Fraction, int] = {}
    for row in rows:
        for number, calls in row.histogram:
            counts[exact(number)] = counts.get(exact(number), 0) + calls
    return sorted(counts.items())


def _percentage(
    clause: UsageClause, context: Context, batch: Batch, price: Percentage, quantity: Fraction
) -> list[Part]:
    calls = _events(clause, batch.used)
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
        return events_parts(price, [exact(event.value) for event in events])
    return percentage_parts(price, quantity, calls)


def _events(clause: UsageClause, used: Used) -> int:
    """Count what a fee per event is owed for: calls within a limit, those behind a maximum, else all that were taken."""
    if isinstance(clause, CallsClause):
        return int(sum(used.raw))
    if isinstance(clause, FeatureClause) and clause.window is None and clause.aggregate in ("max", "latest"):
        return sum(row.calls for raw, row in zip(used.raw, used.rows, strict=True) if raw)
    return sum(map(CALLS, used.rows))


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
    parts = [part for portion in portions for part, _ in portion.shares]
    group = portions[0].group if portions else ""
    extra = bounded(price, parts, *context.bound_shares)[len(parts) :]
    return [*portions, *(Portion(group, (), [(part, ZERO)], (), Evidence()) for part in extra)]


def _shared_out(context: Context, clause: UsageClause, portion: Portion) -> Iterator[Portion]:
    """Share every part among the groups that used it, in proportion to their usage, so that tiers count over all."""
    members = sorted(portion.used.by(GROUP).items())
    weights = {group: Fraction(sum(used.raw)) for group, used in members}
    whole = total(weights.values())
    if not whole:  # a minimum is owed by all together, and the calls are those of their groups
        nothing = portion.shares[0][0]._replace(quantity=ZERO, amount=ZERO)
        nothing = nothing._replace(steps=(*nothing.steps, Step("multiply", ZERO, "group_share")))
        if "" not in weights:
            yield portion._replace(evidence=Evidence())
        for group, used in members:  # calls without a group stand on the line of all, which has no group either
            shares = [(nothing, ZERO)] if group else portion.shares
            evidence = evidence_of(context, clause, group, portion.cell, used.rows)
            yield Portion(group, portion.cell, shares, portion.head, evidence, used)
        return
    for part, units in portion.shares:
        for group, used in members:
            share = weights[group] / whole
            own = part._replace(
                quantity=part.quantity * share,
                amount=part.amount * share,
                steps=(*part.steps, Step("multiply", share, "group_share")),
            )
            evidence = evidence_of(context, clause, group, portion.cell, used.rows)
            yield Portion(group, portion.cell, [(own, units * share)], portion.head, evidence, used)


def evidence_of(context: Context, clause: UsageClause, group: str, cell: Pairs, rows: Sequence[Row]) -> Evidence:
    """Sum up the calls behind usage, and say how to find them."""
    selector = (
        ("segment", context.segment.number),
        ("clause", clause.code),
        *((("group", group),) if group else ()),
        *cell,
    )
    return Evidence(sum(map(CALLS, rows)), sum(map(TALK_MS, rows)), sum(map(BILLED_SECONDS, rows)), selector)
