"""Post simulated traffic to a server and say what its books must show."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from usage.sending import Patience, SendingFailed, Sent, send
from usage.simulation import PRESETS, Books, Disturbances, Profile, calls, disturb
from usage.simulation.posting import FORMATS, Target, posts
from usage.simulation.seasons import days

# A switch writes numbers without their country, whole seconds beside exact ones, and the other leg's name.
CONFLICTS = (
    "conflicts: this source has calls of these ids that say something else, and keeps them as they were. A seed makes the "
    "same calls again, which each format tells in words of its own: take another --seed or --source for another format."
)


def percentage(text: str) -> float:
    """Read `2`, `0.5` or `2%`; raises ArgumentTypeError beyond 0 to 100."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = -1
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text!r} is not a percentage between 0 and 100")
    return value


def per_second(text: str) -> float:
    """Read `200` or `200/s`; raises ArgumentTypeError unless above zero."""
    try:
        value = float(text.removesuffix("/s"))
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text!r} is not a rate such as 200 or 200/s")
    return value


def time_zone(text: str) -> ZoneInfo:
    """Read an IANA name; raises ArgumentTypeError for an unknown one."""
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ArgumentTypeError(f"{text!r} is not a time zone such as Asia/Shanghai") from error


class Command(BaseCommand):
    """Drive a server from outside, as a robot platform does; needs no database of its own."""

    help = "Post realistic, seeded robot traffic over HTTP, then print what was sent to compare the books."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare where to, what, and how disturbed."""
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="base address of the server")
        parser.add_argument("--key", required=True, help="API key with the scope ingest")
        parser.add_argument("--source", required=True, help="code of the tenant's source")
        parser.add_argument("--format", choices=FORMATS, default="native")
        parser.add_argument("--body", choices=("json", "urlencoded", "base64"), default="json", help="freeswitch only")
        parser.add_argument("--encode-values", action="store_true", help="freeswitch only: percent-encode variables")
        parser.add_argument("--profile", choices=sorted(PRESETS), default="express")
        parser.add_argument("--calls-per-day", type=float, help="instead of the profile's own")
        parser.add_argument("--from", dest="start", type=date.fromisoformat, help="first day (7 days ago)")
        parser.add_argument("--to", dest="end", type=date.fromisoformat, help="the day after the last (today)")
        parser.add_argument("--zone", type=time_zone, default="Asia/Shanghai", help="the tenant's and switch's zone")
        parser.add_argument("--rate", type=per_second, help="records a second, such as 200/s (as fast as it goes)")
        for name in ("duplicates", "disorder", "late", "faults"):
            parser.add_argument(f"--{name}", type=percentage, default=0.0, help="in a hundred calls")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--batch-size", type=int, default=500)
        parser.add_argument("--workers", type=int, default=2, help="connections")
        parser.add_argument("--patience", type=float, default=120, help="seconds to keep trying one request")
        parser.add_argument("--json", action="store_true", help="print the books as one JSON object")

    def handle(self, **options: Any) -> None:
        """Send everything, then print the books; raises CommandError when the server stays deaf."""
        today = datetime.now(UTC).astimezone(options["zone"]).date()
        end = options["end"] or today
        start = options["start"] or end - timedelta(days=7)
        if start >= end:
            raise CommandError("--from must lie before --to, which is the day after the last")
        profile = PRESETS[options["profile"]]
        books = Books(options["zone"])
        try:
            if options["calls_per_day"] is not None:
                profile = replace(profile, calls_per_day=options["calls_per_day"])
            sent = self.send(profile, start, end, books, options)
        except (SendingFailed, ValueError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            message = "stopped; start it again with the same options, what arrived will count as duplicates"
            raise CommandError(message) from None
        report = as_json if options["json"] else as_text
        self.stdout.write(report(books, sent))

    def send(self, profile: Profile, start: date, end: date, books: Books, options: dict[str, Any]) -> Sent:
        """Post the range of days with a progress bar on the error stream, away from the figures."""
        disturbances = Disturbances(*(options[name] for name in ("duplicates", "disorder", "late", "faults")))
        rate = options["rate"]
        # No more than a second's worth in one request, or a slow rate would come in thuds.
        batch_size = options["batch_size"] if rate is None else max(1, min(options["batch_size"], int(rate)))
        target = Target(
            source=options["source"],
            key=options["key"],
            zone=options["zone"],
            format=options["format"],
            batch_size=batch_size,
            body_form=options["body"],
            encode_values=options["encode_values"],
        )
        stream = calls(profile, start, end, options["zone"], options["seed"])
        expected = sum(profile.volume(day) for day in days(start, end))
        expected *= 1 + (options["duplicates"] + options["faults"]) / 100
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(f"{profile.name}, {target.format}", total=max(1, round(expected)))
            sent = send(
                options["url"],
                posts(disturb(stream, disturbances, options["seed"]), target, books),
                workers=options["workers"],
                patience=Patience(total=options["patience"]),
                rate=rate,
                tolerate_refusals=options["faults"] > 0,
                on_progress=lambda sent: progress.update(task, completed=sent.received + sent.refused),
            )
            # The expected total was a mean; now it is known.
            progress.update(task, total=sent.received + sent.refused)
        return sent


def as_json(books: Books, sent: Sent) -> str:
    """Return books and outcomes as one JSON object."""
    months = {name: vars(month) for name, month in sorted(books.months.items())}
    disturbed = {"duplicates": books.duplicates, "late": books.late, "faults": dict(books.faults)}
    document = {"calls": books.calls, "months": months, **disturbed, "server": asdict(sent)}
    return json.dumps(document, ensure_ascii=False)


def as_text(books: Books, sent: Sent) -> str:
    """Return books and outcomes as lines a person compares with an invoice."""
    lines = ["month      calls  answered  talk seconds  started minutes  transfers  agent seconds"]
    for name, month in sorted(books.months.items()):
        lines.append(
            f"{name}  {month.calls:7d}  {month.answered:8d}  {month.talk_ms / 1000:12.3f}"
            f"  {month.started_minutes:15d}  {month.transferred:9d}  {month.agent_ms / 1000:13.3f}"
        )
    faults = ", ".join(f"{name} {count}" for name, count in sorted(books.faults.items())) or "none"
    lines.append(
        f"sent: {books.calls} calls ({books.late} late), {books.duplicates} duplicates, "
        f"{books.faults.total()} faults ({faults})"
    )
    lines.append(
        f"server: received {sent.received} = accepted {sent.accepted} + duplicates {sent.duplicates} "
        f"+ conflicts {sent.conflicts} + rejected {sent.rejected}; refused {sent.refused}"
    )
    if sent.conflicts:
        lines.append(CONFLICTS)
    lines.append(
        f"{sent.requests} requests, {sent.retries} repeated, {sent.seconds:.1f} s, "
        f"{sent.received / max(sent.seconds, 0.001):.0f} records/s"
    )
    return "\n".join(lines)
