"""Rate a month: terms × totals → bill.

The order is fixed and printed: lines, factors, discounts, minimum commitment, cap, packages and credits, tax, total.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from billing.rating.bill import Bill, Line, RuledBy, TaxRow
from billing.rating.clauses import lines_of
from billing.rating.clauses.context import CYCLE_MONTHS, Context
from billing.rating.clauses.drawdown import drawdown_lines
from billing.rating.clauses.package import balances_after, pools_of
from billing.rating.clauses.recurring import cycle_of
from billing.rating.commitments import Span, Spans, cap_lines, commitment_lines
from billing.rating.difference import Difference, NotComparable
from billing.rating.exact import total
from billing.rating.factors import discount_lines, factor_lines
from billing.rating.ledger import Ledger
from billing.rating.refusals import InvalidTerms
from billing.rating.tax import tax_rows
from billing.rating.terms import Clause, Percentage, Terms
from billing.rating.totals import Row, Totals


def rate(terms: Terms, totals: Totals, settled: Iterable[Difference] = ()) -> Bill:
    """Compute what is owed for one contract and month.

    ``settled`` are differences of earlier months that this bill carries along, with the tax they bring.
    Raises InvalidTerms when the totals name a version or clause that the terms lack.
    """
    contexts = _contexts(terms, totals)
    lines = [line for context in contexts for line in _clause_lines(context)]
    ledger = Ledger(terms, contexts[-1].mode)
    for context in contexts:
        ledger.enter(context.segment, context.amounts, lines)
    lines += factor_lines(ledger, totals)
    lines += discount_lines(ledger)
    spans = _spans(contexts[-1])
    raised, committed = commitment_lines(ledger, totals, spans)
    lowered, capped = cap_lines(ledger, totals)
    pools = pools_of(contexts)
    lines += raised + lowered + drawdown_lines(ledger, contexts, pools)
    taxes = _taxes(terms, lines)
    carried = tuple(settled)
    _check_settled(terms, carried)
    return _bill(
        terms,
        lines + [line for each in carried for line in each.lines],
        taxes + tuple(row for each in carried for row in each.taxes),
        uncovered=(*totals.uncovered, *(each for context in contexts for each in context.uncovered)),
        balances=balances_after(pools, contexts[-1]),
        reached=(*committed, *capped),
    )


def _bill(terms: Terms, lines: list[Line], taxes: tuple[TaxRow, ...], **rest: tuple[object, ...]) -> Bill:
    net = sum((row.net for row in taxes), Decimal(0))
    tax = sum((row.tax for row in taxes), Decimal(0))
    return Bill(
        currency=terms.currency,
        period=terms.period,
        zone=terms.zone,
        lines=tuple(lines),
        taxes=taxes,
        net=net,
        tax=tax,
        total=net + tax,
        inclusive=terms.segments[0].agreement.tax.inclusive,
        segments=tuple(_ruled_by(terms, index) for index in range(len(terms.segments))),
        **rest,  # type: ignore[arg-type]
    )


def _ruled_by(terms: Terms, index: int) -> RuledBy:
    segment = terms.segments[index]
    return RuledBy(
        segment.number, segment.starts_on, segment.ends_on, segment.days, terms.period.days, segment.agreement.policies
    )


def _contexts(terms: Terms, totals: Totals) -> list[Context]:
    rows = _rows(terms, totals)
    carried: dict[str, tuple[str, Fraction]] = {}
    contexts = []
    for index, segment in enumerate(terms.segments):
        context = Context(terms, totals, segment, index, rows.get(segment.number, {}), carried)
        contexts.append(context)
        carried = context.positions
    return contexts


def _rows(terms: Terms, totals: Totals) -> dict[str, dict[str, list[Row]]]:
    """Put the rows by version and clause; refuse rows that no clause can price."""
    places = {(s.number, c.code): list[Row]() for s in terms.segments for c in s.agreement.clauses}
    number = code = None
    own: list[Row] = []
    for row in totals.rows:
        if row.clause != code or row.segment != number:  # the database sorts them: few rows begin another place
            number, code = row.segment, row.clause
            if (number, code) not in places:
                index = totals.rows.index(row)
                raise InvalidTerms(
                    f'Count again: version {number} has no clause "{code}".', pointer=f"/rows/{index}/clause"
                )
            own = places[number, code]
        own.append(row)
    found: dict[str, dict[str, list[Row]]] = {segment.number: {} for segment in terms.segments}
    for (segment, clause), rows in places.items():
        found[segment][clause] = rows
    return found


def _clause_lines(context: Context) -> list[Line]:
    """Price the clauses, percentages of other clauses last; print them in the order of the contract."""
    clauses = context.agreement.clauses
    lines: dict[str, list[Line]] = {clause.code: [] for clause in clauses}
    for clause in sorted(clauses, key=_waits_for_others):
        lines[clause.code] = lines_of(clause, context)
        context.amounts[clause.code] = _sum(lines[clause.code])
    return [line for found in lines.values() for line in found]


def _sum(lines: list[Line]) -> Fraction:
    return lines[0].unrounded if len(lines) == 1 else total(line.unrounded for line in lines)


def _waits_for_others(clause: Clause) -> bool:
    price = getattr(clause, "price", None)
    return isinstance(price, Percentage) and bool(price.of)


def _spans(context: Context) -> Spans:
    """Find where the month stands in quarters, half-years and years of the contract."""
    agreement = context.agreement
    if {c.every for c in agreement.commitments} | {c.every for c in agreement.caps} <= {"month"}:
        return {}
    spans: Spans = {}
    for every, months in CYCLE_MONTHS.items():
        if months > 1:
            cycle = cycle_of(context, months)
            begin = max(cycle.starts_on, context.terms.contract_starts_on or cycle.starts_on)
            end = min(cycle.ends_on, context.terms.contract_ends_on or cycle.ends_on)
            last = context.month_number % months == months - 1 or context.ends_here
            spans[every] = Span(last, Fraction((end - begin).days, cycle.days))
    return spans


def _taxes(terms: Terms, lines: list[Line]) -> tuple[TaxRow, ...]:
    policies = terms.segments[-1].agreement.policies
    return tax_rows(
        lines,
        terms.currency,
        inclusive=terms.segments[0].agreement.tax.inclusive,
        per_line=policies.round_order == "tax_per_line",
        mode=policies.rounding,
        period=terms.period.label,
    )


def _check_settled(terms: Terms, settled: tuple[Difference, ...]) -> None:
    inclusive = terms.segments[0].agreement.tax.inclusive
    for each in settled:
        if (each.currency, each.inclusive) != (terms.currency, inclusive) or each.period == terms.period.label:
            raise NotComparable("not_comparable", "Settle earlier months of the same currency and tax setting only.")
