"""Mails that are owed: each sent at most once, tried again while the mail server says later, unknown when nobody can tell.

A kind of mail is a model built on OwedMail; PostgreSQL holds the queue. What is due is found in its rows.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import css_inline
from django.core.mail import EmailMessage, EmailMultiAlternatives, get_connection
from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as own_words

SENT, LATER, REFUSED, UNKNOWN = "sent", "later", "refused", "unknown"
SENDING_TAKES = timedelta(minutes=5)
ACCEPTED = own_words("Accepted.")
INTERRUPTED = own_words("The sender was interrupted while sending.")
NOT_COMPOSED = own_words("The mail could not be composed.")
NOTHING_OPEN = own_words("Nothing is open any more.")
QUESTION_OPEN = own_words("The tenant has an open question about it.")
NO_CONNECTION = own_words("No connection")
CONNECTION_LOST = own_words("Connection lost while sending")
GIVEN_UP = own_words("Given up")
OWN_WORDS = {ACCEPTED, INTERRUPTED, NOT_COMPOSED, NOTHING_OPEN, QUESTION_OPEN, NO_CONNECTION, CONNECTION_LOST, GIVEN_UP}
RETRY_AFTER = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 240, 720)]


class OwedMail(models.Model):
    """A mail to one recipient: queued → sending → sent, failed, or unknown (nobody can tell; not sent again by itself).

    What was sent may turn out to have bounced.
    """

    QUEUED, SENDING, SENT, FAILED, UNKNOWN = "queued", "sending", "sent", "failed", "unknown"
    DROPPED, BOUNCED = "dropped", "bounced"
    STATES = [
        (QUEUED, _("queued")), (SENDING, _("sending")), (SENT, _("sent")), (FAILED, _("failed")), (UNKNOWN, _("unknown")),
        (DROPPED, _("no longer needed")), (BOUNCED, _("bounced")),
    ]  # fmt: skip

    recipient = models.EmailField(_("recipient"))
    state = models.CharField(_("state"), max_length=8, choices=STATES, default=QUEUED)
    message_id = models.CharField(max_length=200, unique=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    due_at = models.DateTimeField(_("to be sent"))
    sending_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    answer = models.CharField(_("mail server's answer"), max_length=500, blank=True)

    class Meta:
        abstract = True

    @property
    def said(self) -> str:
        """Give the mail server's words, and our own in the reader's language."""
        return in_readers_language(self.answer)


class NotNeeded(Exception):
    """What the mail was to say is not true any more; it is not sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How it ended, and the mail server's own words."""

    outcome: str
    text: str


def compose(owed: OwedMail, *, sender: str | None, subject: str, text: str, html: str = "") -> EmailMultiAlternatives:
    """Write the message of an owed mail, with HTML beside the text if given; a subject is one line, machines do not answer."""
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()), body=text, from_email=sender, to=[owed.recipient],
        headers={"Message-ID": owed.message_id, "Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    if html:
        message.attach_alternative(html, "text/html")
    return message


def due_mails(kind: type[OwedMail], now: datetime, limit: int) -> list[int]:
    """List the mails of a kind to try now, the longest due first."""
    due = _all(kind).filter(state=OwedMail.QUEUED, due_at__lte=now).order_by("due_at")
    return list(due.values_list("pk", flat=True)[:limit])


def give_up_interrupted(kind: type[OwedMail], now: datetime) -> int:
    """Mark mails whose sender died while sending as unknown: the mail may have gone out, so it is not sent again."""
    interrupted = _all(kind).filter(state=OwedMail.SENDING, sending_until__lt=now)
    return interrupted.update(state=OwedMail.UNKNOWN, answer=INTERRUPTED)


def send_once(kind: type[OwedMail], pk: int, now: datetime, compose: Callable[[int], EmailMessage]) -> str:
    """Send one queued mail and record the mail server's answer; return the state it ends in.

    Only one caller can claim it. A temporary no (4xx, no connection) is tried again later with the same Message-ID; a
    final no (5xx) has failed; a connection lost while sending leaves it unknown; one that ``compose`` finds not needed
    any more (NotNeeded) is dropped.
    """
    claimed = _all(kind).filter(pk=pk, state=OwedMail.QUEUED, due_at__lte=now)
    if not claimed.update(state=OwedMail.SENDING, sending_until=now + SENDING_TAKES, attempts=F("attempts") + 1):
        return "not_due"
    try:
        message = compose(pk)
    except NotNeeded as reason:
        return _settle(kind, pk, OwedMail.DROPPED, str(reason))
    except BaseException:
        # Nothing has left the house: hand it back for the next try, and let the fault be seen.
        _settle(kind, pk, OwedMail.QUEUED, NOT_COMPOSED, due_at=now + RETRY_AFTER[0])
        raise
    answer = hand_over(message)
    if answer.outcome == LATER:
        return _try_again(kind, pk, answer.text, now)
    if answer.outcome == SENT:
        return _settle(kind, pk, OwedMail.SENT, answer.text, sent_at=now)
    return _settle(kind, pk, OwedMail.FAILED if answer.outcome == REFUSED else OwedMail.UNKNOWN, answer.text)


def mark_bounced(kind: type[OwedMail], pk: int, answer: str, now: datetime) -> bool:
    """Write down that a mail which went out, or may have, came back, with the words of who sent it back."""
    gone = _all(kind).filter(pk=pk, state__in=[OwedMail.SENT, OwedMail.UNKNOWN])
    return bool(gone.update(state=OwedMail.BOUNCED, answer=answer[:500], sent_at=Coalesce("sent_at", now)))


def hand_over(message: EmailMessage) -> Answer:
    """Send one message; return SENT, LATER (4xx, no connection), REFUSED (5xx), or UNKNOWN: it broke while sending.

    What nobody can know must not be sent again by itself: the mail may have gone out.
    """
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        return Answer(LATER, f"{NO_CONNECTION}: {error}")
    try:
        connection.send_messages([message])
    except smtplib.SMTPResponseException as error:
        return _answered(error.smtp_code, error.smtp_error)
    except smtplib.SMTPRecipientsRefused as error:
        return _answered(*next(iter(error.recipients.values())))
    except (OSError, smtplib.SMTPException) as error:
        return Answer(UNKNOWN, f"{CONNECTION_LOST}: {error}")
    finally:
        connection.close()
    return Answer(SENT, ACCEPTED)


def in_readers_language(answer: str) -> str:
    """Say a mail's answer in the reader's language as far as the words are ours; the mail server's own stay as they are."""
    head, colon, rest = answer.partition(": ")
    return f"{gettext(head)}{colon}{in_readers_language(rest)}" if head in OWN_WORDS else answer


def with_inline_styles(html: str) -> str:
    """Put a mail's style sheet onto its elements: many clients read nothing else. Nothing is fetched."""
    return _inliner().inline(html)


@cache
def _inliner() -> css_inline.CSSInliner:
    return css_inline.CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)


def _answered(code: int, words: bytes | str) -> Answer:
    text = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    return Answer(LATER if 400 <= code < 500 else REFUSED, text)


def _try_again(kind: type[OwedMail], pk: int, answer: str, now: datetime) -> str:
    attempts = _all(kind).values_list("attempts", flat=True).get(pk=pk)
    if attempts > len(RETRY_AFTER):
        return _settle(kind, pk, OwedMail.FAILED, f"{GIVEN_UP}: {answer}")
    return _settle(kind, pk, OwedMail.QUEUED, answer, due_at=now + RETRY_AFTER[attempts - 1])


def _settle(kind: type[OwedMail], pk: int, state: str, answer: str, **more: datetime) -> str:
    settled = _all(kind).filter(pk=pk, state=OwedMail.SENDING)
    settled.update(state=state, answer=answer[:500], sending_until=None, **more)
    return state


def _all(kind: type[OwedMail]) -> models.QuerySet[Any]:
    return models.QuerySet(kind)
