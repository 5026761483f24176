"""Working on the steps of a close: claim some; count, rate and check each, and store its draft with what was found.

A claim lasts as long as its heart beats. Every transition names the fence of its claim, in the transaction that does
the work, so that a worker that was taken for dead changes nothing any more.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import inf
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _
from psycopg.sql import SQL, Identifier

from billing.errors import Refused
from billing.periods import Period, period_containing
from invoices.checking import check, keep_findings
from invoices.closing import close_if_done
from invoices.drafting import AlreadyIssued, Draft, compute_draft, lock_tenant, store_draft
from invoices.forecasting import outlook
from invoices.gathering import Known, gather
from invoices.models import CloseRun, Finding, Invoice, RunStep
from tenants.contracts import NotInForce
from tenants.models import Contract
from usage.aggregation import count_month_of, is_stale
from usage.freezing import freeze

TRIES, AT_ONCE = 5, 40
LONG_SECONDS = 1.0  # so long a stage is noted when it ends, and not done again after a kill; others with the last one
CLAIM = """
WITH free AS MATERIALIZED (
    SELECT s.id FROM invoices_runstep AS s JOIN invoices_closerun AS r ON r.id = s.run_id
    WHERE r.state = 'running' AND s.state IN ('planned', 'counted', 'drafted')
    AND (r.id = %(run)s OR %(run)s::bigint IS NULL)
    AND (s.claimed_until IS NULL OR s.claimed_until < clock_timestamp()) ORDER BY s.run_id, s.id LIMIT 8 * %(most)s
), next AS MATERIALIZED (
    SELECT s.id FROM invoices_runstep AS s JOIN invoices_closerun AS r ON r.id = s.run_id
    WHERE r.state = 'running' AND s.state IN ('planned', 'counted', 'drafted')
    AND (r.id = %(run)s OR %(run)s::bigint IS NULL)
    AND (s.claimed_until IS NULL OR s.claimed_until < clock_timestamp()) ORDER BY s.run_id, s.id
    LIMIT (SELECT LEAST(%(most)s, 1 + count(*) / 8) FROM free) FOR UPDATE OF s SKIP LOCKED
)
UPDATE invoices_runstep AS s SET fence = fence + 1, claimed_until = clock_timestamp() + %(lease)s * interval '1 second'
FROM next WHERE s.id = next.id RETURNING s.id, s.fence
"""
HOLDS = """
SELECT EXISTS (SELECT FROM invoices_runstep AS s JOIN invoices_closerun AS r ON r.id = s.run_id
    WHERE s.id = %s AND s.fence = %s AND s.state IN ('planned', 'counted', 'drafted') AND s.claimed_until IS NOT NULL
    AND r.state = 'running')
"""
LOCK = """
SELECT FROM tenants_tenant WHERE id = %s FOR UPDATE;
SELECT EXISTS (SELECT FROM invoices_runstep WHERE id = %s AND fence = %s AND state IN ('planned', 'counted', 'drafted'))
"""
BEAT = """
UPDATE {} SET claimed_until = clock_timestamp() + %s * interval '1 second'
WHERE claimed_until IS NOT NULL AND (id, fence) IN (SELECT * FROM unnest(%s::int8[], %s::int8[]))
"""
WAITING = """
SELECT count(*) FILTER (WHERE s.state <> 'ready'), min(i.drafted_at)
FROM invoices_runstep AS s LEFT JOIN invoices_invoice AS i ON i.id = s.invoice_id
WHERE s.run_id = %s AND s.tenant_id = %s AND s.period_starts_on = %s
"""


class LostClaim(Exception):
    """Another worker has the step, or a person parked it: leave everything as it is."""


@dataclass(slots=True)
class Claim:
    """A step that this worker, and no other, works on."""

    step: RunStep
    fence: int
    now: datetime
    period: Period
    known: Known

    def lock(self) -> None:
        """Have others who draft, check or decide for the tenant wait for the caller's transaction. Raises LostClaim."""
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [self.step.tenant_id, self.step.pk, self.fence])
            cursor.nextset()
            if not cursor.fetchone()[0]:
                raise LostClaim

    def move(self, **changes: Any) -> None:
        """Change the step, if the claim still holds. Raises LostClaim."""
        held = RunStep.objects.filter(pk=self.step.pk, fence=self.fence, state__in=RunStep.OPEN)
        if not held.update(changed_at=self.now, **changes):
            raise LostClaim
        for name, value in changes.items():
            setattr(self.step, name, value)

    def goes_on(self) -> bool:
        """Tell whether the claim still holds, and nobody stopped the run."""
        with connection.cursor() as cursor:
            cursor.execute(HOLDS, [self.step.pk, self.fence])
            return bool(cursor.fetchone()[0])

    def note(self, stage: str, begun: float, **figures: Any) -> dict[str, Any]:
        """Add a stage's seconds and figures to the step's line in the report."""
        so_far: dict[str, Any] = self.step.figures
        seconds = so_far.get("seconds", {}) | {stage: round(perf_counter() - begun, 4)}
        return so_far | figures | {"seconds": seconds}


def claim(now: datetime, run_id: int | None = None) -> Claim | None:
    """Take the next step that nobody works on, of one run or of any; None when there is none."""
    return next(iter(claim_some(now, run_id, most=1)), None)


def claim_some(now: datetime, run_id: int | None = None, *, most: int = AT_ONCE) -> list[Claim]:
    """Take the next steps that nobody works on: few when few are left, so that every worker has some to the end.

    What all of them need is read at once. Whatever is agreed from now on is noticed when the invoice is issued.
    """
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"lease": settings.ENVIRONMENT.close_lease_seconds, "run": run_id, "most": most})
        fences = dict(cursor.fetchall())
    steps = RunStep.objects.filter(pk__in=fences).select_related("run", "tenant__seller").order_by("pk")
    months: dict[RunStep, tuple[Contract, Period]] = {}
    for step in steps.prefetch_related("tenant__contracts__versions", "tenant__contacts"):
        step.contract = next(each for each in step.tenant.contracts.all() if each.pk == step.contract_id)
        months[step] = step.contract, period_containing(step.period_starts_on, step.tenant.billing_day)
    known = gather(months.values()) if months else {}
    return [
        Claim(step, fences[step.pk], now, period, known[contract.pk, period.starts_on])
        for step, (contract, period) in months.items()
    ]


def work(held: Claim) -> None:
    """Bring a claimed step as far as it goes: ready, or parked with a reason; or leave it for another try.

    A fault of the database passes; any other fault parks the contract and is raised, for the log. The others go on.
    """
    for _held, fault in work_through([held]):
        if fault is not None:
            raise fault


def work_through(claims: list[Claim], *, seconds: float = inf) -> Iterator[tuple[Claim, Exception | None]]:
    """Work on claimed steps one after the other; yield each with the fault that parked it, if the program had one.

    After so many ``seconds`` none is begun any more; what is left is given back.
    """
    until = perf_counter() + seconds
    with beating("invoices_runstep", {held.step.pk: held.fence for held in claims}), _not_waiting_for_the_disk():
        for number, held in enumerate(claims):
            if number == 0 or (perf_counter() < until and held.goes_on()):
                yield held, _worked(held)
            else:
                _give_back(held)
    for run_id in {held.step.run_id for held in claims}:
        close_if_done(run_id, claims[0].now)


def _worked(held: Claim) -> Exception | None:
    try:
        _advance(held)
    except LostClaim:
        return None
    except Refused as refusal:
        _give_up(held, refusal.message)
    except OperationalError as fault:
        connection.close_if_unusable_or_obsolete()
        if held.step.attempts + 1 >= TRIES:
            _give_up(held, _("The database did not answer: %(fault)s") % {"fault": str(fault).strip()})
        else:
            _try_again(held)
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is handed on, and stops no other contract
        _give_up(held, _("A fault of the program: %(fault)s. See the log.") % {"fault": type(fault).__name__})
        return fault
    return None


def _advance(held: Claim) -> None:
    if held.step.run.purpose == CloseRun.SHADOW:
        _rehearse(held)
        return
    if held.step.state == RunStep.PLANNED:
        begun = perf_counter()
        count_month_of(held.step.contract, held.period, held.now)
        held.step.figures = held.note("counted", begun)
        if _took_long(begun):
            held.move(state=RunStep.COUNTED, figures=held.step.figures)
    if held.step.state == RunStep.DRAFTED and held.step.invoice is not None:
        _end(held, held.step.invoice.document)
        return
    begun = perf_counter()
    draft = compute_draft(held.step.contract, held.period, held.known)
    held.step.figures = held.note("rated", begun, **_figures(draft, held.known))
    try:
        if _took_long(begun):
            with transaction.atomic(durable=True):
                held.move(state=RunStep.DRAFTED, invoice=store_draft(draft, held.now), figures=held.step.figures)
        _end(held, draft.document, draft)
    except AlreadyIssued:
        issued = Invoice.objects.get(contract=held.step.contract, period_starts_on=held.period.starts_on)
        with transaction.atomic(durable=True):
            held.move(state=RunStep.READY, invoice=issued, figures=held.step.figures, claimed_until=None)


def _took_long(begun: float) -> bool:
    return perf_counter() - begun >= LONG_SECONDS


def _end(held: Claim, document: dict[str, Any], draft: Draft | None = None) -> None:
    """Check a draft and store it, if it is not, with what was found. Raises AlreadyIssued.

    Ready when no error is left to accept, else parked. A ready month is frozen.
    """
    begun = perf_counter()
    found = check(held.step.contract, held.period, document, held.now, held.known)
    held.step.figures, begun = held.note("checked", begun), perf_counter()
    with transaction.atomic(durable=True):
        held.lock()
        if is_stale(held.step.tenant_id, held.period.starts_on):
            held.move(state=RunStep.PLANNED, claimed_until=None)  # calls came in since: what was found is old
            return
        invoice = (
            held.step.invoice if draft is None or held.step.state == RunStep.DRAFTED else store_draft(draft, held.now)
        )
        assert invoice is not None, "a drafted step has its draft"  # noqa: S101  # nosec B101
        open_errors = keep_findings(held.step, found, held.now)
        changes: dict[str, Any] = {
            "state": RunStep.PARKED if open_errors else RunStep.READY,
            "reason": " ".join(each.code for each in open_errors)[:500],
        }
        held.move(invoice=invoice, figures=held.note("drafted", begun), claimed_until=None, **changes)
        if not open_errors:
            if invoice.blocked:  # by usage that no clause takes, which was accepted with a reason
                Invoice.objects.filter(pk=invoice.pk, state=Invoice.DRAFT).update(blocked=False)
            freeze_if_ready(held.step, held.now)


def freeze_if_ready(step: RunStep, now: datetime) -> bool:
    """Freeze a tenant's month when all its contracts are ready, within the caller's transaction.

    When calls came in after a draft was computed, all of them are planned again instead; returns False then.
    """
    of_month: dict[str, Any] = {
        "run_id": step.run_id,
        "tenant_id": step.tenant_id,
        "period_starts_on": step.period_starts_on,
    }
    with connection.cursor() as cursor:
        cursor.execute(WAITING, list(of_month.values()))
        waiting, drafted_at = cursor.fetchone()
    if waiting:
        return True
    if drafted_at is None or freeze(step.tenant_id, step.period_starts_on, drafted_at=drafted_at, now=now):
        return True
    RunStep.objects.filter(**of_month).update(state=RunStep.PLANNED, claimed_until=None, changed_at=now)
    return False


def _rehearse(held: Claim) -> None:
    """Count and rate as a close would, check the draft, and keep nothing but what was found."""
    begun = perf_counter()
    count_month_of(held.step.contract, held.period, held.now)
    draft = compute_draft(held.step.contract, held.period, held.known)
    found = check(held.step.contract, held.period, draft.document, held.now, held.known)
    with transaction.atomic(durable=True):
        open_errors = keep_findings(held.step, found, held.now)
        state = RunStep.PARKED if open_errors else RunStep.READY
        reason = " ".join(each.code for each in open_errors)[:500]
        held.move(
            state=state,
            reason=reason,
            figures=held.note("rehearsed", begun, **_figures(draft, held.known), expected=_expected(held, draft)),
            claimed_until=None,
        )


def _expected(held: Claim, draft: Draft) -> str | None:
    """Forecast what a running month's draft comes to by its end, with tax; None for a month that does not run."""
    today = held.now.astimezone(ZoneInfo(held.step.tenant.zone)).date()
    with contextlib.suppress(NotInForce):
        if today in held.period:
            seen = outlook(held.step.contract, held.period, today)
            return str(draft.bill.total + seen.expected_bill.total - seen.bill.total)
    return None


def _figures(draft: Draft, known: Known) -> dict[str, Any]:
    """Give a draft's line in the close report; see ``invoices.reporting``."""
    document = draft.document
    return asdict(known.delivered) | {
        "stored": document["evidence"]["calls"],
        "counted": document["summary"]["calls"],
        "talk_seconds": document["summary"]["talk_seconds"],
        "late": sum(each.more for each in draft.settled),
        "currency": draft.bill.currency,
        "net": str(draft.bill.net),
        "total": str(draft.bill.total),
        "last_total": (document["previous"] or {}).get("total"),
    }


def _give_up(held: Claim, reason: str) -> None:
    with contextlib.suppress(LostClaim), transaction.atomic(durable=True):
        held.move(state=RunStep.PARKED, reason=reason[:500], claimed_until=None)


def _give_back(held: Claim) -> None:
    with contextlib.suppress(LostClaim):
        held.move(claimed_until=None)


def _try_again(held: Claim) -> None:
    with contextlib.suppress(LostClaim, OperationalError):
        held.move(attempts=held.step.attempts + 1, claimed_until=None)


def accept(finding_id: int, *, reason: str, by: str, now: datetime) -> Finding:
    """Accept a finding; the contract goes on when it was the last error. Raises Refused without a reason or a name."""
    if not reason.strip() or not by:
        raise Refused("reason_needed", _("Say why this is accepted."), pointer="/reason")
    with transaction.atomic(durable=True):
        finding = Finding.objects.select_related("step").get(pk=finding_id)
        lock_tenant(finding.step.tenant_id)
        accepted = Finding.objects.filter(pk=finding_id, accepted_at__isnull=True)
        accepted.update(accepted_at=now, accepted_by=by[:150], accepted_reason=reason.strip()[:300])
        step = RunStep.objects.select_for_update().get(pk=finding.step_id)
        waits = step.findings.filter(severity=Finding.ERROR, accepted_at__isnull=True).exists()
        if step.state == RunStep.PARKED and not step.parked_by and not waits:
            # Checked again from its draft on, so that what was accepted is what is there.
            RunStep.objects.filter(pk=step.pk).update(
                state=RunStep.PLANNED, reason="", claimed_until=None, changed_at=now
            )
            CloseRun.objects.filter(pk=step.run_id, state=CloseRun.DONE).update(
                state=CloseRun.RUNNING, finished_at=None
            )
    finding.refresh_from_db()
    return finding


@contextlib.contextmanager
def _not_waiting_for_the_disk() -> Iterator[None]:
    """Let commits return before they are on disk: the steps that a crash undoes are done again.

    PostgreSQL forgets only the latest, in order; whoever builds on a step, a late call or an issued invoice, waits for
    the disk himself, and thereby for the step.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    try:
        yield
    finally:
        with contextlib.suppress(OperationalError), connection.cursor() as cursor:
            cursor.execute("RESET synchronous_commit")


@contextlib.contextmanager
def beating(table: str, fences: Mapping[int, int]) -> Iterator[None]:
    """Keep claims of a table's rows, by id and fence, alive while the block works, from a thread with its own connection."""
    over = threading.Event()
    held = [list(fences), list(fences.values())]
    statement = SQL(BEAT).format(Identifier(table))

    def beat() -> None:
        lease = settings.ENVIRONMENT.close_lease_seconds
        try:
            while not over.wait(lease / 3):
                with contextlib.suppress(OperationalError), connection.cursor() as cursor:
                    cursor.execute(statement, [lease, *held])
        finally:
            connection.close()

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        over.set()
        heart.join()
