"""Drafts in the order of their risk, each with the reasons in words, so that people look first where it matters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from invoices.findings import sentence_of
from invoices.models import Finding, InvoiceEvent

LOW = 20  # points; below, a draft carries little risk
SWING = Decimal("0.30")
LARGEST_SHARE = 20  # one in so many drafts is among the largest
# What the close knows of each draft, and what became of it; documents stay where they are.
DRAFTS = """
SELECT i.id, t.code, t.name_zh, t.name_en, t.tax_id, t.country, c.code, i.period_starts_on, i.currency, i.total, i.blocked,
    s.id, (s.figures ->> 'last_total')::numeric, (s.figures ->> 'late')::int8, f.found, e.what, e.by, e.reason
FROM invoices_invoice AS i
JOIN tenants_tenant AS t ON t.id = i.tenant_id JOIN tenants_contract AS c ON c.id = i.contract_id
LEFT JOIN LATERAL (SELECT id, figures FROM invoices_runstep WHERE invoice_id = i.id AND purpose = 'close'
    ORDER BY id DESC LIMIT 1) AS s ON TRUE
LEFT JOIN LATERAL (SELECT jsonb_agg(jsonb_build_array(code, severity, facts, accepted_by, accepted_reason) ORDER BY id) AS found
    FROM invoices_finding WHERE step_id = s.id) AS f ON TRUE
LEFT JOIN LATERAL (SELECT what, by, reason FROM invoices_invoiceevent WHERE invoice_id = i.id AND at >= i.drafted_at
    ORDER BY id DESC LIMIT 1) AS e ON TRUE
WHERE i.state = 'draft' AND i.kind = 'invoice'
"""
POINTS = {Finding.ERROR: 100, Finding.WARNING: 25, Finding.NOTE: 0}
NOTES = {"first_month": 30, "new_version": 25}
ACCEPTED = 30


@dataclass(frozen=True, slots=True)
class Risk:
    """A draft to review: how risky it is in points, why in sentences, and ``held`` with who holds it for what reason."""

    invoice_id: int
    tenant_code: str
    name_zh: str
    name_en: str
    contract_code: str
    period_starts_on: date
    currency: str
    total: Decimal
    last_total: Decimal | None
    step_id: int | None
    points: int
    told: tuple[Callable[[], str], ...]
    held: str

    @property
    def reasons(self) -> tuple[str, ...]:
        """Write the reasons in the reader's language; only the drafts that are shown need their sentences."""
        return tuple(said() for said in self.told)

    @property
    def low(self) -> bool:
        """Tell whether there is little to see: such drafts may be accepted together."""
        return self.points < LOW and not self.held

    @property
    def change(self) -> Decimal | None:
        """Return the percentage by which the amount changed against last month; None without an earlier one."""
        if not self.last_total:
            return None
        return ((self.total - self.last_total) / abs(self.last_total) * 100).quantize(Decimal("0.1"))


def drafts_by_risk() -> list[Risk]:
    """List the drafts, the riskiest first, those that somebody holds last."""
    with connection.cursor() as cursor:
        cursor.execute(DRAFTS)
        rows = cursor.fetchall()
    large = _large(rows)
    risks = [_judged(row, large) for row in rows]
    return sorted(risks, key=lambda each: (bool(each.held), -each.points, -abs(each.total), each.invoice_id))


def _large(rows: Iterable[tuple[Any, ...]]) -> dict[str, Decimal]:
    """Find the amount, by currency, from which on a draft is among the largest twentieth of all."""
    amounts: dict[str, list[Decimal]] = {}
    for row in rows:
        amounts.setdefault(row[8], []).append(row[9])
    return {
        currency: sorted(each, reverse=True)[len(each) // LARGEST_SHARE - 1]
        for currency, each in amounts.items()
        if len(each) >= LARGEST_SHARE
    }


def _judged(row: tuple[Any, ...], large: dict[str, Decimal]) -> Risk:
    (pk, code, name_zh, name_en, tax_id, country, contract, period, currency, total, blocked, step, last, late, found, what, by,
     reason) = row  # fmt: skip
    findings = json.loads(found or "[]")  # a bare cursor hands JSON over as text
    told, codes = list(_found(findings)), {each[0] for each in findings}
    if blocked and "uncovered" not in codes:
        told.append((100, lambda: _("Some calls are taken by no clause.")))
    if what == InvoiceEvent.SENT_BACK:
        told.append((60, lambda: _("Sent back by %(by)s: %(reason)s") % {"by": by, "reason": reason}))
    if last and "swing" not in codes and abs(total - last) > abs(last) * SWING:
        told.append(
            (
                40,
                lambda: (
                    _("%(percent)s %% against last month.") % {"percent": f"{(total - last) / abs(last) * 100:+.0f}"}
                ),
            )
        )
    if late:
        told.append(
            (25, lambda: _("%(calls)s calls of earlier months came late and are settled here.") % {"calls": late})
        )
    if step is None:
        told.append((25, lambda: _("No close has checked this draft.")))
    if total < 0:
        told.append((40, lambda: _("The amount is below zero.")))
    if country == "CN" and not tax_id:
        told.append((10, lambda: _("The tenant has no tax id.")))
    if currency in large and total >= large[currency] > 0:
        told.append((20, lambda: _("Among the largest amounts of these drafts.")))
    told.sort(key=lambda each: -each[0])
    held = _("Held by %(by)s: %(reason)s") % {"by": by, "reason": reason} if what == InvoiceEvent.HELD else ""
    return Risk(
        pk, code, name_zh, name_en, contract, period, currency, total, last, step,
        sum(points for points, _said in told), tuple(said for _points, said in told), held,
    )  # fmt: skip


def _found(findings: Iterable[tuple[str, str, dict[str, Any], str, str]]) -> Iterable[tuple[int, Callable[[], str]]]:
    for code, severity, facts, by, reason in findings:
        said = partial(sentence_of, code, facts)
        if by:
            yield ACCEPTED, partial(_accepted, said, by, reason)
        else:
            yield NOTES.get(code, POINTS.get(severity, 0)), said


def _accepted(said: Callable[[], str], by: str, reason: str) -> str:
    return _("%(finding)s Accepted by %(by)s: %(reason)s") % {"finding": said(), "by": by, "reason": reason}
