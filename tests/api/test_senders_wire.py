"""How senders wrap what they say: charsets, byte order marks, line ends, spare commas, packing; each sent twice, in any order."""

from __future__ import annotations

import base64
import gzip
import json
import random
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import zstandard
from django.test import Client

from tests.benchmarks._serving import exchange, site, web
from usage.models import Call, Quarantined, Source

BEGUN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=20)
BOM = b"\xef\xbb\xbf"
NATIVE, EVENTS = "calls", "events"


def call(name: str, **more: Any) -> dict[str, Any]:
    started = {
        "started_at": BEGUN.isoformat(),
        "answered_at": BEGUN.isoformat(),
        "ended_at": (BEGUN + timedelta(seconds=61)).isoformat(),
    }
    return {"call_id": name, "direction": "outbound", "caller": "021", "callee": "138", **started, **more}


def text(*calls: dict[str, Any]) -> str:
    return json.dumps(calls, ensure_ascii=False)


def table(*calls: dict[str, Any], end: str = "\n", spare: str = "") -> str:
    names = [*call(""), "labels.task"]
    rows = [
        names,
        *([*(str(each[name]) for name in call("")), each.get("labels", {}).get("task", "")] for each in calls),
    ]
    return "".join(f"{','.join(row)}{spare}{end}" for row in rows)


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": name, "source": "/robots/1", "type": "call.ended", "data": call(name), **more}


def master(name: str, **more: str) -> str:
    """Write a line as cdr_custom's sample does: the name first, the account after the flags."""
    at = [(BEGUN + timedelta(hours=8, seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S") for seconds in (0, 5, 66)]
    cells = ['"""李 ""O"" Li"" <8001>"', '"8001"', '"8002"', '"from-internal"', '"SIP/1"', '"SIP/2"', '"Dial"', '"SIP/8002,30"',
             *(f'"{each}"' for each in at), '"66"', '"61"', '"ANSWERED"', '"DOCUMENTATION"', '"acme"', f'"{name}"', '""', "42"]  # fmt: skip
    return ",".join([*cells, *more.values()])


def switch(name: str, **more: Any) -> bytes:
    at = [str(int((BEGUN + timedelta(seconds=seconds)).timestamp() * 1e6)) for seconds in (0, 5, 66)]
    said = dict(zip(("start_uepoch", "answer_uepoch", "end_uepoch"), at, strict=True))
    return json.dumps({"variables": {"uuid": name, "direction": "outbound", "billusec": "61000000", "hangup_cause": "NORMAL_CLEARING",
                                     "caller_id_number": "021", "destination_number": "138", **said, **more}}, ensure_ascii=False).encode()  # fmt: skip


def unique(number: int) -> str:
    return f"{int(BEGUN.timestamp())}.{number}"


@dataclass(frozen=True)
class Posted:
    """A body, how it travels, and how many calls are in it."""

    body: bytes
    content_type: str = "application/json"
    to: str = NATIVE
    encoding: str = ""
    calls: int = 1

    @property
    def address(self) -> str:
        return f"/api/v1/{self.to}{'&' if '?' in self.to else '?'}source=s"


TASK = {"labels": {"task": "联通"}}  # which, in GBK, is well-formed UTF-8 as well
SEVERAL = [call(f"g{n}", **TASK) for n in range(3)]
POSTED = {
    "JSON with a byte order mark": Posted(BOM + text(call("n1")).encode()),
    "JSON in UTF-16": Posted(text(call("n2", **TASK)).encode("utf-16"), "application/json"),
    "JSON in GBK": Posted(text(call("n3", **TASK)).encode("gbk"), "application/json; charset=GBK"),
    "JSON said to be Latin, but UTF-8": Posted(text(call("n4", **TASK)).encode(), 'application/json;charset="ISO-8859-1"'),
    "JSON whose texts are escaped": Posted(json.dumps([call("n5", **TASK)]).replace("/", "\\/").encode()),
    "NDJSON with a byte order mark and CRLF": Posted(
        BOM + b"\r\n".join(json.dumps(call(f"l{n}")).encode() for n in (1, 2)) + b"\r\n\r\n", "application/x-ndjson", calls=2),
    "NDJSON that says it is JSON": Posted(b"\n".join(json.dumps(call(f"l{n}")).encode() for n in (3, 4)), calls=2),
    "NDJSON by another name": Posted(json.dumps(call("l5")).encode(), "application/jsonlines"),
    "a table with a byte order mark and CRLF": Posted(BOM + table(call("t1", **TASK), end="\r\n").encode(), "text/csv"),
    "a table in GBK, as spreadsheets write it": Posted(table(call("t2", **TASK), end="\r\n").encode("gbk"), "text/csv; charset=gb2312"),
    "a table in UTF-16": Posted(table(call("t3", **TASK)).encode("utf-16"), "text/csv; charset=utf-16; header=present"),
    "a table whose lines end with commas": Posted(table(call("t4"), call("t5"), spare=",,").encode(), "text/csv", calls=2),
    "a table with quotes and without a last line end": Posted(
        table(call("t6")).rstrip("\n").replace("outbound", '"outbound"').encode(), "text/csv"),
    "gzip in two members": Posted(gzip.compress(text(*SEVERAL).encode()[:150]) + gzip.compress(text(*SEVERAL).encode()[150:]), encoding="gzip", calls=3),
    "zstd in two frames": Posted(
        zstandard.compress(text(call("z1"), call("z2")).encode()[:99]) + zstandard.compress(text(call("z1"), call("z2")).encode()[99:]),
        encoding="zstd", calls=2),
    "gzip within gzip, in capitals": Posted(gzip.compress(gzip.compress(text(call("z3")).encode())), encoding="GZIP, x-gzip"),
    "an event": Posted(json.dumps(event("e1", datacontenttype="application/json")).encode(), "application/cloudevents+json; charset=utf-8", EVENTS),
    "an event in base64": Posted(
        json.dumps({k: v for k, v in event("e2").items() if k != "data"} | {"data_base64": base64.b64encode(json.dumps(call("e2")).encode()).decode()}).encode(),
        "application/cloudevents+json", EVENTS),
    "a batch of events with a byte order mark": Posted(BOM + json.dumps([event("e3"), event("e4")]).encode(), "application/cloudevents-batch+json", EVENTS, calls=2),
    "a batch of events in GBK": Posted(
        json.dumps([event("e5", data=call("e5", **TASK))], ensure_ascii=False).encode("gb18030"), "application/cloudevents-batch+json; charset=GB18030", EVENTS),
    "events without ids of calls": Posted(
        json.dumps([event("e6", data={k: v for k, v in call("").items() if k != "call_id"})]).encode(), "application/cloudevents-batch+json", EVENTS),
    "Asterisk's custom lines": Posted(f"{master(unique(1))}\n".encode(), "text/csv", "cdr/asterisk/s"),
    "Asterisk's custom lines with more columns": Posted(f"{master(unique(2), peer='x', region='Москва')}\r\n".encode(), "text/csv", "cdr/asterisk/s"),
    "Asterisk's lines in GBK": Posted(f"{master(unique(3))}\n".encode("gbk"), "text/csv; charset=gbk", "cdr/asterisk/s"),
    "Asterisk's lines in gzip, twice the same": Posted(gzip.compress(f"{master(unique(4))}\n".encode() * 2), "text/csv", "cdr/asterisk/s", "gzip"),
    "FreeSWITCH, url-encoded": Posted(b"cdr=" + quote(switch("f1", caller_id_name="张三"), safe="").encode(), "application/x-www-form-urlencoded", "cdr/freeswitch/s"),
    "FreeSWITCH, base64, with a charset": Posted(b"cdr=" + base64.b64encode(switch("f2")), "application/x-www-form-base64-encoded; charset=GBK", "cdr/freeswitch/s/"),
    "FreeSWITCH, the first leg of two": Posted(switch("f3", bridge_uuid="f4"), to="cdr/freeswitch/s?uuid=a_f3"),
    "FreeSWITCH, the second leg": Posted(switch("f4", originating_leg_uuid="f3"), to="cdr/freeswitch/s?uuid=f4"),
    "FreeSWITCH, a spooled document in zstd": Posted(zstandard.compress(switch("f5")), to="cdr/freeswitch/s", encoding="zstd"),
    "Twilio's form": Posted(
        urlencode({"CallSid": "CA1", "From": "+1305", "To": "+1306", "CallStatus": "completed", "CallDuration": "61",
                   "Direction": "outbound-api", "Timestamp": BEGUN.strftime("%a, %d %b %Y %H:%M:%S +0000")}).encode(),
        "application/x-www-form-urlencoded; charset=UTF-8", "cdr/mapped/twilio"),
    "Volcengine's callback in GBK": Posted(
        json.dumps({"callId": "V1", "caller": "1", "callee": "2", "beginCallTime": int(BEGUN.timestamp() * 1000), "callDuration": 0, "callResult": 7,
                    "endTime": int(BEGUN.timestamp() * 1000), "userData": "联通"}, ensure_ascii=False).encode("gbk"),
        "application/json; charset=gbk", "cdr/mapped/volcengine"),
}  # fmt: skip


@pytest.mark.parametrize("posted", POSTED.values(), ids=POSTED.keys())
def test_however_it_is_wrapped_each_call_is_stored_once(posted: Posted, key: str, source: Source) -> None:
    preset = posted.to.partition("mapped/")[2]
    Source.objects.update(code=preset or "s", preset=preset)
    for _ in range(2):
        headers = {"Authorization": f"Bearer {key}"} | (
            {"Content-Encoding": posted.encoding} if posted.encoding else {}
        )
        answer = Client().generic(
            "POST", posted.address, posted.body, content_type=posted.content_type, headers=headers
        )
        assert answer.status_code == 200, answer.content
        assert (Call.objects.count(), Quarantined.objects.count()) == (posted.calls, 0), answer.content
    labels = {name: value for found in Call.objects.all() for name, value in found.labels.items()}
    assert labels.get("task", "联通") == labels.get("user_data", "联通") == "联通"


def test_a_custom_line_says_who_when_and_for_whom(key: str, source: Source) -> None:
    Client().post(
        "/api/v1/cdr/asterisk/switch-1",
        master(unique(9)),
        content_type="text/csv",
        headers={"Authorization": f"Bearer {key}"},
    )
    found = Call.objects.get()
    assert (found.call_id, found.talk_ms, found.started_at, found.labels) == (
        unique(9),
        61_000,
        BEGUN,
        {"account": "acme"},
    )


WRONG = {
    "a charset nobody knows": (text(call("w")).encode(), "application/json; charset=klingon", 415, "unknown_charset"),
    "a charset we do not read": (
        text(call("w")).encode(),
        "application/json; charset=koi8-r",
        415,
        "unknown_charset",
    ),
    "not in its own charset": (
        text(call("w")).encode() + b"\xff",
        "application/json; charset=gbk",
        400,
        "broken_charset",
    ),
    "half a character in UTF-16": (b"\xff\xfe[", "application/json", 400, "broken_charset"),
    "a comma after the last of an array": (text(call("w")).encode()[:-1] + b",]", "application/json", 400, "not_json"),
    "a spare comma with something after it": (table(call("w"), spare=",x").encode(), "text/csv", 400, "unknown_column"),
}


@pytest.mark.parametrize(("body", "content_type", "status", "code"), WRONG.values(), ids=WRONG.keys())
def test_what_cannot_be_unwrapped_is_refused_by_name(
    body: bytes, content_type: str, status: int, code: str, key: str, source: Source
) -> None:
    answer = Client().generic(
        "POST",
        "/api/v1/calls?source=switch-1",
        body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {key}"},
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert (Call.objects.count(), Quarantined.objects.count()) == (0, 0)


@pytest.mark.processes
@pytest.mark.xdist_group("kills")
def test_a_served_site_takes_all_of_them_twice_in_any_order() -> None:
    waiting = [*POSTED.values()] * 2
    random.Random(4).shuffle(waiting)
    with site(durable=False) as place, web(place.environment) as (port, _), place.connect() as connection:
        for code, preset in (("s", ""), ("twilio", "twilio"), ("volcengine", "volcengine")):
            connection.execute(
                "INSERT INTO usage_source SELECT (jsonb_populate_record(each, jsonb_build_object('id', each.id + %s, 'code', %s::text, "
                "'preset', %s::text))).* FROM usage_source AS each WHERE code = 'switch-1'", [len(code), code, preset])  # fmt: skip
        with socket.create_connection(("127.0.0.1", port), 60) as line:
            for posted in waiting:
                head = f"POST {posted.address} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                head += f"Authorization: Bearer {place.key}\r\nContent-Type: {posted.content_type}\r\nContent-Length: {len(posted.body)}\r\n"
                head += f"Content-Encoding: {posted.encoding}\r\n" if posted.encoding else ""
                status, answer = exchange(line, f"{head}\r\n".encode() + posted.body)
                assert status == 200, (posted, answer)
        counts = connection.execute(
            "SELECT count(*), (SELECT count(*) FROM usage_quarantined) FROM usage_call"
        ).fetchone()
    assert counts == (sum(posted.calls for posted in POSTED.values()), 0)
