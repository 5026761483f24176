"""What finance takes out as tables: invoices, their lines, the ledger, payments of a span of days; read bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db.models.fields.json import KT
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.exporting import Cell
from invoices.ageing import name_of
from invoices.models import Invoice, LedgerSide, Payment, TableExport
from invoices.models.ledger import Receivable
from tenants.models import Seller

AT_ONCE = 500
DOCUMENTS_AT_ONCE = 50  # with all their lines


@dataclass(frozen=True, slots=True)
class Table:
    """One kind of export: its heads and its rows, each as long as the heads, from a day on up to another, exclusive."""

    headers: Sequence[Any]
    rows: Callable[[Seller, date, date], Iterator[Sequence[Cell]]]


def begin_export(
    kind: str, form: str, seller: Seller, starts_on: date, ends_on: date, *, by: str, now: datetime
) -> tuple[TableExport, Iterator[Sequence[Cell]]]:
    """Note who takes what out; return the note and the rows, which are counted as they are read.

    The note stays without a count when the reader broke off. Raises Refused when the span ends before it starts.
    """
    if kind not in TABLES:
        raise Refused("no_table", _("Choose what to export."))
    if ends_on <= starts_on:
        raise Refused("no_days", _("The last day lies before the first; turn them round."))
    note = TableExport.objects.create(
        kind=kind, form=form, seller=seller, starts_on=starts_on, ends_on=ends_on, by=by, at=now
    )

    def counted() -> Iterator[Sequence[Cell]]:
        count = 0
        for row in TABLES[kind].rows(seller, starts_on, ends_on):
            count += 1
            yield row
        TableExport.objects.filter(pk=note.pk).update(rows=count)

    return note, counted()


def issued_between(seller: Seller, starts_on: date, ends_on: date) -> Any:
    """List what a seller issued from a day on up to another, exclusive, by the day in the document."""
    # The day of issue stands in the document, in the tenant's zone; the instant spares reading all the others.
    around = (
        datetime.combine(starts_on, time(), UTC) - timedelta(days=1),
        datetime.combine(ends_on, time(), UTC) + timedelta(days=1),
    )
    return (
        Invoice.documents.filter(
            issued_at__range=around,
            seller=seller, state=Invoice.ISSUED, document__issued_on__gte=starts_on.isoformat(),
            document__issued_on__lt=ends_on.isoformat(),
        )
        .select_related("tenant", "contract", "receivable", "credits").order_by("pk")
    )  # fmt: skip


def _invoices(seller: Seller, starts_on: date, ends_on: date) -> Iterator[Sequence[Cell]]:
    found = issued_between(seller, starts_on, ends_on).defer("terms", "totals", "document")
    for each in found.annotate(issued_on=KT("document__issued_on")).iterator(AT_ONCE):
        receivable: Receivable | None = getattr(each, "receivable", None)
        yield (
            each.number, each.get_kind_display(), each.credits.number if each.credits else "", each.tenant.code,
            str(each.tenant), each.tenant.tax_id, each.contract.code, each.period_starts_on, each.period_ends_on,
            date.fromisoformat(each.issued_on), each.due_on, each.currency, each.net, each.tax, each.total,
            receivable.owed if receivable else None, receivable.settled if receivable else None,
            receivable.open if receivable else None,
        )  # fmt: skip


def _lines(seller: Seller, starts_on: date, ends_on: date) -> Iterator[Sequence[Cell]]:
    language = "zh" if (get_language() or "").startswith("zh") else "en"
    for each in issued_between(seller, starts_on, ends_on).defer("terms", "totals").iterator(DOCUMENTS_AT_ONCE):
        for line in each.document["bill"]["lines"]:
            told = each.document["explanations"].get(line["key"], {})
            yield (
                each.number, each.tenant.code, str(each.tenant), line["period"], line["key"], line["code"],
                line["name"][language], line.get("reference", ""), _number(line.get("quantity_used")),
                _number(line.get("quantity_billed")), line.get("unit", ""), _number(line.get("unit_price")),
                _number(line["amount"]), _number(line["tax_rate"]), each.currency, told.get(language, ""),
            )  # fmt: skip


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text not in {None, ""} else None


def _ledger(seller: Seller, starts_on: date, ends_on: date) -> Iterator[Sequence[Cell]]:
    sides = LedgerSide.objects.filter(
        entry__tenant__seller=seller, entry__on__gte=starts_on, entry__on__lt=ends_on
    ).select_related(
        "entry__tenant", "entry__document", "entry__payment", "entry__refund", "entry__write_off__invoice", "invoice"
    )
    heavy = [f"{path}__{name}" for path in ("entry__document", "entry__write_off__invoice", "invoice") for name in JSON]
    for side in sides.defer(*heavy).order_by("entry_id", "pk").iterator(AT_ONCE):
        entry = side.entry
        yield (
            entry.pk, entry.on, entry.get_kind_display(), entry.tenant.code, str(entry.tenant), name_of(entry),
            side.get_account_display(), side.invoice.number if side.invoice else "",
            max(side.amount, Decimal(0)) or None, max(-side.amount, Decimal(0)) or None, entry.currency, entry.by, entry.at,
            entry.reason,
        )  # fmt: skip


def _payments(seller: Seller, starts_on: date, ends_on: date) -> Iterator[Sequence[Cell]]:
    found = Payment.objects.filter(tenant__seller=seller, on__gte=starts_on, on__lt=ends_on)
    for each in found.select_related("tenant").order_by("on", "pk").iterator(AT_ONCE):
        yield (
            each.on, each.tenant.code, str(each.tenant), each.amount, each.currency, each.rest, each.reference, each.payer,
            each.note, _("reversed") if each.reversed else "", each.by, each.at,
        )  # fmt: skip


JSON = ("terms", "totals", "document")
TABLES: dict[str, Table] = {
    TableExport.INVOICES: Table(
        [gettext_lazy("number"), gettext_lazy("kind"), gettext_lazy("credits"), gettext_lazy("tenant"), gettext_lazy("name"), gettext_lazy("tax id"), gettext_lazy("contract"), gettext_lazy("period from"), gettext_lazy("period to"), gettext_lazy("issued"), gettext_lazy("due on"), gettext_lazy("currency"), gettext_lazy("net"), gettext_lazy("tax"), gettext_lazy("total"), gettext_lazy("owed"), gettext_lazy("settled"), gettext_lazy("open amount")], _invoices,
    ),
    TableExport.LINES: Table(
        [gettext_lazy("number"), gettext_lazy("tenant"), gettext_lazy("name"), gettext_lazy("month"), gettext_lazy("key"), gettext_lazy("clause"), gettext_lazy("line"), gettext_lazy("reference"), gettext_lazy("quantity used"), gettext_lazy("quantity billed"), gettext_lazy("unit"), gettext_lazy("unit price"), gettext_lazy("amount"), gettext_lazy("tax rate"), gettext_lazy("currency"), gettext_lazy("explanation")], _lines,
    ),
    TableExport.LEDGER: Table(
        [gettext_lazy("ledger entry"), gettext_lazy("on"), gettext_lazy("what"), gettext_lazy("tenant"), gettext_lazy("name"), gettext_lazy("because of"), gettext_lazy("account"), gettext_lazy("invoice"), gettext_lazy("debit"), gettext_lazy("credit"), gettext_lazy("currency"), gettext_lazy("who"), gettext_lazy("when"), gettext_lazy("why")], _ledger,
    ),
    TableExport.PAYMENTS: Table(
        [gettext_lazy("paid on"), gettext_lazy("tenant"), gettext_lazy("name"), gettext_lazy("amount"), gettext_lazy("currency"), gettext_lazy("on account"), gettext_lazy("reference"), gettext_lazy("payer"), gettext_lazy("own remark"), gettext_lazy("state"), gettext_lazy("recorded by"), gettext_lazy("recorded at")], _payments,
    ),
}  # fmt: skip
