"""What was agreed: the document of a contract version, and the terms of one month made of dated versions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.money import decimals_of
from billing.periods import Period
from billing.rating.form import document_of, read
from billing.rating.refusals import InvalidTerms
from billing.rating.terms.adjusting import Cap, Commitment, Discount, Factor
from billing.rating.terms.clauses import Clause, ClauseHead
from billing.rating.terms.policies import Policies
from billing.rating.terms.selecting import Band, Calendar, Select

FORM = 1
CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Tax:
    """The rate for clauses that name none ("0.06" for 6 %), and whether prices already contain it."""

    rate: Decimal = Decimal(0)
    inclusive: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise InvalidTerms('Write the tax rate as a share: "0.06" for 6 %.', pointer="/rate")


NO_TAX = Tax()
DEFAULT_POLICIES = Policies()
EMPTY_CALENDAR = Calendar()


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One contract version, as it is stored and signed. ``version`` is the version of this document form."""

    currency: str
    clauses: tuple[Clause, ...]
    version: int = FORM
    tax: Tax = NO_TAX
    policies: Policies = DEFAULT_POLICIES
    bands: tuple[Band, ...] = ()
    calendar: Calendar = EMPTY_CALENDAR
    factors: tuple[Factor, ...] = ()
    discounts: tuple[Discount, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    caps: tuple[Cap, ...] = ()

    def __post_init__(self) -> None:
        if self.version != FORM:
            raise InvalidTerms(f'Write "version": {FORM}; this engine reads no other form.', pointer="/version")
        decimals_of(self.currency)
        _refuse_repeated_codes(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Agreement:
        """Read a version document; refuse with the pointer of the first fault."""
        return read(cls, document)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form; members that equal their default are left out."""
        return document_of(self, FORM)

    def clause(self, code: str) -> Clause | None:
        """Find a clause by code."""
        return next((clause for clause in self.clauses if clause.code == code), None)


@dataclass(frozen=True, slots=True)
class Segment:
    """The days of a month that one contract version rules, ``ends_on`` exclusive; ``number`` names the version."""

    number: str
    starts_on: date
    ends_on: date
    agreement: Agreement

    @property
    def days(self) -> int:
        """Count the calendar days of the segment."""
        return (self.ends_on - self.starts_on).days


@dataclass(frozen=True, slots=True)
class Beside:
    """The calls that another contract of the tenant takes on the days it is in force, ``ends_on`` exclusive."""

    select: Select
    starts_on: date
    ends_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one contract says about one month: the versions in force, in order, without the parties.

    ``scope`` names the calls the contract is for, when not all; ``beside`` those that others take before it. Which calls
    are counted goes by both; what is rated goes by the clauses alone.

    ``contract_starts_on`` anchors ramps, quarters and yearly commitments (the first segment when absent);
    ``contract_ends_on`` is exclusive.
    """

    period: Period
    zone: str
    segments: tuple[Segment, ...]
    contract_starts_on: date | None = None
    contract_ends_on: date | None = None
    scope: Select | None = None
    beside: tuple[Beside, ...] = ()
    version: int = FORM

    def __post_init__(self) -> None:
        if self.version != FORM:
            raise InvalidTerms(f'Write "version": {FORM}; this engine reads no other form.', pointer="/version")
        check_zone(self.zone)
        if not self.segments:
            raise InvalidTerms("Write at least one segment.", pointer="/segments")
        _refuse_bad_segments(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Terms:
        """Read the terms of a month; refuse with the pointer of the first fault."""
        return read(cls, document)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON form; members that equal their default are left out."""
        return document_of(self, FORM)

    @property
    def currency(self) -> str:
        """Name the one currency of all segments."""
        return self.segments[0].agreement.currency

    def clause(self, segment: str, code: str) -> Clause | None:
        """Find a clause by version number and code."""
        found = next((s for s in self.segments if s.number == segment), None)
        return found.agreement.clause(code) if found else None


Version = tuple[str, date, Mapping[str, Any] | Agreement]


def terms_from_versions(
    period: Period,
    zone: str,
    versions: Iterable[Version],
    *,
    ends_on: date | None = None,
    starts_on: date | None = None,
) -> Terms:
    """Assemble the terms of ``period`` from (number, first day, version document), in any order.

    A version rules from its first day to the next one's; the contract as a whole from ``starts_on`` (the first
    version's day) to ``ends_on`` (exclusive). Versions of the same day: the one listed last rules.
    Raises InvalidTerms when no version is in force in the period.
    """
    ordered = sorted(versions, key=lambda version: version[1])
    follows = [version[1] for version in ordered[1:]] + [ends_on or date.max]
    segments = []
    for (number, first, document), next_first in zip(ordered, follows, strict=True):
        begin = max(first, period.starts_on)
        end = min(next_first, period.ends_on, ends_on or date.max)
        if begin < end:
            agreement = document if isinstance(document, Agreement) else Agreement.from_json(document)
            segments.append(Segment(number, begin, end, agreement))
    if not segments:
        raise InvalidTerms(f"No version of the contract is in force between {period.starts_on} and {period.ends_on}.")
    return Terms(
        period=period,
        zone=zone,
        segments=tuple(segments),
        contract_ends_on=ends_on,
        contract_starts_on=starts_on or ordered[0][1],
    )


def with_agreement(terms: Terms, agreement: Agreement) -> Terms:
    """Give the same month under another agreement as its only version, for what-if."""
    first, last = terms.segments[0], terms.segments[-1]
    segment = Segment(first.number, first.starts_on, last.ends_on, agreement)
    return replace(terms, segments=(segment,))


def check_zone(zone: str) -> None:
    """Refuse a time zone that does not exist."""
    try:
        ZoneInfo(zone)
    except (ValueError, KeyError, OSError):
        raise InvalidTerms('Write an IANA time zone such as "Asia/Shanghai".', pointer="/zone") from None


def _refuse_repeated_codes(agreement: Agreement) -> None:
    seen: set[str] = set()
    for part in ("clauses", "factors", "discounts", "commitments", "caps"):
        for index, item in enumerate(getattr(agreement, part)):
            if not CODE.match(item.code):
                raise InvalidTerms(
                    "Write a code of a-z, 0-9, _ and -, such as talk-domestic.", pointer=f"/{part}/{index}/code"
                )
            if item.code in seen:
                raise InvalidTerms(f"Choose another code; {item.code} is taken.", pointer=f"/{part}/{index}/code")
            seen.add(item.code)


def _refuse_bad_segments(terms: Terms) -> None:
    at = terms.period.starts_on
    numbers: set[str] = set()
    for index, segment in enumerate(terms.segments):
        pointer = f"/segments/{index}"
        if segment.starts_on < at or segment.ends_on > terms.period.ends_on or segment.days < 1:
            raise InvalidTerms(
                "Write segments in order, inside the period, not overlapping.", pointer=f"{pointer}/starts_on"
            )
        if segment.number in numbers:
            raise InvalidTerms("Give every segment its own version number.", pointer=f"{pointer}/number")
        if segment.agreement.currency != terms.currency:
            raise InvalidTerms("Write one currency in all segments.", pointer=f"{pointer}/agreement/currency")
        if segment.agreement.tax.inclusive != terms.segments[0].agreement.tax.inclusive:
            raise InvalidTerms(
                "Prices of one month are all with tax or all without.", pointer=f"{pointer}/agreement/tax/inclusive"
            )
        numbers.add(segment.number)
        at = segment.ends_on


__all__ = ["Agreement", "ClauseHead", "Segment", "Tax", "Terms", "terms_from_versions", "with_agreement"]
