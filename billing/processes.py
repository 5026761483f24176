"""Processes that serve: brought up until they answer, found by their pid file, ended with the one who started them."""

from __future__ import annotations

import ctypes
import functools
import os
import signal
import subprocess  # starting servers is this file's purpose  # nosec B404
import sys
import time
from collections.abc import Callable
from pathlib import Path

from billing.errors import Refused

PR_SET_PDEATHSIG = 1
LONGEST_WAIT_SECONDS = 60.0


class CannotStart(Refused):
    """The embedded services cannot be started; the message says what to do."""


def bring_up(
    name: str, command: list[str], answers: Callable[[], bool], log: Path, *, account: int | None, lasting: bool
) -> None:
    """Start a server until it answers; one that gives up is tried again.

    ``account`` is the uid it runs as (None: the caller's), ``lasting`` whether it outlives a caller who is killed.
    After a kill -9 the dead server's children may hold its memory for a moment, and PostgreSQL then refuses.
    """
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    server: subprocess.Popen[bytes] | None = None
    while not answers():
        if time.monotonic() > deadline:
            tail = " / ".join(log.read_text(errors="replace").splitlines()[-5:])
            raise CannotStart("not_ready", f"{name} does not answer; its log {log} ends: {tail}")
        if server is None or server.poll() is not None:
            _reap()
            server = _run(command, log, account, lasting=lasting)
        time.sleep(0.02 if time.monotonic() < deadline - LONGEST_WAIT_SECONDS + 1 else 0.5)


def _run(command: list[str], log: Path, account: int | None, *, lasting: bool) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        server = subprocess.Popen(
            command,
            user=account,
            group=account,
            extra_groups=[] if account is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env=bare_environment(),
            start_new_session=True,  # a Ctrl-C at the terminal is for the caller, who then stops us in order
            # A test run that is killed must not leave its servers behind; a demo's live until the next start.
            preexec_fn=None if lasting else functools.partial(die_with_parent, signal.SIGINT),  # noqa: PLW1509
        )
    _children.append(server)
    return server


def die_with_parent(how: signal.Signals) -> None:
    """Have the kernel signal this process when the one that started it ends, however it ends; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)


def living(pidfile: Path, *names: str) -> int | None:
    """Return the pid in a pid file if that process lives and is such a server (pids are reused after a crash)."""
    _reap()
    try:
        pid = int(pidfile.read_text().split()[0])
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline")
        alike = not command.exists() or any(name in command.read_text() for name in names)
    except (OSError, ValueError, IndexError):
        return None
    return pid if alike else None


def _reap() -> None:
    """Read the exit codes of ended children; until then they look alive, to us and to PostgreSQL."""
    for child in _children:
        child.poll()


def bare_environment() -> dict[str, str]:
    """Return what a server inherits of the caller: the path alone, no PG* variable, no secret."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


_children: list[subprocess.Popen[bytes]] = []
