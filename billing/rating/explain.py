"""Say how a line's amount came about, and compute it again from its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.rating.bill import Line, Step
from billing.rating.exact import shown
from billing.rating.steps import run
from billing.rating.terms import Name
from billing.rating.wording import MODES, PHRASES, UNITS, USED

LANGUAGES = ("zh", "en")
LISTED = 4


@dataclass(frozen=True, slots=True)
class Explanation:
    """A line in words, and the amount that its steps lead to."""

    zh: str
    en: str
    amount: Decimal


def explain(line: Line, currency: str = "CNY", names: Mapping[str, Name] | None = None) -> Explanation:
    """Explain a line in Chinese and English, and rebuild its amount from its steps.

    ``names`` are those of the clauses by code, for lines that are computed from other clauses; without them a
    sentence shows the codes.
    Raises ValueError when the steps do not lead to the printed amount, which would be a fault of the engine.
    """
    amount = recompute(line)
    if amount != line.amount:
        raise ValueError(f"{line.key}: the steps lead to {amount}, the line says {line.amount}")
    named = names or {}
    return Explanation(_sentence(line, 0, currency, named), _sentence(line, 1, currency, named), amount)


def recompute(line: Line) -> Decimal:
    """Compute a line's amount from its steps alone."""
    value = run(line.steps)
    return Decimal(value.numerator) / Decimal(value.denominator)


def _sentence(line: Line, language: int, currency: str, names: Mapping[str, Name]) -> str:
    title = line.name.zh if language == 0 else line.name.en
    phrases, value, unit = [], Fraction(0), ""
    for index, step in enumerate(line.steps):
        result = run((step,), value)
        unit = step.unit or unit
        if not _is_swallowed(line.steps, index):
            phrases.append(_phrase(step, result, unit, language, currency, names))
        value = result
    phrases.append(_closing(line, language, currency))
    told = [phrase for phrase in phrases if phrase]
    separator, end = ("，", "。") if language == 0 else (", ", ".")
    return f"{title}{_where(line, language)}{'：' if language == 0 else ': '}{separator.join(told)}{end}"


def _is_swallowed(steps: tuple[Step, ...], index: int) -> bool:
    """Leave out the last rounding, which the closing words tell."""
    return steps[index].op == "round" and index >= len(steps) - 2 and not steps[index].unit


def _where(line: Line, language: int) -> str:
    places = [f"{line.group}"] if line.group else []
    places.extend(value for _, value in line.cell)
    if not places:
        return ""
    return f"（{'、'.join(places)}）" if language == 0 else f" ({', '.join(places)})"


def _phrase(step: Step, result: Fraction, unit: str, language: int, currency: str, names: Mapping[str, Name]) -> str:
    word, _, detail = step.note.partition(":")
    if step.op == "round":
        mode = MODES.get(step.note, ("取整", "rounded"))[language]
        return f"{mode}为 {number(result)}" if language == 0 else f"{mode} to {number(result)}"
    template = PHRASES.get((step.op, word))
    if template is None:
        raise ValueError(f"no words for the step {step.op} {word}")
    value = step.value or Fraction(0)
    told = template[language].format(
        value=number(value),
        result=number(result),
        unit=unit_name(unit, value if step.op == "start" else result, language),
        money=money(result, currency, language),
        price=money(value, currency, language),
        percent=percent(value),
        detail=detail,
        list=_listed(step, language, names),
        used=USED.get(unit, ("用量", "used"))[language],
        prorated=_prorated(detail, language),
    )
    return " ".join(told.split())


def _prorated(detail: str, language: int) -> str:
    if not detail:
        return ""
    return f"（按 {detail} 天折算）" if language == 0 else f" (prorated {detail} days)"


def _listed(step: Step, language: int, names: Mapping[str, Name]) -> str:
    if step.op == "each":
        shown_parts = [f"{number(Fraction(label))}×{number(count)}" for label, count in step.parts[:LISTED]]
    else:
        shown_parts = [f"{_called(label, language, names)} {number(amount)}" for label, amount in step.parts[:LISTED]]
    more = len(step.parts) - LISTED
    if more > 0:
        shown_parts.append(f"另 {more} 项" if language == 0 else f"{more} more")
    return ("、" if language == 0 else ", ").join(shown_parts)


def _called(label: str, language: int, names: Mapping[str, Name]) -> str:
    name = names.get(label)
    return label if name is None else (name.zh if language == 0 else name.en)


def _closing(line: Line, language: int, currency: str) -> str:
    amount = money(Fraction(line.amount), currency, language, places=-int(line.amount.as_tuple().exponent))
    if line.unrounded == line.amount:
        return f"应计 {amount}" if language == 0 else f"so {amount}"
    mode = next((step.note for step in reversed(line.steps) if step.op == "round"), "half-up")
    words = MODES[mode][language]
    return f"{words}，应计 {amount}" if language == 0 else f"{words} to {amount}"


def unit_name(unit: str, value: Fraction, language: int) -> str:
    """Name a unit in Chinese or English, singular for one; units nobody knows are printed as they are."""
    name = UNITS.get(unit, (unit, unit))[language]
    if language == 1 and value == 1 and unit in UNITS:
        return "analysis" if unit == "analysis" else name.removesuffix("s")
    return name


def number(value: Fraction) -> str:
    """Print a number with thousands separators, to eight places at most."""
    return f"{shown(value):,f}"


def percent(value: Fraction) -> str:
    """Print a share as a percentage."""
    return f"{number(value * 100)}%"


def money(value: Fraction, currency: str, language: int, places: int | None = None) -> str:
    """Print money in words' order: 0.12 元, CNY 0.12; rounded for print only."""
    text = number(value) if places is None else f"{shown(value):,.{places}f}"
    if language == 0 and currency == "CNY":
        return f"{text} 元"
    return f"{text} {currency}" if language == 0 else f"{currency} {text}"
