"""Delivering an invoice by mail: at most once to each recipient; what nobody can know is called unknown."""

from __future__ import annotations

from datetime import datetime
from email.mime.image import MIMEImage
from typing import cast

from django.core.mail import EmailMultiAlternatives

from billing.mail import send_once
from invoices.issuing import stored_pdf
from invoices.links import page_link
from invoices.models import Delivery
from invoices.rendering import render_mail
from invoices.rendering.document import Document


def deliver(delivery_id: int, now: datetime) -> str:
    """Send one queued delivery at most once; return the state it ends in (billing.mail.send_once)."""
    return send_once(Delivery, delivery_id, now, lambda pk: _message(pk, now))


def _message(delivery_id: int, now: datetime) -> EmailMultiAlternatives:
    delivery = Delivery.objects.select_related("invoice__seller", "invoice__tenant").get(pk=delivery_id)
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
