"""Faults by name: each is refused with a stable code or quarantined, and never answered with a 5xx."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard
from django.test import Client

from tenants.keys import make_key
from tenants.models import ApiKey
from tests.conftest import call_of
from usage.api import doors
from usage.limiting import Limiter
from usage.models import Call, Quarantined

GOOD = json.dumps(call_of(1))


def with_field(name: str, value: str) -> bytes:
    """Return an array of a good record and one with a field written as given."""
    bad = json.dumps(call_of(2))[:-1] + f', "{name}": {value}}}' if name else value
    return f"[{GOOD},{bad}]".encode()


def replaced(name: str, value: str) -> bytes:
    fields = {k: json.dumps(v) for k, v in call_of(2).items()} | {name: value}
    inner = ",".join(f'"{k}":{v}' for k, v in fields.items())
    return f"[{GOOD},{{{inner}}}]".encode()


@pytest.fixture
def send(key, source):
    def post(body, status=200, to="/api/v1/calls", content_type="application/json", **headers):
        answer = Client(raise_request_exception=False).post(
            to, data=body, content_type=content_type, headers={"Authorization": f"Bearer {key}", **headers}
        )
        assert answer.status_code == status, answer.content[:500]
        if status >= 400:
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json()["code"]
        return answer.json()

    return post


PER_RECORD = {
    "NUL escaped": (replaced("robot", '"a\\u0000b"'), "nul_byte"),
    "NUL in the id": (replaced("call_id", '"a\\u0000b"'), "nul_byte"),
    "duplicate key": (with_field("caller", '"13900001111"'), "duplicate_key"),
    "duplicate key written with an escape": (with_field("c\\u0061ller", '"13900001111"'), "duplicate_key"),
    "duplicate key with a space before the colon": (
        f'[{GOOD},{json.dumps(call_of(2))[:-1]}, "caller" : "1"}}]'.encode(),
        "duplicate_key",
    ),
    "duplicate label": (replaced("labels", '{"a":"1","a":"2"}'), "duplicate_key"),
    "1e400": (replaced("talk_ms", "1e400"), "invalid_record"),
    "bare NaN": (replaced("talk_ms", "NaN"), "invalid_record"),
    "bare Infinity": (replaced("talk_ms", "-Infinity"), "invalid_record"),
    "lone surrogate": (replaced("robot", '"\\ud800"'), "invalid_record"),
    "raw NUL": (replaced("robot", '"?"').replace(b"?", b"\x00"), "invalid_record"),
    "1e400 in a counter": (replaced("counters", '{"asr":1e400}'), "invalid_record"),
    "NaN in a counter": (replaced("counters", '{"asr":"NaN"}'), "counter_out_of_bounds"),
    "Infinity in a counter": (replaced("counters", '{"asr":"Infinity"}'), "counter_out_of_bounds"),
    "too fine a counter": (replaced("counters", '{"asr":1e-300}'), "counter_out_of_bounds"),
    "unbounded integer": (replaced("talk_ms", "9" * 5000), "invalid_record"),
    "unbounded counter": (replaced("counters", '{"asr":' + "9" * 5000 + "}"), "invalid_record"),
    "negative second": (replaced("talk_ms", "-1000"), "invalid_record"),
    "negative reported second": (replaced("reported_seconds", "-1"), "invalid_record"),
    "overlong id": (replaced("call_id", json.dumps("x" * 129)), "invalid_record"),
    "empty id": (replaced("call_id", '""'), "invalid_record"),
    "overlong label": (replaced("labels", json.dumps({"a": "x" * 257})), "invalid_record"),
    "too many labels": (replaced("labels", json.dumps({f"l{n}": "" for n in range(33)})), "invalid_record"),
    "no zone": (replaced("started_at", '"2026-10-08T09:00:00"'), "invalid_record"),
    "wrong zone": (replaced("started_at", '"2026-10-08T09:00:00+99:00"'), "invalid_record"),
    "zone by name": (replaced("started_at", '"2026-10-08T09:00:00 Asia/Shanghai"'), "invalid_record"),
    "year 9999": (replaced("ended_at", '"9999-12-31T23:59:59-23:59"'), "too_long"),
    "start in the year 9999": (replaced("started_at", '"9999-12-31T23:59:59Z"'), "in_the_future"),
    "year 1": (replaced("started_at", '"0001-01-01T00:00:00+23:59"'), "too_old"),
    "transfer in the year 9999": (replaced("transferred_at", '"9999-12-31T23:59:59-23:59"'), "transferred_outside"),
    "lone surrogate as bytes": (replaced("robot", '"?"').replace(b"?", b"\xed\xa0\x80"), "invalid_record"),
    "unknown field": (with_field("colour", '"blue"'), "invalid_record"),
    "depth": (replaced("labels", "[" * 200 + "]" * 200), "invalid_record"),
    "not an object": (with_field("", "17"), "invalid_record"),
}


@pytest.mark.parametrize(("body", "code"), PER_RECORD.values(), ids=PER_RECORD.keys())
def test_a_faulty_record_lies_in_quarantine_with_its_reason_and_its_neighbour_is_stored(body, code, send):
    told = send(body)
    assert (told["accepted"], told["rejected"], told["items"][0]["code"]) == (1, 1, code), told
    assert Call.objects.get().call_id == "call-1"
    assert Quarantined.objects.get().code == code


BODIES = {
    "no JSON": (b"hello", 400, "not_json"),
    "nothing": (b"", 400, "empty_body"),
    "half an array": (f"[{GOOD}".encode(), 400, "not_json"),
    "half an object": (GOOD[:-1].encode(), 400, "not_json"),
    "one NaN": (b'{"talk_ms": NaN}', 400, "not_json"),
    "a comma too many after a NaN": (b'[{"talk_ms": NaN},]', 400, "not_json"),
    "a NaN and more than an array": (b'[{"talk_ms": NaN}] x', 400, "not_json"),
    "a tower of arrays": (b"[" * 1_000_000, 400, "not_json"),
    "a tower of objects": (b'{"a":' * 500_000, 400, "not_json"),
    "too many records": (b"[" + b"{}," * 5000 + b"{}]", 413, "too_many_records"),
    "too many bytes": (b"[" + b" " * (16 * 1024 * 1024) + b"]", 413, "body_too_large"),
}


@pytest.mark.parametrize(("body", "status", "code"), BODIES.values(), ids=BODIES.keys())
def test_a_body_beyond_the_bounds_is_refused_with_a_stable_code(body, status, code, send):
    told = send(body, status)
    # Which byte is the parser's affair; a record's text may also be found faulty record by record.
    assert told["code"] == code, told
    assert Call.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (gzip.compress(b"[" + b" " * (1 << 30) + b"]", 1), "gzip", 413, "body_too_large"),
        (zstandard.compress(b"[" + b" " * (1 << 30) + b"]"), "zstd", 413, "body_too_large"),
        (gzip.compress(b"[]")[:-4], "gzip", 400, "broken_encoding"),
        (zstandard.compress(b"[" + GOOD.encode() + b"]")[:-3], "zstd", 400, "broken_encoding"),
        (b"[]", "gzip", 400, "broken_encoding"),
        (b"[]", "br", 415, "unknown_encoding"),
    ],
    ids=["gzip bomb", "zstd bomb", "cut gzip", "cut zstd", "not gzip", "unknown"],
)
def test_a_bomb_is_refused_without_being_unpacked(body, encoding, status, code, send):
    assert send(body, status, **{"Content-Encoding": encoding})["code"] == code


DOORS = {
    "native": ("/api/v1/calls", "application/json"),
    "ndjson": ("/api/v1/calls", "application/x-ndjson"),
    "csv": ("/api/v1/calls", "text/csv"),
    "events": ("/api/v1/events", "application/cloudevents+json"),
    "freeswitch": ("/api/v1/cdr/freeswitch/switch-1/", "application/x-www-form-urlencoded"),
    "asterisk": ("/api/v1/cdr/asterisk/switch-1", "text/csv"),
    "mapped": ("/api/v1/cdr/mapped/switch-1", "application/json"),
    "void": ("/api/v1/calls/call-1/void", "application/json"),
    "declarations": ("/api/v1/declarations", "application/json"),
}
GZIPPED, ZSTANDARD = gzip.compress(b" " * (1 << 26), 1), zstandard.compress(b" " * (1 << 26))
PACKED = {
    "gzip bomb": (GZIPPED, "gzip", 413, "body_too_large"),
    "zstd bomb": (ZSTANDARD, "zstd", 413, "body_too_large"),
    "bomb in a bomb": (gzip.compress(ZSTANDARD), "zstd, gzip", 413, "body_too_large"),
    "too large as it is": (b" " * (16 * 1024 * 1024 + 1), "identity", 413, "body_too_large"),
    "cut": (gzip.compress(b"[]")[:-4], "gzip", 400, "broken_encoding"),
    "unknown": (b"[]", "br", 415, "unknown_encoding"),
}


@pytest.fixture
def ask(tenant, source):
    key = make_key(tenant, "all", [ApiKey.INGEST, ApiKey.OPERATE])[1]

    def ask(door, body, **headers):
        to, content_type = DOORS[door]
        return Client(raise_request_exception=False).post(
            to, data=body, content_type=content_type, headers={"Authorization": f"Bearer {key}", **headers}
        )

    return ask


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("body", "encoding", "status", "code"), PACKED.values(), ids=PACKED.keys())
def test_no_door_unpacks_a_bomb(door, body, encoding, status, code, ask):
    answer = ask(door, body, **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


BYTES = {
    "nothing": b"",
    "a NUL": b"\0",
    "no text": bytes(range(256)),
    "a lone surrogate in UTF-8": b"\xed\xa0\x80",
    "a byte order mark alone": b"\xef\xbb\xbf",
    "a tower of arrays": b"[" * 300_000,
    "a tower of objects": b'{"a":' * 300_000,
    "a tower that ends": b"[" * 5000 + b"]" * 5000,
    "1e400": b"1e400",
    "a number without end": b"9" * 100_000,
    "quotes": b'"' * 9999,
    "commas": b"," * 9999,
    "half an escape": b'{"a":"\\u12',
    "percent signs": b"cdr=%%%2",
    "minus": b"-",
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", BYTES.values(), ids=BYTES.keys())
def test_no_bytes_break_a_door(door, body, ask):
    answer = ask(door, body)
    assert answer.status_code < 500, answer.content[:300]
    assert answer.status_code in {200, 400, 413}
    assert Call.objects.count() == 0


CSV_HEAD = "call_id,direction,started_at,answered_at,ended_at"
ROW = "call-1,inbound,2026-10-08T09:15:00Z,,2026-10-08T09:15:31Z"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "empty_body"),
        (b"\n\n", 400, "empty_body"),
        (f"{CSV_HEAD},colour\n{ROW},blue".encode(), 400, "unknown_column"),
        (f"{CSV_HEAD},caller,caller\n{ROW},1,2".encode(), 400, "duplicate_column"),
        (f"call_id,direction\n{ROW}".encode(), 400, "missing_column"),
    ],
)
def test_a_table_without_a_header_that_can_be_read_is_refused(body, status, code, send):
    assert send(body, status, content_type="text/csv")["code"] == code


@pytest.mark.parametrize(
    "row", [f"{ROW},1", "a\x00b" + ROW, ROW.replace("Z", ""), f'"{ROW}', "x" * 200_000, "\ufffd" * 50, "," * 50]
)
def test_a_faulty_row_takes_no_neighbour_along(row, send):
    told = send(f"{CSV_HEAD}\n{ROW}\n{row}".encode(), content_type="text/csv")
    assert (told["accepted"], told["rejected"]) == (1, 1), told


def test_parameters_that_mean_nothing_are_refused(send):
    for to in ("/api/v1/calls?atomic=maybe", "/api/v1/calls?items=some"):
        assert send(f"[{GOOD}]", 400, to)["code"] == "wrong_parameter"
    assert send(f"[{GOOD}]", 404, "/api/v1/calls?source=%00")["code"] == "unknown_source"
    assert send(f"[{GOOD}]", 411, **{"Transfer-Encoding": "chunked"})["code"] == "length_required"


def test_a_switch_with_impossible_times_is_answered_200(send):
    for micros in ("9" * 30, "253402300800000000", "-1", "soon", "--5", "٣", "1e400"):
        body = json.dumps({"variables": {"uuid": "u-1", "start_uepoch": micros, "end_uepoch": "1", "billusec": micros}})
        assert send(body, to="/api/v1/cdr/freeswitch/switch-1")["rejected"] == 1


def test_a_key_that_posts_too_fast_is_told_when_to_come_again(send, key, monkeypatch):
    monkeypatch.setattr(doors, "RECORDS", Limiter(per_second=1, burst=2))
    assert send(f"[{GOOD}]")["accepted"] == 1
    send(f"[{GOOD}]")
    answer = Client().post(
        "/api/v1/calls", f"[{GOOD}]", content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "too_fast", "1")
    monkeypatch.setattr(doors, "REQUESTS", Limiter(per_second=0.1, burst=1))
    answers = [
        Client().post("/api/v1/events", b"", content_type="x/y", headers={"Authorization": f"Bearer {key}"})
        for _ in (1, 2)
    ]
    assert [each.status_code for each in answers] == [400, 429]


@pytest.fixture
def full_disk(monkeypatch):
    monkeypatch.setattr(doors, "free_disk_percent", lambda: 0.1)
    doors._is_full.cache_clear()
    yield
    doors._is_full.cache_clear()


def test_a_full_disk_is_said_and_nothing_is_stored(send, key, full_disk):
    answer = Client().post(
        "/api/v1/calls", f"[{GOOD}]", content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "disk_full", "30")
    assert Call.objects.count() == 0
