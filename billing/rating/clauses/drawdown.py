"""Draw packages and credits down: units at what their usage costs after all adjustments, then money."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from billing.rating.bill import Line, Step
from billing.rating.clauses import calls, duration, feature
from billing.rating.clauses.context import Context
from billing.rating.clauses.package import Pool
from billing.rating.clauses.usage import Metering, Used, usage_portions
from billing.rating.exact import ONE, ZERO, exact, shown, total
from billing.rating.ledger import Adjustment, Bucket, Ledger, post
from billing.rating.terms import CallsClause, DurationClause, Elapsed, FeatureClause, Percentage, PerUnit, UsageClause

EVERY_CLAUSE = "*"


class Demand(NamedTuple):
    """Units that one clause used on one day beyond its allowance, which a package may pay for."""

    day: date
    context: Context
    clause: UsageClause
    place: int
    units: Fraction


def drawdown_lines(ledger: Ledger, contexts: list[Context], pools: list[Pool]) -> list[Line]:
    """Print a negative line for every purchase that was drawn: units first, then money."""
    if not pools:
        return []
    drawn = _draw_units(contexts, [pool for pool in pools if pool.clause.unit != "money"])
    lines = [line for adjustment in _worth(ledger, contexts, drawn, pools) for line in post(ledger, adjustment)]
    for place, pool in enumerate(pools):
        if pool.clause.unit == "money":
            lines.extend(_money(ledger, contexts, pool, _suffix(pools, place)))
    return lines


def usage_of(clause: UsageClause, context: Context) -> tuple[Used, Metering]:
    """Count the usage of a clause within its limits, and how it becomes units."""
    if isinstance(clause, DurationClause):
        return duration.used(clause, context), duration.metering(clause)
    if isinstance(clause, CallsClause):
        within, _ = calls.limited(clause, context, calls.used(clause, context))
        return within, calls.metering(clause)
    return feature.used(clause, context), feature.metering(clause)


Drawn = dict[tuple[str, str], dict[int, Fraction]]


def _draw_units(contexts: list[Context], pools: list[Pool]) -> Drawn:
    """Draw day by day; answer with the units drawn by (version, clause) and row."""
    drawn: Drawn = {}
    for demand in sorted(_demands(contexts, pools), key=lambda demand: demand.day):
        left = demand.units
        key = (demand.context.segment.number, demand.clause.code)
        for pool in pools:
            factor = _factor(pool, demand.clause.code)
            if not left or not factor or not pool.left or not pool.holds_on(demand.day):
                continue
            taken = min(left, pool.left / factor)
            left -= taken
            pool.drawn += taken * factor
            pool.by_clause[key] = pool.by_clause.get(key, ZERO) + taken
            rows = drawn.setdefault(key, {})
            rows[demand.place] = rows.get(demand.place, ZERO) + taken
    return drawn


def _factor(pool: Pool, code: str) -> Fraction:
    covers = {covered.clause: exact(covered.factor) for covered in pool.clause.covers}
    return covers.get(code, covers.get(EVERY_CLAUSE, ZERO))


def _demands(contexts: list[Context], pools: list[Pool]) -> Iterator[Demand]:
    """List usage beyond the allowance, which the earliest rows use up. A row without a day is dated on the last."""
    for context in contexts:
        for clause in _usage_clauses(context):
            if any(_factor(pool, clause.code) for pool in pools):
                used, metering = usage_of(clause, context)
                scale = _units_per_raw(metering)
                allowance = context.allowance(metering.included)
                last = context.segment.ends_on - timedelta(days=1)
                days = [row.on or last for row in used.rows]
                for place in sorted(range(len(days)), key=days.__getitem__):
                    units = used.raw[place] * scale
                    free = min(allowance, units)
                    allowance -= free
                    if units > free:
                        yield Demand(days[place], context, clause, place, units - free)


def _usage_clauses(context: Context) -> Iterator[UsageClause]:
    for clause in context.agreement.clauses:
        if isinstance(clause, (DurationClause, CallsClause, FeatureClause)):
            yield clause


def _units_per_raw(metering: Metering) -> Fraction:
    scale = Fraction(1)
    for step in metering.convert:
        if step.op == "divide" and step.value:
            scale /= step.value
    return scale


def _worth(ledger: Ledger, contexts: list[Context], drawn: Drawn, pools: list[Pool]) -> Iterator[Adjustment]:
    """Value what was drawn at its share of the clause's net, and share that among the purchases."""
    nets = dict(ledger.exact)
    shares = {
        key: _share_saved(context, key[1], rows)
        for key, rows in drawn.items()
        for context in contexts
        if context.segment.number == key[0]
    }
    for place, pool in enumerate(pools):
        effect: dict[Bucket, Fraction] = {}
        for key, units in pool.by_clause.items():
            part = shares[key] * units / sum(drawn[key].values(), ZERO)
            for bucket, net in nets.items():
                if (bucket.segment, bucket.code) == key:
                    effect[bucket] = effect.get(bucket, ZERO) - net * part
        if pool.drawn and pool.clause.unit != "money":
            parts = tuple((bucket.code, amount) for bucket, amount in effect.items())
            steps = (Step("sum", None, "covered", "currency", parts),)
            yield Adjustment(
                pool.clause,
                "drawdown",
                pool.number,
                effect,
                ONE,
                steps,
                _suffix(pools, place),
                pool.clause.unit,
                shown(pool.drawn),
            )


def _suffix(pools: list[Pool], place: int) -> str:
    """Name a purchase by its day, and by number where one package was bought several times that day."""
    pool = pools[place]
    twins = [p for p in pools[:place] if (p.clause.code, p.bought_on) == (pool.clause.code, pool.bought_on)]
    return f"drawn.{pool.bought_on}" + (f".{len(twins) + 1}" if twins else "")


def _share_saved(context: Context, code: str, rows: dict[int, Fraction]) -> Fraction:
    """Give the part of a clause's amount that falls away without the units drawn.

    The rest is priced anew, from the first tier on, as if the drawn units had been included ones. Prices of
    single calls cannot be priced anew from totals; there the part is that of the units.
    """
    clause = next(c for c in _usage_clauses(context) if c.code == code)
    used, metering = usage_of(clause, context)
    scale = _units_per_raw(metering)
    if _prices_single_calls(clause):
        return sum(rows.values(), ZERO) / sum((raw * scale for raw in used.raw), ZERO)
    rest = Used([raw - rows.get(place, ZERO) / scale for place, raw in enumerate(used.raw)], used.rows)
    saved = _amount(clause, context, used, metering) - _amount(clause, context, rest, metering)
    whole = context.amounts[code]
    return saved / whole if whole else ZERO


def _prices_single_calls(clause: UsageClause) -> bool:
    if isinstance(clause, CallsClause):
        return False
    price = clause.price
    return isinstance(price, (Elapsed, Percentage)) or (
        isinstance(price, PerUnit) and price.round_each_call is not None
    )


def _amount(clause: UsageClause, context: Context, used: Used, metering: Metering) -> Fraction:
    uncovered, positions = list(context.uncovered), dict(context.positions)
    portions = usage_portions(clause, context, used, metering)
    context.uncovered[:] = uncovered
    context.positions.clear()
    context.positions.update(positions)
    return total(part.amount for portion in portions for part, _ in portion.shares)


def _money(ledger: Ledger, contexts: list[Context], pool: Pool, suffix: str) -> list[Line]:
    """Draw a credit down by what its clauses come to as printed."""
    period = ledger.terms.period
    if pool.bought_on >= period.ends_on or (pool.expires_on is not None and pool.expires_on <= period.starts_on):
        return []
    packages = {c.code for context in contexts for c in context.agreement.clauses if hasattr(c, "covers")}
    nets = {b: Fraction(net) for b, net in ledger.printed.items() if b.code not in packages and _factor(pool, b.code)}
    owed = sum(nets.values(), ZERO)
    factor = max((_factor(pool, bucket.code) for bucket in nets), default=Fraction(1))
    drawn = min(owed, pool.left / factor)
    if drawn <= 0:
        return []
    pool.drawn += drawn * factor
    steps = (
        Step("sum", None, "covered", "currency", ledger.by_clause(nets, printed=True)),
        Step("at_most", drawn, "balance"),
        Step("multiply", Fraction(-1), "drawn"),
    )
    share = -drawn / owed
    return post(
        ledger, Adjustment(pool.clause, "drawdown", pool.number, nets, share, steps, suffix, "money", shown(drawn))
    )
