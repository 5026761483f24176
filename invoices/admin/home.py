"""The first page: what waits for me, how the month runs, what is owed; each figure leads to what it counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.money import decimals_of
from invoices import standing
from invoices.admin.waiting import waiting_for
from invoices.models import Invoice

AGE_NAMES = (_("not due"), _("1–30 days"), _("31–60 days"), _("61–90 days"), _("over 90 days"))


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: its name, its figure in words, and its length in percent of the longest."""

    name: str | Promise
    figure: str
    percent: int
    address: str = ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the first page shows this person to what every page knows."""
    now, today, user = datetime.now(UTC), timezone.localdate(), request.user
    own: dict[str, Any] = {"title": _("Overview"), "waiting": waiting_for(request), "today": today}
    if user.has_perm("invoices.view_closerun"):
        own |= {"running": _running(now), "closes": [_closed(each) for each in standing.last_closes()]}
    if user.has_perm("usage.view_batch"):
        own["lately"] = standing.delivered_lately(now)
    if user.has_perm("invoices.view_receivable"):
        owed = standing.owed_by_age(today).items()
        own["owed"] = [
            (currency, money(sum(sums), currency), bars(zip(AGE_NAMES, sums, strict=True), currency))
            for currency, sums in owed
        ]
    if user.has_perm("invoices.view_invoice"):
        own["invoiced"] = [
            (currency, bars(((f"{month:%Y-%m}", total) for month, total in months), currency))
            for currency, months in standing.invoiced_by_month(today).items()
        ]
    if user.has_perm("tenants.view_tenant"):
        own["begins"] = not Invoice.documents.exists()
    return context | own


def money(amount: Decimal | int, currency: str) -> str:
    """Write an amount with separators and the decimals of its currency."""
    return f"{amount:,.{decimals_of(currency)}f}"


def bars(named: Iterable[tuple[Any, Decimal]], currency: str) -> list[Bar]:
    """Draw amounts against the greatest of them; what is not zero is seen."""
    rows = list(named)
    greatest = max((abs(amount) for _name, amount in rows), default=Decimal(0)) or Decimal(1)
    return [
        Bar(name, money(amount, currency), max(round(abs(amount) / greatest * 100), 1) if amount else 0)
        for name, amount in rows
    ]


def _running(now: datetime) -> dict[str, Any]:
    runs = standing.rehearsals(timezone.localdate(now))
    return {
        "runs": runs,
        "at": max((run.finished_at or run.started_at for run in runs), default=None),
        "rows": [
            (each.currency, *(f"{number:,}" for number in (each.tenants, each.received, each.counted)),
             money(each.amount, each.currency), money(each.expected, each.currency),
             "–" if each.last is None else money(each.last, each.currency), _change(each.expected, each.last))
            for each in (standing.running_month(runs) if runs else [])
        ],
    }  # fmt: skip


def _change(amount: Decimal, before: Decimal | None) -> str:
    return f"{(amount - before) / abs(before) * 100:+.1f} %" if before else ""


def _closed(closed: standing.Closed) -> dict[str, Any]:
    return {
        "run": closed.run,
        "address": reverse("admin:invoices_closerun_change", args=[closed.run.pk]),
        "ready": closed.ready, "parked": closed.parked, "steps": closed.steps,
        "percent": 100 * (closed.ready + closed.parked) // (closed.steps or 1),
    }  # fmt: skip
