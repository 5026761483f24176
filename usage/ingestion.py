"""Storing calls exactly once: 2xx means committed, and the row's own key is the deduplication, for ever."""

from __future__ import annotations

import bisect
import contextlib
import functools
import hashlib
import select
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count, repeat
from typing import Any
from uuid import UUID

import psycopg
import uuid_utils.compat as uuids
from django.db import connection, transaction

from billing.periods import periods
from usage.formats.record import Decoded, Fault, Whole, accept_all, fault_of_decoded, records_of
from usage.models import Source
from usage.partitions import ensure_partitions
from usage.storing import (
    Candidate,
    Delivery,
    copy_lines,
    is_known,
    look_at_months,
    store_at_once,
    store_few,
    store_many,
    take_locks,
)

OUTCOMES = ("accepted", "duplicate", "conflict", "rejected")
BUCKETS = 255  # lock_key leaves room for as many, and fewer make strangers wait for each other's COMMIT
FEW_RECORDS = 24


@dataclass(frozen=True, slots=True)
class Reporter:
    """Whose calls these are, and what the tenant allows; from the key, never from the records."""

    tenant_id: int
    zone: str
    billing_day: int
    keep_numbers: bool
    accept_days_back: int


@dataclass(slots=True)
class Item:
    """What became of one record: accepted, duplicate, conflict or rejected, and why."""

    index: int
    call_id: str
    outcome: str
    fault: Fault | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a delivery. received = accepted + duplicates + conflicts + rejected.

    ``exceptions`` are the records that were not accepted, in order; ``items`` are all of them. ``stored`` is False
    when a delivery wanted all or nothing and got nothing.
    """

    batch_id: UUID
    decoded: Sequence[Decoded] = ()
    exceptions: list[Item] = field(default_factory=list)
    stored: bool = True

    @property
    def received(self) -> int:
        """Count the records of the delivery."""
        return len(self.decoded)

    @property
    def items(self) -> list[Item]:
        """List what became of every record, in order."""
        excepted = {item.index: item for item in self.exceptions}
        return [excepted.get(n) or Item(n, each.call_id, "accepted") for n, each in enumerate(self.decoded)]

    @property
    def counts(self) -> dict[str, int]:
        """Count the records by outcome, in the order of OUTCOMES."""
        tally = Counter(item.outcome for item in self.exceptions)
        return dict.fromkeys(OUTCOMES, self.received - len(self.exceptions)) | {
            name: tally[name] for name in OUTCOMES[1:]
        }

    def count(self, outcome: str) -> int:
        """Count the records with one outcome."""
        return self.counts[outcome]


@dataclass(slots=True)
class Prepared:
    """A delivery that is read and judged, ready to be stored under the locks; ``lines`` of COPY if they were written."""

    reporter: Reporter
    source: Source
    format_name: str
    now: datetime
    outcome: Outcome
    candidates: list[Candidate]
    months: list[date]
    whole: bool
    lines: list[bytes]

    @property
    def few(self) -> bool:
        """Tell whether the records go as parameters of a statement, not by COPY."""
        return len(self.candidates) <= FEW_RECORDS

    def delivery(self, frozen: frozenset[date]) -> Delivery:
        """Say what the rows have in common, once it is known which months are frozen."""
        who = self.reporter
        return Delivery(who.tenant_id, self.source.pk, self.outcome.batch_id, self.now, who.keep_numbers, frozen)


class NotWhole(Exception):
    """A delivery that wants all or nothing cannot have all; the transaction rolls back."""


def ingest_batch(
    reporter: Reporter,
    source: Source,
    decoded: Sequence[Decoded],
    format_name: str,
    now: datetime,
    *,
    whole: bool = False,
) -> Outcome:
    """Store a delivery in one transaction: new calls once, repetitions not again, the rest in quarantine with reasons.

    With ``whole``, a record that cannot be taken keeps all others out, and nothing is stored. Raises
    django.db.OperationalError when the database cannot take it; then nothing is stored and the sender tries again.
    """
    prepared = prepare(reporter, source, decoded, format_name, now, whole=whole)
    if not _stored_at_once(prepared):
        with contextlib.suppress(NotWhole), one_transaction(pipelined=prepared.few):
            store(prepared)
    return prepared.outcome


def _stored_at_once(prepared: Prepared) -> bool:
    """Store a few records in which nothing is unusual in one statement, which is its own transaction.

    Returns False, with nothing done, when a record cannot be taken or conflicts, a month is frozen or not yet noted,
    or the caller has a transaction open.
    """
    if not prepared.few or not prepared.candidates or prepared.outcome.exceptions or connection.in_atomic_block:
        return False
    _connect()
    with connection.wrap_database_errors:
        cursor = psycopg.Cursor(connection.connection)
        locks = _locks(prepared)
        known = store_at_once(cursor, prepared.delivery(frozenset()), prepared.candidates, prepared.format_name, locks)
    if known is None:
        return False
    prepared.outcome.exceptions = [
        _repeated(index, prepared.candidates[index].record.call_id, same=True) for index in known
    ]
    return True


def _connect() -> None:
    """Have a connection that the server has not closed.

    A server that went away has said so on the line, and a quiet line of a server that answered the last statement needs
    no question: for a single record, asking costs as much as a third of storing it.
    """
    wrapper: Any = connection
    if wrapper.connection is not None and not wrapper.connection.closed and not wrapper.health_check_done:
        heard = select.poll()
        heard.register(wrapper.connection.fileno(), select.POLLIN)
        wrapper.health_check_done = not heard.poll(0)
    wrapper.close_if_health_check_failed()
    wrapper.ensure_connection()


@contextlib.contextmanager
def one_transaction(*, pipelined: bool) -> Iterator[None]:
    """Commit what the block does before anything after it happens.

    Pipelined, its statements travel together: three times there and back instead of nine. The pipeline ends after the
    COMMIT in it was confirmed, and raises what went wrong with it.
    """
    _connect()  # asked inside a pipeline, its question would have no answer yet
    pipeline = connection.connection.pipeline() if pipelined else contextlib.nullcontext()
    with connection.wrap_database_errors, pipeline, transaction.atomic(durable=True):
        yield


def prepare(
    reporter: Reporter,
    source: Source,
    decoded: Sequence[Decoded],
    format_name: str,
    now: datetime,
    *,
    whole: bool = False,
) -> Prepared:
    """Do all that needs no lock: judge the records, have their partitions made, write out what is new."""
    outcome = Outcome(uuids.uuid7(), decoded)
    candidates = _sift(reporter, decoded, now, outcome)
    months = sorted({candidate.period for candidate in candidates})
    prepared = Prepared(reporter, source, format_name, now, outcome, candidates, months, whole, [])
    ensure_partitions(months)
    if not prepared.few and not _seems_repeated(prepared):
        prepared.lines = copy_lines(prepared.delivery(frozenset()), candidates)
    return prepared


def _seems_repeated(prepared: Prepared) -> bool:
    """Guess whether a large delivery was here before, by its first record: then hardly a line of it will be stored."""
    _connect()
    with connection.wrap_database_errors:
        return is_known(psycopg.Cursor(connection.connection), prepared.delivery(frozenset()), prepared.candidates[0])


def _sift(reporter: Reporter, decoded: Sequence[Decoded], now: datetime, outcome: Outcome) -> list[Candidate]:
    """Set aside what cannot be true and what the delivery itself repeats; name the period of the rest."""
    earliest = now - timedelta(days=reporter.accept_days_back)
    period_of = period_finder(reporter.zone, reporter.billing_day)
    if candidates := _take_all(decoded, earliest, now, period_of):
        return candidates
    seen: dict[tuple[str, str], bytes] = {}
    candidates = []
    for index, each in enumerate(decoded):
        record, fault = each.record, fault_of_decoded(each, earliest, now)
        if fault or record is None:
            outcome.exceptions.append(Item(index, each.call_id, "rejected", fault))
            continue
        digest = record.content_hash
        known = seen.setdefault((record.call_id, record.leg), digest)
        if known is digest:
            candidates.append(Candidate(index, record, each.flags, period_of(record.started_at), digest))
        else:
            outcome.exceptions.append(_repeated(index, each.call_id, same=known == digest))
    return candidates


def _take_all(
    decoded: Sequence[Decoded], earliest: datetime, now: datetime, period_of: Callable[[datetime], date]
) -> list[Candidate]:
    """Judge a delivery as a whole, which takes a quarter of the time; nothing when a record has to be set aside."""
    records = [record for record in records_of(decoded) if record is not None]
    if len(records) < len(decoded) or len({(r.call_id, r.leg) for r in records}) < max(len(records), 1):
        return []
    hashes = accept_all(records, earliest, now)
    if hashes is None:
        return []
    started = [record.started_at for record in records]
    first, last = period_of(min(started)), period_of(max(started))
    months = repeat(first) if first == last else map(period_of, started)
    flags = repeat(()) if isinstance(decoded, Whole) else [each.flags for each in decoded]
    return list(map(Candidate, count(), records, flags, months, hashes))


def store(prepared: Prepared) -> None:
    """Store a prepared delivery within the caller's transaction. Raises NotWhole, having said why in the outcome."""
    outcome, who = prepared.outcome, prepared.reporter
    _refuse_parts(prepared)
    cursor = psycopg.Cursor(connection.connection)
    take_locks(cursor, _locks(prepared))
    if prepared.candidates:
        months = look_at_months(cursor, who.tenant_id, prepared.source.pk, prepared.months)
        delivery = prepared.delivery(months.frozen)
        if prepared.few:
            known = store_few(cursor, delivery, prepared.candidates, months.with_calls)
        else:
            lines = [] if months.frozen else prepared.lines
            known = store_many(cursor, delivery, prepared.candidates, lines, months.with_calls)
        if known:
            _judge_known(cursor, prepared, known)
            _refuse_parts(prepared)
        months.note(cursor, delivery, prepared.months)
    _quarantine(cursor, prepared)
    cursor.execute(
        "INSERT INTO usage_batch (tenant_id, id, source_id, format, received_at, received, accepted, duplicates, "
        "conflicts, rejected) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [who.tenant_id, outcome.batch_id, prepared.source.pk, prepared.format_name, prepared.now,
         outcome.received, *outcome.counts.values()],
        prepare=True,
    )  # fmt: skip


def _locks(prepared: Prepared) -> list[tuple[int, bool]]:
    """Keep others from storing the same ids in another month meanwhile, and a month from being frozen.

    The unique key finds a repetition within a partition; one in another month is found by looking, which is exact
    only while nobody else can add it. A large delivery locks its source; a few records lock only their ids' buckets,
    so that single records from one switch are committed together.
    """
    tenant_id, source_id = prepared.reporter.tenant_id, prepared.source.pk
    source = lock_key("source", tenant_id, source_id)
    locks = [(lock_key("period", tenant_id, month), True) for month in prepared.months]
    locks.append((source, prepared.few))
    if prepared.few:
        buckets = {bucket_of(candidate.record.call_id) for candidate in prepared.candidates}
        locks += [(source + 1 + bucket, False) for bucket in sorted(buckets)]
    return locks


def lock_call(cursor: Any, tenant_id: int, source_id: int, call_id: str) -> None:
    """Keep deliveries and other changes away from one call until the transaction ends."""
    source = lock_key("source", tenant_id, source_id)
    take_locks(cursor, [(source, True), (source + 1 + bucket_of(call_id), False)])


def bucket_of(call_id: str) -> int:
    """Return which of a source's locks guards an id."""
    return hashlib.blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0] % BUCKETS


@functools.lru_cache(maxsize=4096)
def lock_key(kind: str, *parts: object) -> int:
    """Return the advisory lock number of a thing, the same in every process."""
    text = ":".join(map(str, (kind, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big", signed=True) & ~0xFF


def _judge_known(cursor: Any, prepared: Prepared, known: dict[tuple[str, str], bytes]) -> None:
    """Tell repetitions from conflicts; a record that said what a replaced version said is a repetition, too."""
    outcome, differing = prepared.outcome, []
    for candidate in prepared.candidates:
        digest = known.get(candidate.key)
        if digest == candidate.content_hash:
            outcome.exceptions.append(Item(candidate.index, candidate.record.call_id, "duplicate"))
        elif digest is not None:
            differing.append(candidate)
    if differing:
        cursor.execute(
            "SELECT call_id, leg, content_hash FROM usage_callversion WHERE tenant_id = %s AND source_id = %s "
            "AND call_id = ANY(%s)",
            [prepared.reporter.tenant_id, prepared.source.pk, [candidate.record.call_id for candidate in differing]],
        )
        earlier = {(call_id, leg, bytes(digest)) for call_id, leg, digest in cursor.fetchall()}
        for candidate in differing:
            same = (*candidate.key, candidate.content_hash) in earlier
            outcome.exceptions.append(_repeated(candidate.index, candidate.record.call_id, same=same))
    outcome.exceptions.sort(key=lambda item: item.index)


def _repeated(index: int, call_id: str, *, same: bool) -> Item:
    if same:
        return Item(index, call_id, "duplicate")
    detail = "This id is known with other content; the first record stands. Void or correct it."
    return Item(index, call_id, "conflict", Fault("conflict", detail, "/call_id"))


def _refuse_parts(prepared: Prepared) -> None:
    """Reject every record of a delivery that wants all or nothing, when one of them cannot be taken."""
    outcome = prepared.outcome
    if not prepared.whole or all(item.outcome == "duplicate" for item in outcome.exceptions):
        return
    fault = Fault("not_stored", "Another record of this delivery could not be taken, so nothing was stored.")
    refused = {item.index: item for item in outcome.exceptions if item.outcome != "duplicate"}
    outcome.exceptions = [
        refused.get(index) or Item(index, each.call_id, "rejected", fault) for index, each in enumerate(outcome.decoded)
    ]
    outcome.stored = False
    raise NotWhole


def _quarantine(cursor: Any, prepared: Prepared) -> None:
    rows = []
    for item in prepared.outcome.exceptions:
        if item.fault:
            decoded, fault = prepared.outcome.decoded[item.index], item.fault
            digest = decoded.record.content_hash if decoded.record else None
            texts = (text.replace("\x00", "") for text in (item.call_id, fault.code, fault.detail, fault.pointer))
            rows.append([prepared.reporter.tenant_id, uuids.uuid7(), prepared.outcome.batch_id, prepared.source.pk,
                         item.index, *texts, bytes(decoded.raw), digest, prepared.now])  # fmt: skip
    if rows:
        cursor.executemany(
            "INSERT INTO usage_quarantined (tenant_id, id, batch_id, source_id, position, call_id, code, detail, "
            "pointer, raw, content_hash, received_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


@functools.lru_cache(maxsize=1024)
def period_finder(zone: str, billing_day: int) -> Callable[[datetime], date]:
    """Return a quick function from an instant to the first local day of its billing period."""
    starts: list[float] = []  # seconds since 1970: aware instants compare twenty times as slowly
    days: list[date] = []
    for period, start, _ in periods(billing_day, zone, since=date(2000, 1, 1)):
        starts.append(start.timestamp())
        days.append(period.starts_on)
        if period.starts_on.year > 2100:
            break

    def find(instant: datetime) -> date:
        return days[max(bisect.bisect_right(starts, instant.timestamp()) - 1, 0)]

    return find
