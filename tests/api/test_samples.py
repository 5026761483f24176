"""Every real payload comes out as its index says: through HTTP, twice, in any order."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from tests.conftest import SAMPLES
from usage.models import Call, Source

INDEX = json.loads((SAMPLES / "index.json").read_text())["files"]
EXPECTED = {sample["file"]: sample["expected"] for sample in INDEX}
PRESETS = {"16": "twilio", "17": "aliyun-robot", "20": "volcengine", "25": "cdr-stats"}
ZONE = "Asia/Shanghai"
LABELS = {"bleg_id": "bleg_id", "campaign_id": "campaign_id", "answered_by": "answered_by", "price": "price",
          "currency": "currency", "account": "account"}  # fmt: skip


def door_of(sample: dict[str, Any]) -> str:
    number = sample["file"][:2]
    if number in PRESETS:
        return f"/api/v1/cdr/mapped/{PRESETS[number]}"
    kind = "asterisk" if sample["file"].endswith(".csv") else "freeswitch"
    return f"/api/v1/cdr/{kind}/switch-1"


@pytest.fixture
def deliver(key, tenant, source):
    tenant.keep_numbers = True
    tenant.save()
    for preset in PRESETS.values():
        Source.objects.create(tenant=tenant, code=preset, zone=ZONE, preset=preset)

    def send(sample: dict[str, Any]) -> Any:
        transport = sample.get("transport", {})
        default = "text/csv" if sample["file"].endswith(".csv") else "application/json"
        answer = Client().post(
            f"{door_of(sample)}?items=all&{transport.get('query', '')}",
            data=(SAMPLES / sample["file"]).read_bytes(),
            content_type=transport.get("content_type", default),
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200, answer.content
        return answer.json()

    return send


def stored_like(expected: dict[str, Any]) -> Call:
    """Find the stored call of an expected record by what identifies it."""
    found = Call.objects.all()
    if "call_id" in expected:
        found = found.filter(call_id=expected["call_id"])
    else:
        found = found.filter(caller_number=expected["caller"])
    if start := start_of(expected):
        found = found.filter(started_at=start)
    return found.get()


def start_of(expected: dict[str, Any]) -> datetime | None:
    if expected.get("start"):
        return datetime.fromisoformat(expected["start"])
    if "start_local" in expected:
        return datetime.fromisoformat(expected["start_local"]).replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC)
    return None


def assert_as_expected(expected: dict[str, Any]) -> None:
    call = stored_like(expected)
    assert call.started_at == start_of(expected)
    for name, stored in (("answer", call.answered_at), ("end", call.ended_at)):
        if name in expected:
            assert stored == datetime.fromisoformat(expected[name])
    assert (call.answered_at is not None) == expected["answered"]
    assert (call.caller_number or None) == expected.get("caller", call.caller_number or None)
    if "callee" in expected:
        assert (call.callee_number or None) == expected["callee"]
    assert call.hangup_cause == expected["hangup_cause"]
    if "leg" in expected:
        assert call.leg == expected["leg"]
    assert (call.reported_seconds or 0) == expected["billable_s"]
    if "exact_billable_ms" in expected:
        assert call.talk_ms == expected["exact_billable_ms"]
    if "exact_duration_ms" in expected:
        assert abs((call.ended_at - call.started_at).total_seconds() * 1000 - expected["exact_duration_ms"]) < 1
    if "hold_ms" in expected:
        assert call.counters["hold_ms"] == str(expected["hold_ms"])
    for name, label in LABELS.items():
        if name in expected:
            assert call.labels[label] == expected[name]


@pytest.mark.parametrize("sample", INDEX, ids=[sample["file"] for sample in INDEX])
def test_a_sample_comes_out_as_its_index_says_however_often_it_is_sent(sample, deliver):
    first = deliver(sample)
    deliver(sample)
    for record in sample["expected"]:
        same = record.get("same_as")
        assert_as_expected(EXPECTED[same][record["record"]] if same else record)
    assert Call.objects.count() == len(sample["expected"])
    required = sample.get("transport", {}).get("required_response")
    if required:
        assert first == required


def test_all_samples_in_any_order_come_out_the_same(deliver):
    order = [*INDEX, *INDEX]
    random.Random(4).shuffle(order)
    for sample in order:
        deliver(sample)
    records = [record for sample in INDEX for record in sample["expected"] if "same_as" not in record]
    for record in records:
        assert_as_expected(record)
    assert Call.objects.count() == len(records)
