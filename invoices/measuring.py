"""What was promised of the service in a month, what was measured, and what was given back: from what the invoice was rated by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from billing.rating import Bill, Terms, Totals
from billing.rating.factors import credit_rate, measured
from billing.rating.terms import Name, ServiceLevelClause


@dataclass(frozen=True, slots=True)
class Promise:
    """One clause of one version: the ``target`` is the level below which the first credit is given.

    ``level`` is None where nothing was measured, so nothing was missed; ``rate`` the share given back, ``credit`` the
    amount without tax as the bill's lines give it.
    """

    clause: str
    name: Name
    version: str
    measure: str
    target: Decimal | None
    level: Decimal | None
    rate: Decimal
    credit: Decimal


def promises(terms: Terms, totals: Totals, bill: Bill) -> Iterator[Promise]:
    """Yield the service levels that a month's versions promise a measure of, with what the bill credited for each."""
    for segment in terms.segments:
        for clause in segment.agreement.clauses:
            if not isinstance(clause, ServiceLevelClause) or clause.measure is None:
                continue
            level = measured(totals, clause.measure, [segment])
            rate, _told = credit_rate(clause.credits, level)
            given = [
                line.amount
                for line in bill.lines
                if (line.kind, line.code, line.version) == ("credit", clause.code, segment.number)
            ]
            yield Promise(
                clause.code, clause.name, segment.number, clause.measure,
                max((each.below for each in clause.credits), default=None), level,
                Decimal(rate.numerator) / rate.denominator, -sum(given, Decimal(0)),
            )  # fmt: skip
