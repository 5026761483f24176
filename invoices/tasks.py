"""Wake-up calls of the invoices app; what is due is found in rows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from time import monotonic

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from billing.errors import Refused
from billing.mail import due_mails, give_up_interrupted
from billing.periods import period_containing
from invoices import auditing, beginning, closing, disputing, stepping, weighing
from invoices.approving import note_refusal
from invoices.budget_mails import tell_of_budget
from invoices.budgeting import due_tenants, put_off
from invoices.budgeting import watch_budgets as look_at_budgets
from invoices.drafting import draft_month
from invoices.fitting import due_reports, keep_report
from invoices.issuing import issue
from invoices.mailing import deliver
from invoices.models import BooksMail, Delivery, DisputeMail, StatementMail
from invoices.reminding import owe_reminders
from invoices.settling import let_settled_months_go as release_settled_months
from invoices.stating import owe_monthly_statements, send_statement
from invoices.trail.sealing import anchor_days, seal_trail
from tenants.models import BudgetMail, Contract

DELIVERIES_A_TICK, DELIVERY_EXPIRES_SECONDS = 500, 30  # by then the next tick asks for it again
WORKERS_WOKEN, WAKE_EXPIRES_SECONDS, SLICE_SECONDS = 8, 10, 20
REHEARSAL_HOUR = 3
LONG_SECONDS = 7200
TENANTS_A_TICK, BUDGET_SECONDS = 500, 40
REPORTS_A_TICK, REPORTS_SECONDS = 200, 40
log = structlog.get_logger(__name__)


@shared_task
def start_due_closes() -> None:
    """Start the closes of months whose grace is over, and once a night the rehearsal of the running month."""
    now = datetime.now(UTC)
    for run in closing.start_due_closes(now):
        log.info("close started", run_id=run.pk, seller=run.seller.code, month=f"{run.month:%Y-%m}")
    here = timezone.localtime(now)
    if here.hour >= REHEARSAL_HOUR:
        closing.start_rehearsals(here.date(), now)
    continue_closes()


@shared_task
def continue_closes() -> None:
    """Wake workers if closes have steps that nobody works on; a message that waits too long is not needed any more.

    A run whose last worker died before it said so has ended all the same.
    """
    closing.close_finished(datetime.now(UTC))
    for _ in range(min(closing.waiting_steps(), WORKERS_WOKEN)):
        work_on_closes.apply_async(expires=WAKE_EXPIRES_SECONDS)


@shared_task
def keep_closes_going() -> None:
    """Wake other workers, and work: so a close goes on even where every wake-up call waits until nobody needs it.

    A tick is never too old to work, so it ends long before the next: ticks that pile up would keep other tasks waiting.
    """
    continue_closes()
    _work_for(settings.ENVIRONMENT.close_every_seconds / 2)


@shared_task
def work_on_closes(run_id: int | None = None) -> None:
    """Work on steps of closes for a while; leave the worker to other tasks in between."""
    if _work_for(SLICE_SECONDS, run_id):
        work_on_closes.apply_async((run_id,), expires=WAKE_EXPIRES_SECONDS)


def _work_for(seconds: float, run_id: int | None = None) -> bool:
    """Work on steps until none is free or the time is over; return whether some may be left."""
    until = monotonic() + seconds
    while (left := until - monotonic()) > 0:
        if not work_on_some(run_id, left):
            return False
    return True


def work_on_some(run_id: int | None = None, seconds: float = SLICE_SECONDS) -> int:
    """Bring some steps as far as they go, and log what became of each; return how many there were to work on.

    After so many ``seconds`` none is begun any more.
    """
    claims = stepping.claim_some(datetime.now(UTC), run_id)
    for held, fault in stepping.work_through(claims, seconds=seconds):
        step = held.step
        told = log.bind(
            step_id=step.pk, tenant_id=step.tenant_id, contract_id=step.contract_id, period=held.period.label
        )
        if fault is not None:
            told.error("close step failed", exc_info=fault)  # it is parked; the others go on
        else:
            told.info("close step", state=step.state, reason=step.reason)
    return len(claims)


@shared_task
def check_books_tonight() -> None:
    """Ask for the nightly check of the books."""
    auditing.request_check(by=closing.SCHEDULE, now=datetime.now(UTC))
    check_books.delay()


@shared_task(time_limit=LONG_SECONDS, soft_time_limit=LONG_SECONDS - 60)
def check_books() -> None:
    """Do the check of the books that waits; each invariant that does not hold is an error in the log, and a mail."""
    now = datetime.now(UTC)
    check = auditing.waiting_check(now)
    if check is None or not auditing.run_check(check, now):
        return
    check.refresh_from_db()
    for each in check.broken:
        log.error("books are broken", invariant=each["invariant"], holds=each["sentence"], rows=each["rows"])
    tell_of_books()


@shared_task
def seal_the_trail() -> None:
    """Chain what was written into the audit trail; log the anchors of days gone by, so that they lie elsewhere too."""
    sealed = seal_trail()
    if sealed:
        log.info("audit trail sealed", entries=sealed)
    for anchor in anchor_days(datetime.now(UTC).date()):
        log.warning("audit anchor", day=f"{anchor.day}", seal=anchor.seal, hash=anchor.hash, entries=anchor.entries)


@shared_task
def tell_of_books() -> None:
    """Take up a check that was asked for, and send the mails about the books that are due."""
    now = datetime.now(UTC)
    if auditing.waiting_check(now):
        check_books.delay()
    give_up_interrupted(BooksMail, now)
    for mail_id in due_mails(BooksMail, now, DELIVERIES_A_TICK):
        log.info("mail about the books", mail_id=mail_id, state=auditing.tell(mail_id, datetime.now(UTC)))


@shared_task
def tell_of_disputes() -> None:
    """Send the mails about questions and answers that are due."""
    now = datetime.now(UTC)
    give_up_interrupted(DisputeMail, now)
    for mail_id in due_mails(DisputeMail, now, DELIVERIES_A_TICK):
        log.info("mail about a dispute", mail_id=mail_id, state=disputing.tell(mail_id, datetime.now(UTC)))


@shared_task
def watch_budgets() -> None:
    """Look at the budgets that are due, and send the mails about them; one that cannot be looked at keeps none waiting."""
    until = monotonic() + BUDGET_SECONDS
    for tenant_id in due_tenants(datetime.now(UTC), TENANTS_A_TICK):
        if monotonic() > until:
            break  # the next tick goes on
        try:
            for alert in look_at_budgets(tenant_id, datetime.now(UTC)):
                log.info("budget alert", tenant_id=tenant_id, alert_id=alert.pk, kind=alert.kind, percent=alert.percent)
        except Exception:
            log.exception("budgets not looked at", tenant_id=tenant_id)
            put_off(tenant_id, datetime.now(UTC))
    now = datetime.now(UTC)
    give_up_interrupted(BudgetMail, now)
    for mail_id in due_mails(BudgetMail, now, DELIVERIES_A_TICK):
        log.info("mail about a budget", mail_id=mail_id, state=tell_of_budget(mail_id, datetime.now(UTC)))


@shared_task(time_limit=LONG_SECONDS, soft_time_limit=LONG_SECONDS - 60)
def compare_contracts() -> None:
    """Work on comparisons that tenants asked for, for a while; leave the worker to other tasks in between."""
    until = monotonic() + SLICE_SECONDS
    while (left := until - monotonic()) > 0 and (held := weighing.claim()):
        try:
            weighing.work(held, datetime.now(UTC), seconds=left)
        except Exception:
            log.exception("comparison failed", comparison_id=held.asked.pk, tenant_id=held.asked.tenant_id)
    if weighing.waiting_comparisons():
        compare_contracts.apply_async(expires=WAKE_EXPIRES_SECONDS)


@shared_task
def keep_fit_reports() -> None:
    """Reckon the fit reports of issued months that have none yet; one that fails keeps none waiting."""
    until = monotonic() + REPORTS_SECONDS
    for invoice_id in due_reports(datetime.now(UTC), REPORTS_A_TICK):
        if monotonic() > until:
            break  # the next tick goes on
        try:
            keep_report(invoice_id, datetime.now(UTC))
        except Exception:
            log.exception("fit report not reckoned", invoice_id=invoice_id)


@shared_task
def let_settled_months_go() -> None:
    """Release months that retention keeps only for late calls, once those are settled."""
    for tenant_id, period in release_settled_months(datetime.now(UTC)):
        log.info("late calls are settled", tenant_id=tenant_id, period=period.isoformat())


@shared_task
def draft_contract_month(contract_id: int, starts_on: str) -> None:
    """Draft one contract's month; an issued one stays as it is."""
    contract = Contract.objects.select_related("tenant__seller").get(pk=contract_id)
    period = period_containing(date.fromisoformat(starts_on), contract.tenant.billing_day)
    try:
        draft_month(contract, period, datetime.now(UTC))
    except Refused as refusal:
        log.warning("month not drafted", contract_id=contract_id, period=period.label, code=refusal.code)


@shared_task
def make_sample(by: str) -> None:
    """Make the sample of an empty installation."""
    try:
        made = beginning.make_sample(datetime.now(UTC), by=by)
    except Refused as refusal:
        log.warning("sample not made", code=refusal.code)
    else:
        log.info("sample made", invoice_id=made.pk)


@shared_task
def issue_invoice(invoice_id: int, by: str) -> None:
    """Issue a draft and wake the mail up."""
    try:
        issue(invoice_id, by=by, now=datetime.now(UTC))
    except Refused as refusal:
        log.warning("invoice not issued", invoice_id=invoice_id, code=refusal.code)
        note_refusal(invoice_id, refusal, by=by, now=datetime.now(UTC))
    deliver_due.delay()


@shared_task
def issue_invoices(invoice_ids: list[int], by: str) -> None:
    """Issue what waits for approval, one after the other, so that numbers follow the order given."""
    for invoice_id in invoice_ids:
        issue_invoice(invoice_id, by)


@shared_task
def deliver_due() -> None:
    """Ask for every due delivery to be sent, and give up those whose sender died."""
    now = datetime.now(UTC)
    if interrupted := give_up_interrupted(Delivery, now):
        log.warning("deliveries unknown", count=interrupted)
    for delivery_id in due_mails(Delivery, now, DELIVERIES_A_TICK):
        deliver_one.apply_async((delivery_id,), expires=DELIVERY_EXPIRES_SECONDS)
    give_up_interrupted(StatementMail, now)
    for mail_id in due_mails(StatementMail, now, DELIVERIES_A_TICK):
        deliver_statement.apply_async((mail_id,), expires=DELIVERY_EXPIRES_SECONDS)


@shared_task
def deliver_statement(mail_id: int) -> None:
    """Send one statement of account, if nobody else has."""
    log.info("statement", mail_id=mail_id, state=send_statement(mail_id, datetime.now(UTC)))


@shared_task
def state_accounts() -> None:
    """Owe the monthly statements of account whose day has come."""
    if owed := owe_monthly_statements(datetime.now(UTC)):
        log.info("statements owed", mails=owed)
        deliver_due.delay()


@shared_task
def remind() -> None:
    """Owe the reminders whose day has come."""
    if reminded := owe_reminders(datetime.now(UTC)):
        log.info("reminders owed", invoices=reminded)
        deliver_due.delay()


@shared_task
def deliver_one(delivery_id: int) -> None:
    """Send one delivery, if nobody else has."""
    state = deliver(delivery_id, datetime.now(UTC))
    log.info("delivery", delivery_id=delivery_id, state=state)
