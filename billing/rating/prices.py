"""Price a quantity: amount and parts, each part with its arithmetic.

Nothing is rounded here but what a contract rounds per call.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.money import round_to
from billing.rating.bill import Step
from billing.rating.exact import ONE, ZERO, ceil_to, exact, total
from billing.rating.steps import run
from billing.rating.terms import (
    Block,
    Elapsed,
    ElapsedPart,
    Flat,
    Graduated,
    Percentage,
    PerUnit,
    Price,
    RoundEachCall,
    Volume,
)
from billing.rating.tiers import Part, graduated_parts, percent_parts, price_steps, volume_part

Histogram = Iterable[tuple[Fraction, int]]


@dataclass(frozen=True, slots=True)
class Priced:
    """What a quantity costs: the parts, and their exact sum."""

    parts: tuple[Part, ...]

    @property
    def amount(self) -> Fraction:
        """Add the parts up."""
        return total(part.amount for part in self.parts)


def price(
    price: Price, quantity: Decimal | Fraction | int, *, start: Fraction = ZERO, zero_flat: bool = False
) -> Priced:
    """Price ``quantity`` units (after included ones), within the price's own minimum and maximum.

    For a percentage the quantity is the amount it is taken of. ``start`` is the tier position already used up;
    ``zero_flat`` charges a first tier's flat fee at zero usage. Elapsed prices need single calls
    (``price_calls``), a matrix its cells; both raise TypeError here.
    """
    return Priced(tuple(bounded(price, parts_of(price, exact_quantity(quantity), start, zero_flat=zero_flat))))


def exact_quantity(quantity: Decimal | Fraction | int) -> Fraction:
    """Give a quantity as a fraction; refuse a negative one."""
    value = quantity if isinstance(quantity, Fraction) else Fraction(quantity)
    if value < 0:
        raise ValueError("a quantity is never negative")
    return value


def parts_of(price: Price, quantity: Fraction, start: Fraction = ZERO, *, zero_flat: bool = False) -> list[Part]:
    """Price a quantity without the bounds of the whole price."""
    if isinstance(price, PerUnit):
        return [_per_unit(price, quantity)]
    if isinstance(price, Graduated):
        return graduated_parts(price.tiers, quantity, start, zero_flat=zero_flat)
    if isinstance(price, Volume):
        return [volume_part(price.tiers, quantity, start, zero_flat=zero_flat)]
    if isinstance(price, Block):
        return [_blocks(price, quantity, start)]
    if isinstance(price, Flat):
        return [_flat(price, quantity, start)]
    if isinstance(price, Percentage):
        return percentage_parts(price, quantity)
    raise TypeError(f"{type(price).__name__} cannot be priced by quantity alone")


def _per_unit(price: PerUnit, quantity: Fraction) -> Part:
    unit_price = exact(price.price) if price.per == 1 else exact(price.price) / exact(price.per)
    each = price.round_each_call
    if each is None:
        return Part("", quantity, quantity * unit_price, price_steps(price.price, price.per), price.price)
    rounded = Fraction(round_to(unit_price, each.places, each.mode))
    steps = (
        Step(
            "each",
            None,
            "round_each_call",
            "",
            (("1", quantity),),
            (Step("multiply", unit_price, "price"), Step("round", exact(each.places), each.mode)),
        ),
    )
    return Part("", quantity, quantity * rounded, steps, price.price)


def _blocks(price: Block, quantity: Fraction, start: Fraction) -> Part:
    size, unit_price = exact(price.size), exact(price.price)
    opened = ceil_to(start, size)
    blocks = (ceil_to(start + quantity, size) - opened) / size
    before = (Step("add", start, "position"),) if start else ()
    after = (Step("subtract", opened / size, "position"),) if opened else ()
    steps = (
        *before,
        Step("round_up", size, "block"),
        Step("divide", size, "block_size", "block"),
        *after,
        Step("multiply", unit_price, "price"),
    )
    return Part("", blocks, blocks * unit_price, steps, price.price, unit="block")


def _flat(price: Flat, quantity: Fraction, start: Fraction) -> Part:
    owed = start == 0 and (quantity > 0 or price.always)
    amount = exact(price.price) if owed else ZERO
    return Part("", ONE if owed else ZERO, amount, (Step("start", amount, "flat"),), price.price, unit="once")


def percentage_parts(price: Percentage, amount: Fraction, events: int = 0) -> list[Part]:
    """Take the percentage of an amount, and the fixed fee of each of ``events``; no free ones, no bounds per event."""
    if price.tiers:
        parts = percent_parts(price.tiers, amount, price.scheme)
    else:
        rate = exact(price.rate or Decimal(0))
        parts = [Part("", amount, amount * rate, (Step("multiply", rate, "rate"),), price.rate)]
    if price.fixed and events:
        fixed = exact(price.fixed)
        steps = (Step("start", Fraction(events), "events", "event"), Step("multiply", fixed, "price"))
        parts.append(Part("fixed", Fraction(events), fixed * events, steps, price.fixed, unit="event"))
    return parts


def price_events(price: Percentage, values: Iterable[Fraction]) -> Priced:
    """Price single events in order: the free ones first, then rate and fixed fee within the bounds per event.

    An event is free while fewer than ``free_events`` were seen and ``free_amount`` (where either is set) is not
    used up; an event that runs over the free amount pays for the part beyond it, and its fixed fee.
    """
    return Priced(tuple(bounded(price, events_parts(price, values))))


def events_parts(price: Percentage, values: Iterable[Fraction]) -> list[Part]:
    """Price single events without the bounds of the whole price."""
    charged = _chargeable(price, values)
    rate, fixed = exact(price.rate or Decimal(0)), exact(price.fixed)
    inner = [Step("multiply", rate, "rate")]
    if fixed:
        inner.append(Step("add", fixed, "fixed"))
    if price.minimum_each is not None:
        inner.append(Step("at_least", exact(price.minimum_each), "minimum_each"))
    if price.maximum_each is not None:
        inner.append(Step("at_most", exact(price.maximum_each), "maximum_each"))
    step = Step("each", None, "events", "", tuple((str(v), Fraction(n)) for v, n in charged), tuple(inner))
    amount = sum((run(tuple(inner), v) * n for v, n in charged), ZERO)
    base = sum((v * n for v, n in charged), ZERO)
    return [Part("", base, amount, (step,), price.rate)]


def _chargeable(price: Percentage, values: Iterable[Fraction]) -> list[tuple[Fraction, int]]:
    counts: dict[Fraction, int] = {}
    free_left = exact(price.free_amount)
    for number, value in enumerate(values, 1):
        chargeable = value
        if not price.free_events or number <= price.free_events:
            if price.free_amount:
                chargeable = max(value - free_left, ZERO)
                free_left = max(free_left - value, ZERO)
            elif price.free_events:
                chargeable = ZERO
            if chargeable == 0 and (price.free_events or price.free_amount):
                continue
        counts[chargeable] = counts.get(chargeable, 0) + 1
    return list(counts.items())


def price_calls(price: PerUnit | Elapsed, histogram: Histogram, per_s: int = 60) -> Priced:
    """Price single calls by (seconds, number of calls).

    For ``round_each_call`` the seconds are billed seconds; for ``elapsed`` counted talk seconds, which each part
    of the price rounds up by its own increment.
    """
    return Priced(tuple(bounded(price, calls_parts(price, histogram, per_s))))


def calls_parts(price: PerUnit | Elapsed, histogram: Histogram, per_s: int) -> list[Part]:
    """Price single calls without the bounds of the whole price."""
    calls = sorted(histogram)
    if isinstance(price, Elapsed):
        return _elapsed_parts(price, calls, per_s)
    return [_rounded_calls(price, price.round_each_call or RoundEachCall(), calls, per_s)]


def seconds_named(per_s: int) -> str:
    """Name the unit of so many seconds: minute for 60."""
    return {1: "second", 60: "minute", 3600: "hour"}.get(per_s, f"{per_s}_seconds")


def _rounded_calls(price: PerUnit, each: RoundEachCall, calls: list[tuple[Fraction, int]], per_s: int) -> Part:
    inner = (
        Step("divide", Fraction(per_s), "per_s"),
        *price_steps(price.price, price.per),
        Step("round", Fraction(each.places), each.mode),
    )
    pairs = tuple((str(seconds), Fraction(count)) for seconds, count in calls)
    amount = sum((run(inner, seconds) * count for seconds, count in calls), ZERO)
    quantity = sum((seconds * count for seconds, count in calls), ZERO) / per_s
    return Part("", quantity, amount, (Step("each", None, "round_each_call", "", pairs, inner),), price.price)


def _elapsed_parts(price: Elapsed, calls: list[tuple[Fraction, int]], per_s: int) -> list[Part]:
    parts, lower = [], 0
    for number, part in enumerate(price.parts, 1):
        inner = _elapsed_steps(part, lower)
        pairs = [(s, n) for s, n in calls if s > lower]
        seconds = sum((run(inner, s) * n for s, n in pairs), ZERO)
        if seconds or number == 1:
            unit_price = exact(part.price)
            steps = (
                Step("each", None, "elapsed", "second", tuple((str(s), Fraction(n)) for s, n in pairs), inner),
                Step("divide", Fraction(per_s), "per_s", seconds_named(per_s)),
                Step("multiply", unit_price, "price"),
            )
            upper = None if part.up_to_s is None else Decimal(part.up_to_s)
            parts.append(
                Part(
                    f"part-{number}",
                    seconds / per_s,
                    seconds / per_s * unit_price,
                    steps,
                    part.price,
                    Decimal(lower),
                    upper,
                )
            )
        lower = part.up_to_s or 0
    return parts


def _elapsed_steps(part: ElapsedPart, lower: int) -> tuple[Step, ...]:
    steps = [] if part.up_to_s is None else [Step("at_most", Fraction(part.up_to_s), "tier_to")]
    if lower:
        steps.append(Step("subtract", Fraction(lower), "tier_from"))
    steps.append(Step("round_up", Fraction(part.increment_s), "increment"))
    return tuple(steps)


def bounded(price: Price, parts: list[Part], least: Fraction = ONE, most: Fraction = ONE) -> list[Part]:
    """Add what lifts the parts to the price's minimum or lowers them to its maximum, as a part of its own.

    ``least`` and ``most`` are the shares of the month for which minimum and maximum hold.
    """
    if price.minimum is None and price.maximum is None:
        return parts
    amount = total(part.amount for part in parts)
    for name, limit, share in (("minimum", price.minimum, least), ("maximum", price.maximum, most)):
        if limit is None:
            continue
        bound = exact(limit) * share
        if (name == "minimum" and amount < bound) or (name == "maximum" and amount > bound):
            prorated = () if share == 1 else (Step("multiply", share, "share"),)
            steps = (Step("start", exact(limit), name), *prorated, Step("subtract", amount, "priced"))
            parts = [*parts, Part(name, ONE, bound - amount, steps, limit, unit="once")]
            amount = bound
    return parts
