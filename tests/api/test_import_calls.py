"""The importer: the same records under the same keys as the doors, told once, going on after a stop."""

from __future__ import annotations

import gzip
import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.conftest import SAMPLES, call_of
from usage.models import Call
from usage.simulation.encoding import csv_body


def run(*files, source="switch-1", **options):
    out = io.StringIO()
    call_command("import_calls", *map(str, files), source=source, json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def test_files_of_every_kind_come_in_and_are_told_apart_by_themselves(tmp_path, source):
    lines = b"".join(json.dumps(call_of(n)).encode() + b"\n" for n in range(5))
    (tmp_path / "calls.ndjson.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "calls.json").write_text(json.dumps([call_of(n) for n in range(4, 8)]))
    (tmp_path / "calls.csv").write_bytes(csv_body([call_of(n, leg="a") for n in range(6, 9)]))
    (tmp_path / "a_16c22a18-eccc-4974-adf9-44d2b6152838.cdr.json").write_bytes(
        (SAMPLES / "05_fs_json_outbound_bot_call.json").read_bytes()
    )
    for name in ("12_asterisk_master_busy_and_answered.csv", "11_fs_cdr_csv_example_template.csv"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    told = run(tmp_path)
    assert told == {"files": 6, "received": 20, "accepted": 17, "duplicate": 3, "conflict": 0, "rejected": 0}
    assert Call.objects.count() == 9 + 1 + 4 + 3


def test_a_file_is_gone_on_with_where_it_was_and_read_again_it_adds_nothing(tmp_path, source):
    file = tmp_path / "calls.ndjson"
    lines = [json.dumps(call_of(n)) + "\n" for n in range(25)]
    file.write_text("".join(lines[:20]))
    assert run(file, batch=7)["accepted"] == 20
    assert run(file, batch=7)["received"] == 0
    with file.open("a") as stream:
        stream.write("".join(lines[20:]))
    assert run(file, batch=7)["accepted"] == 5
    (tmp_path / f".calls.ndjson.{source.pk}.imported").unlink()
    assert run(file, batch=7)["duplicate"] == 25


def test_a_call_posted_and_imported_is_one_call(tmp_path, source, key):
    sample = SAMPLES / "12_asterisk_master_busy_and_answered.csv"
    answer = Client().post("/api/v1/cdr/asterisk/switch-1", sample.read_bytes(), content_type="text/csv",
                           headers={"Authorization": f"Bearer {key}"})  # fmt: skip
    assert answer.json()["accepted"] == 4
    assert run(sample, notes=tmp_path)["duplicate"] == 4


def test_what_cannot_be_read_is_said(tmp_path, source):
    (tmp_path / "x.bin").write_bytes(b"\x00\x01\x02")
    with pytest.raises(CommandError, match="none of the known formats"):
        run(tmp_path / "x.bin")
    with pytest.raises(CommandError, match="does not exist"):
        run(tmp_path / "missing")
    with pytest.raises(CommandError, match="no source"):
        run(tmp_path / "x.bin", source="north/nothing")
