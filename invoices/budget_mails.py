"""The mail that tells a tenant that a budget reached a threshold, in its language, as text and in HTML."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext, override
from django.utils.translation import gettext as _

from billing.mail import compose, send_once, with_inline_styles
from invoices import wording
from tenants.models import Budget, BudgetAlert, BudgetMail


def tell_of_budget(mail_id: int, now: datetime) -> str:
    """Send one owed mail about a budget; return the state it ends in (billing.mail.send_once)."""
    return send_once(BudgetMail, mail_id, now, _message)


def figure_of(budget: Budget, number: Decimal) -> str:
    """Write a figure of a budget with its unit, in the language that is active."""
    if budget.measure == Budget.AMOUNT:
        zh = (get_language() or "").startswith("zh")
        return wording.money("zh" if zh else "en", f"{number.quantize(Decimal('0.01')):f}", budget.tenant.currency)
    if budget.measure == Budget.CALLS:
        return ngettext("%(number)s call", "%(number)s calls", int(number)) % {"number": f"{number:,.0f}"}
    return _("%(number)s min") % {"number": f"{number:,.0f}"}


def _message(mail_id: int) -> EmailMessage:
    mail = BudgetMail.objects.select_related("alert__budget__tenant__seller").get(pk=mail_id)
    tenant = mail.alert.budget.tenant
    with override("zh-hans" if tenant.language == "zh" else "en"):
        told = _told(mail.alert)
        return compose(
            mail,
            sender=tenant.seller.mail_sender(tenant.language),
            subject=told["subject"][:160],
            text=render_to_string("invoices/budget_mail.txt", told),
            html=with_inline_styles(render_to_string("invoices/budget_mail.html", told)),
        )


def _told(alert: BudgetAlert) -> dict[str, Any]:
    """Gather what the mail says, in the language that is active: thresholds passed at once stand in one mail."""
    budget, tenant = alert.budget, alert.budget.tenant
    together = budget.alerts.filter(period=alert.period, kind=alert.kind, at=alert.at).order_by("percent")
    told: dict[str, Any] = {
        "seller": tenant.seller.sender_name or str(tenant.seller),
        "tenant": str(tenant),
        "budget": budget.name,
        "percent": alert.percent,
        "passed": ", ".join(f"{each.percent} %" for each in together),
        "month": date_format(alert.period, "DATE_FORMAT" if tenant.language == "zh" else "j F Y"),
        "at": f"{alert.at.astimezone(ZoneInfo(tenant.zone)):%Y-%m-%d %H:%M} ({tenant.zone})",
        "limit": figure_of(budget, alert.limit),
        "stands_at": figure_of(budget, alert.stands_at),
        "share": f"{alert.stands_at * 100 / alert.limit:.0f} %",
        "by_forecast": alert.kind == BudgetAlert.FORECAST,
        "stops": budget.stops and alert.kind == BudgetAlert.ACTUAL and alert.stands_at >= alert.limit,
        "of": _of(budget),
        "html_language": "zh-Hans" if tenant.language == "zh" else "en",
        "email": tenant.seller.email,
        "phone": tenant.seller.phone,
    }
    subject = (
        _("Budget %(budget)s: %(percent)s %% expected by the end of the month")
        if told["by_forecast"]
        else _("Budget %(budget)s: %(percent)s %% used")
    )
    return told | {"subject": subject % told}


def _of(budget: Budget) -> str:
    """Say what a budget covers."""
    parts = [
        _("clause %(clause)s") % {"clause": budget.clause} if budget.clause else "",
        f"{budget.group_by} = {budget.group}" if budget.group_by else "",
    ]
    return " · ".join(filter(None, parts)) or (
        _("the whole bill with tax") if budget.measure == Budget.AMOUNT else _("all usage")
    )
