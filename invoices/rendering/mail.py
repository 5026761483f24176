"""The monthly mail: what is owed, until when, what changed and why, in HTML and as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.template.loader import render_to_string

from billing.mail import with_inline_styles
from invoices import wording
from invoices.rendering.charts import chart_of
from invoices.rendering.document import Document
from invoices.rendering.face import Face, face_of, rows_by_amount
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


def render_mail(document: Document, *, link: str, language: Language | None = None) -> Mail:
    """Write the mail for a stored document; ``link`` is the absolute address of the hosted page."""
    face = face_of(document, language)
    top = rows_by_amount(face, document["bill"], _TOP_LINES)
    subject = _subject(face)
    context = {
        "face": face,
        "label": face.labels,
        "link": link,
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
    return Mail(subject, _text(context), with_inline_styles(html))


def _text(context: dict[str, object]) -> str:
    """Fill the text part; template tags leave empty lines behind, of which one in a row is enough."""
    lines: list[str] = []
    for line in render_to_string("invoices/mail.txt", context).splitlines():
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines).strip() + "\n"


def _subject(face: Face) -> str:
    """Word the subject on one line; a name cannot smuggle in another header, as control characters are gone."""
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
    return " ".join((mark + subject).split())[:_LONGEST_SUBJECT]


def _more(face: Face, shown: int) -> str:
    rest = sum(len(group.rows) for group in face.groups) - shown
    return wording.label(face.language, "more_lines", count=f"{rest:,}") if rest > 0 else ""
