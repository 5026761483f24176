"""What ties an invoice to its calls: a digest on the invoice, and a bundle in which anyone recomputes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from django.db import connection
from django.utils.translation import gettext as _
from psycopg.sql import SQL

from billing.errors import Refused
from billing.rating.bundle import INVOICE, TERMS, TOTALS, billed_of, document_bytes, instant, pack
from billing.rating.terms import Terms
from invoices.models import Invoice
from invoices.sealing import seal_manifest
from usage.counting import calls_of
from usage.tracing import ORDER, TracedCall, as_rated, calls_of_month, ruled_days

DIGEST = SQL("SELECT count(*), encode(sha256(string_agg(content_hash, ''::bytea ORDER BY {})), 'hex') {}")
PLAIN = ("source", "call_id", "leg", "direction", "caller", "callee", "region", "robot", "line", "language")
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of no calls at all


class NoEvidence(Refused):
    """There is no bundle for this invoice."""

    status = 409


def digest_of(tenant_id: int, terms: Terms) -> dict[str, Any]:
    """Digest the calls of a month, SHA-256 over their content hashes in order of start, their number, and the terms."""
    with connection.cursor() as cursor:
        cursor.execute(DIGEST.format(ORDER, calls_of(tenant_id, terms, ruled_days(terms))))
        number, digest = cursor.fetchone()
    agreed = hashlib.sha256(document_bytes(terms.to_json())).hexdigest()
    return {"digest": f"sha256:{digest or NOTHING}", "calls": number, "terms": f"sha256:{agreed}"}


def bundle_of(invoice: Invoice, now: datetime) -> Iterator[bytes]:
    """Yield the evidence bundle of an issued invoice, in memory that does not grow with its calls.

    Raises NoEvidence for a draft, and when calls behind the invoice are no longer kept.
    """
    if invoice.kind == Invoice.CREDIT_NOTE:
        raise NoEvidence("credit_note", _("The evidence lies with the invoice that the credit note takes back."))
    if invoice.state != Invoice.ISSUED:
        raise NoEvidence("no_draft_evidence", _("A draft has no evidence bundle; issue it first."))
    terms = Terms.from_json(invoice.terms)
    if digest_of(invoice.tenant_id, terms) != invoice.document["evidence"]:
        raise NoEvidence("calls_not_kept", _("The calls behind this invoice are no longer kept."))
    documents = {INVOICE: invoice.document, TERMS: invoice.terms, TOTALS: invoice.totals}
    return pack(documents, _rows(invoice.tenant_id, terms), lambda manifest: seal_manifest(manifest, now))


def _rows(tenant_id: int, terms: Terms) -> Iterator[dict[str, str]]:
    for call in calls_of_month(tenant_id, terms):
        yield row_of(call) | {"billed": billed_of(terms, as_rated(call))}


def row_of(call: TracedCall) -> dict[str, str]:
    """Give a call as a row of a list: the texts of ``bundle.COLUMNS`` but for what is billed of it."""
    reported = call.reported_seconds
    return {name: cast("str", getattr(call, name)) for name in PLAIN} | {
        "started_at": instant(call.started_at),
        "answered_at": instant(call.answered_at),
        "ended_at": instant(call.ended_at),
        "talk_ms": str(call.talk_ms),
        "reported_seconds": "" if reported is None else str(reported),
        "agent_ms": str(call.agent_ms),
        "transferred": "1" if call.transferred_at else "",
        "modules": json.dumps(call.modules, ensure_ascii=False) if call.modules else "",
        "counters": "" if call.counters == "{}" else call.counters,
        "labels": "" if call.labels == "{}" else call.labels,
        "content_hash": bytes(call.content_hash).hex(),
    }
