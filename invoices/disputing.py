"""Questions about an invoice (账单异议): asked by the tenant, answered and closed by finance; reminders wait meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast
from unicodedata import category

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.errors import Refused
from billing.mail import compose, send_once, with_inline_styles
from invoices import wording
from invoices.approving import locked_invoice, record
from invoices.links import page_link
from invoices.models import Dispute, DisputeMail, Invoice, InvoiceEvent
from invoices.rendering.document import Document
from invoices.rendering.face import face_of
from invoices.wording import Language

LONGEST = 2000  # characters of a question or an answer
EVENT_TELLS = 80  # characters of it in the history of the invoice
MOST_A_DAY = 10  # questions about one invoice


class CannotDispute(Refused):
    """The question or the answer cannot be taken as it is."""

    status = 422


class TooManyQuestions(Refused):
    """So much was asked about this invoice today that a person should write or call."""

    status = 429


def ask(invoice_id: int, question: str, *, line: str = "", asked_by: str = "", via: str, now: datetime) -> Dispute:
    """Keep a tenant's question about an issued invoice or credit note, or one line of it by its key; owe finance a mail.

    The same question while it is open is the one that is there. Raises CannotDispute for an empty or too long question
    and an unknown line, TooManyQuestions beyond ``MOST_A_DAY`` within 24 hours.
    """
    question, asked_by = _plain(question), wording.tidy(asked_by).strip()[:100]
    _check("/question", question)
    with transaction.atomic(durable=True):
        invoice = locked_invoice(invoice_id)
        if invoice.state != Invoice.ISSUED:
            raise CannotDispute("not_issued", _("Only an issued invoice can be asked about."))
        if line and line not in line_names(invoice, "en"):
            raise CannotDispute("unknown_line", _("The invoice has no such line; choose one."), pointer="/line")
        known = invoice.disputes.filter(line=line, question=question, closed_at=None).first()
        if known is not None:
            return known
        if invoice.disputes.filter(asked_at__gt=now - timedelta(days=1)).count() >= MOST_A_DAY:
            raise TooManyQuestions(
                "too_many_questions",
                _(
                    "So much was asked about this invoice today that we rather talk: please reply to the invoice's mail."
                ),
            )
        dispute = Dispute.objects.create(
            tenant=invoice.tenant,
            invoice=invoice,
            line=line,
            question=question,
            asked_by=asked_by,
            via=via,
            asked_at=now,
        )
        record(invoice, InvoiceEvent.ASKED, by=asked_by or invoice.tenant.code, reason=question[:EVENT_TELLS], now=now)
        _owe(dispute, DisputeMail.QUESTION, [invoice.seller.email], now)
    return dispute


def answer(dispute_id: int, text: str, *, close: bool, by: str, now: datetime) -> Dispute:
    """Answer an open question; the tenant reads it on the invoice's page and in a mail. ``close`` settles it at once.

    Raises CannotDispute without an answer, and for a question that is answered or closed.
    """
    text = _plain(text)
    _check("/answer", text)
    with transaction.atomic(durable=True):
        dispute = _locked(dispute_id)
        if dispute.answered_at is not None:
            raise CannotDispute("answered", _("This question is answered already."))
        dispute.answer, dispute.answered_by, dispute.answered_at = text, by, now
        if close:
            dispute.closed_by, dispute.closed_at = by, now
        dispute.save()
        record(dispute.invoice, InvoiceEvent.ANSWERED, by=by, reason=text[:EVENT_TELLS], now=now)
        contacts = dispute.tenant.recipients()
        _owe(dispute, DisputeMail.ANSWER, [each.email for each in contacts], now)
    return dispute


def close(dispute_id: int, *, by: str, now: datetime) -> Dispute:
    """Close a question that was answered; reminders go on. Raises CannotDispute before it is answered, or when closed."""
    with transaction.atomic(durable=True):
        dispute = _locked(dispute_id)
        if dispute.answered_at is None:
            raise CannotDispute("not_answered", _("Answer it first; the tenant reads the answer."))
        if dispute.closed_at is not None:
            raise CannotDispute("closed", _("This question is closed already."))
        dispute.closed_by, dispute.closed_at = by, now
        dispute.save()
    return dispute


def line_names(invoice: Invoice, language: Language) -> dict[str, str]:
    """Name the lines of a document by their keys, in order, as its faces print them."""
    groups = face_of(cast("Document", invoice.document), language).groups
    return {row.key: " · ".join(filter(None, (group.name, row.name))) for group in groups for row in group.rows}


def tell(mail_id: int, now: datetime) -> str:
    """Send one owed mail about a dispute; return the state it ends in (billing.mail.send_once)."""
    return send_once(DisputeMail, mail_id, now, _message)


def _plain(text: str) -> str:
    """Keep lines and tabs, drop control characters and marks that turn the direction of a text round."""
    kept = (char for char in text.replace("\r\n", "\n") if char in "\n\t" or category(char) not in ("Cc", "Cf", "Cs"))
    return "".join(kept).strip()


def _check(pointer: str, text: str) -> None:
    if not text:
        raise CannotDispute("text_needed", _("Write a sentence."), pointer=pointer)
    if len(text) > LONGEST:
        raise CannotDispute(
            "too_long", _("Write at most %(longest)d characters.") % {"longest": LONGEST}, pointer=pointer
        )


def _locked(dispute_id: int) -> Dispute:
    dispute = Dispute.objects.select_related("tenant").get(pk=dispute_id)
    dispute.invoice = locked_invoice(dispute.invoice_id)
    dispute.refresh_from_db(fields=["answered_at", "closed_at"])
    return dispute


def _owe(dispute: Dispute, kind: str, recipients: list[str], now: datetime) -> None:
    seller = dispute.invoice.seller
    DisputeMail.objects.bulk_create(
        DisputeMail(dispute=dispute, kind=kind, recipient=each, due_at=now, message_id=seller.new_message_id())
        for each in recipients
    )


def _message(mail_id: int) -> EmailMessage:
    """Compose a mail: what people wrote stands in the body alone, never in a header."""
    mail = DisputeMail.objects.select_related("dispute__invoice__seller", "dispute__tenant").get(pk=mail_id)
    invoice = mail.dispute.invoice
    to_tenant = mail.kind == DisputeMail.ANSWER
    tongue = "zh-hans" if invoice.language == "zh" else "en"
    language = tongue if to_tenant else settings.LANGUAGE_CODE
    with override(language):
        told = _to_tenant(mail.dispute) if to_tenant else _to_finance(mail.dispute)
    told |= {"seller": invoice.seller, "html_language": "zh-Hans" if language.startswith("zh") else "en"}
    quoted = "\n".join(f"> {line}" for line in told["question"].split("\n")) if to_tenant else told["question"]
    parts = [told["about"], quoted, told["answer"], told["why"], told["link"]]
    return compose(
        mail,
        sender=invoice.seller.mail_sender(invoice.language),
        subject=told["subject"],
        text="\n\n".join(filter(None, parts)) + "\n",
        html=with_inline_styles(render_to_string("invoices/dispute_mail.html", told)),
    )


def _to_finance(dispute: Dispute) -> dict[str, Any]:
    return {
        "subject": _("%(tenant)s asks about %(number)s") % {"tenant": dispute.tenant, "number": dispute.invoice.number},
        "about": _about(dispute, "zh" if settings.LANGUAGE_CODE.startswith("zh") else "en"),
        "question": dispute.question,
        "answer": "",
        "why": _("No reminder of this invoice is sent until the question is closed. Answer here:"),
        "link": settings.BASE_URL + reverse("admin:invoices_dispute_change", args=[dispute.pk]),
    }


def _to_tenant(dispute: Dispute) -> dict[str, Any]:
    language: Language = "zh" if dispute.invoice.language == "zh" else "en"
    return {
        "subject": _("Our answer to your question about %(number)s") % {"number": dispute.invoice.number},
        "about": _about(dispute, language),
        "question": dispute.question,
        "answer": dispute.answer,
        "why": _("Everything about this invoice:"),
        "link": page_link(dispute.invoice),
    }


def _about(dispute: Dispute, language: Language) -> str:
    name = line_names(dispute.invoice, language).get(dispute.line, "")
    return " · ".join(filter(None, (dispute.invoice.number, name, dispute.asked_by)))
