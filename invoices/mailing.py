"""Delivering an invoice by mail: at most once to each recipient; what nobody can know is called unknown."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.mime.image import MIMEImage
from typing import cast

from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q

from billing.mail import LATER, REFUSED, SENT, hand_over
from invoices.issuing import stored_pdf
from invoices.links import page_link
from invoices.models import Delivery
from invoices.rendering import render_mail
from invoices.rendering.document import Document

SENDING_TAKES = timedelta(minutes=5)
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720)]


def due_deliveries(now: datetime, limit: int) -> list[int]:
    """List the deliveries to try now, the longest due first."""
    due = Delivery.objects.filter(state=Delivery.QUEUED, due_at__lte=now).order_by("due_at")
    return list(due.values_list("pk", flat=True)[:limit])


def give_up_interrupted(now: datetime) -> int:
    """Mark deliveries whose sender died while sending as unknown: the mail may have gone out, so it is not sent again."""
    interrupted = Delivery.objects.filter(state=Delivery.SENDING, sending_until__lt=now)
    return interrupted.update(state=Delivery.UNKNOWN, answer="The sender was interrupted while sending.")


def deliver(delivery_id: int, now: datetime) -> str:
    """Send one queued delivery and record the mail server's answer; return the state it ends in.

    Only one caller can claim it. A temporary no (4xx, no connection) is tried again later with the same Message-ID; a
    final no (5xx) has failed; a connection lost while sending leaves it unknown.
    """
    claimed = Delivery.objects.filter(pk=delivery_id, state=Delivery.QUEUED, due_at__lte=now)
    if not claimed.update(state=Delivery.SENDING, sending_until=now + SENDING_TAKES, attempts=F("attempts") + 1):
        return "not_due"
    delivery = Delivery.objects.select_related("invoice__seller", "invoice__tenant").get(pk=delivery_id)
    try:
        message = _message(delivery, now)
    except BaseException:
        # Nothing has left the house: hand it back for the next try, and let the fault be seen.
        _settle(delivery, Delivery.QUEUED, "The mail could not be composed.", due_at=now + RETRY_AFTER[0])
        raise
    answer = hand_over(message)
    if answer.outcome == LATER:
        return _try_again(delivery, answer.text, now)
    if answer.outcome == SENT:
        return _settle(delivery, Delivery.SENT, answer.text, sent_at=now)
    return _settle(delivery, Delivery.FAILED if answer.outcome == REFUSED else Delivery.UNKNOWN, answer.text)


def _message(delivery: Delivery, now: datetime) -> EmailMultiAlternatives:
    invoice = delivery.invoice
    mail = render_mail(cast("Document", invoice.document), link=page_link(invoice))
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.text,
        from_email=invoice.seller.email,
        to=[delivery.recipient],
        headers={"Message-ID": delivery.message_id, "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(mail.html, "text/html")
    for content_id, content in mail.inline_images.items():
        image = MIMEImage(content)
        image.add_header("Content-ID", f"<{content_id}>")
        image.add_header("Content-Disposition", "inline")
        message.attach(image)
    pdf = stored_pdf(invoice, now)
    message.attach(f"{invoice.number}.pdf", bytes(pdf.content), "application/pdf")
    return message


def _try_again(delivery: Delivery, answer: str, now: datetime) -> str:
    if delivery.attempts > len(RETRY_AFTER):
        return _settle(delivery, Delivery.FAILED, f"Given up after {delivery.attempts} tries. {answer}")
    return _settle(delivery, Delivery.QUEUED, answer, due_at=now + RETRY_AFTER[delivery.attempts - 1])


def _settle(delivery: Delivery, state: str, answer: str, **more: datetime) -> str:
    settled = Delivery.objects.filter(Q(pk=delivery.pk), state=Delivery.SENDING)
    settled.update(state=state, answer=answer[:500], sending_until=None, **more)
    return state
