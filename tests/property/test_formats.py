"""No bytes whatever make a format raise anything but its stated refusal, and what it reads keeps its bounds."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from billing.errors import Refused
from tests.conftest import SAMPLES, call_of
from usage.formats import reading
from usage.formats.bodies import unpack
from usage.formats.native import UnreadableBody, may_repeat_names
from usage.formats.presets import PRESETS
from usage.formats.record import Decoded, refusal_of
from usage.formats.rules import SourceRules, normal_number

EARLIEST, NOW = datetime(2006, 1, 1, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
SEEDS = [path.read_bytes() for path in sorted(SAMPLES.glob("[0-9]*"))]
SEEDS += [json.dumps([call_of(1), call_of(2)]).encode(), b"call_id,direction,started_at,ended_at\na,inbound,x,y\n"]
NASTY = [b"\x00", b"\\u0000", b"\\ud800", b"1e400", b"NaN", b"9" * 400, b"-1", b'"', b"%", b"\xff", b"9999-12-31 23:59:59", b"{", b"[[", b",,", b"\n",
         "٣".encode(), b"cdr=", b"1e999999999", b"0001-01-01 00:00:00", b"253402300800000", b"null", b"true", b"[]", b"{}"]  # fmt: skip
RULES = [
    SourceRules(zone="Asia/Shanghai", country_code="86", leg_policy="first", preset=preset) for preset in ["", *PRESETS]
]


@st.composite
def damaged(draw):
    """Take a real payload and write nasty bytes into it, cut it, or double a part."""
    body = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        length = draw(st.sampled_from([0, 0, 1, 3, 20, 200]))
        body = body[:at] + draw(st.sampled_from(NASTY) | st.binary(max_size=8)) + body[at + length :]
    return body[: draw(st.sampled_from([len(body), len(body) // 2]))]


def check(decoded: list[Decoded]) -> None:
    for each in decoded:
        assert (each.record is None) != (each.fault is None)
        assert len(each.call_id) <= 128
        if each.fault:
            assert each.fault.code
            assert each.fault.detail
            assert len(each.fault.code) <= 40
        if each.record:
            refusal_of(each.record, EARLIEST, NOW)
            assert len(each.record.content_hash) == 16
            assert each.record.talked_ms is not None


@pytest.mark.parametrize("name", reading.FORMATS)
@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=200) | damaged(), rules=st.sampled_from(RULES), form=st.booleans())
@example(body=b"[" * 100_000, rules=RULES[0], form=False)
@example(body=b'{"variables":{"start_uepoch":"--5"}}', rules=RULES[0], form=False)
def test_no_body_breaks_a_parser(name, body, rules, form):
    content_type = "application/x-www-form-urlencoded" if form else "application/json"
    with contextlib.suppress(UnreadableBody):  # the stated refusal
        check(reading.read(name, body, rules, content_type=content_type, uuid="u"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20) | st.sampled_from(["0", "-1", "1607588903000"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
VENDOR_FIELDS = ["callId", "data", "info", "startTime", "endTime", "answerTime", "duration", "sid", "status", "start_time",
                 "end_time", "calls", "sessionId", "endType", "beginCallTime", "callDuration", "starting_date", "billsec"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(document=st.dictionaries(st.sampled_from(VENDOR_FIELDS), json_values, max_size=8), rules=st.sampled_from(RULES))
def test_no_callback_breaks_the_mapped_format(document, rules):
    check(reading.read(reading.MAPPED, json.dumps([document, {"data": {"info": document}}]).encode(), rules))


@settings(max_examples=200, deadline=None)
@given(variables=st.dictionaries(
    st.sampled_from(["uuid", "start_uepoch", "answer_uepoch", "end_uepoch", "billusec", "billsec", "hold_accum_ms", "hd_agent_ms",
                     "hd_counter_x", "hd_label_y", "hd_modules", "start_stamp", "direction", "originator"]),
    json_values, max_size=8))  # fmt: skip
def test_the_three_forms_of_a_switchs_body_say_the_same(variables):
    raw = json.dumps({"variables": variables}, ensure_ascii=True).encode()
    forms = [raw, b"cdr=" + quote(raw, safe="").encode(), b"cdr=" + base64.b64encode(raw)]
    told = [reading.read(reading.FREESWITCH, form, RULES[0], uuid="u")[0] for form in forms]
    check(told)
    assert len({each.record.content_hash if each.record else each.fault for each in told}) == 1


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=6), st.text(max_size=6) | st.integers(), min_size=1, max_size=6), st.data())
def test_a_name_said_twice_is_never_missed(fields, data):
    pairs = [(json.dumps(k), json.dumps(v)) for k, v in fields.items()]
    doubled = data.draw(st.sampled_from(pairs))
    spaces = data.draw(st.sampled_from(["", " ", "\n", "\t"]))
    body = ("{" + ",".join(f"{k}{spaces}:{v}" for k, v in [*pairs, doubled]) + "}").encode()
    assert may_repeat_names(body, json.loads(body))


@given(
    st.binary(max_size=300), st.sampled_from(["gzip", "zstd", "gzip, zstd", "identity", "br", "x" * 100, "gzip,,", ""])
)
def test_no_packed_body_breaks_the_unpacking(body, encoding):
    with contextlib.suppress(Refused):
        assert unpack(body, encoding) is not None


@given(st.from_regex(r"(0034|\+34|34)?6[0-9]{8}", fullmatch=True))
def test_a_number_has_one_spelling(number):
    rules = SourceRules(country_code="34", trunk_prefix="")
    assert normal_number(number, rules) == f"+34{number[-9:]}"
    assert normal_number(normal_number(number, rules), rules) == normal_number(number, rules)
