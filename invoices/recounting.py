"""A month's calls counted anew with its clauses changed: what other seconds, increments or calls would have cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from billing.rating import Bill, Terms, Totals, rate
from billing.rating.terms import CallsClause, Clause, DurationClause, DurationRule, Elapsed
from invoices.comparing import Priced
from tenants.models import Contract
from usage.condensing import count_under

SHORT_S, FINE_S = 10, 6
Change = Callable[[Clause], Clause]


def by_second(clause: Clause) -> Clause:
    """Bill each second talked, without a minimum."""
    return _with_rule(clause, lambda rule: replace(rule, first_increment_s=1, next_increment_s=1, minimum_s=0))


def finer(clause: Clause) -> Clause:
    """Bill by increments of 6 seconds at the most."""

    def increments(rule: DurationRule) -> DurationRule:
        first, then = min(rule.first_increment_s, FINE_S), min(rule.next_increment_s, FINE_S)
        return replace(rule, first_increment_s=first, next_increment_s=then)

    return _with_rule(clause, increments)


def longer(clause: Clause) -> Clause:
    """Take no money for calls under 10 seconds."""
    return _with_rule(clause, lambda rule: replace(rule, free_below_s=max(rule.free_below_s, SHORT_S)))


def _with_rule(clause: Clause, change: Callable[[DurationRule], DurationRule]) -> Clause:
    if isinstance(clause, DurationClause) and not isinstance(clause.price, Elapsed):
        return replace(clause, rule=change(clause.rule))
    return clause


def answered(clause: Clause) -> Clause:
    """Count answered calls where attempted ones were counted."""
    if isinstance(clause, CallsClause) and clause.counts == "attempted":
        return replace(clause, counts="answered")
    return clause


def changed(contract: Contract, month: Priced, changes: dict[str, Change]) -> dict[str, Bill]:
    """Rate the month with its clauses changed, by name; the calls are read once for all changes."""
    several = {name: _terms(month.terms, change) for name, change in changes.items()}
    others = {name: terms for name, terms in several.items() if terms != month.terms}
    counted = count_under(contract.tenant_id, list(others.values())).totals if others else []
    bills = {
        name: rate(terms, _beside(month.totals, totals))
        for (name, terms), totals in zip(others.items(), counted, strict=True)
    }
    return {name: bills.get(name, month.bill) for name in changes}


def counted(contract: Contract, month: Priced) -> Priced:
    """Count the month's calls anew under its own terms, and rate them."""
    [totals] = count_under(contract.tenant_id, [month.terms]).totals
    known = _beside(month.totals, totals)
    return Priced(month.terms, known, rate(month.terms, known))


def _beside(frozen: Totals, counted: Totals) -> Totals:
    """Put newly counted calls beside what is held, measured, bought and reached of the frozen month."""
    return replace(frozen, rows=counted.rows, events=counted.events, uncovered=counted.uncovered)


def _terms(terms: Terms, change: Change) -> Terms:
    segments = (
        replace(each, agreement=replace(each.agreement, clauses=tuple(change(c) for c in each.agreement.clauses)))
        for each in terms.segments
    )
    return replace(terms, segments=tuple(segments))
