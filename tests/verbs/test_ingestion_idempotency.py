"""An Idempotency-Key gives the same request the same answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tenants.models import Tenant
from tests.conftest import NOW, call_of
from usage.formats import native
from usage.idempotency import KEPT_FOR, KeyReused, TwinInFlight, WrongKey, forget_old_answers, ingest_once
from usage.ingestion import Outcome, Reporter
from usage.models import Batch, Call, KeptAnswer, Source


def _render(outcome: Outcome) -> bytes:
    return json.dumps({"batch": str(outcome.batch_id), "accepted": outcome.count("accepted")}).encode()


def _send(tenant: Tenant, source: Source, key: str, *records: dict[str, Any], **options: Any) -> Any:
    body = json.dumps(records).encode()
    reporter = Reporter(tenant.pk, tenant.zone, tenant.billing_day, True, 400)
    answer = ingest_once(
        key,
        hashlib.sha256(body).digest(),
        reporter,
        source,
        native.decode(body),
        format_name="native",
        now=NOW,
        render=_render,
        **options,
    )
    return json.loads(answer)


def test_the_same_request_gets_the_same_answer(tenant: Tenant, source: Source) -> None:
    first = _send(tenant, source, "k-1", call_of(1))
    assert _send(tenant, source, "k-1", call_of(1)) == first
    assert first["accepted"] == 1
    assert Batch.objects.filter(tenant_id=tenant.pk).count() == 1


def test_another_body_under_the_same_key_is_refused(tenant: Tenant, source: Source) -> None:
    _send(tenant, source, "k-1", call_of(1))
    with pytest.raises(KeyReused) as refused:
        _send(tenant, source, "k-1", call_of(2))
    assert refused.value.status == 422
    assert Call.objects.filter(tenant_id=tenant.pk).count() == 1


def test_another_tenants_key_is_its_own(tenant: Tenant, source: Source) -> None:
    _send(tenant, source, "k-1", call_of(1))
    other = Tenant.objects.create(seller=tenant.seller, code="south", zone="Asia/Shanghai", language="en")
    theirs = Source.objects.create(tenant=other, code="switch-1", zone="Asia/Shanghai")
    assert _send(other, theirs, "k-1", call_of(2))["accepted"] == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b"])
def test_a_key_that_cannot_be_one_is_refused(tenant: Tenant, source: Source, key: str) -> None:
    with pytest.raises(WrongKey):
        _send(tenant, source, key, call_of(1))


def test_all_or_nothing_that_got_nothing_may_be_sent_again(tenant: Tenant, source: Source) -> None:
    bad = call_of(2, ended_at="2026-10-08T08:00:00+08:00")
    assert _send(tenant, source, "k-1", call_of(1), bad, whole=True)["accepted"] == 0
    assert Call.objects.filter(tenant_id=tenant.pk).count() == 0
    assert _send(tenant, source, "k-1", call_of(1), call_of(2), whole=True)["accepted"] == 2


def test_old_answers_are_forgotten(tenant: Tenant, source: Source) -> None:
    _send(tenant, source, "k-1", call_of(1))
    assert forget_old_answers(NOW + KEPT_FOR) == 0
    assert forget_old_answers(NOW + KEPT_FOR * 2) == 1


@pytest.fixture
def no_calls_left(transactional_db: None) -> Iterator[None]:
    yield  # the flush after the test empties what Django manages, which calls are not
    Call.objects.all().delete()


@pytest.mark.usefixtures("no_calls_left")
def test_twenty_at_once_store_once_and_agree(tenant: Tenant, source: Source) -> None:
    start, found = threading.Barrier(20), []

    def send() -> None:
        try:
            start.wait()
            found.append(_send(tenant, source, "k-1", *(call_of(n) for n in range(40)))["batch"])
        except TwinInFlight:
            found.append("in flight")
        finally:
            connection.close()

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outcomes = Counter(found)
    outcomes.pop("in flight", None)
    assert len(found) == 20
    assert len(outcomes) == 1, outcomes
    assert Batch.objects.filter(tenant_id=tenant.pk).count() == 1
    assert Call.objects.filter(tenant_id=tenant.pk).count() == 40
    assert KeptAnswer.objects.count() == 1
