"""Many write while the trail is sealed, and the sealer is killed: the chain holds every entry, once, in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from invoices.models import TrailEntry, TrailSeal
from invoices.trail.sealing import seal_trail
from invoices.trail.verifying import verify_trail

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, TRANSACTIONS = 8, 40
WRITE = """
import random, sys, time, psycopg
mine, rounds = sys.argv[2], int(sys.argv[3])
with psycopg.connect(sys.argv[1], autocommit=True) as own:
    for number in range(rounds):
        try:
            with own.transaction():
                own.execute("INSERT INTO invoices_evidencekey (public_key, first_used_at) VALUES (%s, now())", [f"{mine}-{number}"])
                time.sleep(random.random() / 50)
                own.execute("UPDATE invoices_evidencekey SET public_key = public_key || 'x' WHERE public_key = %s", [f"{mine}-{number}"])
                if number % 5 == 0:
                    raise ValueError
        except ValueError:
            pass
"""
SEAL = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True) as own:
    while True:
        own.execute("SELECT trail_seal(2, '10s')")
"""


def address() -> str:
    how = connection.get_connection_params()
    names = ("dbname", "host", "port", "user", "password", "passfile")
    return make_conninfo(**{name: how[name] for name in names if how.get(name)})


def started(code: str, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, address(), *map(str, words)])


def sealed() -> list[int]:
    return [each for ids in TrailSeal.objects.order_by("number").values_list("ids", flat=True) for each in ids]


def test_eight_write_while_it_is_sealed() -> None:
    writers = [started(WRITE, number, TRANSACTIONS) for number in range(WRITERS)]
    while any(each.poll() is None for each in writers):
        seal_trail(at_most=50)
    assert [each.returncode for each in writers] == [0] * WRITERS
    while seal_trail():
        pass
    keys = TrailEntry.objects.filter(table_name="invoices_evidencekey")
    assert keys.count() == 2 * WRITERS * TRANSACTIONS * 4 // 5
    assert sealed() == list(TrailEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert TrailSeal.objects.count() > 3, "it sealed while they wrote"
    assert list(verify_trail(datetime.now(UTC) + timedelta(hours=2))) == []


def test_a_sealer_that_is_killed_leaves_whole_seals() -> None:
    writer = started(WRITE, "w", 150)
    for _each in range(5):
        sealer = started(SEAL)
        time.sleep(0.7)
        os.kill(sealer.pid, signal.SIGKILL)
        sealer.wait()
        assert [each for each in verify_trail(datetime.now(UTC)) if each.table.startswith("invoices_trail")] == []
    assert writer.wait() == 0
    deadline = time.monotonic() + 30
    while len(sealed()) < TrailEntry.objects.count() and time.monotonic() < deadline:
        seal_trail()
    assert sealed() == list(TrailEntry.objects.order_by("pk").values_list("pk", flat=True))
    assert list(verify_trail(datetime.now(UTC) + timedelta(hours=2))) == []
