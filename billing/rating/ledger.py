"""Keep what every clause comes to while factors, discounts, commitments, caps and packages move the bill.

A bucket is one clause of one version at one tax rate. Each adjustment states its exact effect on every bucket, so
that the net of a clause and of a tax rate is defined at every step of the bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import NamedTuple, Protocol

from billing.money import RoundingMode, decimals_of, round_to
from billing.rating.bill import Line, LineKind, Step
from billing.rating.exact import ZERO, total
from billing.rating.steps import run
from billing.rating.terms import Name, Segment, Terms


class Bucket(NamedTuple):
    """One clause (or true-up) of one contract version at one tax rate."""

    segment: str
    code: str
    tax: Decimal


class Titled(Protocol):
    """Whatever has a code, a name and a paragraph: a clause, factor, discount, commitment or cap."""

    @property
    def code(self) -> str:
        """The stable code."""

    @property
    def name(self) -> Name:
        """What people read."""

    @property
    def reference(self) -> str:
        """The paragraph of the signed paper."""


@dataclass
class Ledger:
    """The running nets: exact, and as printed."""

    terms: Terms
    mode: RoundingMode
    printed: dict[Bucket, Decimal] = field(default_factory=dict)
    _exact: dict[Bucket, Fraction] = field(default_factory=dict)
    _due: list[Adjustment] = field(default_factory=list)

    @property
    def exact(self) -> Mapping[Bucket, Fraction]:
        """The exact nets. Adjustments are taken in when somebody looks, because after the last one nobody does."""
        for adjustment in self._due:
            for bucket, amount in adjustment.of.items():
                self._exact[bucket] = self._exact.get(bucket, ZERO) + amount * adjustment.share
        self._due.clear()
        return self._exact

    def take_in(self, adjustment: Adjustment) -> None:
        """Move the exact nets by an adjustment."""
        self._due.append(adjustment)

    @cached_property
    def keeps_printed(self) -> bool:
        """Tell whether anything in the month looks at printed sums: a cap, or a credit in money."""
        return any(
            segment.agreement.caps
            or any(getattr(clause, "unit", "") == "money" for clause in segment.agreement.clauses)
            for segment in self.terms.segments
        )

    @cached_property
    def places(self) -> int:
        """Give the decimals of the currency."""
        return decimals_of(self.terms.currency)

    def enter(self, segment: Segment, amounts: Mapping[str, Fraction], lines: Iterable[Line]) -> None:
        """Open a bucket for every clause of a version that came to something; ``lines`` bring the printed amounts."""
        agreed = segment.agreement
        taxes = {c.code: agreed.tax.rate if c.tax is None else c.tax for c in agreed.clauses}
        for code, amount in amounts.items():
            self._exact[Bucket(segment.number, code, taxes[code])] = amount
        if self.keeps_printed:
            for line in lines:
                if line.version == segment.number:
                    bucket = Bucket(line.version, line.code, line.tax_rate)
                    self.printed[bucket] = self.printed.get(bucket, Decimal(0)) + line.amount

    def chosen(self, segments: Iterable[Segment], of: Sequence[str], flag: str) -> list[Bucket]:
        """List the buckets of the clauses named in ``of``; of those with ``flag`` when it names none."""
        wanted: set[tuple[str, str]] = set()
        for segment in segments:
            codes = of or [c.code for c in segment.agreement.clauses if getattr(c, flag)]
            wanted.update((segment.number, code) for code in codes)
        return [bucket for bucket in self.exact if bucket[:2] in wanted]

    def by_clause(self, buckets: Iterable[Bucket], *, printed: bool = False) -> tuple[tuple[str, Fraction], ...]:
        """Sum buckets by clause code, for the arithmetic that a line shows."""
        sums: dict[str, Fraction] = {}
        exact = self.exact
        for bucket in buckets:
            amount = Fraction(self.printed.get(bucket, Decimal(0))) if printed else exact[bucket]
            known = sums.get(bucket.code)
            sums[bucket.code] = amount if known is None else known + amount
        return tuple(sums.items())

    def default_tax(self, number: str) -> Decimal:
        """Give the tax rate of a version for what names no rate."""
        return next(s.agreement.tax.rate for s in self.terms.segments if s.number == number)


class Adjustment(NamedTuple):
    """An adjustment to be posted: what it is, and the steps to its whole amount.

    Its exact effect on every bucket is ``share`` times the amount stated in ``of``.
    """

    item: Titled
    kind: LineKind
    number: str
    of: Mapping[Bucket, Fraction]
    share: Fraction
    steps: tuple[Step, ...]
    suffix: str = ""
    unit: str = ""
    quantity: Decimal | None = None
    unit_price: Decimal | None = None


def post(ledger: Ledger, adjustment: Adjustment) -> list[Line]:
    """Move the buckets and print the adjustment, one line per tax rate; rounded once as a whole."""
    moved: dict[Decimal, list[Fraction]] = {}
    for bucket, net in adjustment.of.items():
        moved.setdefault(bucket.tax, []).append(net)
    ledger.take_in(adjustment)
    # In order of rate, not of clauses: a cent that could go either way must not depend on how the contract is sorted.
    by_tax = {tax: total(moved[tax]) * adjustment.share for tax in sorted(moved, reverse=True)}
    whole = run_amount(adjustment.steps, ledger)
    amounts = allocate(whole, list(by_tax.values()), ledger.places)
    lines = []
    for (tax, exact), amount in zip(by_tax.items(), amounts, strict=True):
        if ledger.keeps_printed:
            _move_printed(ledger, adjustment, tax, amount)
        steps = _share_steps(ledger, adjustment, exact, total(by_tax.values()), amount=amount, alone=len(by_tax) == 1)
        lines.append(_line(ledger, adjustment, tax, exact, amount=amount, steps=steps))
    return lines


def run_amount(steps: tuple[Step, ...], ledger: Ledger) -> Decimal:
    """Carry out an adjustment's steps and round the result."""
    return round_to(run(steps), ledger.places, ledger.mode)


def _share_steps(
    ledger: Ledger, adjustment: Adjustment, exact: Fraction, whole: Fraction, *, amount: Decimal, alone: bool
) -> tuple[Step, ...]:
    """Continue the steps to one tax rate's share; a last step names the cent that rounding moved to it."""
    rounding = Step("round", Fraction(ledger.places), ledger.mode)
    if alone:
        return (*adjustment.steps, rounding)
    # A cap may cut what only rounding put above it: then there is no exact amount to share, only the rounded one.
    share = (Step("multiply", exact / whole, "tax_share"),) if whole else ()
    steps = (*adjustment.steps, *share, rounding)
    moved = Fraction(amount) - Fraction(run_amount(steps, ledger))
    return (*steps, Step("add", moved, "rounding_share")) if moved else steps


def _move_printed(ledger: Ledger, adjustment: Adjustment, tax: Decimal, amount: Decimal) -> None:
    buckets = sorted(bucket for bucket in adjustment.of if bucket.tax == tax)
    effects = [adjustment.of[bucket] * adjustment.share for bucket in buckets]
    shares = allocate(amount, effects, ledger.places)
    for bucket, share in zip(buckets, shares, strict=True):
        ledger.printed[bucket] = ledger.printed.get(bucket, Decimal(0)) + share


def _line(
    ledger: Ledger, adjustment: Adjustment, tax: Decimal, exact: Fraction, *, amount: Decimal, steps: tuple[Step, ...]
) -> Line:
    names = [adjustment.item.code, adjustment.suffix]
    if tax != ledger.default_tax(adjustment.number):
        names.append(f"tax={tax.normalize():f}")
    key = ".".join(name for name in names if name)
    if adjustment.number != ledger.terms.segments[0].number:
        key += f"@{adjustment.number}"
    return Line(
        key=key,
        kind=adjustment.kind,
        code=adjustment.item.code,
        name=adjustment.item.name,
        reference=adjustment.item.reference,
        version=adjustment.number,
        period=ledger.terms.period.label,
        amount=amount,
        unrounded=exact,
        tax_rate=tax,
        unit=adjustment.unit,
        unit_price=adjustment.unit_price,
        quantity_used=adjustment.quantity,
        quantity_billed=adjustment.quantity,
        steps=steps,
    )


def allocate(whole: Decimal, weights: Sequence[Fraction], places: int) -> list[Decimal]:
    """Share a rounded amount by weights so that the shares add up to it; largest remainders get the last cents."""
    if len(weights) == 1:
        return [whole]
    if not any(weights) or not total(weights):
        return [whole, *[Decimal(0)] * (len(weights) - 1)] if weights else []
    common = lcm(*(weight.denominator for weight in weights))
    numerators = [weight.numerator * (common // weight.denominator) for weight in weights]
    cents, whole_weight = int(whole.scaleb(places)), sum(numerators)
    divided = [divmod(cents * numerator, whole_weight) for numerator in numerators]
    shares = [quotient for quotient, _ in divided]
    order = sorted(range(len(shares)), key=lambda index: (-abs(divided[index][1]), index))
    for index in order[: cents - sum(shares)]:
        shares[index] += 1
    return [Decimal(each).scaleb(-places) for each in shares]
