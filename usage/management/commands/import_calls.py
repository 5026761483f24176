"""Read files of calls that a switch or platform left behind, and deliver them under the same keys as the doors."""

from __future__ import annotations

import gzip
import json
import re
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from billing.errors import Refused
from tenants.models import Tenant
from usage.formats import reading
from usage.formats.native import MAX_RECORDS
from usage.ingestion import OUTCOMES, Reporter, ingest_batch
from usage.models import Source
from usage.sources import rules_of

FILE_UUID = re.compile(r"(?:a_)?([0-9a-f-]{36})\.cdr\.json", re.IGNORECASE)
LONGEST_LINE = 1024 * 1024


class Command(BaseCommand):
    """Import files; started again after a stop, it goes on where it was, and no call is stored twice in any case."""

    help = "Import Master.csv, cdr_csv, *.cdr.json (or a folder of them), native CSV and NDJSON; also .gz."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare what, whose, and how."""
        parser.add_argument("files", nargs="+", type=Path, help="files or folders")
        parser.add_argument("--source", required=True, help="TENANT/SOURCE, or SOURCE where only one tenant has it")
        parser.add_argument("--format", choices=reading.FORMATS, help="instead of telling it from name and content")
        parser.add_argument("--batch", type=int, default=1000, help="records a transaction, at most 5000")
        parser.add_argument("--notes", type=Path, help="where to note how far it came (beside each file by default)")
        parser.add_argument("--json", action="store_true", help="print the counts as JSON")

    def handle(self, **options: Any) -> None:
        """Import each file and say what became of its records."""
        source = find_source(options["source"])
        if not 1 <= options["batch"] <= MAX_RECORDS:
            raise CommandError(f"--batch is 1 to {MAX_RECORDS}.")
        total: Counter[str] = Counter()
        files = list(_files(options["files"]))
        console = Console(file=cast("IO[str]", self.stderr), quiet=options["json"])
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            for file in files:
                task = progress.add_task(file.name, total=file.stat().st_size)
                counts = _Import(source, file, options).run(lambda at, task=task: progress.update(task, completed=at))
                total += counts
                if not options["json"]:
                    self.stdout.write(f"{file}: {told(counts)}")
        figures = {"files": len(files), "received": sum(total.values()), **{name: total[name] for name in OUTCOMES}}
        self.stdout.write(json.dumps(figures) if options["json"] else f"{len(files)} files: {told(total)}")


class _Import:
    """One file on its way in; ``note`` remembers the byte up to which it is stored."""

    def __init__(self, source: Source, file: Path, options: dict[str, Any]) -> None:
        self.source, self.file, self.batch = source, file, options["batch"]
        self.rules = rules_of(source)
        folder = options["notes"] or file.parent
        self.note = folder / f".{file.name}.{source.pk}.imported"
        self.format = options["format"] or format_of(file)
        tenant = source.tenant
        self.reporter = Reporter(
            tenant.pk, tenant.zone, tenant.billing_day, tenant.keep_numbers, tenant.accept_days_back
        )

    def run(self, tell: Any) -> Counter[str]:
        """Deliver the file from where the note says, batch by batch."""
        counts: Counter[str] = Counter()
        with _opened(self.file) as stream:
            for body, at in self._bodies(stream):
                counts += self._deliver(body)
                self._remember(at)
                tell(min(at, self.file.stat().st_size))
        return counts

    def _bodies(self, stream: IO[bytes]) -> Iterator[tuple[bytes, int]]:
        """Split the file into bodies of so many lines; a document that is one record or one table row stays whole."""
        if self.format in {reading.FREESWITCH, reading.NATIVE, reading.EVENTS}:
            if not self._done_up_to():
                body = stream.read()
                yield body, len(body)
            return
        header = stream.readline(LONGEST_LINE) if self.format in {reading.CSV, reading.MAPPED} else b""
        done = self._done_up_to()
        if done > stream.tell():
            stream.seek(done)
        while lines := list(islice(_lines(stream, quoted=self.format in {reading.CSV, reading.MAPPED}), self.batch)):
            yield header + b"".join(lines), stream.tell()

    def _deliver(self, body: bytes) -> Counter[str]:
        name = FILE_UUID.search(self.file.name)
        try:
            decoded = reading.read(self.format, body, self.rules, uuid=name[1] if name else "")
        except Refused as refusal:
            raise CommandError(f"{self.file}: {refusal.message}") from None
        outcome = ingest_batch(self.reporter, self.source, decoded, self.format, datetime.now(UTC))
        return Counter({each: outcome.count(each) for each in OUTCOMES})

    def _done_up_to(self) -> int:
        """Return the byte the note names, 0 when there is none or the file is another one since."""
        try:
            noted = json.loads(self.note.read_text())
        except (OSError, ValueError):
            return 0
        same = noted.get("size", 0) <= self.file.stat().st_size and noted.get("head") == self._head()
        return int(noted.get("done", 0)) if same else 0

    def _remember(self, at: int) -> None:
        """Write the note; a folder that cannot be written costs only that a later run starts over."""
        text = json.dumps({"done": at, "size": self.file.stat().st_size, "head": self._head()})
        try:
            self.note.write_text(text)
        except OSError:
            return

    def _head(self) -> str:
        with self.file.open("rb") as stream:
            return stream.read(64).hex()


def find_source(name: str) -> Source:
    """Find a source by TENANT/SOURCE, or by its own code where one tenant has it. Raises CommandError."""
    tenant, _, code = name.rpartition("/")
    found = Source.objects.select_related("tenant").filter(code=code)
    if tenant:
        found = found.filter(tenant__code=tenant)
    several = list(found[:2])
    if len(several) == 1:
        return several[0]
    if several:
        codes = ", ".join(Tenant.objects.filter(sources__code=code).order_by("code").values_list("code", flat=True))
        raise CommandError(f"Several tenants have “{code}”: {codes}; write TENANT/{code}.")
    raise CommandError(f"There is no source “{name}”.")


def format_of(file: Path) -> str:
    """Tell a file's format by its name, then by its first bytes. Raises CommandError."""
    name = file.name.removesuffix(".gz")
    if name.endswith(".cdr.json"):
        return reading.FREESWITCH
    with _opened(file) as stream:
        head = stream.read(4096).lstrip(b"\xef\xbb\xbf \r\n\t")
    if head.startswith(b"["):
        return reading.NATIVE
    if head.startswith(b"{"):
        return reading.FREESWITCH if b'"variables"' in head else reading.NDJSON
    first = head.partition(b"\n")[0]
    if b"call_id" in first and b"started_at" in first:
        return reading.CSV
    if head.count(b",") >= 10:
        return reading.ASTERISK
    raise CommandError(f"{file}: this is none of the known formats; name one with --format.")


def told(counts: Counter[str]) -> str:
    """Say the counts in one line."""
    return ", ".join(f"{counts[name]} {name}" for name in OUTCOMES)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        elif path.is_file():
            yield path
        else:
            raise CommandError(f"{path} does not exist.")


def _lines(stream: IO[bytes], *, quoted: bool) -> Iterator[bytes]:
    """Yield lines; a quoted cell may hold a line break, so a line with an odd number of quotes takes the next along."""
    while line := stream.readline(LONGEST_LINE):
        while quoted and line.count(b'"') % 2 and len(line) < LONGEST_LINE and (more := stream.readline(LONGEST_LINE)):
            line += more
        yield line


def _opened(file: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")
