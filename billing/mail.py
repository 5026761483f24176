"""Handing a mail to the mail server, and what its answer means for whether to try again."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass

from django.core.mail import EmailMessage, get_connection

SENT, LATER, REFUSED, UNKNOWN = "sent", "later", "refused", "unknown"


@dataclass(frozen=True, slots=True)
class Answer:
    """How it ended, and the mail server's own words."""

    outcome: str
    text: str


def hand_over(message: EmailMessage) -> Answer:
    """Send one message; return SENT, LATER (4xx, no connection), REFUSED (5xx), or UNKNOWN: it broke while sending.

    What nobody can know must not be sent again by itself: the mail may have gone out.
    """
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        return Answer(LATER, f"No connection: {error}")
    try:
        connection.send_messages([message])
    except smtplib.SMTPResponseException as error:
        return _answered(error.smtp_code, error.smtp_error)
    except smtplib.SMTPRecipientsRefused as error:
        return _answered(*next(iter(error.recipients.values())))
    except (OSError, smtplib.SMTPException) as error:
        return Answer(UNKNOWN, f"Connection lost while sending: {error}")
    finally:
        connection.close()
    return Answer(SENT, "Accepted.")


def _answered(code: int, words: bytes | str) -> Answer:
    text = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    return Answer(LATER if 400 <= code < 500 else REFUSED, text)
