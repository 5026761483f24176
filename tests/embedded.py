"""A throw-away PostgreSQL and Valkey for one test run, unless DATABASE_URL and REDIS_URL name others.

Loaded with ``-p tests.embedded`` before Django reads its settings. The controller starts the pair; pytest-xdist's
workers inherit its addresses, and pytest-django gives each worker a database of its own.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from pathlib import Path

from billing.local import Embedded


def _start() -> None:
    folder = Path(tempfile.mkdtemp(prefix="huadan-test-"))
    folder.chmod(0o755)
    pair = Embedded(keep_in=folder / "local", sockets=Path(tempfile.mkdtemp(prefix="hd-")), durable=False)
    pair.sockets.rmdir()  # the pair makes it itself, for the account its servers run as
    atexit.register(lambda: (pair.remove(), folder.rmdir()))
    pair.start()
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = pair.database_url, pair.redis_url
    os.environ["SUPERUSER_URL"] = pair.superuser_url  # for the tests that make roles


if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ.setdefault("HUADAN_SECRET_KEY", "only-for-tests-" + "x" * 40)
    os.environ.setdefault("HUADAN_NUMBER_KEY", "only-for-tests-" + "y" * 40)
    os.environ.setdefault("HUADAN_HTTPS", "false")
    os.environ.setdefault("HUADAN_TOTP", "false")  # the tests of the login switch it on
    if "DATABASE_URL" not in os.environ:
        _start()
