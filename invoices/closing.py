"""Closing a seller's month: the run, the steps it plans, and what people may do to both.

A run is rows. Whoever starts it, and however often, there is one; its steps are worked on by ``invoices.stepping``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, add_months, clamped, period_containing
from invoices.models import CloseRun, RunStep
from invoices.settling import waits_after_end
from tenants.models import Contract, Seller, Tenant
from usage.recounting import late_months

MONTHS_BACK = 4
SCHEDULE = "schedule"


class CannotClose(Refused):
    """There is nothing to close, or the run is not in a state for it."""

    status = 409


@dataclass(frozen=True, slots=True)
class Due:
    """A contract's month that may be closed."""

    contract: Contract
    period: Period


def due(seller: Seller, month: date, now: datetime, *, grace_days: int = 0, unplanned: bool = False) -> Iterator[Due]:
    """List the contracts in force in the periods that begin in a calendar month, if those have ended and are billed here.

    A contract that ended before is listed, too, while something that came late is not settled by any of its drafts.
    So is one of a suspended tenant, and of a closed one up to the contract's end: what was used is invoiced.

    With ``grace_days``, only periods that ended at least so many days ago; ``unplanned``, only those without a step in
    any run, also a cancelled one.
    """
    contracts = (
        Contract.objects.filter(tenant__seller=seller)
        .exclude(tenant__status=Tenant.CLOSED, ends_on=None)
        .select_related("tenant")
        .annotate(first_on=Min("versions__starts_on", filter=Q(versions__signed_at__isnull=False)))
    )
    if unplanned:
        following = add_months(month.replace(day=1), 1)
        contracts = contracts.exclude(
            Exists(
                RunStep.objects.filter(
                    contract=OuterRef("pk"), purpose=CloseRun.CLOSE,
                    period_starts_on__gte=month.replace(day=1), period_starts_on__lt=following,
                )
            )
        )  # fmt: skip
    contracts = contracts.filter(first_on__isnull=False).order_by("pk")
    late = {tenant_id for tenant_id, _ in late_months({each.tenant_id for each in contracts if each.ends_on})}
    for contract in contracts:
        tenant = contract.tenant
        period = period_containing(clamped(month.year, month.month, tenant.billing_day), tenant.billing_day)
        in_force = contract.first_on < period.ends_on and (contract.ends_on or date.max) > period.starts_on
        billed_here = seller.billing_starts_on is None or period.starts_on >= seller.billing_starts_on
        ended = period.instants(tenant.zone)[1] + timedelta(days=grace_days) <= now
        if billed_here and ended and (in_force or (tenant.pk in late and waits_after_end(contract, period))):
            yield Due(contract, period)


def start_close(seller: Seller, month: date, *, by: str, now: datetime, tenant: Tenant | None = None) -> CloseRun:
    """Start the close of a month, or find the one that runs or is done, and plan what it lacks; return it.

    Raises CannotClose when no contract's month may be closed. A stopped run stays stopped.
    """
    found = list(due(seller, month, now))
    if tenant is not None:
        found = [each for each in found if each.contract.tenant_id == tenant.pk]
    if not found:
        raise CannotClose(
            "nothing_to_close", _("No contract has a month to close in %(month)s.") % {"month": f"{month:%Y-%m}"}
        )
    return _plan(seller, month.replace(day=1), CloseRun.CLOSE, found, by, now)


def start_due_closes(now: datetime) -> list[CloseRun]:
    """Start, or complete, the closes of every seller's months whose grace is over; return those that got steps.

    Looks a few months back, for the time when nobody ticked.
    """
    started = []
    for seller in Seller.objects.filter(closes_by_itself=True):
        this = (now - timedelta(days=seller.grace_days)).date().replace(day=1)
        for month in [add_months(this, -back) for back in range(MONTHS_BACK, -1, -1)]:
            found = list(due(seller, month, now, grace_days=seller.grace_days, unplanned=True))
            if found:
                started.append(_plan(seller, month, CloseRun.CLOSE, found, SCHEDULE, now))
    return started


def start_rehearsals(day: date, now: datetime) -> list[CloseRun]:
    """Start today's rehearsal of the running month of every seller, unless it ran: one for each day."""
    month, revision = day.replace(day=1), int(f"{day:%Y%m%d}")
    started = []
    for seller in Seller.objects.exclude(closes__purpose=CloseRun.SHADOW, closes__revision=revision):
        found = list(due(seller, month, now + timedelta(days=62)))  # as if the running month had ended
        if found:
            started.append(_plan(seller, month, CloseRun.SHADOW, found, SCHEDULE, now, revision=revision))
    return started


def waiting_steps() -> int:
    """Count the steps of running closes that nobody works on."""
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=Now())
    return RunStep.objects.filter(free, run__state=CloseRun.RUNNING, state__in=RunStep.OPEN).count()


def _plan(
    seller: Seller, month: date, purpose: str, found: list[Due], by: str, now: datetime, *, revision: int | None = None
) -> CloseRun:
    """Make the run and its steps where they are missing; unique keys decide between those who come at once."""
    with transaction.atomic(durable=True):
        runs = CloseRun.objects.filter(seller=seller, month=month, purpose=purpose)
        last = runs.order_by("-revision").first()
        if revision is None:
            cancelled = last is not None and last.state == CloseRun.CANCELLED
            revision = (last.revision if last else 1) + cancelled
        run, _made = runs.get_or_create(
            seller=seller, month=month, purpose=purpose, revision=revision,
            defaults={"started_at": now, "started_by": by},
        )  # fmt: skip
        run = CloseRun.objects.select_for_update().get(pk=run.pk)
        known = set(run.steps.values_list("contract_id", flat=True))
        missing = [
            RunStep(run=run, tenant_id=each.contract.tenant_id, contract=each.contract, purpose=purpose,
                    period_starts_on=each.period.starts_on, revision=revision, changed_at=now)
            for each in found if each.contract.pk not in known
        ]  # fmt: skip
        RunStep.objects.bulk_create(missing, batch_size=1000)
        if missing and run.state == CloseRun.DONE:
            run.state, run.finished_at = CloseRun.RUNNING, None
            run.save(update_fields=["state", "finished_at"])
    return run


# -- what people do to a run --------------------------------------------------------------------------------------------


def stop(run_id: int) -> None:
    """Let no further step begin; those begun end by themselves. Raises CannotClose."""
    _switch(run_id, CloseRun.RUNNING, CloseRun.STOPPED)


def go_on(run_id: int) -> None:
    """Continue a stopped run. Raises CannotClose."""
    _switch(run_id, CloseRun.STOPPED, CloseRun.RUNNING)


def cancel(run_id: int, now: datetime) -> None:
    """Give a run up: its drafts stay drafts, and the next start begins a new revision. Raises CannotClose."""
    changed = CloseRun.objects.filter(pk=run_id, state__in=[CloseRun.RUNNING, CloseRun.STOPPED])
    if not changed.update(state=CloseRun.CANCELLED, finished_at=now):
        raise CannotClose("not_running", _("This run has ended."))


def _switch(run_id: int, before: str, after: str) -> None:
    if not CloseRun.objects.filter(pk=run_id, state=before).update(state=after):
        raise CannotClose("wrong_state", _("The run is not in a state for this; look at it again."))


def park(step_id: int, *, reason: str, by: str, now: datetime) -> None:
    """Set a contract aside; the others go on. Raises CannotClose without a reason, or when its step has ended."""
    if not reason.strip():
        raise CannotClose("reason_needed", _("Say why the contract is set aside."), pointer="/reason")
    open_steps = RunStep.objects.filter(pk=step_id, state__in=RunStep.OPEN)
    parked = open_steps.update(
        state=RunStep.PARKED, reason=reason.strip()[:500], parked_by=by, claimed_until=None, changed_at=now
    )
    if not parked:
        raise CannotClose("wrong_state", _("This step has ended; look at it again."))
    close_if_done(RunStep.objects.get(pk=step_id).run_id, now)


def resume(step_id: int, now: datetime) -> None:
    """Have a parked contract counted, drafted and checked again. Raises CannotClose when it is not parked."""
    with transaction.atomic(durable=True):
        parked = RunStep.objects.select_for_update().filter(pk=step_id, state=RunStep.PARKED)
        for step in parked:
            _switch_on(step.run_id)
        if not parked.update(
            state=RunStep.PLANNED, reason="", parked_by="", attempts=0, claimed_until=None, changed_at=now
        ):
            raise CannotClose("not_parked", _("This contract is not parked."))


def _switch_on(run_id: int) -> None:
    run = CloseRun.objects.select_for_update().get(pk=run_id)
    if run.state == CloseRun.CANCELLED:
        raise CannotClose("not_running", _("This run has ended."))
    if run.state == CloseRun.DONE:
        CloseRun.objects.filter(pk=run_id).update(state=CloseRun.RUNNING, finished_at=None)


def close_if_done(run_id: int, now: datetime) -> bool:
    """Note that a run has ended when none of its steps is open; return whether it has."""
    with transaction.atomic():
        run = CloseRun.objects.select_for_update().get(pk=run_id)
        if run.state == CloseRun.RUNNING and not run.steps.filter(state__in=RunStep.OPEN).exists():
            run.state, run.finished_at = CloseRun.DONE, now
            run.save(update_fields=["state", "finished_at"])
    return run.state == CloseRun.DONE


def close_finished(now: datetime) -> None:
    """Note the end of every run that has no open step."""
    working = Exists(RunStep.objects.filter(run=OuterRef("pk"), state__in=RunStep.OPEN))
    for run_id in CloseRun.objects.filter(~working, state=CloseRun.RUNNING).values_list("pk", flat=True):
        close_if_done(run_id, now)


# -- how far it is ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """How many steps of a run are in each state, and the time it will still take at the pace so far, if known."""

    counts: dict[str, int]
    left: timedelta | None

    @property
    def total(self) -> int:
        """Count the steps."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """Count the steps that are ready or parked."""
        return self.counts[RunStep.READY] + self.counts[RunStep.PARKED]


def progress_of(run: CloseRun, now: datetime) -> Progress:
    """Tell how far a run is."""
    found = dict(run.steps.order_by().values_list("state").annotate(Count("pk")))
    counts = {state: found.get(state, 0) for state, _name in RunStep.STATES}
    ended = counts[RunStep.READY] + counts[RunStep.PARKED]
    waiting = sum(counts.values()) - ended
    pace = (now - run.started_at) / ended if ended else None
    return Progress(counts, pace * waiting if pace is not None and run.state == CloseRun.RUNNING else None)
