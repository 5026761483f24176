"""What ties an invoice to its calls: a digest anyone can recompute from the list of calls."""

from __future__ import annotations

from typing import Any

from django.db import connection
from psycopg.sql import SQL

from billing.rating.terms import Terms
from usage.counting import calls_of

DIGEST = "SELECT count(*), encode(sha256(string_agg(content_hash, ''::bytea ORDER BY source_id, call_id)), 'hex') {}"


def digest_of(tenant_id: int, terms: Terms) -> dict[str, Any]:
    """Digest the calls of a month: SHA-256 over their content hashes in order of source and id, and their number.

    Segments of a month follow one another in order of time; each adds its digest, joined by "+".
    """
    calls, digests = 0, []
    with connection.cursor() as cursor:
        for segment in terms.segments:
            cursor.execute(SQL(DIGEST).format(calls_of(tenant_id, terms, segment)))
            number, digest = cursor.fetchone()
            calls += number
            digests.append(digest or "none")
    return {"digest": "sha256:" + "+".join(digests), "calls": calls}
