"""Idempotency-Key: the answer to a request is stored with what the request stored, and given again to its repetition."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from billing.errors import Refused
from usage.formats.record import Decoded
from usage.ingestion import NotWhole, Outcome, Reporter, lock_key, one_transaction, prepare, store
from usage.models import KeptAnswer, Source

KEPT_FOR = timedelta(days=30)
LONGEST_KEY = 255


class WrongKey(Refused):
    """The Idempotency-Key itself cannot be used."""


class KeyReused(Refused):
    """The key belongs to another request; its answer would be wrong for this one."""

    status = 422


class TwinInFlight(Refused):
    """The same request is being stored at this moment; its answer is not known yet."""

    status = 409


def ingest_once(
    key: str,
    request_hash: bytes,
    reporter: Reporter,
    source: Source,
    decoded: Sequence[Decoded],
    *,
    format_name: str,
    now: datetime,
    render: Callable[[Outcome], bytes],
    whole: bool = False,
) -> bytes:
    """Store a delivery and its answer in one transaction; return the answer, the stored one if the key was used before.

    ``request_hash`` covers all that makes the request what it is: address, query and body. Raises KeyReused for a key
    with another hash, TwinInFlight while the same key is being stored, WrongKey for one that is empty or too long.
    A delivery that wanted all or nothing and got nothing leaves no answer behind: it may be sent again, put right.
    """
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
        raise WrongKey("wrong_idempotency_key", f"Idempotency-Key has 1 to {LONGEST_KEY} printable characters.")
    if answer := _kept(reporter.tenant_id, key, request_hash):
        return answer
    prepared = prepare(reporter, source, decoded, format_name, now, whole=whole)
    with contextlib.suppress(NotWhole), one_transaction(pipelined=False):
        _refuse_twin(reporter.tenant_id, key)
        if answer := _kept(reporter.tenant_id, key, request_hash):
            return answer  # the twin ended between the first look and the lock
        store(prepared)
        answer = render(prepared.outcome)
        KeptAnswer.objects.create(
            tenant_id=reporter.tenant_id, key=key, request_hash=request_hash, body=answer, created_at=now
        )
        return answer
    return render(prepared.outcome)


def forget_old_answers(now: datetime) -> int:
    """Delete answers that nobody will ask for again; return how many. The calls themselves stay known for ever."""
    with transaction.atomic():
        return KeptAnswer.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]


def _refuse_twin(tenant_id: int, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock_key("idempotency", tenant_id, key)])
        if not cursor.fetchone()[0]:
            raise TwinInFlight("request_in_flight", "The same request is being stored; ask again in a moment.")


def _kept(tenant_id: int, key: str, request_hash: bytes) -> bytes | None:
    kept = KeptAnswer.objects.filter(tenant_id=tenant_id, key=key).first()
    if kept is None:
        return None
    if bytes(kept.request_hash) != request_hash:
        raise KeyReused("idempotency_key_reused", "This Idempotency-Key was used with another request; use a new one.")
    return bytes(kept.body)
