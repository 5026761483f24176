"""The embedded servers: private, restartable after kill -9, gone when nobody uses them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from billing.local import Embedded, postgres_answers, valkey_answers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout() -> Iterator[Path]:
    # Not in pytest's folder: every other run of pytest closes that to the account the servers run as.
    room = Path(tempfile.mkdtemp(prefix="a checkout with spaces "))
    room.chmod(0o755)
    folder = room / ("deep" * 30) / "häuser"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(room, ignore_errors=True)


@pytest.fixture
def pair(checkout: Path) -> Iterator[Embedded]:
    made = Embedded.beside(checkout)
    yield made
    made.remove()


def test_it_starts_twice_as_once_and_keeps_what_was_written(pair: Embedded) -> None:
    assert pair.start()
    assert not pair.start()
    with psycopg.connect(pair.database_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        assert connection.execute(
            "SELECT current_setting('fsync'), current_setting('listen_addresses')"
        ).fetchone() == (
            "on",
            "",
        )
        assert not connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()[0]  # type: ignore[index]
    assert pair.stop()
    assert not postgres_answers(pair)
    assert not valkey_answers(pair)
    pair.start()
    with psycopg.connect(pair.database_url) as connection:
        connection.execute("SELECT n FROM kept")


def test_both_come_back_after_kill_9(pair: Embedded) -> None:
    pair.start()
    for pid in (pair.postgres_pid(), pair.valkey_pid()):
        assert pid
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.2)
    assert pair.start()
    assert postgres_answers(pair)
    assert valkey_answers(pair)


def test_nobody_gets_in_without_the_password(pair: Embedded) -> None:
    pair.start()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://huadan@/huadan?host={pair.sockets}&passfile=/dev/null")
    assert (pair.keep_in / "pgpass").stat().st_mode & 0o077 == 0


def test_the_servers_never_run_as_root(pair: Embedded) -> None:
    pair.start()
    for pid in (pair.postgres_pid(), pair.valkey_pid()):
        assert Path(f"/proc/{pid}").stat().st_uid != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers for another account")
def test_root_may_keep_a_checkout_to_itself(pair: Embedded, checkout: Path) -> None:
    checkout.chmod(0o700)
    pair.start()
    assert not pair.data.is_relative_to(checkout)
    checkout.chmod(0o755)
    assert pair.postgres_pid(), "the data stay where they were made"


def test_two_checkouts_do_not_meet(tmp_path: Path) -> None:
    first, second = Embedded.beside(tmp_path / "one"), Embedded.beside(tmp_path / "two")
    assert first.sockets != second.sockets
    assert len(str(first.postgres_socket)) < 100


USER = """
import sys, time
from pathlib import Path
from billing.local import Embedded
with Embedded.beside(Path(sys.argv[1])).in_use():
    print("in", flush=True)
    sys.stdin.readline()
"""


def test_the_last_user_stops_them_even_when_another_was_killed(pair: Embedded, checkout: Path) -> None:
    def user() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", USER, str(checkout)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        return process

    first, second, third = user(), user(), user()
    first.communicate(b"\n")
    assert postgres_answers(pair), "two others still use it"
    second.kill()
    second.wait()
    assert postgres_answers(pair)
    third.communicate(b"\n")
    assert pair.postgres_pid() is None
    assert pair.valkey_pid() is None


def test_make_up_keeps_them_when_the_last_user_leaves(pair: Embedded) -> None:
    pair.keep_running()
    with pair.in_use():
        pass
    assert postgres_answers(pair)


def test_a_killed_test_run_leaves_no_server_behind(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from billing.local import Embedded\n"
        "pair = Embedded(Path(sys.argv[1]) / 'local', Path(sys.argv[2]), durable=False); pair.start()\n"
        "print(pair.postgres_pid(), pair.valkey_pid(), flush=True); time.sleep(600)"
    )
    room = Path(tempfile.mkdtemp(prefix="hd-"))
    room.chmod(0o755)
    command = [sys.executable, "-c", code, str(room), str(room / "run")]
    run = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert run.stdout
    pids = [int(word) for word in run.stdout.readline().split()]
    run.kill()
    run.wait()
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_alive(pid) for pid in pids)
    shutil.rmtree(room, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
