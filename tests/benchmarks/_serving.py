"""What the benchmarks of the doors share: servers of their own, durable as in production, and a load over HTTP."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from billing.local import Embedded

ROOT = Path(__file__).resolve().parents[2]
SETUP = """
import django; django.setup()
from tenants.keys import make_key
from tenants.models import Seller, Tenant
from usage.models import Source
seller = Seller.objects.create(code="hd", name_zh="话单", name_en="Huadan", email="billing@huadan.example", tax_id="91310000MA1K4XBX03")
tenant = Tenant.objects.create(seller=seller, code="north", name_zh="北方", name_en="North", zone="Asia/Shanghai", language="en", accept_days_back=400)
Source.objects.create(tenant=tenant, code="switch-1", zone="Asia/Shanghai")
print(make_key(tenant, "bench", ["ingest", "read", "operate"])[1])
"""


@dataclass(frozen=True)
class Site:
    """Embedded servers with one tenant, one source and a key, and the environment that reaches them."""

    pair: Embedded
    environment: dict[str, str]
    key: str

    def connect(self, *, superuser: bool = False) -> psycopg.Connection[tuple[object, ...]]:
        """Open a connection of one's own."""
        url = self.pair.superuser_url if superuser else self.pair.database_url
        return psycopg.connect(url.replace("/postgres?", "/huadan?"), autocommit=True)


def environment_of(pair: Embedded) -> dict[str, str]:
    """Return the environment of programs that work on the pair's database."""
    return os.environ | {
        "DATABASE_URL": pair.database_url, "REDIS_URL": pair.redis_url, "HUADAN_HTTPS": "false",
        "HUADAN_SECRET_KEY": "only-for-benchmarks-" + "x" * 40, "HUADAN_NUMBER_KEY": "only-for-benchmarks-" + "y" * 40,
        "HUADAN_ALLOWED_HOSTS": "127.0.0.1,localhost", "HUADAN_LOG_LEVEL": "WARNING", "HUADAN_TOTP": "false",
        "HUADAN_MINIMUM_FREE_DISK_PERCENT": "1", "DJANGO_SETTINGS_MODULE": "billing.settings",
    }  # fmt: skip


@contextlib.contextmanager
def site(*, durable: bool = True) -> Iterator[Site]:
    """Bring up a throw-away PostgreSQL and Valkey with the schema and one tenant, and remove every trace afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="huadan-bench-"))
    folder.chmod(0o755)
    pair = Embedded(keep_in=folder / "local", sockets=Path(tempfile.mkdtemp(prefix="hd-")), durable=durable)
    pair.sockets.rmdir()
    try:
        pair.start()
        environment = environment_of(pair)
        run = [sys.executable]
        subprocess.run([*run, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=environment, check=True)
        done = subprocess.run(
            [*run, "-c", SETUP], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
        )
        yield Site(pair, environment, done.stdout.split()[-1])
    finally:
        pair.remove()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def web(
    environment: dict[str, str],
    application: str = "billing.wsgi",
    *,
    workers: int = 2,
    threads: int = 4,
    more: Sequence[str] = (),
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Serve an application with gunicorn on a free port; stop it at the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    command += [
        "--worker-class",
        "gthread",
        "--threads",
        str(threads),
        "--keep-alive",
        "30",
        "--log-level",
        "error",
        *more,
    ]
    command += ["--no-control-socket"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        wait_for(port)
        yield port, server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def free_port() -> int:
    """Find a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 180) -> None:
    """Wait until a web server answers: gunicorn listens long before a worker has loaded the site, on a busy machine a minute."""
    deadline = time.monotonic() + seconds
    question = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), seconds) as line:
            line.sendall(question)
            _more(line)
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing answers at port {port}")
        time.sleep(0.05)


def request_of(path: str, body: bytes, key: str, content_type: str = "application/json") -> bytes:
    """Write out a whole HTTP request, so that the generator spends nothing on it while it measures."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def exchange(line: socket.socket, request: bytes) -> tuple[int, bytes]:
    """Send a request and read its answer to the end. Raises ConnectionError when it is cut short."""
    line.sendall(request)
    got = _more(line)
    while b"\r\n\r\n" not in got:
        got += _more(line)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    while len(body) < length:
        body += _more(line)
    return int(head[9:12]), body


def _more(line: socket.socket) -> bytes:
    got = line.recv(65536)
    if not got:
        raise ConnectionError("hung up in the middle of an answer")
    return got


def load(
    port: int, requests: Sequence[bytes], connections: int, check: Callable[[bytes], None]
) -> tuple[float, list[float]]:
    """Send requests over some connections at once; return the seconds it took and each request's own."""
    waiting, times, faults = iter(list(requests)), [], []

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port), 60) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in waiting:
                begun = time.perf_counter()
                status, body = exchange(line, request)
                times.append(time.perf_counter() - begun)
                if status != 200:
                    faults.append((status, body[:300]))
                    return
                check(body)

    threads = [threading.Thread(target=send) for _ in range(connections)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise AssertionError(faults[0])
    return time.perf_counter() - begun, times
