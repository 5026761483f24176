"""Whatever the deliveries: retries, splits, repetitions, conflicts, disorder, one after another or at once, the calls
stored are those of one clean delivery, and each batch's counts add up."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.models import Tenant
from tests.conftest import NOW, call_of
from usage.formats import native
from usage.ingestion import BUCKETS, FEW_RECORDS, Outcome, Reporter, ingest_batch
from usage.models import Batch, Call, Quarantined, Source, SourceMonth

CALLS = 60


def month_of_calls(count: int = CALLS) -> list[dict[str, Any]]:
    """Make calls over four months, some of texts that are hard to copy."""
    texts = ("", "快递", "tab\there", "back\\slash", "line\nfeed", 'quo"te', "{a,b}", "NULL", "\\N", "\\.", "🤖")
    made = []
    for number in range(count):
        started = datetime.fromisoformat("2026-08-05T09:00:00+08:00") + timedelta(hours=2400 * number // count)
        text = texts[number % len(texts)]
        made.append(
            call_of(
                number, started_at=started.isoformat(), answered_at=(started + timedelta(seconds=3)).isoformat(),
                ended_at=(started + timedelta(seconds=60, milliseconds=number)).isoformat(), robot=text,
                modules=[text] if text else [], labels={"campaign": text}, counters={"asr_seconds": number / 8},
            )
        )  # fmt: skip
    return made


def deliver(reporter: Reporter, source: Source, records: list[dict[str, Any]]) -> Outcome:
    """Store records and check that the counts add up."""
    outcome = ingest_batch(reporter, source, native.decode(json.dumps(records).encode()), "native", NOW)
    counts = [outcome.count(name) for name in ("accepted", "duplicate", "conflict", "rejected")]
    assert outcome.received == len(records) == sum(counts)
    assert [item.index for item in outcome.items] == list(range(len(records)))
    return outcome


def table_of(tenant: Tenant) -> list[tuple[Any, ...]]:
    """Read what is stored, but for when and in which batch it came."""
    names = [f.name for f in Call._meta.get_fields() if f.name not in {"pk", "batch_id", "received_at"}]
    found = Call.objects.filter(tenant_id=tenant.pk).order_by("call_id", "leg").values_list(*names)
    return [tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in found]


@pytest.fixture
def reporter(tenant: Tenant) -> Reporter:
    return Reporter(tenant.pk, tenant.zone, tenant.billing_day, True, 400)


# Each step delivers some calls, in this order; a true second part makes a conflict of the call.
step = st.lists(st.tuples(st.integers(0, CALLS - 1), st.booleans()), min_size=1, max_size=FEW_RECORDS * 2)


@given(
    first=st.permutations(range(CALLS)),
    cuts=st.lists(st.integers(1, 40), min_size=60, max_size=60),
    steps=st.lists(step, max_size=5),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_interleaving_ends_in_one_clean_delivery(
    reporter: Reporter, tenant: Tenant, source: Source, *, first: list[int], cuts: list[int], steps: list[Any]
) -> None:
    calls = month_of_calls()
    clean = _clean(reporter, tenant, source, calls)
    waiting = list(first)
    for cut in cuts:
        part, waiting = waiting[:cut], waiting[cut:]
        if part:
            deliver(reporter, source, [calls[n] for n in part])
        if part and steps:
            known = [(n, other) for n, other in steps.pop() if n not in waiting or not other]
            records = [calls[n] | ({"region": "changed"} if other else {}) for n, other in known]
            waiting = [n for n in waiting if n not in {n for n, _ in known}] + [n for n, _ in known]
            if records:
                deliver(reporter, source, records)
    assert table_of(tenant) == clean
    assert sum(Batch.objects.values_list("accepted", flat=True)) == CALLS
    assert Quarantined.objects.count() == sum(Batch.objects.values_list("conflicts", flat=True))


def _clean(reporter: Reporter, tenant: Tenant, source: Source, calls: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Deliver everything once, note the table, and empty it."""
    deliver(reporter, source, calls)
    clean = table_of(tenant)
    for table in (Call, Batch, Quarantined, SourceMonth):
        table.objects.filter(tenant_id=tenant.pk).delete()
    return clean


def test_one_record_and_many_are_stored_alike(reporter: Reporter, tenant: Tenant, source: Source) -> None:
    calls = month_of_calls()
    together = _clean(reporter, tenant, source, calls)
    for call in calls:
        deliver(reporter, source, [call])
    assert table_of(tenant) == together


@pytest.mark.parametrize("size", [1, FEW_RECORDS, FEW_RECORDS + 1, CALLS])
def test_a_call_is_known_in_every_month(reporter: Reporter, tenant: Tenant, source: Source, size: int) -> None:
    calls = month_of_calls()
    deliver(reporter, source, calls)
    moved = [
        call | {"started_at": "2026-11-02T09:00:00+08:00", "answered_at": None, "ended_at": "2026-11-02T09:00:10+08:00"}
        for call in calls[:size]
    ]
    assert deliver(reporter, source, moved).count("conflict") == size
    assert Call.objects.filter(tenant_id=tenant.pk).count() == CALLS


@pytest.fixture
def no_calls_left(transactional_db: None) -> Iterator[None]:
    yield  # the flush after the test empties what Django manages, which calls are not
    Call.objects.all().delete()


@pytest.mark.usefixtures("no_calls_left")
@pytest.mark.parametrize("seed", range(3))
def test_eight_writers_at_once_store_each_call_once(tenant: Tenant, source: Source, seed: int) -> None:
    """Real concurrency: the same ids in both months, alone and in batches, until every writer has sent everything."""
    reporter, calls = Reporter(tenant.pk, tenant.zone, tenant.billing_day, False, 400), month_of_calls(BUCKETS * 3)
    early = {"started_at": "2026-09-08T09:00:00+08:00", "answered_at": None, "ended_at": "2026-09-08T09:00:10+08:00"}
    faults: list[BaseException] = []
    accepted: Counter[str] = Counter()
    barrier, guard = threading.Barrier(8), threading.Lock()

    def write(number: int) -> None:
        chance = random.Random(f"{seed}:{number}")
        own = [call | (early if chance.random() < 0.3 else {}) for call in calls]
        chance.shuffle(own)
        try:
            barrier.wait()
            while own:
                cut = chance.choice((1, 1, 5, FEW_RECORDS + 5, 100))
                part, own = own[:cut], own[cut:]
                outcome = deliver(reporter, source, part)
                with guard:
                    accepted.update(item.call_id for item in outcome.items if item.outcome == "accepted")
        except BaseException as fault:
            faults.append(fault)
            raise
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert not faults
    stored = Counter(Call.objects.filter(tenant_id=tenant.pk).values_list("call_id", flat=True))
    assert stored == accepted == Counter(call["call_id"] for call in calls)
    months = set(Call.objects.filter(tenant_id=tenant.pk).values_list("period", flat=True))
    assert months <= set(SourceMonth.objects.values_list("period", flat=True))


def test_a_look_up_by_key_reads_the_key_without_statistics(reporter: Reporter, tenant: Tenant, source: Source) -> None:
    """A month that was never analyzed must not be read whole for each record."""
    from usage.storing import _find_known

    deliver(reporter, source, month_of_calls())
    months = tuple(SourceMonth.objects.values_list("period", flat=True))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        statement = _find_known(months).decode()
        cursor.execute(f"EXPLAIN {statement}", {"tenant": tenant.pk, "source": source.pk, "ids": ["a"], "legs": ["a"]})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "_pkey" in plan
    assert "started_at" not in plan
    assert "Seq Scan" not in plan
