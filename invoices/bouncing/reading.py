"""Reading reports of bounced mails: plain JSON, Amazon SES with or without SNS around it, and RFC 3464 messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import Message
from typing import Any

from billing.errors import Refused
from tenants.models import Bounce

KINDS = dict(Bounce.KINDS)
MOST_REPORTS = 1000
SES_KINDS = {"Permanent": Bounce.HARD, "Transient": Bounce.SOFT, "Undetermined": Bounce.SOFT}


class WrongReport(Refused):
    """The body is no report of a bounced mail."""


@dataclass(frozen=True, slots=True)
class Report:
    """One mail that came back: its Message-ID, how (hard, soft, complaint), to whom as far as told, and the words."""

    message_id: str
    kind: str
    recipient: str = ""
    answer: str = ""


def read_reports(content: bytes) -> list[Report]:
    """Read what a mail server or provider posts, whatever it calls the content; raises WrongReport for anything else."""
    start = content.lstrip()[:1]
    try:
        found = list(_from_json(content) if start in (b"{", b"[") else _from_mail(content))
    except (ValueError, KeyError, TypeError, AttributeError, LookupError, RecursionError):
        raise WrongReport(
            "invalid_body", "This cannot be read as a report of a bounced mail; see docs/operations.md."
        ) from None
    if not found or len(found) > MOST_REPORTS:
        raise WrongReport("invalid_body", f"One report is needed, or a list of at most {MOST_REPORTS}.")
    return found


def _from_json(content: bytes) -> Iterator[Report]:
    told = json.loads(content)
    for place, each in enumerate(told if isinstance(told, list) else [told]):
        if each.get("Type") == "Notification":
            each = json.loads(each["Message"])  # noqa: PLW2901 - SNS carries SES's report as text
        if "notificationType" in each or "eventType" in each:
            yield from _from_ses(each)
        else:
            yield _plain(each, f"/{place}" if isinstance(told, list) else "")


def _plain(told: dict[str, Any], pointer: str) -> Report:
    for name, wanted in (("message_id", None), ("kind", KINDS)):
        value = told.get(name)
        if not isinstance(value, str) or not value or (wanted and value not in wanted):
            said = f"{name} is one of {', '.join(wanted)}." if wanted else f"{name} is the Message-ID of the mail."
            raise WrongReport("invalid_body", said, pointer=f"{pointer}/{name}")
    return _report(told["message_id"], told["kind"], told.get("recipient", ""), told.get("diagnostic", ""))


def _from_ses(told: dict[str, Any]) -> Iterator[Report]:
    message_id = told["mail"]["commonHeaders"]["messageId"]
    if bounce := told.get("bounce"):
        for each in bounce["bouncedRecipients"]:
            kind = SES_KINDS.get(bounce["bounceType"], Bounce.SOFT)
            yield _report(message_id, kind, each["emailAddress"], each.get("diagnosticCode", ""))
    elif complaint := told.get("complaint"):
        for each in complaint["complainedRecipients"]:
            words = complaint.get("complaintFeedbackType", "")
            yield _report(message_id, Bounce.COMPLAINT, each["emailAddress"], words)


def _from_mail(content: bytes) -> Iterator[Report]:
    """Read a delivery status notification: who did not get it and why, and of which mail the headers are returned."""
    parts = list(message_from_bytes(content, policy=policy.compat32).walk())
    (message_id,) = {found for part in parts[1:] if (found := _returned_id(part))}
    for part in parts:
        if part.get_content_type() != "message/delivery-status":
            continue
        for block in part.get_payload():
            if not isinstance(block, Message) or block.get("Action", "").strip().lower() != "failed":
                continue
            kind = Bounce.HARD if block.get("Status", "").strip().startswith("5") else Bounce.SOFT
            recipient = block.get("Final-Recipient", "").rpartition(";")[2].strip()
            yield _report(message_id, kind, recipient, block.get("Diagnostic-Code", "").rpartition(";")[2])


def _returned_id(part: Message) -> str:
    """Give the Message-ID of a returned mail: a part of its own, or its headers as text."""
    if part.get_content_type() == "text/rfc822-headers":
        payload = part.get_payload(decode=True)
        part = message_from_bytes(payload if isinstance(payload, bytes) else b"")
    return str(part.get("Message-ID", "")).strip()


def _report(message_id: str, kind: str, recipient: Any, answer: Any) -> Report:
    words = " ".join("".join(each if each.isprintable() else " " for each in str(answer)).split())
    return Report(message_id.strip().replace("\x00", "")[:200], kind, str(recipient)[:254], words[:450])
