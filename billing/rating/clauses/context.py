"""What a clause needs to know to become lines: its segment, the month, and what was used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from billing.money import decimals_of, round_to
from billing.periods import Period, period_containing
from billing.rating.bill import Evidence, Line, LineKind, Step
from billing.rating.exact import ONE, ZERO, shown
from billing.rating.steps import days_step
from billing.rating.terms import Agreement, ClauseHead, Segment, Terms
from billing.rating.tiers import Part
from billing.rating.totals import Pairs, Row, Totals, Uncovered

CYCLE_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


@dataclass
class Context:
    """One segment of the month being rated.

    ``carried`` are the tier positions that earlier segments left, ``positions`` those this one leaves;
    ``amounts`` the unrounded amounts of clauses priced so far.
    """

    terms: Terms
    totals: Totals
    segment: Segment
    index: int
    rows: dict[str, list[Row]]
    carried: dict[str, tuple[str, Fraction]] = field(default_factory=dict)
    positions: dict[str, tuple[str, Fraction]] = field(default_factory=dict)
    amounts: dict[str, Fraction] = field(default_factory=dict)
    uncovered: list[Uncovered] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agreement: Agreement = self.segment.agreement
        self.policies = self.agreement.policies
        self.period: Period = self.terms.period
        self.label = self.period.label
        self.mode = self.policies.rounding
        self.places = decimals_of(self.agreement.currency)
        self.rounding = Step("round", Fraction(self.places), self.mode)
        self.share = Fraction(self.segment.days, self.period.days)
        self.suffix = "" if self.index == 0 else f"@{self.segment.number}"

    @cached_property
    def month_number(self) -> int:
        """Count the billing months since the one the contract started in."""
        billing_day = max(self.period.starts_on.day, self.period.ends_on.day)
        anchor = self.terms.contract_starts_on or self.terms.segments[0].starts_on
        first = period_containing(anchor, billing_day).starts_on
        return months_between(first, self.period.starts_on)

    @property
    def ends_here(self) -> bool:
        """Tell whether the contract ends in this month."""
        end = self.terms.contract_ends_on
        return end is not None and end <= self.period.ends_on

    @cached_property
    def bound_shares(self) -> tuple[Fraction, Fraction]:
        """Give the shares of the month for which the minimum and the maximum of a usage price hold."""
        policies = self.policies
        return self.share if policies.prorate_commitment else ONE, self.share if policies.prorate_cap else ONE

    def allowance(self, included: Fraction) -> Fraction:
        """Give the part of an allowance that this segment has."""
        share = self.allowance_share
        return included if share is ONE else included * share

    @cached_property
    def allowance_share(self) -> Fraction:
        """Give the part of a monthly allowance that this segment has."""
        return self.share if self.policies.prorate_allowance and self.share != 1 else ONE

    @cached_property
    def included_note(self) -> str:
        """Say in a step whether an allowance was prorated, and by how many days."""
        return "included" if self.allowance_share == 1 else f"included:{self.segment.days}/{self.period.days}"

    def month_share(self, starts_on: date, ends_on: date) -> Fraction:
        """Give the part of the month between two dates, by the proration policy's way to count days."""
        return Fraction(self.days_between(starts_on, ends_on), self.days_of_month)

    def days_between(self, starts_on: date, ends_on: date) -> int:
        """Count the days between two dates of the month, by the proration policy's way to count days."""
        if self.policies.proration == "thirty_days":
            return self._thirtieths(ends_on) - self._thirtieths(starts_on)
        return (ends_on - starts_on).days

    @property
    def days_of_month(self) -> int:
        """Count the days that a month has by the proration policy."""
        return 30 if self.policies.proration == "thirty_days" else self.period.days

    def days_step(self, share: Fraction) -> Step:
        """Multiply by the part of the month that is owed, printed as 15/30."""
        return days_step(share, self.days_of_month)

    def _thirtieths(self, day: date) -> int:
        if day == self.period.ends_on:
            return 30
        return min((day - self.period.starts_on).days, 30)

    def segments_with(self, code: str) -> list[Segment]:
        """List the segments of the month whose version has a clause."""
        return [segment for segment in self.terms.segments if segment.agreement.clause(code)]

    def fee_share(self, code: str, *, prorated: bool | None = None) -> Fraction:
        """Give the part of a monthly fee that this segment owes.

        Without proration the version in force first owes the whole (``none``), or the one in force last
        (``full_month``), so that a month never costs two fees.
        """
        policy = self.policies.proration
        if prorated is False and policy != "none":
            policy = "full_month"
        if prorated is True and policy in ("none", "full_month"):
            policy = "calendar_days"
        having = self.segments_with(code)
        if policy == "none":
            return ONE if having[0] is self.segment else ZERO
        if policy == "full_month":
            return ONE if having[-1] is self.segment else ZERO
        return self.month_share(self.segment.starts_on, self.segment.ends_on)

    def line(
        self,
        clause: ClauseHead,
        kind: LineKind,
        part: Part,
        *,
        used: Fraction | None = None,
        head: Sequence[Step] = (),
        unit: str = "",
        evidence: Evidence | None = None,
        suffix: str = "",
    ) -> Line:
        """Print one part of a clause's price as a line; ``used`` is the part's own quantity unless said."""
        share = (part, part.quantity if used is None else used)
        return self.lines(clause, kind, [share], head=head, unit=unit, evidence=evidence, suffix=suffix)[0]

    def lines(
        self,
        clause: ClauseHead,
        kind: LineKind,
        shares: Iterable[tuple[Part, Fraction]],
        *,
        head: Sequence[Step] = (),
        unit: str = "",
        evidence: Evidence | None = None,
        group: str = "",
        cell: Pairs = (),
        suffix: str = "",
    ) -> list[Line]:
        """Print the parts of a price, each with the units used, as lines; rounded here and nowhere else.

        ``head`` are the steps to the quantity; a part that starts from a number of its own goes without.
        """
        stem = stem_of(clause.code, group, cell, suffix)
        tax = self.agreement.tax.rate if clause.tax is None else clause.tax
        found = []
        for part, used in shares:
            billed = shown(part.quantity)
            steps = part.steps if part.steps[0].op == "start" else (*head, *part.steps)
            line = Line(  # by position, because twenty names take as long as all else about a line
                f"{stem}.{part.suffix}{self.suffix}" if part.suffix else stem + self.suffix,
                kind,
                clause.code,
                clause.name,
                clause.reference,
                self.segment.number,
                self.label,
                round_to(part.amount, self.places, self.mode),
                part.amount,
                tax,
                part.unit or unit,
                billed if used is part.quantity else shown(used),
                billed,
                part.unit_price,
                part.tier_from,
                part.tier_to,
                group,
                cell,
                (*steps, self.rounding),
                evidence,
            )
            found.append(line)
        return found


def stem_of(code: str, group: str, cell: Pairs, suffix: str) -> str:
    """Begin the key that a line keeps when the month is rated again."""
    stem = f"{code}.group={group}" if group else code
    for dimension, value in cell:
        stem += f".{dimension}={value}"
    return f"{stem}.{suffix}" if suffix else stem


def months_between(first: date, second: date) -> int:
    """Count months between the first days of two billing months."""
    return (second.year - first.year) * 12 + second.month - first.month


def prorate(amount: Decimal | Fraction | int, days: int, of: int) -> Fraction:
    """Give the part of an amount for ``days`` of the ``of`` days of the whole month, unrounded."""
    if not 0 <= days <= of:
        raise ValueError("write days from 0 to the days of the month")
    return Fraction(amount) * Fraction(days, of)
