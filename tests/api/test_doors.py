"""The native doors: every way to write a delivery, the same outcome."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import zstandard
from django.test import Client

from tests.conftest import call_of
from usage.models import Batch, Call, Quarantined, Source
from usage.simulation.encoding import csv_body
from usage.sources import forget_sources

CALLS = [
    call_of(n, labels={"campaign": "autumn"}, modules=["asr"], counters={"asr_seconds": "12.5"}) for n in (1, 2, 3)
]
ARRAY = json.dumps(CALLS).encode()
NDJSON = b"\n".join(json.dumps(call).encode() for call in CALLS) + b"\n\n"


@pytest.fixture
def send(key, source):
    def post(body, content_type="application/json", *, to="/api/v1/calls", status=200, **headers):
        answer = Client().post(
            to, data=body, content_type=content_type, headers={"Authorization": f"Bearer {key}", **headers}
        )
        assert answer.status_code == status, answer.content
        if status >= 400:
            assert answer["Content-Type"] == "application/problem+json"
        return answer.json()

    return post


def flat(call):
    flat = {name: value for name, value in call.items() if name not in {"labels", "counters", "modules"}}
    return flat | {"modules": call["modules"], "labels": call["labels"], "counters": call["counters"]}


@pytest.mark.parametrize(
    ("body", "content_type", "encoding"),
    [
        (ARRAY, "application/json", ""),
        (NDJSON, "application/x-ndjson", ""),
        (csv_body([flat(call) for call in CALLS]), "text/csv", ""),
        (b"\xef\xbb\xbf" + csv_body([flat(call) for call in CALLS]), "text/csv; charset=utf-8", ""),
        (gzip.compress(ARRAY), "application/json", "gzip"),
        (zstandard.compress(NDJSON), "application/x-ndjson", "zstd"),
    ],
    ids=["array", "ndjson", "csv", "csv with BOM", "gzip", "zstd"],
)
def test_every_spelling_of_a_delivery_stores_the_same_calls(body, content_type, encoding, send):
    headers = {"Content-Encoding": encoding} if encoding else {}
    first = send(body, content_type, **headers)
    assert (first["received"], first["accepted"], first["items"]) == (3, 3, [])
    again = send(ARRAY)  # the array says the same, so whatever came first is known
    assert (again["accepted"], again["duplicates"]) == (0, 3)
    call = Call.objects.get(call_id="call-2")
    assert (call.labels, call.counters, call.modules) == ({"campaign": "autumn"}, {"asr_seconds": "12.5"}, ["asr"])


def test_one_object_is_a_delivery_of_one(send):
    assert send(json.dumps(CALLS[0]).encode())["accepted"] == 1


def test_a_bad_record_takes_no_neighbour_along_and_all_or_nothing_takes_none(send):
    body = json.dumps([*CALLS, call_of(4, ended_at="2026-10-08T08:00:00+08:00")]).encode()
    atomic = send(body, to="/api/v1/calls?atomic=true")
    assert (atomic["accepted"], atomic["rejected"]) == (0, 4)
    assert Call.objects.count() == 0
    lenient = send(body, to="/api/v1/calls?items=all")
    assert [item["outcome"] for item in lenient["items"]] == ["accepted"] * 3 + ["rejected"]
    assert lenient["items"][3] | {"detail": ""} == {
        "index": 3, "call_id": "call-4", "outcome": "rejected", "code": "ends_before_start", "detail": "", "pointer": "/ended_at",
    }  # fmt: skip
    assert Quarantined.objects.filter(code="ends_before_start").exists()


def test_cloud_events_carry_calls_one_by_one_and_in_batches(send):
    event = {"specversion": "1.0", "id": "e-1", "source": "/robots/1", "type": "call.ended", "data": CALLS[0]}
    one = send(json.dumps(event).encode(), "application/cloudevents+json", to="/api/v1/events")
    assert one["accepted"] == 1
    nameless = {**event, "id": "e-2", "data": {k: v for k, v in CALLS[1].items() if k != "call_id"}}
    wrong = {**event, "specversion": "0.3"}
    batch = send(
        json.dumps([event, nameless, wrong]).encode(), "application/cloudevents-batch+json", to="/api/v1/events"
    )
    assert (batch["accepted"], batch["duplicates"], batch["rejected"]) == (1, 1, 1)
    assert batch["items"][1]["pointer"] == "/specversion"
    assert Call.objects.filter(call_id="e-2").exists()


def test_the_same_idempotency_key_gives_the_same_answer_and_another_body_is_refused(send):
    first = send(ARRAY, **{"Idempotency-Key": "k-1"})
    assert send(ARRAY, **{"Idempotency-Key": "k-1"}) == first
    assert first["accepted"] == 3
    assert Batch.objects.count() == 1
    assert send(NDJSON, "application/x-ndjson", status=422, **{"Idempotency-Key": "k-1"})["code"]
    assert send(ARRAY, status=422, to="/api/v1/calls?items=all", **{"Idempotency-Key": "k-1"})["code"]


def test_a_batch_can_be_looked_up_and_adds_up(send, key):
    told = send(json.dumps([*CALLS, CALLS[0], {"call_id": "x"}]).encode())
    found = Client().get(f"/api/v1/batches/{told['batch']}", headers={"Authorization": f"Bearer {key}"}).json()
    assert (found["received"], found["accepted"], found["duplicates"], found["rejected"]) == (5, 3, 1, 1)
    assert (found["source"], found["format"]) == ("switch-1", "native")


def test_numbers_become_one_by_the_rules_of_the_source(send, source):
    source.country_code = "34"
    source.save()
    forget_sources()
    spellings = ["0034688886111", "+34688886111", "34688886111", "688886111", "+34 688 88 61 11"]
    send(json.dumps([call_of(n, callee=number) for n, number in enumerate(spellings)]).encode())
    assert len({bytes(h) for h in Call.objects.values_list("callee_hash", flat=True)}) == 1
    assert set(Call.objects.values_list("callee", flat=True)) == {"+34****6111"}


MASTER = (
    b'"acc","8001","8002","sip0","""8001"" <8001>","SIP/1","Local/2@d;1","Dial","x","2026-10-08 09:00:00","2026-10-08 09:00:00",'
    b'"2026-10-08 09:00:09",9,9,"ANSWERED","DOCUMENTATION","1791421200.7",""\n'
    b'"acc","8001","8002","sip0","""8001"" <8001>","SIP/1","SIP/agent","Dial","x","2026-10-08 09:00:09","2026-10-08 09:00:09",'
    b'"2026-10-08 09:00:59",50,50,"ANSWERED","DOCUMENTATION","1791421200.7",""\n'
)


@pytest.mark.parametrize(("policy", "counted"), [("usual", 2), ("each", 2), ("first", 1)])
def test_the_legs_of_a_call_are_grouped_and_counted_by_policy(policy, counted, send, key, tenant):
    Source.objects.create(tenant=tenant, code="pbx", zone="Asia/Shanghai", leg_policy=policy)
    assert send(MASTER, "text/csv", to="/api/v1/cdr/asterisk/pbx")["accepted"] == 2
    answer = Client().get("/api/v1/calls/1791421200.7?source=pbx", headers={"Authorization": f"Bearer {key}"}).json()
    assert [leg["talk_ms"] for leg in answer["items"]] == [9000, 50000]
    assert sum(leg["counted"] for leg in answer["items"]) == counted


def test_a_switch_that_sends_rubbish_is_told_200_and_the_rubbish_is_kept(send):
    for body in (b"<xml/>", b"", b"cdr=%7B%22", b"cdr=!!!", b'{"variables":{}}', b"\x00\xff", b"[" * 100_000):
        told = send(body, "text/xml", to="/api/v1/cdr/freeswitch/switch-1/?uuid=a_c-9")
        assert (told["received"], told["rejected"]) == (1, 1), body
    assert Quarantined.objects.filter(code="unreadable_cdr", call_id="c-9").count() == 7
    assert bytes(Quarantined.objects.order_by("id").first().raw) == b"<xml/>"


def test_a_platform_gets_the_acknowledgement_it_wants_and_events_that_are_no_calls_yet_are_passed_over(send, tenant):
    Source.objects.create(tenant=tenant, code="tw", zone="UTC", preset="twilio")
    form = "CallSid=CA1&From=%2B1305&To=%2B1306&Direction=outbound-api&CallStatus={}&CallDuration=7&Timestamp=Fri%2C+18+Oct+2019+17%3A03%3A00+%2B0000"
    for status in ("ringing", "completed", "completed"):
        told = send(form.format(status), "application/x-www-form-urlencoded", to="/api/v1/cdr/mapped/tw")
        assert told == {"received": True}
    call = Call.objects.get()
    assert (call.started_at, call.talk_ms) == (datetime(2019, 10, 18, 17, 2, 53, tzinfo=UTC), 7000)
    assert sorted(Batch.objects.values_list("received", "accepted")) == [(0, 0), (1, 0), (1, 1)]


def test_a_vendor_without_a_preset_is_read_by_its_mapping_and_replayed_after_the_mapping_was_fixed(send, key, tenant):
    mine = Source.objects.create(tenant=tenant, code="own", zone="Asia/Shanghai", acknowledgement={"code": 0})
    body = json.dumps(
        {"list": [{"no": "v-1", "b": "2026/10/08 09:00:00", "len": "61000", "who": {"to": ["x", "138"]}}]}
    )
    assert send(body, to="/api/v1/cdr/mapped/own") == {"code": 0}
    assert Call.objects.count() == 0
    mine.mapping = {
        "records": "list",
        "fields": {
            "call_id": "no",
            "started_at": "b",
            "talk": {"path": "len", "unit": "ms"},
            "callee": "$.who.to[1]",
        },
    }
    mine.save()
    headers = {"Authorization": f"Bearer {key}"}
    [waiting] = Client().get("/api/v1/quarantine?source=own", headers=headers).json()["items"]
    assert waiting["code"] == "no_start"
    assert '"no":"v-1"' in Client().get(f"/api/v1/quarantine/{waiting['id']}", headers=headers).json()["raw"]
    done = Client().post(f"/api/v1/quarantine/{waiting['id']}/replay", headers=headers).json()
    assert (done["tried"], done["accepted"]) == (1, 1)
    call = Call.objects.get(call_id="v-1")
    assert call.started_at == datetime(2026, 10, 8, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
    assert (call.talk_ms, call.reported_seconds) == (61_000, 61)
    assert Client().get("/api/v1/quarantine", headers=headers).json()["items"] == []
    twice = Client().post(f"/api/v1/quarantine/{waiting['id']}/replay", headers=headers)
    assert (twice.status_code, twice.json()["code"]) == (409, "nothing_to_replay")


def test_declarations_say_what_is_missing(send):
    send(ARRAY)
    told = send(
        json.dumps({"starts_on": "2026-10-08", "ends_on": "2026-10-09", "calls": 4, "talk_seconds": 244}),
        to="/api/v1/declarations",
    )
    assert (told["stored_calls"], told["missing_calls"], told["stored_talk_seconds"], told["complete"]) == (
        3,
        1,
        183,
        False,
    )
    send(json.dumps([call_of(9)]).encode())
    again = send(
        json.dumps({"starts_on": "2026-10-08", "ends_on": "2026-10-09", "calls": 4, "talk_seconds": 244}),
        to="/api/v1/declarations",
    )
    assert again["complete"]
    assert send(
        b'{"starts_on":"2026-10-09","ends_on":"2026-10-09","calls":1,"talk_seconds":1}',
        to="/api/v1/declarations",
        status=422,
    )


BINARY = {"ce-specversion": "1.0", "ce-id": "e%2D7", "ce-source": "/robots/1", "ce-type": "call.ended", "ce-shop": "7"}


def test_a_cloud_event_in_binary_mode_is_the_same_event(send, source):
    nameless = json.dumps({k: v for k, v in CALLS[0].items() if k != "call_id"}).encode()
    assert send(nameless, to="/api/v1/events", **BINARY)["accepted"] == 1
    event = {
        "specversion": "1.0",
        "id": "e-7",
        "source": "/robots/1",
        "type": "call.ended",
        "data": json.loads(nameless),
    }
    again = send(json.dumps(event).encode(), "application/cloudevents+json", to="/api/v1/events")
    assert (again["duplicates"], Call.objects.get().call_id) == (1, "e-7")


@pytest.mark.parametrize(
    ("body", "headers", "pointer"),
    [
        (b"", BINARY, "/data"),
        (b"[]", BINARY, "/data"),
        (b"{", BINARY, ""),
        (b"{}", BINARY | {"ce-specversion": "0.3"}, "/specversion"),
        (b"{}", {"ce-specversion": "1.0"}, "/id"),
        (b'{},"id":"x"', BINARY, "/id"),
    ],
)
def test_a_wrong_event_in_binary_mode_is_kept_with_its_reason(body, headers, pointer, send):
    told = send(body, to="/api/v1/events", **headers)
    assert (told["rejected"], told["items"][0]["pointer"]) == (1, pointer), told
    assert Quarantined.objects.count() == 1


def test_the_answer_kept_for_a_binary_event_is_that_events(send, source):
    body = json.dumps({k: v for k, v in CALLS[0].items() if k != "call_id"}).encode()
    assert send(body, to="/api/v1/events", **BINARY, **{"Idempotency-Key": "k"})["accepted"] == 1
    other = BINARY | {"ce-id": "e-8", "Idempotency-Key": "k"}
    assert send(body, to="/api/v1/events", status=422, **other)["code"] == "idempotency_key_reused"


EVENT = {"specversion": "1.0", "id": "e-1", "source": "/r", "type": "call.ended"}
DATA = {k: v for k, v in CALLS[0].items() if k != "call_id"}
EVENTS = {
    "extensions and all optional attributes": EVENT | {
        "data": DATA, "time": "2026-10-08T01:01:00Z", "subject": "c", "datacontenttype": "application/json",
        "dataschema": "https://a.example/s", "traceparent": "00-x", "attempt": 5, "flag": True},
    "data in base64": EVENT | {"data_base64": base64.b64encode(json.dumps(DATA).encode()).decode()},
    "a label that is called call_id": EVENT | {"data": DATA | {"labels": {"call_id": "x"}}},
    "an id of its own": EVENT | {"id": "other", "data": DATA | {"call_id": "e-1"}},
}  # fmt: skip


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS.keys())
def test_a_cloud_event_is_read_with_all_that_the_standard_allows(event, send):
    assert send(json.dumps(event).encode(), "application/cloudevents+json", to="/api/v1/events")["accepted"] == 1
    assert Call.objects.get().call_id == "e-1"


WRONG_EVENTS = {
    "no data": (EVENT, "/data"),
    "nothing as data": (EVENT | {"data": None}, "/data"),
    "a text as data": (EVENT | {"data": json.dumps(DATA)}, "/data"),
    "broken base64": (EVENT | {"data_base64": "!"}, "/data_base64"),
    "a number as id": (EVENT | {"id": 5, "data": DATA}, "/id"),
    "an id without end": (EVENT | {"id": "x" * 200, "data": DATA}, "/data/call_id"),
    "a type too few": ({k: v for k, v in EVENT.items() if k != "type"} | {"data": DATA}, "/type"),
    "a wrong zone": (EVENT | {"data": DATA | {"started_at": "2026-10-08T09:00:00+99:00"}}, "/data/started_at"),
    "minus a second": (EVENT | {"data": DATA | {"talk_ms": -1000}}, "/data/talk_ms"),
    "a NUL": (EVENT | {"data": DATA | {"robot": "a\0b"}}, ""),
}


@pytest.mark.parametrize(("event", "pointer"), WRONG_EVENTS.values(), ids=WRONG_EVENTS.keys())
def test_a_wrong_cloud_event_takes_no_neighbour_along(event, pointer, send):
    body = json.dumps([EVENT | {"id": "good", "data": DATA}, event]).encode()
    told = send(body, "application/cloudevents-batch+json", to="/api/v1/events")
    assert (told["accepted"], told["items"][0]["pointer"]) == (1, pointer), told


def test_a_cloud_event_that_says_two_things_is_asked(send):
    body = json.dumps(EVENT | {"data": DATA}).encode()[:-1] + b',"id":"z"}'
    told = send(body, "application/cloudevents+json", to="/api/v1/events")
    assert told["items"][0]["code"] == "duplicate_key"


@pytest.mark.parametrize(
    "days", [("0001-01-01", "0001-01-02"), ("9999-12-30", "9999-12-31"), ("1969-12-31", "1970-01-01")]
)
def test_a_declaration_of_another_age_is_refused(days, send):
    body = json.dumps({"starts_on": days[0], "ends_on": days[1], "calls": 1, "talk_seconds": 1}).encode()
    assert send(body, to="/api/v1/declarations", status=422)["code"] == "wrong_range"
