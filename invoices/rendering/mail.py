"""The monthly mail: what is owed, until when, what changed and why, in HTML and as text."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.template.loader import render_to_string

from billing.mail import with_inline_styles
from invoices import wording
from invoices.rendering.charts import chart_of
from invoices.rendering.document import Document
from invoices.rendering.face import Face, face_of, rows_by_amount
from invoices.rendering.statement import Account, statement_face
from invoices.wording import Language

_TOP_LINES = 5
_LONGEST_SUBJECT = 160


@dataclass(frozen=True)
class Mail:
    """A rendered mail without its envelope. ``inline_images`` maps a content id to the PNG to attach.

    There are none today: the chart is made of table cells, which every client shows at once, while many hold
    pictures back until the reader asks for them.
    """

    subject: str
    text: str
    html: str
    inline_images: dict[str, bytes] = field(default_factory=dict)


def render_mail(document: Document, *, link: str, fit_link: str = "", language: Language | None = None) -> Mail:
    """Write the mail for a stored document; the links are absolute: to the hosted page and, if any, to its fit report."""
    face = face_of(document, language)
    top = rows_by_amount(face, document["bill"], _TOP_LINES)
    subject = _subject(face)
    context = {
        "face": face,
        "label": face.labels,
        "link": link,
        "fit_link": fit_link,
        "subject": subject,
        "greeting": wording.label(face.language, "greeting", name=face.buyer.name),
        "opening": wording.label(
            face.language, "opening_credit_note" if face.is_credit_note else "opening", period=face.period
        ),
        "top": top,
        "more": _more(face, len(top)),
        "chart": chart_of(face.language, document),
        "html_language": wording.pick(face.language, "zh-Hans", "en"),
    }
    html = render_to_string("invoices/mail.html", context)
    return Mail(subject, _text("invoices/mail.txt", context), with_inline_styles(html))


def render_reminder(document: Document, *, link: str, level: int, still_open: Decimal, today: date) -> Mail:
    """Write the reminder of an issued invoice of which an amount is still open; before its due day, or after it."""
    face = face_of(document, None)
    days = (today - date.fromisoformat(document["due_on"] or "")).days
    when = "after" if days > 0 else "before"
    told = {
        "number": face.number,
        "due": face.due_on,
        "days": f"{days:,}",
        "level": str(level),
        "seller": face.seller.name,
    }
    told["open"] = wording.money(face.language, f"{still_open:f}", document["currency"])
    context = {
        "face": face,
        "label": face.labels,
        "link": link,
        "subject": _one_line(wording.label(face.language, f"reminder_subject_{when}", **told)),
        "greeting": wording.label(face.language, "greeting", name=face.buyer.name),
        "opening": wording.label(face.language, f"reminder_{when}", **told),
        "still_open": told["open"],
        "html_language": wording.pick(face.language, "zh-Hans", "en"),
    }
    html = render_to_string("invoices/reminder.html", context)
    return Mail(str(context["subject"]), _text("invoices/reminder.txt", context), with_inline_styles(html))


def render_statement_mail(account: Account) -> Mail:
    """Write the mail that brings a statement of account."""
    face = statement_face(account)
    told = {"seller": face.seller.name, "period": face.period, "balance": f"{face.closing_label} {face.closing_amount}"}
    context = {
        "face": face,
        "label": face.labels,
        "subject": _one_line(wording.label(face.language, "statement_subject", **told)),
        "greeting": wording.label(face.language, "greeting", name=face.buyer.name),
        "opening": wording.label(face.language, "statement_opening", **told),
        "html_language": wording.pick(face.language, "zh-Hans", "en"),
    }
    html = render_to_string("invoices/statement_mail.html", context)
    return Mail(str(context["subject"]), _text("invoices/statement_mail.txt", context), with_inline_styles(html))


def _text(template: str, context: dict[str, object]) -> str:
    """Fill the text part; template tags leave empty lines behind, of which one in a row is enough."""
    lines: list[str] = []
    for line in render_to_string(template, context).splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip() + "\n"


def _subject(face: Face) -> str:
    subject = wording.label(
        face.language,
        "subject_credit_note" if face.is_credit_note else "subject_invoice",
        seller=face.seller.name,
        number=face.number,
        period=face.period,
        total=face.due_amount,
        due=face.due_on or "—",
    )
    mark = f"[{wording.label(face.language, 'draft')}] " if face.is_draft else ""
    return _one_line(mark + subject)


def _one_line(subject: str) -> str:
    """Put a subject on one line; a name cannot smuggle in another header, as control characters are gone."""
    return " ".join(subject.split())[:_LONGEST_SUBJECT]


def _more(face: Face, shown: int) -> str:
    rest = sum(len(group.rows) for group in face.groups) - shown
    return wording.label(face.language, "more_lines", count=f"{rest:,}") if rest > 0 else ""
