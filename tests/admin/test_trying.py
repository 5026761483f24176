"""A source is tried before its sender is pointed at it: what would be stored, what would wait and why, nothing kept."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.html import escape

from tests.admin.test_usage_pages import staff
from usage.models import Batch, Call, Quarantined, Source

MAPPING = {
    "skip": {"path": "event", "in": ["ringing"]},
    "fields": {"call_id": "no", "caller": "from", "started_at": {"path": "at", "as": "ms"}, "talk": "len"},
    "labels": {"campaign": "task"},
}
CALL = {"no": "v-1", "from": "021555", "at": "1790000000000", "len": "61", "task": "autumn"}


@pytest.fixture
def boss(db):
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.fixture
def vendor(tenant):
    tenant.accept_days_back = 36_500
    tenant.save()
    return Source.objects.create(tenant=tenant, code="vendor", zone="Asia/Shanghai", mapping=MAPPING)


def tried(client, source, body, door="mapped"):
    text = body if isinstance(body, str) else json.dumps(body)
    return client.post(f"/admin/usage/source/{source.pk}/try/", {"door": door, "body": text})


def test_it_shows_what_would_be_stored_and_stores_nothing(boss, vendor):
    (found,) = tried(boss, vendor, CALL).context["tried"]
    assert dict(found.fields) == {
        "call_id": "v-1", "leg": "a", "direction": "outbound", "caller": "021555", "talk_ms": 61_000,
        "reported_seconds": 61, "started_at": "2026-09-21 22:13:20+08:00", "answered_at": "2026-09-21 22:13:20+08:00",
        "ended_at": "2026-09-21 22:14:21+08:00", "labels.campaign": "autumn",
    }  # fmt: skip
    assert found.counted
    assert not any(model.objects.exists() for model in (Batch, Call, Quarantined))


def test_a_form_is_read_as_the_sender_posts_it(boss, vendor):
    page = tried(boss, vendor, "no=v-2&at=1790000000000&len=5", door="application/x-www-form-urlencoded")
    (found,) = page.context["tried"]
    assert (found.call_id, dict(found.fields)["talk_ms"]) == ("v-2", 5_000)


@pytest.mark.parametrize(
    ("change", "code"),
    [({"at": ""}, "no_start"), ({"len": "long"}, "not_a_duration"), ({"at": "4090000000000"}, "in_the_future")],
)
def test_what_would_wait_in_quarantine_says_why_and_what_to_do(change, code, boss, vendor):
    page = tried(boss, vendor, CALL | change)
    (found,) = page.context["tried"]
    assert (found.fault.code, bool(found.advice)) == (code, True)
    for sentence in (code, str(escape(found.advice)), "would wait in quarantine"):
        assert sentence in page.content.decode()


def test_what_is_no_call_is_said_to_be_none(boss, vendor):
    assert "This is no call" in tried(boss, vendor, CALL | {"event": "ringing"}).content.decode()


@pytest.mark.parametrize("body", ["", "{", "\x00", "[1]", "[[[[", '{"call_id": 1e999}', "a,b\n1"])
@pytest.mark.parametrize("door", ["mapped", "native", "ndjson", "csv", "cloudevents", "freeswitch", "asterisk"])
def test_rubbish_gets_a_sentence(body, door, boss, vendor):
    page = tried(boss, vendor, body, door)
    assert page.status_code == 200
    assert page.context["form"].errors or all(each.fault and each.fault.detail for each in page.context["tried"])


def test_only_who_may_see_sources_may_try_them(vendor):
    assert tried(staff("view_source"), vendor, CALL).status_code == 200
    assert tried(staff("view_call"), vendor, CALL).status_code == 403


@pytest.mark.parametrize(
    ("mapping", "english", "chinese"),
    [
        ({"call_id": "id"}, "A mapping has no “call_id”; it has answered, counters", "映射中没有“call_id”"),
        ({"fields": {"begin": "x"}}, "There is no field “begin”; there are agent", "没有字段“begin”"),
        ({"zone": "Mars/Olympus"}, "There is no time zone “Mars/Olympus”", "没有“Mars/Olympus”这个时区"),
        ({"fields": {"talk": {"path": "x", "unit": "h"}}}, "unit is s, ms or us.", "unit 应是 s、ms 或 us。"),
    ],
)
def test_a_mapping_that_cannot_be_read_is_refused_in_the_readers_language(mapping, english, chinese, boss, tenant):
    form = {
        "tenant": tenant.pk, "code": "v", "zone": "Asia/Shanghai", "leg_policy": "usual", "silence_factor": "3",
        "international_prefix": "00", "variables": "{}", "mapping": json.dumps(mapping), "acknowledgement": "{}",
    }  # fmt: skip
    for language, sentence in (("en", english), ("zh-hans", chinese)):
        page = boss.post("/admin/usage/source/add/", form, headers={"Accept-Language": language})
        assert sentence in page.content.decode()
