"""Opening a frozen month again: one person asks with a reason, another one decides."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.models import CloseRun, Invoice, Reopening, RunStep
from tenants.models import Tenant
from usage import freezing
from usage.models import UsageMonth


class CannotReopen(Refused):
    """The month must stay frozen, or this person must not decide."""

    status = 409


def request_reopening(tenant: Tenant, period: date, *, reason: str, by: str, now: datetime) -> Reopening:
    """Ask for a frozen month to be opened; a request that waits already is given back.

    Raises CannotReopen without a reason, when the month is not frozen, or when an invoice of it is issued: what came
    after that is settled with the next one.
    """
    if not reason.strip() or not by:
        raise CannotReopen("reason_needed", _("Say why the month is to be opened."), pointer="/reason")
    with transaction.atomic(durable=True):
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        _refuse_unless_frozen(tenant, period)
        found, _made = Reopening.objects.get_or_create(
            tenant=tenant, period_starts_on=period, approved=None,
            defaults={"reason": reason.strip()[:300], "requested_by": by, "requested_at": now},
        )  # fmt: skip
    return found


def decide(reopening_id: int, *, approve: bool, by: str, now: datetime) -> Reopening:
    """Approve or decline a request. Approved, the month takes calls again, and its drafts are made anew.

    Raises CannotReopen when it is decided already, for the person who asked, or when an invoice was issued meanwhile.
    """
    with transaction.atomic(durable=True):
        asked = Reopening.objects.select_related("tenant").get(pk=reopening_id)
        Tenant.objects.select_for_update().get(pk=asked.tenant_id)
        asked.refresh_from_db()
        asked.refuse_decision(by, CannotReopen)
        if approve:
            _refuse_unless_frozen(asked.tenant, asked.period_starts_on)
            asked.taken_in = freezing.reopen(asked.tenant_id, asked.period_starts_on, now)
            _plan_again(asked.tenant_id, asked.period_starts_on, now)
        asked.approved, asked.decided_by, asked.decided_at = approve, by, now
        asked.save()
    return asked


def _refuse_unless_frozen(tenant: Tenant, period: date) -> None:
    if not UsageMonth.objects.filter(tenant_id=tenant.pk, period=period, state=UsageMonth.FROZEN).exists():
        raise CannotReopen("not_frozen", _("This month is open."))
    issued = Invoice.objects.filter(tenant=tenant, period_starts_on=period, state=Invoice.ISSUED).first()
    if issued is not None:
        raise CannotReopen(
            "issued",
            _("%(number)s is issued; what came later is settled with the next invoice.") % {"number": issued.number},
        )


def _plan_again(tenant_id: int, period: date, now: datetime) -> None:
    """Have the steps of a close that had ended for this month worked again."""
    steps = RunStep.objects.filter(
        tenant_id=tenant_id, period_starts_on=period, purpose=CloseRun.CLOSE, state=RunStep.READY
    )
    runs = list(steps.values_list("run_id", flat=True))
    steps.update(state=RunStep.PLANNED, claimed_until=None, attempts=0, changed_at=now)
    CloseRun.objects.filter(pk__in=runs, state=CloseRun.DONE).update(state=CloseRun.RUNNING, finished_at=None)
