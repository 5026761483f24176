"""Statements of account (对账单) on paper and by mail: of a month by themselves, of any days when a person asks."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.mail import send_once
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


def _message(mail_id: int, now: datetime) -> EmailMultiAlternatives:
    owed = StatementMail.objects.select_related("tenant__seller").get(pk=mail_id)
    tenant = owed.tenant
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    account = account_of(tenant, owed.currency, owed.starts_on, owed.ends_on, today)
    mail = render_statement_mail(account)
    message = EmailMultiAlternatives(
        subject=mail.subject, body=mail.text, from_email=tenant.seller.mail_sender(tenant.language), to=[owed.recipient],
        headers={"Message-ID": owed.message_id, "Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    message.attach_alternative(mail.html, "text/html")
    last_on = owed.ends_on - timedelta(days=1)
    name = f"statement-{tenant.code}-{owed.starts_on}-{last_on}.pdf"
    message.attach(name, render_statement(account, logo=bytes(tenant.seller.logo)), "application/pdf")
    return message


def _ages(tenant: Tenant, currency: str, today: date) -> list[str]:
    """Give what is open by days overdue, and what is on account, as ``ageing`` counts them."""
    mine = [each for each in ageing(today, tenant_id=tenant.pk) if each.currency == currency]
    names = ("not_due", "to_30", "to_60", "to_90", "older", "credit")
    return [f"{getattr(mine[0], name):f}" if mine else "0" for name in names]
