"""``manage.py verify_audit``."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Any, cast

from django.core.management import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from invoices.models import TrailSeal
from invoices.trail.verifying import DIGEST_BYTES, verify_trail

SHOWN, WIDTH = 200, 240  # rows, and characters of a line where nobody looks


class Command(BaseCommand):
    """Verify the audit trail: name each row that was tampered with and end with 1, or say that all is as it was written."""

    help = __doc__

    def add_arguments(self, parser: Any) -> None:
        """Take anchors that were kept outside of the database."""
        parser.add_argument(
            "--anchors", type=Path, help="a CSV file of anchors kept elsewhere, with their day and hash"
        )
        parser.add_argument(
            "--anchor", type=_anchor, action="append", default=[], metavar="DAY=HASH",
            help="an anchor kept elsewhere, such as of the log; may be given again",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        """Verify and print; what is found is shown as it is found."""
        kept = (_anchors_in(options["anchors"]) if options["anchors"] else {}) | dict(options["anchor"])
        there = self.stdout.isatty()
        console = Console(file=cast("IO[str]", self.stdout), width=None if there else WIDTH, force_terminal=there)
        table = Table("table", "key", "what differs", title="Not as it was written", title_justify="left")
        count = 0
        for each in verify_trail(datetime.now(UTC), kept):
            count += 1
            if count <= SHOWN:
                table.add_row(each.table, each.key, Text(each.how))
        if count:
            console.print(table)
            console.print(f"{count} in all." if count <= SHOWN else f"{count} in all; the first {SHOWN} are shown.")
            sys.exit(1)
        end = TrailSeal.objects.order_by("-number").first()
        console.print("The audit trail is as it was written.")
        if end is not None:
            console.print(f"{end.entries} entries, {end.number} seals, up to {bytes(end.hash).hex()}")


def _anchor(text: str) -> tuple[date, str]:
    """Read ``2026-11-23=`` and 64 hexadecimal digits; raise CommandError for anything else."""
    day, _equals, end = text.partition("=")
    try:
        if len(bytes.fromhex(end)) == DIGEST_BYTES:
            return date.fromisoformat(day), end.lower()
    except ValueError:
        pass
    raise CommandError(f"{text} is no anchor; write day=hash, such as 2026-11-23= and 64 hexadecimal digits.")


def _anchors_in(file: Path) -> dict[date, str]:
    """Read the days and hashes of a CSV file, its first two columns that hold such; raise CommandError for none."""
    kept = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            for line in csv.reader(lines):
                day = next((cell for cell in line if len(cell) == 10 and cell[4:5] == "-"), None)
                end = next((cell for cell in line if len(cell) == 64), None)
                if day and end:
                    kept[date.fromisoformat(day)] = end
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    if not kept:
        raise CommandError(f"{file} has no anchor; export them from the admin, or write lines of day,hash.")
    return kept
