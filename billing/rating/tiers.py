"""Cut a quantity along the tiers of a price table, with the arithmetic of every part."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.rating.bill import Step
from billing.rating.exact import ZERO, ceil_to, exact
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


def graduated_parts(
    tiers: Sequence[Tier], quantity: Fraction, start: Fraction = ZERO, *, zero_flat: bool = False
) -> list[Part]:
    """Price each part of ``quantity`` in the tier it falls into; tiers are (lower, upper].

    ``start`` is the position already used up, for quantities that continue a month. A tier's flat fee is owed
    when this quantity enters it; that of the first also at zero usage when ``zero_flat``.
    """
    parts = []
    lower, end = ZERO, start + quantity
    for number, tier in enumerate(tiers, 1):
        upper = None if tier.up_to is None else exact(tier.up_to)
        first = max(start, lower)
        taken = (end if upper is None or end < upper else upper) - first
        if taken > 0 or (number == 1 and end == 0):
            enters = start <= lower and (taken > 0 or zero_flat)
            parts.append(_graduated_part(number, tier, start, lower, max(taken, ZERO), enters=enters))
        if upper is None or end <= upper:
            break
        lower = upper
    return parts or [_unused_part(tiers, start)]


def _graduated_part(
    number: int, tier: Tier, start: Fraction, lower: Fraction, taken: Fraction, *, enters: bool
) -> Part:
    steps = [Step("add", start, "position")] if start else []
    if tier.up_to is not None:
        steps.append(Step("at_most", exact(tier.up_to), "tier_to"))
    if lower or start:
        steps.append(Step("subtract", max(start, lower), "tier_from"))
    if tier.step is not None:
        steps.append(Step("round_up", exact(tier.step), "step"))
        taken = ceil_to(taken, exact(tier.step))
    price = exact(tier.price)
    steps.append(Step("multiply", price, "price"))
    amount = taken * price
    if enters and tier.flat:
        steps.append(Step("add", exact(tier.flat), "flat"))
        amount += exact(tier.flat)
    tier_from = Decimal(lower.numerator) / Decimal(lower.denominator)
    return Part(f"tier-{number}", taken, amount, tuple(steps), tier.price, tier_from, tier.up_to)


def _unused_part(tiers: Sequence[Tier], start: Fraction) -> Part:
    number = next(n for n, tier in enumerate(tiers, 1) if tier.up_to is None or start <= tier.up_to)
    tier = tiers[number - 1]
    return Part(f"tier-{number}", ZERO, ZERO, (Step("multiply", exact(tier.price), "price"),), tier.price)


def volume_part(tiers: Sequence[Tier], quantity: Fraction, start: Fraction = ZERO, *, zero_flat: bool = False) -> Part:
    """Price the whole quantity at the tier that holds it (with ``start``); its flat fee is owed at first use."""
    number, tier = holding_tier(tiers, start + quantity)
    price = exact(tier.price)
    steps = [Step("multiply", price, "price")]
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
