"""From a counted month to a draft: terms and totals in, bill out, rows by stable key."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating import explain, names_of, rate
from billing.rating.bill import Bill
from billing.rating.terms import Name, Terms
from billing.rating.totals import Totals
from invoices.approving import record, withdraw_request
from invoices.evidence import digest_of
from invoices.gathering import Known, gather_one, month_before
from invoices.models import Invoice, InvoiceEvent, Line
from invoices.reaching import known_totals
from invoices.settling import (
    NO_CALLS,
    Settled,
    reached_of,
    settled_with,
    store_settlements,
    terms_after_end,
    waits_after_end,
)
from tenants.contracts import NotInForce, terms_for
from tenants.models import Contract, Seller, Tenant
from tenants.noticing import changes_in
from usage.aggregation import count_now, days_of

FORMAT = "huadan-invoice/1"


class AlreadyIssued(Refused):
    """The month has an issued invoice, which nobody may change."""

    status = 409


@dataclass(frozen=True, slots=True)
class Draft:
    """A contract's month as it would be invoiced: what was agreed, what was used, what is owed, and how it is shown."""

    contract: Contract
    terms: Terms
    totals: Totals
    bill: Bill
    document: dict[str, Any]
    settled: list[Settled]


def draft_month(contract: Contract, period: Period, now: datetime) -> Invoice:
    """Count a month, rate it, and store the draft; an earlier draft is replaced.

    Raises NotInForce when the contract says nothing about the month, AlreadyIssued when there is an issued invoice.
    """
    _terms(contract, period)
    count_now(contract.tenant, period, now)
    draft = compute_draft(contract, period)
    with transaction.atomic(durable=True):
        return store_draft(draft, now)


def compute_draft(contract: Contract, period: Period, known: Known | None = None) -> Draft:
    """Rate a counted month and write its document, storing nothing; ``known`` if it is gathered. Raises NotInForce."""
    terms = _terms(contract, period)
    known = known or gather_one(contract, period)
    settled = settled_with(contract, known.late_months)
    totals = known_totals(contract, terms, known.entered, reached_of(settled))
    bill = rate(terms, totals, [each.difference for each in settled])
    document = _document(contract, terms, totals, bill) | {"previous": _previous(contract, terms.period, known)}
    if terms.scope == NO_CALLS:
        document["after_end"] = True
    if settled:
        document["settled"] = [each.difference.to_json() for each in settled]
        document["late_uncovered"] = {
            each.difference.period: each.uncovered_calls for each in settled if each.uncovered_calls > 0
        }
    return Draft(contract, terms, totals, bill, document, settled)


def _terms(contract: Contract, period: Period) -> Terms:
    """Give the terms of a month; of one after the contract's end, if it has something left to settle there."""
    return terms_after_end(contract, period) if waits_after_end(contract, period) else terms_for(contract, period)


def store_draft(draft: Draft, now: datetime) -> Invoice:
    """Store a draft in the place of an earlier one, within the caller's transaction. Raises AlreadyIssued."""
    contract, period, bill = draft.contract, draft.terms.period, draft.bill
    tenant = contract.tenant
    lock_tenant(tenant.pk)
    known = Invoice.objects.filter(contract=contract, period_starts_on=period.starts_on)
    invoice = known.defer("terms", "totals", "document").order_by().first()
    if invoice is not None and invoice.state == Invoice.ISSUED:
        raise AlreadyIssued(
            "already_issued",
            _("%(number)s is issued; what came later is settled with the next invoice.") % {"number": invoice.number},
        )
    if invoice is not None and invoice.state == Invoice.REQUESTED:
        withdraw_request(invoice)
        record(invoice, InvoiceEvent.LAPSED, by="", now=now)
    if invoice is None:
        invoice = Invoice(contract=contract, period_starts_on=period.starts_on)
    else:
        invoice.lines.all().delete()
        invoice.settlements.all().delete()
    invoice.seller, invoice.tenant, invoice.period_ends_on = tenant.seller, tenant, period.ends_on
    invoice.currency, invoice.language = bill.currency, tenant.language
    invoice.net, invoice.tax, invoice.total = bill.net, bill.tax, bill.total
    invoice.terms, invoice.totals, invoice.document = draft.terms.to_json(), draft.totals.to_json(), draft.document
    invoice.blocked, invoice.drafted_at = bill.blocked, now
    invoice.save()
    store_lines(invoice, bill)
    store_settlements(invoice, draft.settled)
    return invoice


def lock_tenant(tenant_id: int) -> None:
    """Have others who draft, check or decide for a tenant wait for the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM tenants_tenant WHERE id = %s FOR UPDATE", [tenant_id])


def store_lines(invoice: Invoice, bill: Bill) -> None:
    """Store the lines of a bill as rows of its invoice or credit note."""
    Line.objects.bulk_create(
        Line(invoice=invoice, position=position, key=line.key, clause=line.code, amount=line.amount)
        for position, line in enumerate(bill.lines)
    )


def _document(contract: Contract, terms: Terms, totals: Totals, bill: Bill) -> dict[str, Any]:
    """Build the one document that PDF, mail, page and API show."""
    tenant = contract.tenant
    days = days_of(tenant.pk, terms)
    billed = Counter[date | None]()
    for row in totals.rows:
        billed[row.on] += row.billed_seconds
    return {
        "format": FORMAT,
        "kind": "invoice",
        "state": "draft",
        "number": None,
        "language": tenant.language,
        "currency": bill.currency,
        "issued_on": None,
        "due_on": None,
        "period": {
            "start": terms.period.starts_on.isoformat(),
            "end": terms.period.ends_on.isoformat(),
            "zone": terms.zone,
        },
        "seller": _seller(tenant.seller),
        "buyer": _buyer(tenant),
        "contract": {
            "code": contract.code,
            "name_zh": contract.name_zh,
            "name_en": contract.name_en,
            "versions": [
                {"number": s.number, "from": s.starts_on.isoformat(), "to": s.ends_on.isoformat()}
                for s in terms.segments
            ],
        },
        "bill": bill.to_json(),
        "explanations": explanations_of(bill, names_of(terms)),
        "evidence": digest_of(tenant.pk, terms),
        "price_changes": changes_in(contract, terms.period),
        "usage_by_day": [
            {
                "day": day.day.isoformat(),
                "calls": day.calls,
                "answered": day.answered,
                "billed_seconds": billed[day.day],
            }
            for day in days
        ],
        "summary": {
            "calls": sum(day.calls for day in days),
            "answered": sum(day.answered for day in days),
            "talk_seconds": sum(day.talk_ms for day in days) // 1000,
            "billed_seconds": billed.total(),
            "unanswered": sum(day.unanswered for day in days),
        },
    }


def explanations_of(bill: Bill, names: dict[str, Name] | None = None) -> dict[str, dict[str, str]]:
    """Explain each line of a bill in both languages, by the line's key."""
    told = {line.key: explain(line, bill.currency, names) for line in bill.lines}
    return {key: {"zh": explanation.zh, "en": explanation.en} for key, explanation in told.items()}


def _seller(seller: Seller) -> dict[str, str]:
    names = "name_zh name_en tax_id address_zh address_en country phone email bank_name bank_account".split()
    return {name: getattr(seller, name) for name in names}


def _buyer(tenant: Tenant) -> dict[str, str]:
    names = (
        "code name_zh name_en tax_id address_zh address_en country phone bank_name bank_account untaxed untaxed_reason"
    ).split()
    contacts = sorted((each for each in tenant.contacts.all() if each.receives_invoices), key=lambda each: each.pk)
    return {name: getattr(tenant, name) for name in names} | {"contact": contacts[0].name if contacts else ""}


def _previous(contract: Contract, period: Period, known: Known) -> dict[str, Any] | None:
    """Return the month before for comparison: as invoiced, or as the contract rates it if it was invoiced elsewhere."""
    before = month_before(contract, period)
    issued = next(((each.number, each.bill) for each in known.earlier if each.bill is not None), None)
    if issued is not None:
        bill = Bill.from_json(issued[1])
    else:
        try:
            terms = terms_for(contract, before)
        except NotInForce:
            return None
        bill = rate(terms, known_totals(contract, terms, known.entered))
    by_clause: dict[str, Decimal] = {}
    for line in bill.lines:
        by_clause[line.code] = by_clause.get(line.code, Decimal(0)) + line.amount
    return {
        "number": issued[0] if issued else None,
        "period": {"start": before.starts_on.isoformat(), "end": before.ends_on.isoformat()},
        "total": str(bill.total),
        "net": str(bill.net),
        "by_clause": {clause: str(amount) for clause, amount in by_clause.items()},
    }
