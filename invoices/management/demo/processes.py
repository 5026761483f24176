"""The demo's children: started together, watched, and gone when the demo is gone, however it ends."""

from __future__ import annotations

import functools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from billing.processes import die_with_parent

STOP_WITHIN_SECONDS = 15.0


class ChildEnded(Exception):
    """A child of the demo ended or hangs; the message says which log to read."""


class Children:
    """Processes of one demo; each writes its log beside the embedded services', and its process id beside the log.

    ``others`` are services the demo did not start itself, by name, each with a function that tells whether it lives.
    """

    def __init__(self, logs: Path, environment: dict[str, str], others: dict[str, Callable[[], bool]]) -> None:
        self.logs = logs
        self.environment = os.environ | environment
        self.others = others
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.stopping = threading.Event()
        logs.mkdir(parents=True, exist_ok=True)

    def watch(self) -> None:
        """Raise ChildEnded in the main thread, whatever it waits for, when a process ends that should not."""

        def look() -> None:
            while not self.stopping.wait(0.5):
                if self.ended():
                    os.kill(os.getpid(), signal.SIGUSR1)
                    return

        def say(*_: object) -> None:
            name = self.ended()
            if name and not self.stopping.is_set():
                log = self.logs / f"{name}.log" if name in self.running else self.logs.parent / f"{name}.log"
                raise ChildEnded(f"{name} ended by itself; see {log}. Run the demo again: it goes on where it was.")

        signal.signal(signal.SIGUSR1, say)
        threading.Thread(target=look, daemon=True).start()

    def start(self, name: str, *module_and_arguments: str) -> None:
        """Start ``python -m …`` under a name; its output goes to ``<name>.log``."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", *module_and_arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment,
                start_new_session=True,  # a Ctrl-C is for the demo, which then stops its children in order
                preexec_fn=functools.partial(die_with_parent, signal.SIGTERM),  # noqa: PLW1509 - no thread runs before the children are started
            )
        (self.logs / f"{name}.pid").write_text(str(self.running[name].pid))

    def ended(self) -> str:
        """Return the name of a process that ended by itself, or an empty text."""
        dead = [name for name, child in self.running.items() if child.poll() is not None]
        return next(iter(dead + [name for name, lives in self.others.items() if not lives()]), "")

    def stop(self) -> None:
        """Ask every child to end, wait, and end those that will not."""
        self.stopping.set()
        for child in self.running.values():
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN_SECONDS
        for child in self.running.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def free_ports(*wanted: int) -> list[int]:
    """Return the wanted ports of this machine, each if need be the next free one that is not among those before it."""
    chosen: list[int] = []
    for first in wanted:
        chosen.append(next(port for port in range(first, first + 200) if port not in chosen and _is_free(port)))
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def wait_until(true: Callable[[], bool], what: str, children: Children, seconds: float = 120.0) -> None:
    """Wait for something the children do; the time running out is an error with a sentence."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise ChildEnded(f"{what} took longer than {seconds:.0f} s; see the logs in {children.logs}.")
        time.sleep(0.1)
