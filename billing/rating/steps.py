"""Carry out the arithmetic of a line's steps."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import cast

from billing.money import RoundingMode, round_to
from billing.rating.bill import Step
from billing.rating.exact import ZERO, ceil_to, total


def run(steps: tuple[Step, ...], value: Fraction = ZERO) -> Fraction:
    """Carry out the arithmetic of steps, from ``value`` on."""
    for step in steps:
        value = OPERATIONS[step.op](step, value)
    return value


def days_step(share: Fraction, of_days: int) -> Step:
    """Multiply by the part of a month or cycle that is owed, and remember it as days: 15/30."""
    return Step("multiply", share, f"days:{share * of_days}/{of_days}")


def _number(step: Step) -> Fraction:
    if step.value is None:
        raise ValueError(f"the step {step.op} lacks its number")
    return step.value


def _round(step: Step, value: Fraction) -> Fraction:
    return Fraction(round_to(value, int(_number(step)), cast("RoundingMode", step.note)))


def _sum(step: Step, _value: Fraction) -> Fraction:
    return total(amount for _, amount in step.parts)


def _each(step: Step, _value: Fraction) -> Fraction:
    return total(run(step.steps, Fraction(number)) * count for number, count in step.parts)


OPERATIONS: dict[str, Callable[[Step, Fraction], Fraction]] = {
    "start": lambda step, _value: _number(step),
    "add": lambda step, value: value + _number(step),
    "subtract": lambda step, value: value - _number(step),
    "multiply": lambda step, value: value * _number(step),
    "divide": lambda step, value: value / _number(step),
    "at_least": lambda step, value: max(value, _number(step)),
    "at_most": lambda step, value: min(value, _number(step)),
    "round_up": lambda step, value: ceil_to(value, _number(step)),
    "round": _round,
    "sum": _sum,
    "each": _each,
}
