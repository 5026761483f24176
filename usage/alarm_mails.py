"""Telling operations by mail of a source that fell silent: one mail an alarm."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.mail import LATER, REFUSED, SENT, hand_over
from usage.models import SilenceAlarm

SENDING_TAKES = timedelta(minutes=5)
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (5, 15, 60, 240)]


def alarms_to_mail(now: datetime, limit: int) -> list[int]:
    """List the alarms whose mail is to be sent now, the longest due first."""
    due = SilenceAlarm.objects.filter(mail=SilenceAlarm.QUEUED, mail_due_at__lte=now).order_by("mail_due_at")
    return list(due.values_list("pk", flat=True)[:limit])


def give_up_interrupted(now: datetime) -> int:
    """Mark mails whose sender died while sending as unknown: it may have gone out, so it is not sent again."""
    interrupted = SilenceAlarm.objects.filter(mail=SilenceAlarm.SENDING, mail_due_at__lt=now)
    return interrupted.update(mail=SilenceAlarm.UNKNOWN, mail_answer="The sender was interrupted while sending.")


def mail_alarm(alarm_id: int, now: datetime) -> str:
    """Send an alarm's mail if it waits, and keep the mail server's answer; return the state it ends in.

    Only one caller can claim it. A temporary no is tried again within five hours; a final no has failed.
    """
    waiting = SilenceAlarm.objects.filter(pk=alarm_id, mail=SilenceAlarm.QUEUED, mail_due_at__lte=now)
    claim = {"mail": SilenceAlarm.SENDING, "mail_due_at": now + SENDING_TAKES, "mail_attempts": F("mail_attempts") + 1}
    if not waiting.update(**claim):
        return "not_due"
    alarm = SilenceAlarm.objects.select_related("source__tenant__seller").get(pk=alarm_id)
    answer = hand_over(_message(alarm))
    if answer.outcome == LATER and alarm.mail_attempts <= len(RETRY_AFTER):
        state, due_at = SilenceAlarm.QUEUED, now + RETRY_AFTER[alarm.mail_attempts - 1]
    else:
        ends = {SENT: SilenceAlarm.SENT, LATER: SilenceAlarm.FAILED, REFUSED: SilenceAlarm.FAILED}
        state, due_at = ends.get(answer.outcome, SilenceAlarm.UNKNOWN), None
    SilenceAlarm.objects.filter(pk=alarm_id, mail=SilenceAlarm.SENDING).update(
        mail=state, mail_due_at=due_at, mail_answer=answer.text[:300]
    )
    return state


def _message(alarm: SilenceAlarm) -> EmailMessage:
    source, tenant = alarm.source, alarm.source.tenant
    told = settings.ENVIRONMENT.operations_addresses or [tenant.seller.email]
    with override(settings.LANGUAGE_CODE):
        figures = {
            "source": source.code,
            "tenant": str(tenant).replace("\n", " ").replace("\r", " "),
            "last": f"{alarm.last_delivery_at.astimezone(ZoneInfo(tenant.zone)):%Y-%m-%d %H:%M} {tenant.zone}",
            "pause": hours(alarm.usual_pause),
            "silent": hours(alarm.opened_at - alarm.last_delivery_at),
            "link": settings.BASE_URL + reverse("admin:usage_silencealarm_changelist"),
        }
        subject = _("No calls from %(source)s of %(tenant)s") % figures
        body = _(
            "The last delivery came at %(last)s, %(silent)s h ago; the longest usual pause of this source is %(pause)s h.\n\n"
            "Look whether the switch runs, reaches this address and has a key that is valid. What it kept meanwhile can be "
            "sent again: each call is stored once.\n\n%(link)s\n"
        )
    return EmailMessage(
        subject=subject, body=body % figures, from_email=tenant.seller.email, to=told,
        headers={"Auto-Submitted": "auto-generated"},
    )  # fmt: skip


def hours(span: timedelta) -> str:
    """Write a length of time in hours, to a tenth."""
    return f"{span.total_seconds() / 3600:.1f}"
