"""What a contract version would cost: on a past month with its real calls, or on a sample; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

from billing.periods import Period, period_containing
from billing.rating import Agreement, Bill, Terms, Totals, explain, rate, terms_from_versions
from invoices.reaching import known_totals, reached_before
from tenants.catalogue import SAMPLE_MONTH
from tenants.contracts import NotInForce, entered_since, signed_versions, terms_for, with_scope
from tenants.models import Contract, ContractVersion
from tenants.sampling import totals_of_answers
from usage.aggregation import counted_at
from usage.recounting import totals_if_agreed

MONTHS_SHOWN = 13


@dataclass(frozen=True, slots=True)
class Preview:
    """The bill under the version, and under what is in force (None when nothing is, or it cannot be compared)."""

    bill: Bill
    in_force: Bill | None


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line as it is shown: name, paragraph, the sentence that explains it, and its amount."""

    name: str
    reference: str
    explanation: str
    amount: str


def preview_month(version: ContractVersion, month: Period) -> Preview:
    """Price a month's real calls, counted anew under the version as if it had ruled all of it.

    Raises Refused when the engine cannot read the agreement or the month cannot be counted under it.
    """
    contract = version.contract
    terms = with_scope(contract, _terms_alone(version, month))
    bill = rate(terms, _totals_if_agreed(contract, terms))
    try:
        ruling = terms_for(contract, month)
    except NotInForce:
        return Preview(bill, None)
    return Preview(bill, rate(ruling, _totals_in_force(contract, ruling)))


def _totals_in_force(contract: Contract, terms: Terms) -> Totals:
    """Give the month's stored totals, if nothing came and nothing was agreed since they were counted; else count."""
    counted = counted_at(contract.tenant_id, terms.period.starts_on)
    others = Contract.objects.filter(tenant=contract.tenant_id)
    if counted and not any(entered_since(each, counted, before=terms.period.ends_on) for each in others):
        return known_totals(contract, terms)
    return _totals_if_agreed(contract, terms)


def _totals_if_agreed(contract: Contract, terms: Terms) -> Totals:
    totals = totals_if_agreed(contract.tenant_id, contract.pk, terms)
    return replace(totals, to_date=reached_before(contract, terms))


def preview_answers(version: ContractVersion, answers: Mapping[str, Decimal], month: Period) -> Preview:
    """Price quantities written by hand. Raises Refused when the engine cannot read the agreement."""
    zone = version.contract.tenant.zone
    agreement = Agreement.from_json(version.agreement)
    bill = rate(_terms_alone(version, month), totals_of_answers(agreement, answers, month, zone, str(version.number)))
    others = [each for each in signed_versions(version.contract) if each.pk != version.pk]
    if not others:
        return Preview(bill, None)
    ruling = Agreement.from_json(others[-1].agreement)
    known = totals_of_answers(ruling, answers, month, zone, str(others[-1].number))
    return Preview(bill, rate(_terms_alone(others[-1], month), known))


def preview_sample(version: ContractVersion, totals: Mapping[str, Any]) -> Preview:
    """Price a model contract's sample, in the sample's own month.

    Raises Refused when the version lacks a clause the sample speaks of.
    """
    rows = [row | {"segment": str(version.number)} for row in totals.get("rows", [])]
    read = Totals.from_json({**totals, "rows": rows})
    return Preview(rate(_terms_alone(version, SAMPLE_MONTH), read), None)


def _terms_alone(version: ContractVersion, month: Period) -> Terms:
    """Let one version rule a whole month; what counts from the contract's start counts from its first signed day."""
    first = [each.starts_on for each in signed_versions(version.contract)][:1]
    starts_on = min([month.starts_on, version.starts_on, *first])
    agreed = [(str(version.number), starts_on, version.agreement)]
    return terms_from_versions(month, version.contract.tenant.zone, agreed, starts_on=starts_on)


def lines_of(bill: Bill, names: Agreement, language: str) -> list[PricedLine]:
    """Give a bill's lines with their explanations in a language, zh or en."""
    known = {clause.code: clause.name for clause in names.clauses}
    return [
        PricedLine(
            getattr(line.name, language),
            line.reference,
            getattr(explain(line, bill.currency, known), language),
            f"{line.amount:,}",
        )
        for line in bill.lines
    ]


def past_months(contract: Contract, today: date) -> list[Period]:
    """List the months that can be previewed, this one first."""
    return list(islice(_backwards(contract, today), MONTHS_SHOWN))


def _backwards(contract: Contract, today: date) -> Iterator[Period]:
    day = today
    while True:
        month = period_containing(day, contract.tenant.billing_day)
        yield month
        day = month.starts_on.fromordinal(month.starts_on.toordinal() - 1)
