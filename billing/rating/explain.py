"""Say how a line's amount came about, and compute it again from its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from billing.rating.bill import Line, Step
from billing.rating.exact import exact
from billing.rating.figures import amount, money, number, percent, price, unit_name
from billing.rating.steps import run
from billing.rating.terms import Name, Terms
from billing.rating.wording import (
    AGREED,
    CLOSINGS,
    DUE,
    INNER,
    MODES,
    PHRASES,
    SILENT,
    TAKEN_OFF,
    USED,
)

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
    return Explanation(_Sentence(line, 0, currency, named).told(), _Sentence(line, 1, currency, named).told(), amount)


def names_of(terms: Terms) -> dict[str, Name]:
    """Give the names by code of what lines are computed from: the clauses and commitments of a month."""
    return {
        item.code: item.name
        for segment in terms.segments
        for item in (*segment.agreement.clauses, *segment.agreement.commitments)
    }


def recompute(line: Line) -> Decimal:
    """Compute a line's amount from its steps alone."""
    value = run(line.steps)
    return Decimal(value.numerator) / Decimal(value.denominator)


class Moment(NamedTuple):
    """A step with what it started from and led to, and what each of the two counts."""

    step: Step
    before: Fraction
    result: Fraction
    unit: str
    units: str


@dataclass
class _Sentence:
    """A line being told in one language (0 Chinese, 1 English)."""

    line: Line
    language: int
    currency: str
    names: Mapping[str, Name]
    sign: int = field(default=1, init=False)

    def told(self) -> str:
        """Tell title, steps and closing."""
        moments = list(_moments(self.line.steps))
        last = moments[-1] if moments else None
        rounds = last is not None and last.step.op == "round" and not last.step.unit
        mode = MODES[last.step.note][self.language] if rounds and last and last.before != last.result else ""
        told = [*self._phrases(moments[:-1] if rounds else moments, to_the_end=bool(mode)), self._closing(mode)]
        separator, end = ("，", "。") if self.language == 0 else (", ", ".")
        title = self.line.name.zh if self.language == 0 else self.line.name.en
        return f"{title}{self._where()}{'：' if self.language == 0 else ': '}{separator.join(told)}{end}"

    def _phrases(self, moments: list[Moment], *, to_the_end: bool) -> list[str]:
        """Tell the steps; what the last one comes to is left to the closing, unless rounding stands between."""
        halves: list[tuple[str, str]] = []
        for place, moment in enumerate(moments):
            if moment.step.note in ("taken_off", "given_back", "drawn"):
                self.sign = -1
            following = moments[place + 1].step if place + 1 < len(moments) else None
            if not _is_silent(moment, following):
                halves.append(self._phrase(moment))
        if halves and not to_the_end:
            halves[-1] = (halves[-1][0], "")
        return [phrase for half in halves for phrase in half if phrase]

    def _where(self) -> str:
        places = [self.line.group] if self.line.group else []
        places.extend(value for _, value in self.line.cell)
        if not places:
            return ""
        return f"（{'、'.join(places)}）" if self.language == 0 else f" ({', '.join(places)})"

    def _phrase(self, moment: Moment) -> tuple[str, str]:
        """Tell one step: what is done, and what it comes to."""
        if moment.step.op == "round":
            mode = MODES.get(moment.step.note, ("取整", "rounded"))[self.language]
            return f"{mode}{('为', ' to')[self.language]} {self._counted(moment)}", ""
        head, _, tail = self._template(moment)[self.language].partition("|")
        if moment.step.op == "add" and not moment.before:
            tail = ""
        facts = self._facts(moment)
        return " ".join(head.format(**facts).split()), " ".join(tail.format(**facts).split())

    def _counted(self, moment: Moment) -> str:
        unit = unit_name(moment.units, moment.result, self.language)
        return f"{number(moment.result)} {unit}" if unit else self._money(moment.result * self.sign)

    def _template(self, moment: Moment) -> tuple[str, str]:
        step = moment.step
        word = step.note.partition(":")[0]
        if word == "used" and step.unit in USED:
            return USED[step.unit]
        if word == "covered" and self.line.unit != "money":
            word = "drawn"
        if word == "fixed" and step.op == "at_most" and moment.result != step.value:
            word = "more_than_all"
        if word == "nothing" and not moment.units:
            word = "no_money"
        template = PHRASES.get((step.op, word))
        if template is None:
            raise ValueError(f"no words for the step {step.op} {word}")
        return template

    def _facts(self, moment: Moment) -> dict[str, str]:
        step, value = moment.step, moment.step.value or Fraction(0)
        detail = step.note.partition(":")[2]
        drawn = exact(self.line.quantity_billed or 0)
        return {
            **self._numbers(value),
            "result": number(moment.result),
            "unit": unit_name(moment.unit, value, self.language),
            "units": unit_name(moment.units, moment.result, self.language),
            "money": self._money(moment.result * (-1 if step.note == "covered" and moment.result < 0 else self.sign)),
            "detail": detail,
            "level": _share(detail.partition("/")[0]),
            "target": _share(detail.partition("/")[2]),
            "name": self._called(detail),
            "prorated": self._prorated(detail),
            "agreed": AGREED.get(self.line.kind, ("约定金额", "an agreed amount"))[self.language],
            "inner": ("、" if self.language == 0 else ", ").join(self._inner(step)),
            "of": self._of(step),
            "for": self._for(step),
            "list": self._list(step),
            "drawn": f"{number(drawn)} {unit_name(self.line.unit, drawn, self.language)}",
        }

    def _numbers(self, value: Fraction) -> dict[str, str]:
        return {
            "value": number(value),
            "price": price(value, self.currency, self.language),
            "amount": self._money(value * self.sign),
            "percent": percent(value),
            "share": percent(abs(value)),
        }

    def _inner(self, step: Step) -> Iterator[str]:
        """Tell the arithmetic of single calls or events."""
        for each in step.steps:
            template = INNER.get((each.op, each.note))
            if template is not None:
                yield template[self.language].format(**self._numbers(each.value or Fraction(0)))

    def _of(self, step: Step) -> str:
        """Name what a sum adds up: its one clause, or clauses."""
        if len(step.parts) != 1:
            return ("相关条款合计", "the clauses come to")[self.language]
        name = self._called(step.parts[0][0])
        return f"“{name}”计" if self.language == 0 else f"{name} comes to"

    def _for(self, step: Step) -> str:
        if len(step.parts) != 1:
            return ""
        name = self._called(step.parts[0][0])
        return f"，用于“{name}”" if self.language == 0 else f" for {name}"

    def _list(self, step: Step) -> str:
        parts = step.parts if step.op == "each" or len(step.parts) > 1 else ()
        told = [self._part(step, label, count) for label, count in parts[:LISTED]]
        more = len(parts) - LISTED
        if more > 0:
            told.append(f"另 {more} 项" if self.language == 0 else f"{more} more")
        if not told:
            return ""
        return f"（{'、'.join(told)}）" if self.language == 0 else f" ({', '.join(told)})"

    def _part(self, step: Step, label: str, count: Fraction) -> str:
        if step.op != "each":
            given = step.note == "covered" and self.line.unit != "money"
            return f"{self._called(label)} {amount(-count if given else count, self.currency)}"
        seconds = any(inner.note in ("per_s", "increment") for inner in step.steps)
        unit = (" 秒", " s")[self.language] if seconds else ""
        return f"{number(Fraction(label))}{unit}" + (f" × {number(count)}" if count != 1 else "")

    def _called(self, code: str) -> str:
        name = self.names.get(code)
        if name is not None:
            return name.zh if self.language == 0 else name.en
        tier = code.removeprefix("tier-")
        return code if tier == code else (f"第 {tier} 档", f"tier {tier}")[self.language]

    def _prorated(self, detail: str) -> str:
        if not detail:
            return ""
        return f"（按 {detail} 天折算）" if self.language == 0 else f" (prorated {detail} days)"

    def _closing(self, mode: str) -> str:
        """Say the amount of the line, negative ones as what is given, after the words for its rounding."""
        amount, kind = self.line.amount, self.line.kind
        closing = DUE if amount >= 0 else CLOSINGS.get(kind, TAKEN_OFF)
        if kind == "true_up":
            closing = CLOSINGS[kind] if amount >= 0 else TAKEN_OFF
        told = self._money(exact(abs(amount)))
        if mode and closing is DUE and self.language == 1:
            return f"{mode} to {told}"
        return (f"{mode}，" if mode and self.language == 0 else f"{mode}, " if mode else "") + closing[
            self.language
        ].format(amount=told)

    def _money(self, value: Fraction) -> str:
        return money(value, self.currency, self.language)


def _share(level: str) -> str:
    """Show a measured level: shares as percent, anything above one, such as seconds, as it is."""
    try:
        value = Fraction(level)
    except (ValueError, ZeroDivisionError):
        return ""
    return percent(value) if value <= 1 else number(value)


def _moments(steps: tuple[Step, ...]) -> Iterator[Moment]:
    value, unit = Fraction(0), ""
    for step in steps:
        result = run((step,), value)
        units = step.unit or unit
        yield Moment(step, value, result, units if step.op == "start" else unit, units)
        value, unit = result, units


def _is_silent(moment: Moment, following: Step | None) -> bool:
    """Leave out what changes nothing or is told elsewhere."""
    step = moment.step
    if (step.op, step.note) in SILENT or (step.note == "per_s" and step.value == 1):
        return True
    if step.note == "subtotal" or (step.op == "round" and not step.unit):
        return moment.before == moment.result
    next_note = following.note.partition(":")[0] if following else ""
    return not step.value and (step.note, next_note) in (("price", "flat"), ("agreed", "days"))
