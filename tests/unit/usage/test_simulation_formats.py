"""Simulated calls as real formats tell them: the same facts, with each switch's own habits."""

import base64
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest

from tests.unit.usage.test_simulation import SHANGHAI, first, transferred, week_of
from usage.simulation import (
    CSV_COLUMNS,
    Books,
    Disturbances,
    csv_body,
    disturb,
    freeswitch_body,
    to_asterisk,
    to_freeswitch,
    to_native,
)
from usage.simulation.disturbances import FAULTS
from usage.simulation.encoding import asterisk_talk_seconds
from usage.simulation.faults import break_freeswitch, break_native
from usage.simulation.numbers import national
from usage.simulation.posting import FORMATS, Target, posts


def test_native_records_carry_every_field_and_survive_json():
    call = first(transferred)
    record = json.loads(json.dumps(to_native(call)))
    assert record["started_at"].endswith("Z")
    for name in ("started_at", "answered_at", "ended_at", "transferred_at"):
        assert datetime.fromisoformat(record[name]) == getattr(call, name)
    for name in ("call_id", "direction", "caller", "callee", "talk_ms", "hangup_cause", "region", "robot", "line"):
        assert record[name] == getattr(call, name)
    assert tuple(record["modules"]) == call.modules
    assert (record["counters"], record["labels"], record["leg"]) == (call.counters, call.labels, "a")
    assert to_native(first(lambda call: call.answered_at is None))["answered_at"] is None
    local = to_native(call, SHANGHAI)["started_at"]
    assert local.endswith("+08:00")
    assert datetime.fromisoformat(local) == call.started_at


def test_csv_rows_fit_their_header_and_unknown_columns_are_refused():
    records = [to_native(call) for call in week_of()[:50]]
    rows = list(csv.DictReader(io.StringIO(csv_body(records).decode(), newline="")))
    assert list(rows[0]) == list(CSV_COLUMNS)
    for row, record in zip(rows, records, strict=True):
        assert row["answered_at"] == (record["answered_at"] or "")
        assert row["modules"] == ",".join(record["modules"])
        assert row["labels.shop"] == record["labels"]["shop"]
        assert row["counters.asr_seconds"] == str(record["counters"].get("asr_seconds", ""))
    with pytest.raises(ValueError, match="colour"):
        csv_body([{**records[0], "colour": "blue"}])


def uepoch(at):
    return str((at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)) if at else "0"


def test_freeswitch_documents_tell_the_same_facts():
    for call in week_of()[:300]:
        variables = json.loads(json.dumps(to_freeswitch(call, SHANGHAI)))["variables"]
        assert variables["start_uepoch"] == uepoch(call.started_at)
        assert variables["answer_uepoch"] == uepoch(call.answered_at)
        assert variables["end_uepoch"] == uepoch(call.ended_at)
        end, answer = int(variables["end_uepoch"]), int(variables["answer_uepoch"])
        assert int(variables["billusec"]) == (end - answer if answer else 0)
        assert int(variables["billsec"]) == (end // 1_000_000 - answer // 1_000_000 if answer else 0)
        assert int(variables["billmsec"]) == call.talk_ms
        assert ("answer_stamp" in variables) == (call.answered_at is not None)
        assert variables["start_stamp"] == call.started_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
        assert variables.get("hd_modules", "") == ",".join(call.modules)
        assert {name: variables[f"hd_label_{name}"] for name in call.labels} == call.labels
        assert {name: int(variables[f"hd_counter_{name}"]) for name in call.counters} == call.counters
        assert all(isinstance(value, str) for value in variables.values())


def test_freeswitch_rounds_seconds_the_way_it_does():
    answered = [to_freeswitch(call, SHANGHAI)["variables"] for call in week_of() if call.answered_at]
    off = {int(v["billsec"]) - int(v["billusec"]) // 1_000_000 for v in answered}
    assert off == {0, 1}, "67.54 s become 68 whenever the clocks' seconds say so"


def test_a_call_the_robot_originates_has_caller_and_callee_flipped():
    call = first(lambda call: call.direction == "outbound")
    document = to_freeswitch(call, SHANGHAI)
    profile = document["callflow"][0]["caller_profile"]
    assert profile["caller_id_number"] == profile["destination_number"] == national(call.callee)
    assert profile["ani"] == document["variables"]["origination_caller_id_number"] == national(call.caller)
    inbound = first(lambda call: call.direction == "inbound")
    profile = to_freeswitch(inbound, SHANGHAI)["callflow"][0]["caller_profile"]
    assert (profile["caller_id_number"], profile["destination_number"]) == (
        national(inbound.caller),
        national(inbound.callee),
    )


def test_a_transfer_shows_the_newest_profile_first_and_the_agents_time():
    call = first(transferred)
    document = to_freeswitch(call, SHANGHAI)
    newest, oldest = document["callflow"]
    assert (newest["profile_index"], oldest["profile_index"]) == ("2", "1")
    assert (newest["times"]["hangup_time"], oldest["times"]["hangup_time"]) == (uepoch(call.ended_at), "0")
    assert oldest["times"]["transfer_time"] == uepoch(call.transferred_at)
    assert document["variables"]["hd_transferred_uepoch"] == uepoch(call.transferred_at)
    assert document["variables"]["hd_agent_ms"] == str(call.agent_ms)
    assert "hd_agent_ms" not in to_freeswitch(first(lambda call: not transferred(call)), SHANGHAI)["variables"]


def test_encoded_values_decode_to_the_plain_ones():
    call = week_of()[0]
    plain = to_freeswitch(call, SHANGHAI)["variables"]
    encoded = to_freeswitch(call, SHANGHAI, encode_values=True)["variables"]
    assert " " not in encoded["start_stamp"]
    assert encoded["hd_label_shop"].isascii()
    assert {name: unquote(value) for name, value in encoded.items()} == plain


def test_every_body_form_holds_the_same_document():
    document = to_freeswitch(week_of()[0], SHANGHAI)
    raw, kind = freeswitch_body(document)
    assert (json.loads(raw), kind) == (document, "application/json")
    form, kind = freeswitch_body(document, "urlencoded")
    assert form.startswith(b"cdr=%7B%22core-uuid%22%3A")
    assert b"," in form, "the switch leaves commas alone"
    assert (json.loads(unquote(form[4:].decode())), kind) == (document, "application/x-www-form-urlencoded")
    form, kind = freeswitch_body(document, "base64")
    assert json.loads(base64.b64decode(form[4:], validate=True)) == document
    assert kind == "application/x-www-form-base64-encoded"


def test_asterisk_lines_have_its_columns_quotes_and_truncation():
    call = first(lambda call: call.answered_at is None and call.hangup_cause == "USER_BUSY")
    [line] = to_asterisk(call, SHANGHAI)
    assert ',,"2026-' in line, "a missing answer is an empty unquoted field"
    [row] = csv.reader([line])
    assert len(row) == 18
    assert (row[13], row[14]) == ("0", "BUSY")
    assert row[9] == call.started_at.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    moved = first(transferred)
    robot, agent = csv.reader(to_asterisk(moved, SHANGHAI))
    assert robot[16] == agent[16], "both parts share one uniqueid"
    for moved in filter(transferred, week_of()):
        robot, agent = csv.reader(to_asterisk(moved, SHANGHAI))
        assert int(robot[13]) + int(agent[13]) == asterisk_talk_seconds(moved) <= moved.talk_ms / 1000
    assert asterisk_talk_seconds(call) == 0


@pytest.mark.parametrize("wire", FORMATS)
def test_every_format_posts_every_delivery_and_breaks_only_the_faults(wire):
    books = Books(SHANGHAI)
    found = week_of()
    deliveries = disturb(found, Disturbances(duplicates=5, faults=60), 7)
    made = list(posts(deliveries, Target("pbx", "key", SHANGHAI, wire, batch_size=100), books))
    assert books.calls == len(found)
    assert set(books.faults) == set(FAULTS)
    sent = books.calls + books.duplicates + books.faults.total()
    second_lines = sum(post.records for post in made) - sent
    assert second_lines >= sum(map(transferred, found)) if wire == "asterisk" else second_lines == 0
    text = b"\n".join(post.body for post in made).decode()
    assert all(call.call_id in text for call in found)
    if wire == "asterisk":
        assert any(0 < len(row) < 16 for row in csv.reader(text.splitlines()))
    else:
        assert "9999" in text
        assert "\\u0000" in text or "\0" in text


def test_faulty_records_never_use_a_good_records_id():
    [call] = week_of()[:1]
    good = {call.call_id}
    for fault in FAULTS:
        assert break_native(to_native(call), fault).get("call_id") not in good
        document = break_freeswitch(to_freeswitch(call, SHANGHAI), fault)
        assert document["variables"].get("uuid") not in good
        assert document != to_freeswitch(call, SHANGHAI)
