"""Statements of account (对账单) on paper and by mail: of a month by themselves, of any days when a person asks."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.mail import compose, send_once
from billing.periods import add_months
from invoices.ageing import ageing, balances, statement
from invoices.models import Receivable, StatementMail
from invoices.rendering import Account, render_statement, render_statement_mail
from invoices.wording import Language
from tenants.models import Tenant

MAILED_ON = range(1, 8)  # the days of a month on which the month before is mailed, should some go by without a run


class CannotState(Refused):
    """The statement cannot be mailed as asked."""

    status = 409


def account_of(tenant: Tenant, currency: str, starts_on: date, ends_on: date, today: date) -> Account:
    """Write a tenant's account from a day up to another, exclusive, for printing; its ages are those of ``today``."""
    drawn = statement(tenant, currency, starts_on, ends_on)
    parties = "name_zh name_en tax_id address_zh address_en".split()
    seller, still_open = tenant.seller, Receivable.objects.exclude(open=0).filter(tenant=tenant, currency=currency)
    listed = still_open.filter(open__gt=0).select_related("invoice").order_by("due_on", "pk")
    return {
        "language": cast("Language", tenant.language), "currency": currency, "drawn_on": today.isoformat(),
        "period": {"start": starts_on.isoformat(), "end": ends_on.isoformat()},
        "seller": {name: getattr(seller, name) for name in [*parties, "phone", "email", "bank_name", "bank_account"]},
        "buyer": {name: getattr(tenant, name) for name in ["code", *parties]},
        "opening": f"{drawn.opening:f}", "closing": f"{drawn.closing:f}",
        "rows": [
            {"on": row.on.isoformat(), "kind": row.kind, "name": row.name, "amount": f"{row.amount:f}", "balance": f"{row.balance:f}"}
            for row in drawn.rows
        ],
        "ages": _ages(tenant, currency, today),
        "open": [
            {"number": each.invoice.number or "", "due_on": each.due_on.isoformat(), "open": f"{each.open:f}"} for each in listed
        ],
    }  # fmt: skip


def owe_statement(tenant: Tenant, currency: str, starts_on: date, ends_on: date, *, by: str, now: datetime) -> int:
    """Put a statement into the queue for each contact who receives invoices; return how many.

    Raises CannotState when the days end before they begin, when nobody receives it, or when it is on its way already.
    """
    if ends_on <= starts_on:
        raise CannotState("no_days", _("The last day lies before the first; turn them round."))
    owed = _owed(tenant, currency, starts_on, ends_on, by=by, now=now)
    if not owed:
        raise CannotState("no_recipient", _("No contact of this tenant receives invoices; enter one first."))
    with transaction.atomic(durable=True):
        Tenant.objects.select_for_update().get(pk=tenant.pk)
        waiting = StatementMail.objects.filter(
            tenant=tenant, currency=currency, starts_on=starts_on, ends_on=ends_on,
            state__in=[StatementMail.QUEUED, StatementMail.SENDING],
        )  # fmt: skip
        if waiting.exists():
            raise CannotState("waits", _("It is to be sent anyway."))
        StatementMail.objects.bulk_create(owed)
    return len(owed)


def owe_monthly_statements(now: datetime) -> int:
    """Put the statements of the month before into the queue, in the first days of a month in the tenant's zone.

    One for each currency in which something moved or is owed, once for each contact. Return how many mails are new.
    """
    made = 0
    for tenant in Tenant.objects.filter(gets_statements=True).exclude(status=Tenant.CLOSED).select_related("seller"):
        today = now.astimezone(ZoneInfo(tenant.zone)).date()
        ends_on = today.replace(day=1)
        if today.day not in MAILED_ON or StatementMail.objects.filter(tenant=tenant, ends_on=ends_on, by="").exists():
            continue
        for currency in sorted({tenant.currency, *balances(tenant.pk)}):
            starts_on = add_months(ends_on, -1)
            drawn = statement(tenant, currency, starts_on, ends_on)
            if drawn.rows or drawn.opening:
                owed = _owed(tenant, currency, starts_on, ends_on, by="", now=now)
                made += len(StatementMail.objects.bulk_create(owed, ignore_conflicts=True))
    return made


def send_statement(mail_id: int, now: datetime) -> str:
    """Send one queued statement at most once; return the state it ends in (billing.mail.send_once)."""
    return send_once(StatementMail, mail_id, now, lambda pk: _message(pk, now))


def send_statement_again(mail_id: int, *, reason: str, by: str, now: datetime) -> StatementMail:
    """Have a statement sent again as it was, because a person says so.

    What failed or is unknown keeps its Message-ID; what went out is sent as a copy. Raises CannotState without a reason,
    or while the same is to be sent anyway.
    """
    if not reason.strip() or not by:
        raise CannotState("reason_needed", _("Say why it is sent again."), pointer="/reason")
    with transaction.atomic(durable=True):
        mail = StatementMail.objects.select_for_update().get(pk=mail_id)
        same = {name: getattr(mail, name) for name in ("tenant", "currency", "starts_on", "ends_on", "recipient")}
        if StatementMail.objects.filter(**same, state__in=[StatementMail.QUEUED, StatementMail.SENDING]).exists():
            raise CannotState("waits", _("It is to be sent anyway."))
        if mail.state not in (StatementMail.FAILED, StatementMail.UNKNOWN):
            kept = {name: getattr(mail, name) for name in ("account", "pdf", "sha256")}
            mail = StatementMail(**same, **kept, by=by, message_id=mail.tenant.seller.new_message_id())
        mail.state, mail.attempts, mail.due_at, mail.answer = StatementMail.QUEUED, 0, now, ""
        mail.reason = f"{by}: {' '.join(reason.split())}"[:300]
        mail.save()
    return mail


def _owed(
    tenant: Tenant, currency: str, starts_on: date, ends_on: date, *, by: str, now: datetime
) -> list[StatementMail]:
    return [
        StatementMail(
            tenant=tenant, currency=currency, starts_on=starts_on, ends_on=ends_on, by=by, recipient=contact.email,
            message_id=tenant.seller.new_message_id(), due_at=now,
        )
        for contact in tenant.recipients()
    ]  # fmt: skip


def _message(mail_id: int, now: datetime) -> EmailMessage:
    owed = StatementMail.objects.select_related("tenant__seller").get(pk=mail_id)
    tenant = owed.tenant
    if owed.account is None:
        _store(owed, now)
    mail = render_statement_mail(cast("Account", owed.account))
    sender = tenant.seller.mail_sender(tenant.language)
    message = compose(owed, sender=sender, subject=mail.subject, text=mail.text, html=mail.html)
    last_on = owed.ends_on - timedelta(days=1)
    name = f"statement-{tenant.code}-{owed.starts_on}-{last_on}.pdf"
    message.attach(name, bytes(owed.pdf), "application/pdf")
    return message


def _store(owed: StatementMail, now: datetime) -> None:
    """Draw the statement up and keep it with its bytes: what is sent again is what was sent."""
    today = now.astimezone(ZoneInfo(owed.tenant.zone)).date()
    owed.account = account_of(owed.tenant, owed.currency, owed.starts_on, owed.ends_on, today)
    owed.pdf = render_statement(owed.account, logo=bytes(owed.tenant.seller.logo))
    owed.sha256 = hashlib.sha256(owed.pdf).hexdigest()
    owed.save(update_fields=["account", "pdf", "sha256"])


def _ages(tenant: Tenant, currency: str, today: date) -> list[str]:
    """Give what is open by days overdue, and what is on account, as ``ageing`` counts them."""
    mine = [each for each in ageing(today, tenant_id=tenant.pk) if each.currency == currency]
    names = ("not_due", "to_30", "to_60", "to_90", "older", "credit")
    return [f"{getattr(mine[0], name):f}" if mine else "0" for name in names]
