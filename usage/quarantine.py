"""Records that could not be taken: looked up, read anew after a fix, put aside for good."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from billing.errors import Refused
from tenants.models import Tenant
from usage.formats import reading
from usage.formats.native import UnreadableBody
from usage.formats.record import Decoded
from usage.ingestion import Outcome, Reporter, ingest_batch
from usage.models import Batch, Quarantined, Source
from usage.sources import rules_of

REPLAYED, DISCARDED = "replayed", "discarded"
AT_ONCE = 1000


class NothingToReplay(Refused):
    """The record was replayed or put aside before, or was never there."""

    status = 409


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of records that were read anew; ``batches`` are the deliveries they came out in."""

    tried: int
    accepted: int
    duplicates: int
    conflicts: int
    rejected: int
    batches: tuple[UUID, ...]


def open_records(tenant_id: int, *, source_id: int | None = None, code: str = "") -> QuerySet[Quarantined]:
    """List a tenant's records that wait in quarantine, the newest first."""
    found = Quarantined.objects.filter(tenant_id=tenant_id, resolved_at__isnull=True)
    if source_id is not None:
        found = found.filter(source_id=source_id)
    return (found.filter(code=code) if code else found).order_by("-id")


def waiting_since(since: Collection[tuple[int, datetime]]) -> dict[tuple[int, datetime], int]:
    """Count the records of tenants that wait in quarantine and came at or after an instant, for each pair of both."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.tenant_id, s.at, count(q.id) FROM unnest(%s::int8[], %s::timestamptz[]) AS s (tenant_id, at) "
            "LEFT JOIN usage_quarantined AS q ON q.tenant_id = s.tenant_id AND q.resolved_at IS NULL "
            "AND q.received_at >= s.at GROUP BY s.tenant_id, s.at",
            [[tenant_id for tenant_id, _ in since], [at for _, at in since]],
        )
        return {(tenant_id, at): waiting for tenant_id, at, waiting in cursor.fetchall()}


def replay(tenant: Tenant, records: Sequence[Quarantined], now: datetime) -> Replayed:
    """Read quarantined records anew with their source's present mapping, zone and rules, and deliver them.

    Each goes in as it came, in its format; one that is still wrong is quarantined anew with its present reason, so the
    old row is settled in any case. Raises NothingToReplay when all of them were settled before.
    """
    waiting = [record for record in records[:AT_ONCE] if record.resolved_at is None and record.tenant_id == tenant.pk]
    if not waiting:
        raise NothingToReplay("nothing_to_replay", "This record was replayed or put aside before.")
    formats = dict(
        Batch.objects.filter(tenant_id=tenant.pk, id__in={r.batch_id for r in waiting}).values_list("id", "format")
    )
    groups: dict[tuple[int, str], list[Quarantined]] = {}
    for record in waiting:
        groups.setdefault((record.source_id, formats.get(record.batch_id, reading.NATIVE)), []).append(record)
    outcomes = [_replay_group(tenant, source, name, group, now) for (source, name), group in groups.items()]
    accepted, duplicates, conflicts, rejected = (
        sum(outcome.count(name) for outcome in outcomes) for name in ("accepted", "duplicate", "conflict", "rejected")
    )
    batches = tuple(outcome.batch_id for outcome in outcomes)
    return Replayed(len(waiting), accepted, duplicates, conflicts, rejected, batches)


def discard(tenant_id: int, ids: Sequence[UUID], now: datetime) -> int:
    """Put records aside for good, without storing them; return how many were waiting."""
    waiting = Quarantined.objects.filter(tenant_id=tenant_id, id__in=ids, resolved_at__isnull=True)
    return waiting.update(resolved_at=now, resolution=DISCARDED)


def _replay_group(tenant: Tenant, source_id: int, name: str, group: list[Quarantined], now: datetime) -> Outcome:
    source = Source.objects.get(pk=source_id, tenant_id=tenant.pk)
    rules = rules_of(source)
    decoded: list[Decoded] = []
    for record in group:
        try:
            decoded += reading.read(name, bytes(record.raw), rules, uuid=record.call_id)
        except UnreadableBody as refusal:
            decoded.append(Decoded(raw=bytes(record.raw), fault=refusal.as_fault(), call_id=record.call_id))
    reporter = Reporter(tenant.pk, tenant.zone, tenant.billing_day, tenant.keep_numbers, tenant.accept_days_back)
    outcome = ingest_batch(reporter, source, decoded, name, now)
    # Not in the delivery's own transaction: a crash in between replays again, and a call is stored once all the same.
    Quarantined.objects.filter(
        tenant_id=tenant.pk, id__in=[record.id for record in group], resolved_at__isnull=True
    ).update(resolved_at=now, resolution=REPLAYED, replay_batch_id=outcome.batch_id)
    return outcome
