"""A sample month written by hand: what an agreement asks for, and the totals that the answers make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.periods import Period, midnight
from billing.rating import Agreement, Totals
from billing.rating.counting import histogram_of
from billing.rating.terms import (
    CallsClause,
    Clause,
    DurationClause,
    FeatureClause,
    Matrix,
    ModuleClause,
    PackageClause,
    Percentage,
    SeatClause,
    ServiceLevelClause,
)
from billing.rating.totals import Balance, Change, Event, Measurement, Row, Subscription


@dataclass(frozen=True, slots=True)
class Question:
    """One quantity to write: its key, what it is about, and in which unit."""

    key: str
    about: str
    unit: str


Answers = Mapping[str, Decimal]
ZERO = Decimal(0)


def questions_of(agreement: Agreement) -> list[Question]:
    """List the quantities that price an agreement, in the order of its clauses; the same thing is asked once."""
    asked: dict[str, Question] = {}
    for clause in agreement.clauses:
        for key, unit in _asked(clause):
            asked.setdefault(key, Question(key, _named(clause, key), unit))
    for factor in agreement.factors:
        if factor.measure:
            name = factor.name.zh if _chinese() else factor.name.en
            asked.setdefault(
                f"level:{factor.measure}", Question(f"level:{factor.measure}", name, _("level, such as 0.9985"))
            )
    return list(asked.values())


def _asked(clause: Clause) -> list[tuple[str, str]]:
    """List what one clause asks for: keys and units."""
    match clause:
        case DurationClause() | CallsClause() | FeatureClause():
            return _asked_of_calls(clause)
        case ModuleClause():
            uses = [(f"calls:{clause.code}", _("uses"))] if clause.use_price is not None else []
            return [(f"held:{clause.item}", _("active all month: 1")), *uses]
        case SeatClause():
            measured = clause.counts == "measured"
            return [
                (f"units:{clause.code}", _("measured")) if measured else (f"held:{clause.item}", _("held all month"))
            ]
        case ServiceLevelClause(measure=str()):
            return [(f"level:{clause.measure}", _("level, such as 0.9985"))]
        case PackageClause(every="once"):
            return [(f"left:{clause.code}", _("units left as the month begins"))]
    return []


def _asked_of_calls(clause: DurationClause | CallsClause | FeatureClause) -> list[tuple[str, str]]:
    key, unit = {
        "duration": ("minutes", _("billed minutes")),
        "calls": ("calls", _("calls, spread evenly over the month")),
        "feature": ("units", _("total of the counter %(name)s") % {"name": getattr(clause, "counter", "")}),
    }[clause.kind]
    asked = [(f"{key}:{clause.code}{cell}", unit) for cell in _cells(clause)]
    if isinstance(clause, DurationClause):
        asked.append((f"calls:{clause.code}", _("calls")))
    if isinstance(clause, FeatureClause) and isinstance(clause.price, Percentage):
        asked.append((f"calls:{clause.code}", _("events")))
    return asked


def _cells(clause: DurationClause | CallsClause | FeatureClause) -> list[str]:
    """Name the cells of a matrix; a clause without one has a single, nameless one."""
    if not isinstance(clause.price, Matrix):
        return [""]
    return [f"#{index}" for index in range(len(clause.price.cells))]


def _named(clause: Clause, key: str) -> str:
    name = clause.name.zh if _chinese() else clause.name.en
    _code, is_cell, index = key.partition("#")
    if is_cell and isinstance(price := getattr(clause, "price", None), Matrix):
        return f"{name} ({', '.join(price.cells[int(index)].where.values()) or '–'})"
    return name


def totals_of_answers(agreement: Agreement, answers: Answers, month: Period, zone: str, segment: str = "1") -> Totals:
    """Make the totals of a month out of what was written; what was not is nothing.

    Calls are spread evenly over the days, so that daily limits can be seen; seconds evenly over the calls.
    """
    rows: list[Row] = []
    events: list[Event] = []
    for clause in agreement.clauses:
        for key, _unit in _asked(clause):
            amount = answers.get(key, ZERO)
            if amount > 0 and not key.startswith(("held:", "level:", "left:")):
                rows += _rows(clause, key, amount, answers, month, segment)
        if isinstance(clause, FeatureClause) and isinstance(clause.price, Percentage) and clause.price.by_event:
            events += _events(clause, answers, month, zone, segment)
    return Totals(
        rows=tuple(rows),
        events=tuple(events),
        subscriptions=tuple(
            Subscription(key.removeprefix("held:"), (Change(month.starts_on, number),))
            for key, number in answers.items()
            if key.startswith("held:") and number > 0
        ),
        measurements=tuple(
            Measurement(key.removeprefix("level:"), level) for key, level in answers.items() if key.startswith("level:")
        ),
        balances=tuple(
            Balance(key.removeprefix("left:"), month.starts_on, units)
            for key, units in answers.items()
            if key.startswith("left:") and units > 0
        ),
    )


def _rows(clause: Clause, key: str, amount: Decimal, answers: Answers, month: Period, segment: str) -> Iterator[Row]:
    place: dict[str, Any] = {"segment": segment, "clause": clause.code, "cell": _cell(clause, key)}
    calls = int(answers.get(f"calls:{clause.code}", ZERO))
    match clause:
        case DurationClause() if key.startswith("minutes:"):
            seconds = int(amount * 60)
            even = _evenly(seconds, calls or 1) if histogram_of(clause) else ()
            yield Row(**place, calls=calls or 1, talk_ms=seconds * 1000, billed_seconds=seconds, histogram=even)
        case CallsClause():
            base, rest = divmod(int(amount), month.days)
            for number in range(month.days):
                if today := base + (number < rest):
                    yield Row(**place, on=month.starts_on + timedelta(days=number), calls=today)
        case ModuleClause():
            yield Row(**place, calls=calls)
        case FeatureClause() if key.startswith("units:"):
            yield Row(**place, calls=calls or 1, value=amount)
        case SeatClause():
            yield Row(**place, value=amount)


def _cell(clause: Clause, key: str) -> tuple[tuple[str, str], ...]:
    price = getattr(clause, "price", None)
    _code, is_cell, index = key.partition("#")
    if not is_cell or not isinstance(price, Matrix):
        return ()
    where = price.cells[int(index)].where
    return tuple((name, where.get(name, "")) for name in price.dimensions)


def _evenly(seconds: int, calls: int) -> tuple[tuple[Decimal, int], ...]:
    each, longer = divmod(seconds, calls)
    pairs = ((Decimal(each), calls - longer), (Decimal(each + 1), longer))
    return tuple(pair for pair in pairs if pair[1])


def _events(clause: FeatureClause, answers: Answers, month: Period, zone: str, segment: str) -> Iterator[Event]:
    """Split the counter's total into equal events, the last one taking what is left over."""
    number, total = int(answers.get(f"calls:{clause.code}", ZERO)), answers.get(f"units:{clause.code}", ZERO)
    at = midnight(month.starts_on, zone)
    for index in range(min(number, MOST_EVENTS)):
        each = (total / number).quantize(Decimal("0.01"), ROUND_DOWN)
        value = each if index < number - 1 else total - each * (number - 1)
        yield Event(segment=segment, clause=clause.code, at=at + timedelta(seconds=index), value=value)


MOST_EVENTS = 10_000


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")
