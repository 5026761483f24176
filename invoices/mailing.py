"""Delivering an invoice by mail: at most once to each recipient; what nobody can know is called unknown."""

from __future__ import annotations

from datetime import datetime
from email.mime.image import MIMEImage
from typing import cast
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.mail import compose, send_once
from invoices.approving import record
from invoices.issuing import stored_pdf
from invoices.links import fit_link, page_link
from invoices.models import Delivery, InvoiceEvent
from invoices.reminding import level_of, refuse_when_settled
from invoices.rendering import render_mail, render_reminder
from invoices.rendering.document import Document

COPY = "copy-"


class CannotSend(Refused):
    """The mail must not be sent again as it is."""

    status = 409


def deliver(delivery_id: int, now: datetime) -> str:
    """Send one queued delivery at most once; return the state it ends in (billing.mail.send_once)."""
    return send_once(Delivery, delivery_id, now, lambda pk: _message(pk, now))


def send_again(delivery_id: int, *, reason: str, by: str, now: datetime) -> Delivery:
    """Have a mail sent again because a person says so.

    What failed or is unknown keeps its Message-ID; what was sent is sent as a copy of the invoice mail. Raises CannotSend
    without a reason, or while it waits to be sent anyway.
    """
    if not reason.strip() or not by:
        raise CannotSend("reason_needed", _("Say why it is sent again."), pointer="/reason")
    with transaction.atomic(durable=True):
        delivery = Delivery.objects.select_for_update().select_related("invoice__seller").get(pk=delivery_id)
        if delivery.state in (Delivery.QUEUED, Delivery.SENDING):
            raise CannotSend("waits", _("It is to be sent anyway."))
        if delivery.state in (Delivery.SENT, Delivery.DROPPED, Delivery.BOUNCED):
            copies = delivery.invoice.deliveries.filter(kind__startswith=COPY, recipient=delivery.recipient).count()
            delivery = Delivery(
                invoice=delivery.invoice, kind=f"{COPY}{copies + 1}", recipient=delivery.recipient,
                message_id=delivery.invoice.seller.new_message_id(),
            )  # fmt: skip
        delivery.state, delivery.attempts, delivery.due_at, delivery.answer = Delivery.QUEUED, 0, now, ""
        delivery.save()
        record(delivery.invoice, InvoiceEvent.SENT_AGAIN, by=by, reason=f"{delivery.recipient}: {reason}", now=now)
    return delivery


def _message(delivery_id: int, now: datetime) -> EmailMessage:
    delivery = Delivery.objects.select_related("invoice__seller", "invoice__tenant").get(pk=delivery_id)
    invoice = delivery.invoice
    document, link = cast("Document", invoice.document), page_link(invoice)
    if level := level_of(delivery):
        receivable = refuse_when_settled(delivery)
        today = now.astimezone(ZoneInfo(invoice.tenant.zone)).date()
        mail = render_reminder(document, link=link, level=level, still_open=receivable.open, today=today)
    else:
        mail = render_mail(document, link=link, fit_link=fit_link(invoice))
    sender = invoice.seller.mail_sender(invoice.language)
    message = compose(delivery, sender=sender, subject=mail.subject, text=mail.text, html=mail.html)
    for content_id, content in mail.inline_images.items():
        image = MIMEImage(content)
        image.add_header("Content-ID", f"<{content_id}>")
        image.add_header("Content-Disposition", "inline")
        message.attach(image)
    pdf = stored_pdf(invoice, now)
    message.attach(f"{invoice.number}.pdf", bytes(pdf.content), "application/pdf")
    return message
