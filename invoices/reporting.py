"""The report of a close: per tenant and in total what came, was counted, drafted and parked, beside last month.

It is made of the steps' figures, which are kept with the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.exporting import Cell
from invoices.findings import sentence_of
from invoices.models import CloseRun, Finding, RunStep

# What is known of a tenant stands in the figures of each of its contracts; what is known of a contract adds up.
REPORT = """
SELECT s.tenant_id, t.code, t.name_zh, t.name_en, count(*),
    max((s.figures ->> 'received')::int8), max((s.figures ->> 'duplicates')::int8), max((s.figures ->> 'rejected')::int8),
    max((s.figures ->> 'declared')::int8), sum((s.figures ->> 'counted')::int8), sum((s.figures ->> 'late')::int8),
    count(*) FILTER (WHERE s.figures ? 'total'), count(s.invoice_id), count(*) FILTER (WHERE s.state = 'ready'),
    count(*) FILTER (WHERE s.state = 'parked'), max(s.figures ->> 'currency'),
    sum((s.figures ->> 'total')::numeric), sum((s.figures ->> 'last_total')::numeric),
    count(*) FILTER (WHERE i.state = 'issued'), count(*) FILTER (WHERE i.state = 'issued' AND EXISTS (
        SELECT FROM invoices_delivery AS d WHERE d.invoice_id = i.id AND d.kind = 'invoice' AND d.state = 'sent'))
FROM invoices_runstep AS s JOIN tenants_tenant AS t ON t.id = s.tenant_id
LEFT JOIN invoices_invoice AS i ON i.id = s.invoice_id WHERE s.run_id = %s
GROUP BY s.tenant_id, t.code, t.name_zh, t.name_en ORDER BY count(*) FILTER (WHERE s.state = 'parked') DESC, t.code
"""
HEADERS = (
    gettext_lazy("tenant"), gettext_lazy("name"), gettext_lazy("contracts"), gettext_lazy("received"),
    gettext_lazy("duplicates"), gettext_lazy("rejected"), gettext_lazy("declared"), gettext_lazy("counted"),
    gettext_lazy("late"), gettext_lazy("rated"), gettext_lazy("drafts"), gettext_lazy("ready"), gettext_lazy("parked"),
    gettext_lazy("currency"), gettext_lazy("amount"), gettext_lazy("last month"), gettext_lazy("change, %"),
    gettext_lazy("approved"), gettext_lazy("mailed"), gettext_lazy("why parked"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TenantRow:
    """One tenant's line of the report, or the total of a currency, which has the code "" and counts its tenants.

    ``received``, ``duplicates``, ``rejected`` are deliveries since the freeze before; ``late`` are calls of earlier
    months that these drafts settle; ``approved`` and ``mailed`` are invoices issued since, and those of them of which a
    mail was taken by its mail server; ``amount`` and ``last_amount`` are totals with tax, None where there is none.
    """

    tenant_id: int
    code: str
    name_zh: str
    name_en: str
    contracts: int
    received: int | None
    duplicates: int | None
    rejected: int | None
    declared: int | None
    counted: int | None
    late: int | None
    rated: int
    drafted: int
    ready: int
    parked: int
    currency: str | None
    amount: Decimal | None
    last_amount: Decimal | None
    approved: int
    mailed: int

    @property
    def change(self) -> Decimal | None:
        """Return the percentage by which the amount changed, to a tenth; None without an earlier one."""
        if self.amount is None or not self.last_amount:
            return None
        return ((self.amount - self.last_amount) / abs(self.last_amount) * 100).quantize(Decimal("0.1"))


def report_of(run: CloseRun) -> list[TenantRow]:
    """List a run's tenants, those with something parked first."""
    with connection.cursor() as cursor:
        cursor.execute(REPORT, [run.pk])
        return [TenantRow(*row) for row in cursor.fetchall()]


def totals_of(rows: Iterable[TenantRow]) -> list[TenantRow]:
    """Add a report up, by currency; what is not drafted yet has none."""
    by_currency: dict[str, list[TenantRow]] = {}
    for row in rows:
        by_currency.setdefault(row.currency or "", []).append(row)
    return [_total(currency, by_currency[currency]) for currency in sorted(by_currency)]


def _total(currency: str, rows: list[TenantRow]) -> TenantRow:
    summed = [each.name for each in fields(TenantRow)][4:]
    summed.remove("currency")
    figures: dict[str, Any] = {}
    for name in summed:
        known = [value for row in rows if (value := getattr(row, name)) is not None]
        figures[name] = sum(known) if known else None
    return TenantRow(tenant_id=len(rows), code="", name_zh="", name_en="", currency=currency, **figures)


def export_rows(run: CloseRun, language: str) -> Iterator[list[Cell]]:
    """List the report's rows under ``HEADERS``, in ``language`` zh or en, the totals last."""
    rows, told = report_of(run), reasons_of(run)
    for row in rows:
        name = row.name_zh if language == "zh" else row.name_en
        yield [row.code, name, *_figures(row), " ".join(told.get(row.tenant_id, []))]
    for row in totals_of(rows):
        yield [_("total"), _("%d tenants") % row.tenant_id, *_figures(row), ""]


def _figures(row: TenantRow) -> list[Cell]:
    return [
        row.contracts, row.received, row.duplicates, row.rejected, row.declared, row.counted, row.late, row.rated,
        row.drafted, row.ready, row.parked, row.currency, row.amount, row.last_amount, row.change,
        row.approved, row.mailed,
    ]  # fmt: skip


def reasons_of(run: CloseRun, tenants: Iterable[int] | None = None) -> dict[int, list[str]]:
    """Say why contracts are parked, by tenant."""
    parked = run.steps.filter(state=RunStep.PARKED).prefetch_related("findings")
    if tenants is not None:
        parked = parked.filter(tenant_id__in=tenants)
    found: dict[int, list[str]] = {}
    for step in parked:
        found.setdefault(step.tenant_id, []).append(why_parked(step))
    return found


def why_parked(step: RunStep) -> str:
    """Say why a contract is parked: what was found and not accepted, or the reason given; nothing when it is not."""
    found = [each for each in step.findings.all() if each.severity == Finding.ERROR and each.accepted_at is None]
    if step.state != RunStep.PARKED or step.parked_by or not found:
        return step.reason
    return " ".join(sentence_of(each.code, each.facts) for each in found)
