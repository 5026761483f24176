"""Noting that a mail came back: at the mail itself, and as something finance sees to at the tenant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from billing.mail import OwedMail, mark_bounced
from invoices.bouncing.reading import Report
from invoices.models import Delivery, DisputeMail, StatementMail
from tenants.models import Bounce, BudgetMail, PriceNotice, Tenant

# For each kind of mail that tenants get: the way from it to its tenant.
MAILS: list[tuple[type[OwedMail], str]] = [
    (Delivery, "invoice__tenant"), (PriceNotice, "version__contract__tenant"), (DisputeMail, "dispute__invoice__tenant"),
    (StatementMail, "tenant"), (BudgetMail, "alert__budget__tenant"),
]  # fmt: skip


@dataclass(slots=True)
class Noted:
    """How many reports were new, known already, and of mails that nobody here sent."""

    noted: int = 0
    known: int = 0
    unknown: int = 0


def note_bounces(seller_id: int, reports: Iterable[Report], now: datetime) -> Noted:
    """Note reports about a seller's mails; the same again changes nothing.

    A mail that came back is bounced, for good or for the moment; a complaint is about one that arrived, which stays sent.
    """
    noted = Noted()
    for report in reports:
        with transaction.atomic():
            outcome = _note(seller_id, report, now)
        setattr(noted, outcome, getattr(noted, outcome) + 1)
    return noted


def _note(seller_id: int, report: Report, now: datetime) -> str:
    for kind, way in MAILS:
        known = {report.message_id, f"<{report.message_id}>"}  # some providers leave the brackets out
        found: QuerySet[Any] = QuerySet(kind).filter(message_id__in=known, **{f"{way}__seller_id": seller_id})
        row = found.values("pk", "recipient", "message_id", way).first()
        if row is None:
            continue
        _bounce, is_new = Bounce.objects.get_or_create(
            message_id=row["message_id"], recipient=row["recipient"], kind=report.kind,
            defaults={"tenant": Tenant(pk=row[way]), "answer": report.answer, "at": now},
        )  # fmt: skip
        if is_new and report.kind != Bounce.COMPLAINT:
            mark_bounced(kind, row["pk"], report.answer or report.kind, now)
        return "noted" if is_new else "known"
    return "unknown"
