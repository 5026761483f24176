"""Real servers for tests: web, worker, beat and a mailbox as processes, on the test's own database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

REDIS_DATABASE = 7  # other tests' messages lie in 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.1)


class Servers:
    """The processes of one installation; ``url`` is its address, ``mailbox`` the folder mails arrive in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mailbox = folder / "mailbox"
        self.port, self.smtp_port, self.mailbox_port = free_port(), free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        database = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}")
        self.environment = os.environ | {
            "DATABASE_URL": f"postgresql://{database.netloc}{database.path}?{database.query}",
            "REDIS_URL": f"{settings.REDIS_URL}?db={REDIS_DATABASE}",
            "HUADAN_BASE_URL": self.url,
            "HUADAN_EMAIL_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "HUADAN_COUNT_EVERY_SECONDS": "1",
        }

    def start(self, name: str, *module: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *module], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def start_web(self) -> None:
        self.start(
            "web",
            "gunicorn",
            "billing.wsgi",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--threads",
            "4",
            "--no-control-socket",
        )
        wait_for(self.answers, "the web server's start")

    def start_all(self) -> None:
        self.start_web()
        self.start("worker", "celery", "-A", "billing.celery", "worker", "--concurrency", "1")
        self.start("beat", "celery", "-A", "billing.celery", "beat", "--schedule", str(self.folder / "beat"))
        ports = (str(self.smtp_port), str(self.mailbox_port))
        self.start("mail", "invoices.management.demo.mailbox", str(self.mailbox), *ports)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def ask_worker(self, task: str, *arguments: object) -> None:
        """Enqueue a task as any program would: by name, through the broker."""
        from celery import Celery

        broker = self.environment["REDIS_URL"].replace("unix://", "redis+socket://").replace("db=", "virtual_host=")
        Celery(broker=broker).send_task(task, args=list(arguments))

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Have an installation's processes for the length of a block."""
    running = Servers(folder)
    try:
        yield running
    finally:
        running.stop()
