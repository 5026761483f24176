"""Cut a quantity along the tiers of a price table, with the arithmetic of every part."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from billing.rating.bill import Step
from billing.rating.exact import ZERO, ceil_to, exact
from billing.rating.remembering import remembered
from billing.rating.terms import PercentTier, Tier


class Part(NamedTuple):
    """A piece of a price that becomes a line: its quantity and exact amount, and the steps from the whole quantity."""

    suffix: str
    quantity: Fraction
    amount: Fraction
    steps: tuple[Step, ...]
    unit_price: Decimal | None = None
    tier_from: Decimal | None = None
    tier_to: Decimal | None = None
    unit: str = ""


class Rung(NamedTuple):
    """A tier made ready for arithmetic: bounds as whole multiples of the table's ``grain``, price as a ratio.

    ``full`` is the part of a quantity that fills the tier and goes on: the same in every bill.
    """

    suffix: str
    tier: Tier
    lower: int
    upper: int | None
    price_numerator: int
    price_denominator: int
    tier_from: Decimal
    steps: tuple[Step, ...]
    full: Part | None = None


Ladder = tuple[int, tuple[Rung, ...]]


@remembered
def ladder_of(tiers: Sequence[Tier]) -> Ladder:
    """Make a price table ready for arithmetic."""
    grain = lcm(*(exact(tier.up_to).denominator for tier in tiers if tier.up_to is not None))
    lower, rungs = 0, []
    for number, tier in enumerate(tiers, 1):
        upper = None if tier.up_to is None else int(exact(tier.up_to) * grain)
        price = exact(tier.price) / exact(tier.per)
        tier_from = tiers[number - 2].up_to if number > 1 else None
        steps = _rung_steps(tier, Fraction(lower, grain))
        rung = Rung(
            f"tier-{number}", tier, lower, upper, price.numerator, price.denominator, tier_from or Decimal(0), steps
        )
        full = None if upper is None else _part(rung, upper - lower, grain, steps, enters=True)
        rungs.append(rung._replace(full=full))
        lower = upper or 0
    return grain, tuple(rungs)


def _rung_steps(tier: Tier, lower: Fraction) -> tuple[Step, ...]:
    steps = [Step("at_most", exact(tier.up_to), "tier_to")] if tier.up_to is not None else []
    if lower:
        steps.append(Step("subtract", lower, "tier_from"))
    if tier.step is not None:
        steps.append(Step("round_up", exact(tier.step), "step"))
    return (*steps, *price_steps(tier.price, tier.per))


def price_steps(price: Decimal, per: Decimal) -> tuple[Step, ...]:
    """Multiply by a price that is for ``per`` units."""
    times = Step("multiply", exact(price), "price")
    return (times,) if per == 1 else (Step("divide", exact(per), "per_units"), times)


def graduated_parts(
    tiers: Sequence[Tier], quantity: Fraction, start: Fraction = ZERO, *, zero_flat: bool = False
) -> list[Part]:
    """Price each part of ``quantity`` in the tier it falls into; tiers are (lower, upper].

    ``start`` is the position already used up, for quantities that continue a month. A tier's flat fee is owed
    when this quantity enters it; that of the first also at zero usage when ``zero_flat``.
    """
    grain, rungs = ladder_of(tiers)
    if start:
        return _continued_parts(rungs, quantity, start, grain)
    parts = []
    numerator, denominator = quantity.as_integer_ratio()
    end = numerator * grain
    for rung in rungs:
        if rung.upper is None or rung.full is None or end <= rung.upper * denominator:
            taken = end - rung.lower * denominator
            parts.append(_part(rung, taken, denominator * grain, rung.steps, enters=taken > 0 or zero_flat))
            break
        parts.append(rung.full)
    return parts


def _part(rung: Rung, taken: int, denominator: int, steps: tuple[Step, ...], *, enters: bool) -> Part:
    tier = rung.tier
    quantity = Fraction(taken) if denominator == 1 else Fraction(taken, denominator)
    if tier.step is None:
        amount = Fraction(taken * rung.price_numerator, denominator * rung.price_denominator)
    else:
        quantity = ceil_to(quantity, exact(tier.step))
        amount = quantity * exact(tier.price) / exact(tier.per)
    if enters and tier.flat:
        steps = (*steps, Step("add", exact(tier.flat), "flat"))
        amount += exact(tier.flat)
    return Part(rung.suffix, quantity, amount, steps, tier.price, rung.tier_from, tier.up_to)


def _continued_parts(rungs: Sequence[Rung], quantity: Fraction, start: Fraction, grain: int) -> list[Part]:
    """Price a quantity from a position on; a flat fee is owed only for tiers that were not entered before."""
    parts = []
    end = start + quantity
    for rung in rungs:
        lower = Fraction(rung.lower, grain)
        upper = end if rung.upper is None else min(end, Fraction(rung.upper, grain))
        first = max(start, lower)
        holds_start = rung.upper is None or start <= Fraction(rung.upper, grain)
        if upper > first or (not quantity and holds_start):
            steps = _continued_steps(rung, start, first)
            taken = max(upper - first, ZERO)
            parts.append(_part(rung, taken.numerator, taken.denominator, steps, enters=start <= lower and taken > 0))
        if upper == end:
            break
    return parts


def _continued_steps(rung: Rung, start: Fraction, first: Fraction) -> tuple[Step, ...]:
    kept = (step for step in rung.steps if step.op in ("round_up", "divide", "multiply"))
    limit = (step for step in rung.steps if step.op == "at_most")
    return (Step("add", start, "position"), *limit, Step("subtract", first, "tier_from"), *kept)


def volume_part(tiers: Sequence[Tier], quantity: Fraction, start: Fraction = ZERO, *, zero_flat: bool = False) -> Part:
    """Price the whole quantity at the tier that holds it (with ``start``); its flat fee is owed at first use."""
    number, tier = holding_tier(tiers, start + quantity)
    price = exact(tier.price) / exact(tier.per)
    steps = [*price_steps(tier.price, tier.per)]
    taken = quantity
    if tier.step is not None:
        steps.insert(0, Step("round_up", exact(tier.step), "step"))
        taken = ceil_to(quantity, exact(tier.step))
    amount = taken * price
    if tier.flat and start == 0 and (quantity > 0 or zero_flat):
        steps.append(Step("add", exact(tier.flat), "flat"))
        amount += exact(tier.flat)
    below = tiers[number - 2].up_to if number > 1 else Decimal(0)
    return Part("", taken, amount, tuple(steps), tier.price, below, tier.up_to)


def holding_tier(tiers: Sequence[Tier], quantity: Fraction) -> tuple[int, Tier]:
    """Find the tier that holds a quantity, with its number from 1; an upper bound belongs to its tier."""
    for number, tier in enumerate(tiers, 1):
        if tier.up_to is None or quantity <= tier.up_to:
            return number, tier
    raise AssertionError("the last tier is open")


def percent_parts(tiers: Sequence[PercentTier], amount: Fraction, scheme: str) -> list[Part]:
    """Take each tier's rate of its part of an amount, or the holding tier's rate of it all (``volume``)."""
    if scheme == "volume":
        tier = next(t for t in tiers if t.up_to is None or amount <= t.up_to)
        steps = (Step("multiply", exact(tier.rate), "rate"), *_flat(tier, amount > 0))
        owed = amount * exact(tier.rate) + (exact(tier.flat) if amount > 0 else 0)
        return [Part("", amount, owed, steps, tier.rate, None, tier.up_to)]
    parts: list[Part] = []
    lower = ZERO
    for number, tier in enumerate(tiers, 1):
        upper = None if tier.up_to is None else exact(tier.up_to)
        taken = (amount if upper is None else min(amount, upper)) - lower
        if taken > 0 or number == 1:
            parts.append(_percent_part(number, tier, lower, max(taken, ZERO)))
        if upper is None or amount <= upper:
            break
        lower = upper
    return parts


def _percent_part(number: int, tier: PercentTier, lower: Fraction, taken: Fraction) -> Part:
    steps = [Step("at_most", exact(tier.up_to), "tier_to")] if tier.up_to is not None else []
    if lower:
        steps.append(Step("subtract", lower, "tier_from"))
    steps.append(Step("multiply", exact(tier.rate), "rate"))
    steps.extend(_flat(tier, taken > 0))
    amount = taken * exact(tier.rate) + (exact(tier.flat) if taken > 0 else 0)
    bottom = Decimal(lower.numerator) / Decimal(lower.denominator)
    return Part(f"tier-{number}", taken, amount, tuple(steps), tier.rate, bottom, tier.up_to)


def _flat(tier: PercentTier, entered: bool) -> tuple[Step, ...]:
    return (Step("add", exact(tier.flat), "flat"),) if tier.flat and entered else ()
