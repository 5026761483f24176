"""What ties an invoice to its calls: a digest on the invoice, and a bundle in which anyone recomputes it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable

from billing.errors import Refused
from billing.periods import Period
from billing.rating.bundle import INVOICE, TERMS, TOTALS, billed_of, call_of, document_bytes, instant, pack
from billing.rating.terms import Terms
from invoices.models import Invoice
from invoices.sealing import seal_manifest
from usage.counting import calls_of

ORDER = SQL('ORDER BY started_at, source_id, call_id COLLATE "C", leg COLLATE "C"')
DIGEST = SQL("SELECT count(*), encode(sha256(string_agg(content_hash, ''::bytea {})), 'hex') {}")
CALL = SQL(
    "SELECT (SELECT code FROM usage_source WHERE id = source_id AND tenant_id = usage_call.tenant_id) AS source, call_id, "
    "leg, direction, caller, callee, started_at, answered_at, ended_at, talk_ms, reported_seconds, agent_ms, "
    "transferred_at, region, robot, line, language, modules, counters::text, labels::text, content_hash {} {}"
)
PLAIN = ("source", "call_id", "leg", "direction", "caller", "callee", "region", "robot", "line", "language")
AT_ONCE = 2000
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of no calls at all


class NoEvidence(Refused):
    """There is no bundle for this invoice."""

    status = 409


def digest_of(tenant_id: int, terms: Terms) -> dict[str, Any]:
    """Digest the calls of a month, SHA-256 over their content hashes in order of start, their number, and the terms."""
    with connection.cursor() as cursor:
        cursor.execute(DIGEST.format(ORDER, _calls(tenant_id, terms)))
        number, digest = cursor.fetchone()
    agreed = hashlib.sha256(document_bytes(terms.to_json())).hexdigest()
    return {"digest": f"sha256:{digest or NOTHING}", "calls": number, "terms": f"sha256:{agreed}"}


def bundle_of(invoice: Invoice, now: datetime) -> Iterator[bytes]:
    """Yield the evidence bundle of an issued invoice, in memory that does not grow with its calls.

    Raises NoEvidence for a draft, and when calls behind the invoice are no longer kept.
    """
    if invoice.state == Invoice.DRAFT:
        raise NoEvidence("no_draft_evidence", _("A draft has no evidence bundle; issue it first."))
    terms = Terms.from_json(invoice.terms)
    if digest_of(invoice.tenant_id, terms) != invoice.document["evidence"]:
        raise NoEvidence("calls_not_kept", _("The calls behind this invoice are no longer kept."))
    documents = {INVOICE: invoice.document, TERMS: invoice.terms, TOTALS: invoice.totals}
    return pack(documents, _rows(invoice.tenant_id, terms), lambda manifest: seal_manifest(manifest, now))


def _calls(tenant_id: int, terms: Terms) -> Composable:
    return calls_of(tenant_id, terms, Period(terms.segments[0].starts_on, terms.segments[-1].ends_on))


def _rows(tenant_id: int, terms: Terms) -> Iterator[dict[str, str]]:
    """Read the calls through a cursor in the database, a few thousand at a time, with what is billed of each."""
    with transaction.atomic(), connection.connection.cursor("evidence", row_factory=dict_row) as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(CALL.format(_calls(tenant_id, terms), ORDER))
        for found in cursor:
            row = _row(found)
            yield row | {"billed": billed_of(terms, call_of(row))}


def _row(found: dict[str, Any]) -> dict[str, str]:
    row = {name: cast("str", found[name]) for name in PLAIN}
    reported = found["reported_seconds"]
    return row | {
        "started_at": instant(found["started_at"]),
        "answered_at": instant(found["answered_at"]),
        "ended_at": instant(found["ended_at"]),
        "talk_ms": str(found["talk_ms"]),
        "reported_seconds": "" if reported is None else str(reported),
        "agent_ms": str(found["agent_ms"]),
        "transferred": "1" if found["transferred_at"] else "",
        "modules": json.dumps(found["modules"], ensure_ascii=False) if found["modules"] else "",
        "counters": "" if found["counters"] == "{}" else found["counters"],
        "labels": "" if found["labels"] == "{}" else found["labels"],
        "content_hash": bytes(found["content_hash"]).hex(),
    }
