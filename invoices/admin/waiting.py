"""What waits for people: each kind with its count, bounded, and the list where it is dealt with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import Manager, Model, Q, QuerySet, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from invoices.models import (
    BankLine,
    BooksCheck,
    CreditRequest,
    Delivery,
    Dispute,
    Finding,
    Invoice,
    Receivable,
    Refund,
    Reopening,
    RunStep,
    WriteOff,
)
from tenants.models import Bounce
from usage.models import Quarantined, SilenceAlarm

MOST = 1000
TROUBLED, TROUBLED_FOR = [Delivery.FAILED, Delivery.UNKNOWN, Delivery.BOUNCED], timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Kind:
    """One thing that waits: what it is called, who may see it, what counts, and where it is looked at."""

    name: Promise
    permission: str
    rows: Callable[[str, date], QuerySet[Model]]
    page: str
    query: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many of a kind wait, in words such as "1,000+", and the address of their list."""

    name: Promise
    count: int
    shown: str
    address: str
    urgent: bool


def _asked_of_others(wishes: Manager[Any]) -> Callable[[str, date], QuerySet[Model]]:
    return lambda me, _today: wishes.filter(approved=None).exclude(requested_by=me)


def _last_check(_me: str, _today: date) -> QuerySet[Model]:
    last = BooksCheck.objects.filter(ended_at__isnull=False).order_by("-pk").values("pk")[:1]
    return BooksCheck.objects.filter(pk__in=last).exclude(broken=[])


def _all_of(rows: Manager[Any], **those: object) -> Callable[[str, date], QuerySet[Model]]:
    return lambda _me, _today: rows.filter(**those)


KINDS = [
    Kind(
        _("Drafts to review"), "invoices.view_invoice",
        _all_of(Invoice.objects, state=Invoice.DRAFT), "invoices_invoice_review",
    ),
    Kind(
        _("Invoices another person put up for your approval"), "invoices.issue_invoice",
        lambda me, _today: Invoice.objects.filter(state=Invoice.REQUESTED).exclude(requested_by=me),
        "invoices_invoice", "state__exact=requested",
    ),
    Kind(
        _("Contracts parked in a close"), "invoices.view_runstep",
        _all_of(RunStep.objects, state=RunStep.PARKED, purpose="close"),
        "invoices_runstep", "state__exact=parked&purpose__exact=close", urgent=True,
    ),
    Kind(
        _("Findings to accept or mend"), "invoices.view_finding",
        _all_of(Finding.objects, severity=Finding.ERROR, accepted_at=None, step__purpose="close"),
        "invoices_finding", "severity__exact=error&accepted_at__isempty=1&step__purpose__exact=close",
    ),
    Kind(
        _("Requests for credit notes to decide"), "invoices.decide_creditrequest",
        _asked_of_others(CreditRequest.objects), "invoices_creditrequest", "approved__isnull=True",
    ),
    Kind(
        _("Refunds to decide"), "invoices.decide_refund", _asked_of_others(Refund.objects), "invoices_refund",
        "approved__isnull=True",
    ),
    Kind(
        _("Write-offs to decide"), "invoices.decide_writeoff", _asked_of_others(WriteOff.objects), "invoices_writeoff",
        "approved__isnull=True",
    ),
    Kind(
        _("Months to open again, to decide"), "invoices.decide_reopening", _asked_of_others(Reopening.objects),
        "invoices_reopening", "approved__isnull=True",
    ),
    Kind(_("Open questions of tenants"), "invoices.view_dispute", _all_of(Dispute.objects, closed_at=None), "invoices_dispute", "state=open"),
    Kind(
        _("Overdue invoices"), "invoices.view_receivable",
        lambda _me, today: Receivable.objects.exclude(open=0).filter(open__gt=0, due_on__lt=today),
        "invoices_invoice", "payment=overdue",
    ),
    Kind(_("Bank lines nobody has assigned"), "invoices.view_bankfile", _all_of(BankLine.objects, state=BankLine.WAITING), "invoices_bankfile"),
    Kind(
        _("Mails of the last 30 days that failed, bounced or are unknown"), "invoices.view_delivery",
        lambda _me, today: Delivery.objects.filter(state__in=TROUBLED, due_at__date__gte=today - TROUBLED_FOR),
        "invoices_delivery", "state__in=failed,unknown,bounced&due_at__date__gte={since}", urgent=True,
    ),
    Kind(
        _("Addresses whose mail comes back"), "tenants.view_bounce",
        lambda _me, _today: Bounce.objects.filter(~Q(kind=Bounce.SOFT), seen_at=None), "tenants_bounce", "seen_at__isempty=1",
    ),
    Kind(
        _("Records in quarantine"), "usage.view_quarantined", _all_of(Quarantined.objects, resolved_at=None),
        "usage_quarantinelisting",
    ),
    Kind(_("Silent sources"), "usage.view_silencealarm", _all_of(SilenceAlarm.objects, closed_at=None), "usage_silencealarm", "open=1", urgent=True),
    Kind(_("The last check of the books found something"), "invoices.view_bookscheck", _last_check, "invoices_bookscheck", urgent=True),
]  # fmt: skip


def waiting_for(request: HttpRequest) -> list[Waiting]:
    """List every kind this person may see, those of which something waits first; counted in one query."""
    kinds = [kind for kind in KINDS if request.user.has_perm(kind.permission)]
    me, today = request.user.get_username(), timezone.localdate()
    counts = counted([kind.rows(me, today) for kind in kinds])
    found = [
        Waiting(
            kind.name,
            count,
            f"{MOST:,}+" if count > MOST else f"{count:,}",
            _address(kind, today),
            kind.urgent and count > 0,
        )
        for kind, count in zip(kinds, counts, strict=True)
    ]
    return sorted(found, key=lambda each: not each.count)


def counted(lists: list[QuerySet[Model]]) -> list[int]:
    """Count each list up to MOST, one more stands for all the rest; however many lists, it is one query."""
    if not lists:
        return []
    parts, values = [], []
    for rows in lists:
        sql, own = rows.order_by().annotate(one=Value(1)).values("one")[: MOST + 1].query.sql_with_params()
        parts.append(f"(SELECT count(*) FROM ({sql}) AS waiting)")  # noqa: S608  # nosec B608
        values += own
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)  # nosec B608
        return list(cursor.fetchone())


def _address(kind: Kind, today: date) -> str:
    address = reverse(f"admin:{kind.page}_changelist" if kind.page.count("_") == 1 else f"admin:{kind.page}")
    return f"{address}?{kind.query.format(since=today - TROUBLED_FOR)}" if kind.query else address
