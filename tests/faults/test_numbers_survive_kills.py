"""Eight processes issue and mail the same invoices while they and PostgreSQL are killed: no gap, no twin, no mail twice."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.benchmarks._serving import ROOT, Site, site
from tests.e2e.servers import free_port

SEEDS = int(os.environ.get("FAULT_SEEDS", "1"))  # by hand with 20
INVOICES = int(os.environ.get("FAULT_INVOICES", "48"))  # by hand with 1000
PROCESSES, KILLS, LONGEST_SECONDS = 8, 6, 120 + INVOICES
pytestmark = [pytest.mark.processes, pytest.mark.xdist_group("kills")]

SETUP = """
import sys, django; django.setup()
from tenants.models import Contact, Tenant
from tests.benchmarks._months import agree
seller, first, last = agree(sys.argv[1], int(sys.argv[2]))
Contact.objects.bulk_create(
    Contact(tenant=each, name="A", email=f"a{each.pk}@b.example") for each in Tenant.objects.filter(seller=seller))
"""
ASK = """
import sys, django; django.setup()
from datetime import UTC, datetime
from invoices.approving import request_issue
from invoices.models import Invoice
for each in Invoice.objects.filter(seller__code=sys.argv[1]):
    request_issue(each.pk, reason="Reviewed.", by="wang", now=datetime.now(UTC))
"""
# One process loads everything, then forks those that work: a start costs nothing, and there are eight from the beginning.
WORK = """
import os, random, sys, time, traceback, django; django.setup()
from datetime import UTC, datetime
from billing.errors import Refused
from billing.mail import due_mails
from invoices.issuing import issue
from invoices.mailing import deliver
from invoices.models import Delivery, Invoice
def mail(limit):
    due = due_mails(Delivery, datetime.now(UTC), 24)
    for pk in random.sample(due, min(limit, len(due))):
        deliver(pk, datetime.now(UTC))
    return due
def work():
    ids = list(Invoice.objects.exclude(state="issued").values_list("pk", flat=True))
    for pk in random.sample(ids, len(ids)):
        try:
            issue(pk, by="li", now=datetime.now(UTC))
        except Refused:
            continue  # another was quicker
        mail(1)
    while mail(4):
        pass
def start():
    if os.fork() == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
left = int(sys.argv[1])
for _ in range(left):
    start()
while left:
    if os.wait()[1]:
        time.sleep(0.1)
        start()
    else:
        left -= 1
"""
GIVE_UP = """
import django; django.setup()
from datetime import UTC, datetime, timedelta
from billing.mail import give_up_interrupted
from invoices.models import Delivery
give_up_interrupted(Delivery, datetime.now(UTC) + timedelta(minutes=6))
"""


DONE = """
SELECT (SELECT count(*) FROM invoices_invoice WHERE state = 'issued'),
    (SELECT count(*) FROM invoices_delivery WHERE state = 'sent')
"""


class Sink:
    """A mail server that counts what it accepted by Message-ID, and takes its time."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.seen[str(message_from_bytes(envelope.content)["Message-ID"])] += 1
        return "250 OK"


@pytest.fixture(scope="module")
def place() -> Iterator[Site]:
    with site(durable=True) as made:
        yield made


@pytest.fixture
def sink() -> Iterator[tuple[Sink, str]]:
    sink = Sink()
    controller = Controller(sink, hostname="127.0.0.1", port=free_port())
    controller.start()
    host, port = controller.server.sockets[0].getsockname()
    yield sink, f"smtp://{host}:{port}"
    controller.stop()


def run(place: Site, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=place.environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def asked(place: Site, question: str) -> list[tuple[Any, ...]]:
    with place.connect() as connection:
        return connection.execute(question).fetchall()


def kill_postgres(place: Site) -> None:
    pid = place.pair.postgres_pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    place.pair.start()


def under_fire(place: Site, environment: dict[str, str], rng: random.Random, log: Path) -> list[str]:
    """Let processes issue and mail until all is done, killing some of them on the way; return what was killed, and when."""

    killed: list[str] = []
    at = sorted(rng.randrange(2 * INVOICES) for _ in range(KILLS))
    deadline, before = time.monotonic() + LONGEST_SECONDS, sum(asked(place, DONE)[0])
    with log.open("ab") as errors:
        parent = subprocess.Popen(
            [sys.executable, "-c", WORK, str(PROCESSES)],
            cwd=ROOT,
            env=environment,
            stderr=errors,
            start_new_session=True,
        )
    try:
        while parent.poll() is None:
            assert time.monotonic() < deadline, f"it took too long: {killed}\n{log.read_text()[-3000:]}"
            (issued, sent), *_ = asked(place, DONE)
            if at and issued + sent - before >= at[0]:
                at.pop(0)
                time.sleep(rng.uniform(0, 0.03))
                victim = rng.choice(["postgres", *["process"] * 5])
                killed.append(f"{victim} at {issued} issued, {sent} sent")
                kill_postgres(place) if victim == "postgres" else kill_child(parent.pid, rng)
            time.sleep(0.01)
        assert parent.returncode == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()
    return killed


def kill_child(parent: int, rng: random.Random) -> None:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    if children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(rng.choice(children)), signal.SIGKILL)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_numbers_and_mails_survive_kills(place: Site, sink: tuple[Sink, str], tmp_path: Path, seed: int) -> None:
    rng, code = random.Random(seed), f"fire{seed}"
    environment = place.environment | {"HUADAN_EMAIL_URL": sink[1]}
    run(place, "-c", SETUP, code, str(INVOICES))
    run(place, "manage.py", "close_month", "--period", "2026-10", "--seller", code)
    run(place, "-c", ASK, code)
    began = time.monotonic()
    killed = under_fire(place, environment, rng, tmp_path / "workers.log")
    assert killed, "nothing was killed"
    print(f"seed {seed}: {INVOICES} in {time.monotonic() - began:.1f} s; killed {killed}")
    run(place, "-c", GIVE_UP)

    numbers = asked(place, f"SELECT number FROM invoices_invoice WHERE number LIKE '{code.upper()}-%'")
    assert sorted(int(re.findall(r"\d+", number)[-1]) for (number,) in numbers) == list(range(1, INVOICES + 1))
    series = f"SELECT next_number FROM invoices_numberseries AS n JOIN tenants_seller AS s ON s.id = n.seller_id AND s.code = '{code}'"
    assert asked(place, series) == [(INVOICES + 1,)]

    mails = dict(
        asked(
            place,
            f"SELECT message_id, d.state FROM invoices_delivery AS d JOIN invoices_invoice AS i ON i.id = d.invoice_id WHERE i.number LIKE '{code.upper()}-%'",
        )
    )
    assert set(mails.values()) <= {"sent", "unknown"}
    assert len(mails) == INVOICES
    assert {name for name, count in sink[0].seen.items() if count > 1} == set(), "no mail twice"
    assert {name for name, state in mails.items() if state == "sent"} <= set(sink[0].seen), "what was sent has arrived"
    run(place, "manage.py", "check_books")
