"""Measure the finance staff's tour of the admin with 100,000 invoices, 10,000 tenants and 10 M calls: milliseconds and queries.

The ratio is 500 ms / the slowest page. Every list in the menu is asked for, a page of each kind of row, and those that do
something of their own. Without ``--full`` a tenth of it is enough. The database is filled once and kept in the folder that is
named at the end of ``--full``'s or the small run's first line; delete it to have it filled anew.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from billing.local import Embedded
from tests.benchmarks import _comparing as comparing
from tests.benchmarks._serving import ROOT, environment_of

SMALL, EACH, ROUNDS = 1000, 1000, 5
LONGEST_MS, MOST_QUERIES = 500, 30


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the tour and what it took."""

    address: str
    ms: float
    queries: int

    @property
    def well(self) -> bool:
        """Tell whether it keeps within the bounds."""
        return self.ms < LONGEST_MS and self.queries < MOST_QUERIES


def main(arguments: list[str] | None = None) -> int:
    """Fill what is not filled, ask for every page, print what each took, and last the ratio."""
    options = comparing.options_of(arguments, __doc__, tenants=10_000)
    tenants = options.tenants if options.full else SMALL
    with kept(tenants) as folder:
        print(f"{tenants:,} tenants, kept in {folder}", file=sys.stderr)
        from tests.benchmarks._desk import addresses

        pages = [measured(*each) for each in addresses()]
    slowest = max(pages, key=lambda page: page.ms)
    for page in sorted(pages, key=lambda page: -page.ms):
        print(
            f"{page.ms:7.1f} ms {page.queries:4} queries  {'' if page.well else 'NOT WELL  '}{page.address}",
            file=sys.stderr,
        )
    comparing.report(
        "admin", "ms", slowest.ms, LONGEST_MS, LONGEST_MS / slowest.ms, as_json=options.json, tenants=tenants,
        pages=[{"address": page.address, "ms": round(page.ms, 1), "queries": page.queries} for page in pages],
    )  # fmt: skip
    return 0 if all(page.well for page in pages) else 1


@contextlib.contextmanager
def kept(tenants: int) -> Iterator[Path]:
    """Serve the database of so many tenants for the length of a block; fill it when it is not whole."""
    folder = ROOT / ".local" / f"bench-admin-{tenants}"
    whole = folder / "whole"
    if not whole.exists():
        _servers(folder).remove()
    pair = _servers(folder)
    pair.start()
    try:
        os.environ.update(environment_of(pair))
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, check=True)
        import django

        django.setup()
        if not whole.exists():
            from tests.benchmarks._desk import fill

            begun = time.perf_counter()
            fill(tenants, EACH)
            print(f"filled in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
            whole.touch()
        yield folder
    finally:
        with contextlib.suppress(Exception):
            from django.db import connection

            connection.close()
        pair.stop()


def _servers(folder: Path) -> Embedded:
    folder.mkdir(parents=True, exist_ok=True)
    beside = Embedded.beside(folder)
    return Embedded(keep_in=folder, sockets=beside.sockets)


def measured(address: str) -> Page:
    """Ask for a page a few times as a superuser; return the median and the queries of the last."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = _client()
    took: list[float] = []
    for _each in range(ROUNDS):
        with CaptureQueriesContext(connection) as queries:
            begun = time.perf_counter()
            answer = client.get(address)
            got = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
            took.append((time.perf_counter() - begun) * 1000)
        assert answer.status_code == 200, (address, answer.status_code, got[:300])
    return Page(address, comparing.median(took[1:]), len(queries))


_CLIENTS: list[Any] = []


def _client() -> Any:
    """Log a superuser in once."""
    from django.contrib.auth.models import User
    from django.test import Client

    if not _CLIENTS:
        user = User.objects.filter(username="li").first() or User.objects.create_superuser(
            "li", password="a-long-password-1"
        )
        client = Client(SERVER_NAME="localhost")
        client.force_login(user)
        _CLIENTS.append(client)
    return _CLIENTS[0]
