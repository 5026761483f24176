"""``manage.py doctor``."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib.metadata import version
from typing import IO, Any, cast

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand
from rich.console import Console
from rich.table import Table

from billing.health import free_disk_percent
from billing.local import Embedded, postgres_answers, valkey_answers


class Command(BaseCommand):
    """Say what runs where, which version, what is missing, and what to do."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a table of findings; exit 1 when something must be done first."""
        findings = [self._python(), self._database(), self._redis(), self._browser(), self._disk()]
        table = Table("part", "what", "where", "to do")
        for finding in findings:
            table.add_row(*finding)
        Console(file=cast("IO[str]", self.stdout), width=max(shutil.get_terminal_size().columns, 100)).print(table)
        if any(todo.startswith("!") for *_, todo in findings):
            sys.exit(1)

    def _python(self) -> tuple[str, str, str, str]:
        packages = ", ".join(f"{name} {version(name)}" for name in ("django", "celery", "typst"))
        return "Python", f"{platform.python_version()}; {packages}", sys.executable, ""

    def _database(self) -> tuple[str, str, str, str]:
        pair: Embedded = settings.EMBEDDED
        if settings.ENVIRONMENT.embedded and not postgres_answers(pair):
            return "PostgreSQL", "embedded, stopped", str(pair.data), "starts by itself; make up keeps it running"
        try:
            with psycopg.connect(settings.DATABASE_URL, connect_timeout=5) as connection:
                server = connection.info.parameter_status("server_version") or "?"
                tables = connection.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()
        except psycopg.Error as error:
            return "PostgreSQL", f"does not answer: {error}", "DATABASE_URL", "! start it, or correct DATABASE_URL"
        old = int(server.split(".")[0]) < 15
        todo = "! PostgreSQL 15 or newer is needed" if old else ""
        todo = todo or ("" if tables and tables[0] else "run manage.py migrate (make demo does)")
        where = f"embedded, {pair.sockets}" if settings.ENVIRONMENT.embedded else "DATABASE_URL"
        return "PostgreSQL", server, where, todo

    def _redis(self) -> tuple[str, str, str, str]:
        import redis

        pair: Embedded = settings.EMBEDDED
        if settings.ENVIRONMENT.redis_url is None and not valkey_answers(pair):
            return "Valkey", "embedded, stopped", str(pair.data), "starts by itself; make up keeps it running"
        try:
            info: Any = redis.Redis.from_url(settings.REDIS_URL).info("server")
        except redis.RedisError as error:
            return "Redis", f"does not answer: {error}", "REDIS_URL", "! start it, or correct REDIS_URL"
        name = "Valkey" if "valkey_version" in info else "Redis"
        where = str(pair.sockets) if settings.ENVIRONMENT.redis_url is None else "REDIS_URL"
        return name, str(info.get("valkey_version", info["redis_version"])), where, ""

    def _browser(self) -> tuple[str, str, str, str]:
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        todo = "" if found else "browser tests are skipped; apt-get install chromium"
        return "Chromium", "for browser tests", found or "not found", todo

    def _disk(self) -> tuple[str, str, str, str]:
        free, least = free_disk_percent(), settings.ENVIRONMENT.minimum_free_disk_percent
        todo = f"! below {least} % calls are refused; make room" if free < least else ""
        return "Disk", f"{free:.0f} % free", str(settings.DISK_PATH), todo
