"""The words each platform waits for, byte for byte, from a served site: otherwise it sends the same call for hours."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.test_senders_platforms import CALLS, FORM, NO_CALLS
from tests.benchmarks._serving import Site, site, web
from usage.formats.presets import PRESETS

pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("kills")]
# As the platforms' pages print them (each file of usage/formats/presets names its page), not as our code has them.
WANTED = {
    "aliyun-robot": '{"code":0,"msg":"接收成功"}',
    "aliyun-voice": '{"code":0,"msg":"接收成功"}',
    "baidu": '{"code":200,"msg":"success"}',
    "baidu-hotline": '{"code":200,"msg":"success"}',
    "volcengine": '{"code":0,"message":"success"}',
    "tencent-center": '{"code":0}',
    "tencent-voice": '{"result":0,"errmsg":"OK"}',
    "huawei-voice": '{"resultcode":"0","resultdesc":"Success"}',
    # These look at the status alone.
    "twilio": '{"received":true}',
    "vonage": '{"received":true}',
    "plivo": '{"received":true}',
    "genesys": '{"received":true}',
}
SOURCES = """
INSERT INTO usage_source SELECT (jsonb_populate_record(each, jsonb_build_object(
    'id', each.id + position, 'code', name, 'preset', name, 'zone', CASE WHEN name = ANY(%s) THEN 'UTC' ELSE each.zone END))).*
FROM usage_source AS each, unnest(%s::text[]) WITH ORDINALITY AS presets (name, position) WHERE code = 'switch-1'
"""
STORED = """
SELECT preset, (SELECT count(*) FROM usage_call WHERE source_id = usage_source.id),
    (SELECT count(*) FROM usage_quarantined WHERE source_id = usage_source.id)
FROM usage_source WHERE preset <> ''
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site(durable=False) as made, made.connect() as connection:
        connection.execute("UPDATE tenants_tenant SET accept_days_back = 5000")
        connection.execute(SOURCES, [["genesys", "plivo", "twilio", "vonage"], list(WANTED)])
        yield made


def test_every_preset_has_its_words() -> None:
    assert set(WANTED) == {name for name, preset in PRESETS.items() if preset["acknowledgement"]}


def test_a_served_site_answers_each_platform_in_its_words_whatever_came(place: Site) -> None:
    """A call, the same again, what is no call, and rubbish: each is kept or left, and acknowledged."""
    with web(place.environment) as (port, _):
        line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for preset, wanted in WANTED.items():
            call = next(body for name, body, _ in CALLS.values() if name == preset)
            others = [body for name, body in NO_CALLS.values() if name == preset]
            for body in (call, call, *others, b"\x00rubbish"):
                assert _posted(line, place, preset, body) == (200, "application/json", wanted), (preset, body)
    with place.connect() as connection:
        found = {name: (calls, kept) for name, calls, kept in connection.execute(STORED).fetchall()}
    assert found == dict.fromkeys(WANTED, (1, 1))


def _posted(line: http.client.HTTPConnection, place: Site, preset: str, body: Any) -> tuple[int, str | None, str]:
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    form = FORM if isinstance(body, str) else "application/json;charset=utf-8"
    headers = {"Authorization": f"Bearer {place.key}", "Content-Type": form}
    line.request("POST", f"/api/v1/cdr/mapped/{preset}", data, headers)
    answer = line.getresponse()
    return answer.status, answer.headers["Content-Type"], answer.read().decode()
