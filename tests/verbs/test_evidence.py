"""The evidence bundle proves its invoice: it verifies as it is, and no byte or figure of it can be changed unseen."""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from billing.periods import period_containing
from billing.rating.bundle import CALLS, INVOICE, TERMS, TOTALS, pack, rows_of
from billing.rating.container import Differs
from billing.rating.verify import main, verify
from invoices.drafting import draft_month
from invoices.evidence import NoEvidence, bundle_of
from invoices.links import page_link
from invoices.models import EvidenceKey, Invoice
from tenants.subscribing import change_subscription
from tests.conftest import NOW, TALK, call_of, issue_by_two

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))
ROOT = Path(__file__).parents[2]
NAME = {"zh": "条款", "en": "Clause"}
BANDS = [
    {"code": "rest", "name": NAME, "rules": [{}]},
    {"code": "peak", "name": NAME, "priority": 1, "rules": [{"start": "08:00", "end": "20:00"}]},
]
CLAUSES = [
    {"kind": "duration", "code": "peak", "select": {"band": ["peak"]}, "price": {"kind": "graduated", "tiers": [{"up_to": "20", "price": "0.15"}, {"price": "0.12"}]}},
    {"kind": "duration", "code": "talk", "price": {"kind": "per_unit", "price": "0.09"}, "rule": {"first_increment_s": 6, "next_increment_s": 6}, "group_by": "robot"},
    {"kind": "calls", "code": "dials", "counts": "attempted", "price": {"kind": "per_unit", "price": "0.02"}, "limit_per_day": 3, "beyond_price": "0.01"},
    {"kind": "feature", "code": "asr", "counter": "asr_seconds", "price": {"kind": "per_unit", "price": "0.001"}},
    {"kind": "feature", "code": "shops", "counter": "shop_no", "aggregate": "distinct", "price": {"kind": "per_unit", "price": "5"}},
    {"kind": "feature", "code": "orders", "counter": "order_amount", "price": {"kind": "percentage", "rate": "0.01", "free_events": 2}},
    {"kind": "seat", "code": "slots", "item": "slots", "counts": "measured", "measure": "peak_concurrency", "price": {"kind": "per_unit", "price": "30"}},
    {"kind": "feature", "code": "matrix", "counter": "pages", "price": {"kind": "matrix", "dimensions": ["robot", "region"], "region_match": "prefix", "cells": [{"where": {"robot": "robot-2", "region": "31"}, "price": {"kind": "per_unit", "price": "0.5"}}, {"where": {"region": "3101"}, "price": {"kind": "per_unit", "price": "0.25"}}], "otherwise": {"kind": "per_unit", "price": "0.1"}}},
    {"kind": "recurring", "code": "platform", "price": "99"},
    {"kind": "service_level", "code": "promise", "price": "10", "measure": "answered_within_30s", "credits": [{"below": "0.9", "rate": "0.1"}]},
]  # fmt: skip


def calls(number: int) -> list[dict[str, Any]]:
    """Return calls all over October, some unanswered, some transferred, with labels, modules and odd texts."""
    chosen = random.Random(7)
    made = []
    for index in range(number):
        at = datetime(2026, 10, 1, tzinfo=ZoneInfo("Asia/Shanghai")) + timedelta(seconds=chosen.randrange(31 * 86_400))
        record: dict[str, Any] = {
            "call_id": f"呼叫-{index}",
            "direction": "outbound",
            "caller": "+862155501000",
            "callee": f"+86138{index:08d}",
            "started_at": at.isoformat(),
            "ended_at": (at + timedelta(seconds=200)).isoformat(),
            "robot": chosen.choice(["=robot-1", "robot-2", "'r3"]),
            "counters": {
                "asr_seconds": chosen.randrange(90),
                "shop_no": chosen.randrange(5),
                "order_amount": "12.50",
                "pages": 2,
            },
            "region": chosen.choice(["", "310000", "310115", "330106"]),
            "labels": {"shop": chosen.choice(["上海", 'a "b", c'])},
            "modules": chosen.choice([[], ["asr", "voice,navigation"]]),
        }
        if chosen.random() < 0.8:
            record["answered_at"] = (at + timedelta(seconds=chosen.randrange(60))).isoformat()
        made.append(record)
    return made


@pytest.fixture
def invoice(make_contract: Any, post: Any) -> Invoice:
    named = [{"name": NAME, "tax": tax} | clause for clause, tax in zip(CLAUSES, ["0.06", "0.13"] * 5, strict=False)]
    factor = {"code": "trade", "name": NAME, "rate": "-0.05"}
    contract = make_contract(
        *named, bands=BANDS, factors=[factor], caps=[{"code": "cap", "name": NAME, "amount": "280"}]
    )
    post(*calls(80))
    draft = draft_month(contract, OCTOBER, NOW)
    return issue_by_two(draft.pk)


@pytest.fixture
def bundle(invoice: Invoice, tmp_path: Path) -> Path:
    path = tmp_path / "bundle.zip"
    answer = Client().get(f"{page_link(invoice)}/evidence.zip")
    assert answer["Content-Disposition"] == 'attachment; filename="HD-2026-000001-evidence.zip"'
    path.write_bytes(b"".join(answer.streaming_content))  # type: ignore[attr-defined]
    return path


def test_the_bundle_verifies_without_django_database_or_network(bundle: Path, invoice: Invoice) -> None:
    keys = Client().get("/.well-known/huadan-keys.json").json()["keys"]
    verified = verify(bundle, trusted=keys[0]["public_key"])
    assert (verified.number, verified.calls, verified.key) == (invoice.number, 80, keys[0]["public_key"])
    alone = subprocess.run(
        [sys.executable, "-m", "billing.rating.verify", bundle, "--lang", "zh"],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert alone.stdout.startswith(
        f"核对无误: {invoice.number} {invoice.document['bill']['total']}\n  通话重新计数: 80"
    )


def test_without_cryptography_only_the_signature_goes_unchecked(bundle: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.exceptions", None)
    assert main([str(bundle)]) == 0
    assert "signature not checked" in capsys.readouterr().out


def test_the_same_bundle_comes_out_each_time(invoice: Invoice) -> None:
    assert b"".join(bundle_of(invoice, NOW)) == b"".join(bundle_of(invoice, NOW + timedelta(days=400)))


def test_cells_are_safe_in_a_spreadsheet_and_read_back_whole(bundle: Path) -> None:
    import csv
    import gzip

    with zipfile.ZipFile(bundle) as archive:
        packed = archive.read(CALLS)
    text = gzip.decompress(packed).decode()
    assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert {row["robot"] for row in rows_of(io.BytesIO(packed))} == {"=robot-1", "robot-2", "'r3"}


def test_each_of_two_hundred_changed_bytes_is_found(bundle: Path, tmp_path: Path) -> None:
    original = bundle.read_bytes()
    changed = tmp_path / "changed.zip"
    chosen = random.Random(11)
    for _ in range(200):
        at = chosen.randrange(len(original))
        content = bytearray(original)
        content[at] ^= 1 << chosen.randrange(8)
        changed.write_bytes(content)
        with pytest.raises(Differs):
            verify(changed)


def figures(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the paths of all numbers in a document, as numbers or as texts."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from figures(value, (*path, name))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from figures(value, (*path, index))
    elif not isinstance(node, bool) and str(node).replace(".", "", 1).lstrip("-").isdigit():
        yield path


def with_another_figure(document: Any, path: tuple[Any, ...]) -> Any:
    copy = json.loads(json.dumps(document))
    *way, last = path
    node = copy
    for step in way:
        node = node[step]
    value = node[last]
    node[last] = value + 1 if isinstance(value, int) else str(value)[:-1] + str((int(str(value)[-1]) + 1) % 10)
    return copy


def resealed(documents: dict[str, Any], rows: list[dict[str, str]], path: Path) -> Path:
    """Pack a changed bundle as a forger would: every digest right, only the signature not the seller's."""
    path.write_bytes(b"".join(pack(documents, rows, lambda _manifest: {"algorithm": "Ed25519"})))
    return path


def test_a_forger_who_makes_every_digest_right_is_found_by_the_arithmetic(bundle: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        documents = {name: json.loads(archive.read(name)) for name in (INVOICE, TERMS, TOTALS)}
        rows = list(rows_of(archive.open(CALLS)))
    path = tmp_path / "forged.zip"
    verify(resealed(documents, rows, path), check_signature=False)
    chosen = random.Random(13)
    # What the calls and the contract lead to; names, addresses and the month before are the seller's word alone.
    computed = {
        INVOICE: ("bill", "evidence", "usage_by_day", "summary"),
        TOTALS: ("rows", "events", "uncovered"),
    }
    targets = [
        (name, way)
        for name, parts in computed.items()
        for way in figures(documents[name])
        if way[0] in parts and "steps" not in way
    ]
    for name, way in chosen.sample(targets, 100):
        forged = documents | {name: with_another_figure(documents[name], way)}
        with pytest.raises(Differs):
            verify(resealed(forged, rows, path), check_signature=False)
    answered = [index for index, row in enumerate(rows) if row["answered_at"]]
    for column in ("talk_ms", "started_at", "content_hash", "billed", "counters"):
        for index in chosen.sample(answered, 10):
            other = next(row[column] for row in rows if row[column] != rows[index][column])
            forged_rows = [*rows[:index], rows[index] | {column: other}, *rows[index + 1 :]]
            with pytest.raises(Differs):
                verify(resealed(documents, forged_rows, path), check_signature=False)
    for index in chosen.sample(range(len(rows)), 5):
        with pytest.raises(Differs):
            verify(resealed(documents, rows[:index] + rows[index + 1 :], path), check_signature=False)


def test_a_signature_by_another_key_is_named(bundle: Path) -> None:
    with pytest.raises(Differs, match=r"signature\.json: key"):
        verify(bundle, trusted="00" * 32)


def test_another_secret_signs_anew_and_the_old_key_stays_published(
    invoice: Invoice, settings: Any, tmp_path: Path
) -> None:
    old = tmp_path / "old.zip"
    old.write_bytes(b"".join(bundle_of(invoice, NOW)))
    settings.EVIDENCE_KEY = "another-" + "z" * 40
    new = tmp_path / "new.zip"
    new.write_bytes(b"".join(bundle_of(invoice, NOW + timedelta(days=1))))
    published = [key["public_key"] for key in Client().get("/.well-known/huadan-keys.json").json()["keys"]]
    assert [verify(new).key, verify(old).key] == published
    assert EvidenceKey.objects.count() == 2


def test_a_draft_has_no_bundle(contract: Any) -> None:
    with pytest.raises(NoEvidence):
        bundle_of(draft_month(contract, OCTOBER, NOW), NOW)


def test_calls_no_longer_kept_are_said_so(invoice: Invoice) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_call WHERE call_id = '呼叫-3'")
    answer = Client().get(f"{page_link(invoice)}/evidence.zip")
    assert (answer.status_code, answer.content.decode()) == (409, "The calls behind this invoice are no longer kept.")


def test_an_invoice_with_late_calls_and_seats_verifies_too(make_contract: Any, post: Any, tmp_path: Path) -> None:
    seats = {
        "kind": "seat",
        "code": "seats",
        "item": "seats",
        "name": NAME,
        "price": {"kind": "per_unit", "price": "80"},
    }
    contract = make_contract(TALK, seats)
    change_subscription(contract, "seats", Decimal(3), on=date(2026, 11, 5), by="li", reason="ordered", now=NOW)
    post(call_of(1), call_of(2))
    issue_by_two(draft_month(contract, OCTOBER, NOW).pk)
    post(call_of(3))  # late for October
    november = draft_month(contract, period_containing(date(2026, 11, 1)), NOW)
    assert {line["period"] for line in november.document["bill"]["lines"]} == {"2026-10", "2026-11"}
    issued = issue_by_two(november.pk)
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"".join(bundle_of(issued, NOW)))
    assert verify(path).number == issued.number
