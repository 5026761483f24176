"""Notice of a price rise: needed before such a version is signed, owed to the tenant as mails, each sent at most once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.errors import Refused
from billing.mail import compose, send_once, with_inline_styles
from billing.periods import Period, midnight
from tenants.models import Contract, ContractVersion, PriceNotice
from tenants.repricing import PriceChange
from tenants.wording.labels import LABELS


class NoticeNeeded(Refused):
    """The tenant must be told of the price rise, and early enough."""

    status = 409


def refuse_without_notice(version: ContractVersion, raised: list[PriceChange], now: datetime) -> None:
    """Refuse a version that raises prices unless its notice date is today or later and early enough for the seller.

    Raises NoticeNeeded, which names the prices, the last day for the notice and the first day the version may begin.
    """
    tenant = version.contract.tenant
    days, today = timedelta(days=tenant.seller.notice_days), now.astimezone(ZoneInfo(tenant.zone)).date()
    told = {"raised": ", ".join(dict.fromkeys(change.clause for change in raised)), "days": days.days}
    told |= {"latest": version.starts_on - days, "first": max(version.notice_on or today, today) + days}
    if version.starts_on < today + days:
        raise NoticeNeeded(
            "too_late_for_notice",
            _(
                "It raises %(raised)s, of which the tenant must be told %(days)s days before; begin on %(first)s or later."
            )
            % told,
            pointer="/starts_on",
        )
    if version.notice_on is None or not today <= version.notice_on <= version.starts_on - days:
        raise NoticeNeeded(
            "notice_needed",
            _("It raises %(raised)s; set the day of notice, from today to %(latest)s (%(days)s days before it begins).")
            % told,
            pointer="/notice_on",
        )
    if not tenant.recipients().exists():
        raise NoticeNeeded(
            "nobody_to_notify", _("It raises prices, and nobody would be told; add a contact who receives invoices.")
        )


def owe_notices(version: ContractVersion, now: datetime) -> None:
    """Owe a mail to each contact who receives invoices, from the day of notice on. Part of the signing transaction."""
    tenant = version.contract.tenant
    due_at = max(now, midnight(version.notice_on or version.starts_on, tenant.zone))
    PriceNotice.objects.bulk_create(
        PriceNotice(version=version, recipient=contact.email, message_id=tenant.seller.new_message_id(), due_at=due_at)
        for contact in tenant.recipients()
    )


def send_notice(notice_id: int, now: datetime) -> str:
    """Send one queued notice at most once; return the state it ends in (billing.mail.send_once)."""
    return send_once(PriceNotice, notice_id, now, _message)


def changes_in(contract: Contract, period: Period) -> list[dict[str, Any]]:
    """List the prices that changed inside a month, as the invoice tells them: from which day, which version, what."""
    begun = [each for each in contract.versions.all() if each.signed_at and each.starts_on in period]
    return [
        {"from": version.starts_on.isoformat(), "version": str(version.number), "label": _labels(change["what"])}
        | change
        for version in sorted(begun, key=lambda each: each.starts_on)
        for change in version.changes
    ]


def _message(notice_id: int) -> EmailMessage:
    """Write the notice in the tenant's language, as text and in HTML."""
    notice = PriceNotice.objects.select_related("version__contract__tenant__seller").get(pk=notice_id)
    seller = notice.version.contract.tenant.seller
    with override("zh-hans" if notice.version.contract.tenant.language == "zh" else "en"):
        told = _told(notice.version)
        return compose(
            notice,
            sender=seller.mail_sender(notice.version.contract.tenant.language),
            subject=told["subject"],
            text=render_to_string("tenants/notice.txt", told),
            html=with_inline_styles(render_to_string("tenants/notice.html", told)),
        )


def _told(version: ContractVersion) -> dict[str, Any]:
    """Gather what the notice says, in the language that is active; only the prices that rise."""
    tenant = version.contract.tenant
    language = tenant.language
    told: dict[str, Any] = {
        "seller": tenant.seller.sender_name or str(tenant.seller),
        "tenant": str(tenant),
        "contract": version.contract.code,
        "name": getattr(version.contract, f"name_{language}"),
        "day": date_format(version.starts_on, "DATE_FORMAT" if language == "zh" else "j F Y"),
        "number": version.number,
        "html_language": "zh-Hans" if language == "zh" else "en",
        "email": tenant.seller.email,
        "phone": tenant.seller.phone,
    }
    told["subject"] = _("Contract %(contract)s: prices change on %(day)s") % told
    told["prices"] = [
        {
            "name": change["name"][language],
            "what": _labels(change["what"])[language],
            "before": change["before"] or "–",
            "after": change["after"] or "–",
        }
        for change in version.changes
        if change["raised"]
    ]
    return told


def _labels(what: str) -> dict[str, str]:
    """Say in both languages which figure it is: the last step of the path to it."""
    step = what.rpartition(".")[2]
    labels = {}
    for language, code in (("zh", "zh-hans"), ("en", "en")):
        with override(code):
            own = {"new": _("new charge"), "removed": _("no longer agreed"), "discount": _("discount")}
            labels[language] = str(own.get(step) or LABELS.get(step, step))
    return labels
