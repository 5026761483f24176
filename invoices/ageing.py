"""Who owes what, for how long, and how it came about: ageing by days overdue, balances, statements of account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import Q, Sum

from invoices.models import LedgerEntry, LedgerSide, Payment, Receivable
from tenants.models import Tenant

# One row a tenant and currency with anything open or on account; only what is open is looked at, by partial indexes.
AGEING = """
SELECT t.id, t.code, t.name_zh, t.name_en, o.currency, sum(o.not_due), sum(o.d30), sum(o.d60), sum(o.d90), sum(o.older),
    sum(o.credit), sum(o.disputed) FROM (
    SELECT tenant_id, currency,
        sum(open) FILTER (WHERE open > 0 AND due_on >= %(today)s) AS not_due,
        sum(open) FILTER (WHERE open > 0 AND due_on < %(today)s AND due_on >= %(today)s - 30) AS d30,
        sum(open) FILTER (WHERE open > 0 AND due_on < %(today)s - 30 AND due_on >= %(today)s - 60) AS d60,
        sum(open) FILTER (WHERE open > 0 AND due_on < %(today)s - 60 AND due_on >= %(today)s - 90) AS d90,
        sum(open) FILTER (WHERE open > 0 AND due_on < %(today)s - 90) AS older,
        -sum(open) FILTER (WHERE open < 0) AS credit,
        sum(open) FILTER (WHERE open > 0 AND invoice_id IN (
            SELECT invoice_id FROM invoices_dispute WHERE closed_at IS NULL)) AS disputed
    FROM invoices_receivable WHERE open <> 0 AND (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s) GROUP BY 1, 2
    UNION ALL SELECT tenant_id, currency, 0, 0, 0, 0, 0, sum(rest), 0 FROM invoices_payment
        WHERE rest > 0 AND (%(tenant)s::bigint IS NULL OR tenant_id = %(tenant)s) GROUP BY 1, 2
) AS o JOIN tenants_tenant AS t ON t.id = o.tenant_id
WHERE (%(seller)s::bigint IS NULL OR t.seller_id = %(seller)s)
GROUP BY t.id, o.currency
ORDER BY COALESCE(sum(o.older), 0) + COALESCE(sum(o.d90), 0) + COALESCE(sum(o.d60), 0) + COALESCE(sum(o.d30), 0) DESC, t.code
"""


@dataclass(frozen=True, slots=True)
class Aged:
    """What one tenant owes in one currency by days overdue, and ``credit``: on account or in its favour.

    ``disputed`` is the part of what it owes about which it has an open question.
    """

    tenant_id: int
    code: str
    name_zh: str
    name_en: str
    currency: str
    not_due: Decimal
    to_30: Decimal
    to_60: Decimal
    to_90: Decimal
    older: Decimal
    credit: Decimal
    disputed: Decimal

    @property
    def balance(self) -> Decimal:
        """Give what the tenant owes all in all; below zero it has paid too much."""
        return self.not_due + self.to_30 + self.to_60 + self.to_90 + self.older - self.credit


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One movement of a tenant's account, and the balance after it; ``name`` is the document's number or the reference."""

    on: date
    kind: str
    name: str
    amount: Decimal
    balance: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """A tenant's account in one currency from a day on, up to another, exclusive."""

    tenant: Tenant
    currency: str
    starts_on: date
    ends_on: date
    opening: Decimal
    rows: list[StatementRow]

    @property
    def closing(self) -> Decimal:
        """Give the balance at the end."""
        return self.rows[-1].balance if self.rows else self.opening


def ageing(today: date, seller_id: int | None = None, *, tenant_id: int | None = None) -> list[Aged]:
    """List what is owed by tenant and currency, the most overdue first; days count from the due day."""
    with connection.cursor() as cursor:
        cursor.execute(AGEING, {"today": today, "seller": seller_id, "tenant": tenant_id})
        return [Aged(*row[:5], *(amount or Decimal(0) for amount in row[5:])) for row in cursor.fetchall()]


def balances(tenant_id: int) -> dict[str, Decimal]:
    """Give a tenant's balance by currency: invoices less credit notes, payments and what was written off, plus what was paid back."""
    opened = Receivable.objects.filter(~Q(open=0), tenant_id=tenant_id).values_list("currency").annotate(Sum("open"))
    rests = Payment.objects.filter(tenant_id=tenant_id, rest__gt=0).values_list("currency").annotate(Sum("rest"))
    found = dict(opened.order_by())
    for currency, rest in rests.order_by():
        found[currency] = found.get(currency, Decimal(0)) - rest
    return found


def statement(tenant: Tenant, currency: str, starts_on: date, ends_on: date) -> Statement:
    """Draw up the account of a tenant from its ledger (对账单); moving money between its own invoices is no row."""
    sides = LedgerSide.objects.filter(
        account=LedgerSide.RECEIVABLE, entry__tenant=tenant, entry__currency=currency, entry__on__lt=ends_on
    )
    opening = sides.filter(entry__on__lt=starts_on).aggregate(sum=Sum("amount"))["sum"] or Decimal(0)
    moved = sides.filter(entry__on__gte=starts_on).order_by().values("entry").annotate(sum=Sum("amount")).exclude(sum=0)
    amounts = {row["entry"]: row["sum"] for row in moved}
    entries = LedgerEntry.objects.filter(pk__in=amounts).select_related(
        "document", "payment", "refund", "write_off__invoice"
    )
    rows, balance = [], opening
    for entry in entries.order_by("on", "pk"):
        balance += amounts[entry.pk]
        rows.append(StatementRow(entry.on, entry.kind, name_of(entry), amounts[entry.pk], balance))
    return Statement(tenant, currency, starts_on, ends_on, opening, rows)


def name_of(entry: LedgerEntry) -> str:
    """Name what caused an entry: the document's number, the bank's reference."""
    if entry.document is not None and entry.refund is None:
        return entry.document.number or ""
    if entry.write_off is not None:
        return entry.write_off.invoice.number or ""
    if entry.refund is not None:
        return entry.refund.reference
    return entry.payment.reference if entry.payment is not None else ""
