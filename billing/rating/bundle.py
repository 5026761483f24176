"""The evidence bundle of one invoice: its files, their form, and how they are packed so that no byte is left unsaid.

``invoice.json`` the document that PDF, mail and page print; ``terms.json`` what was agreed; ``totals.json`` what was
counted; ``calls.csv.gz`` the calls behind it, in order of start, each with what every clause made of it;
``manifest.json`` size and SHA-256 of those; ``signature.json`` an Ed25519 signature of the manifest.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO

from billing.rating.calls import Call, Taken, segment_of, take
from billing.rating.terms import Terms

FORMAT = "huadan-evidence/1"
INVOICE, TERMS, TOTALS, CALLS = "invoice.json", "terms.json", "totals.json", "calls.csv.gz"
MANIFEST, SIGNATURE = "manifest.json", "signature.json"
MEMBERS = (INVOICE, TERMS, TOTALS, CALLS, MANIFEST, SIGNATURE)
COLUMNS = (
    "source", "call_id", "leg", "direction", "caller", "callee", "started_at", "answered_at", "ended_at", "talk_ms",
    "reported_seconds", "agent_ms", "transferred", "region", "robot", "line", "language", "modules", "counters",
    "labels", "content_hash", "billed",
)  # fmt: skip
RISKY = ("=", "+", "-", "@", "\t", "\r", "'")
CHUNK = 1 << 16

Seal = Callable[[bytes], Mapping[str, str]]
Row = Mapping[str, str]


def document_bytes(document: Any) -> bytes:
    """Write JSON in the one form a bundle holds: keys sorted, one member a line."""
    return json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1).encode() + b"\n"


def pack(documents: Mapping[str, Any], calls: Iterable[Row], seal: Seal) -> Iterator[bytes]:
    """Yield the bytes of a bundle, in memory that does not grow with the calls.

    ``documents`` are invoice, terms and totals by member name; ``calls`` rows of ``COLUMNS`` in order of start;
    ``seal`` signs the manifest.
    """
    out = _Outbox()
    with zipfile.ZipFile(out, "w") as archive:
        digests: dict[str, dict[str, Any]] = {}
        for name in (INVOICE, TERMS, TOTALS):
            with _member(archive, name, digests) as member:
                member.write(document_bytes(documents[name]))
        with (
            _member(archive, CALLS, digests) as member,
            gzip.GzipFile(filename="", mode="wb", fileobj=member, mtime=0) as packed,
        ):
            for lines in _csv(calls):
                packed.write(lines)
                yield out.taken()
        manifest = document_bytes(
            {"format": FORMAT, "number": documents[INVOICE]["number"], "files": digests},
        )
        for name, content in ((MANIFEST, manifest), (SIGNATURE, document_bytes(dict(seal(manifest))))):
            with _member(archive, name, {}) as member:
                member.write(content)
    yield out.taken()


def repack(archive: zipfile.ZipFile, out: BinaryIO) -> None:
    """Write the members of a bundle again as ``pack`` does; an untouched bundle comes out byte for byte."""
    with zipfile.ZipFile(out, "w") as again:
        for name in MEMBERS:
            with archive.open(name) as member, _member(again, name, {}) as copy:
                while chunk := member.read(CHUNK):
                    copy.write(chunk)


class _Outbox(io.RawIOBase):
    """What was written and not yet taken; cannot seek, so that bytes once sent stay as they are."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def writable(self) -> bool:
        """Take bytes."""
        return True

    def write(self, part: Any) -> int:
        """Keep a part until it is taken."""
        self.parts.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        """Give away what is here."""
        parts, self.parts = self.parts, []
        return b"".join(parts)


class _Digesting:
    """A member being written, with its length and digest so far."""

    def __init__(self, member: Any) -> None:
        self.member, self.digest, self.bytes = member, hashlib.sha256(), 0

    def write(self, part: Any) -> int:
        """Write a part."""
        self.digest.update(part)
        self.bytes += len(part)
        return int(self.member.write(part))

    def flush(self) -> None:
        """Have nothing to flush: the archive keeps no bytes back."""


@contextmanager
def _member(archive: zipfile.ZipFile, name: str, digests: dict[str, dict[str, Any]]) -> Iterator[_Digesting]:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.create_system = 3  # the same bytes whatever system packs
    with archive.open(info, "w", force_zip64=name == CALLS) as member:
        writing = _Digesting(member)
        yield writing
    digests[name] = {"bytes": writing.bytes, "sha256": writing.digest.hexdigest()}


def _csv(calls: Iterable[Row], at_once: int = 2000) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, call in enumerate(calls, 1):
        writer.writerow([safe_cell(call[name]) for name in COLUMNS])
        if number % at_once == 0:
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
    yield text.getvalue().encode()


def safe_cell(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula; ``rows_of`` takes it off again."""
    return f"'{cell}" if cell.startswith(RISKY) else cell


def rows_of(packed: BinaryIO) -> Iterator[dict[str, str]]:
    """Read the rows of ``calls.csv.gz``. Raises ValueError when the head is not ``COLUMNS`` or a row has other cells."""
    with gzip.open(packed, "rt", encoding="utf-8", newline="") as text:
        reader = csv.reader(text, strict=True)
        if tuple(next(reader, ())) != COLUMNS:
            raise ValueError(f"the columns are not {', '.join(COLUMNS)}")
        for cells in reader:
            if len(cells) != len(COLUMNS):
                raise ValueError(f"row {reader.line_num} has {len(cells)} cells instead of {len(COLUMNS)}")
            yield {name: cell.removeprefix("'") for name, cell in zip(COLUMNS, cells, strict=True)}


def instant(at: datetime | None) -> str:
    """Write an instant in UTC, microseconds included; "" for none."""
    return at.astimezone(UTC).isoformat() if at else ""


def call_of(row: Row) -> Call:
    """Read a row of the list of calls as the engine sees a call; further legs count as calls of their own."""
    leg = row["leg"]
    return Call(
        started_at=datetime.fromisoformat(row["started_at"]),
        answered_at=datetime.fromisoformat(row["answered_at"]) if row["answered_at"] else None,
        ended_at=datetime.fromisoformat(row["ended_at"]),
        talk_ms=int(row["talk_ms"]),
        agent_ms=int(row["agent_ms"]),
        reported_s=int(row["reported_seconds"]) if row["reported_seconds"] else None,
        call_id=row["call_id"] if leg == "a" else f"{row['call_id']}/{leg}",
        direction=row["direction"],
        region=row["region"],
        source=row["source"],
        robot=row["robot"],
        line=row["line"],
        language=row["language"],
        modules=tuple(json.loads(row["modules"])) if row["modules"] else (),
        transferred=row["transferred"] == "1",
        labels=json.loads(row["labels"]) if row["labels"] else {},
        counters=numbers_of(row["counters"]),
    )


def numbers_of(text: str) -> dict[str, Decimal]:
    """Read the counters of a call: a JSON object of numbers, or of decimal strings."""
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal) if text else {}
    return {name: Decimal(value) for name, value in found.items()}


def billed_of(terms: Terms, call: Call) -> str:
    """Say what every clause made of a call: ``talk peak 120 s; asr 35``; "–" before what no clause takes."""
    segment = segment_of(terms, call)
    if segment is None:
        return ""
    taken, untaken = take(segment.agreement, terms.zone, call)
    return "; ".join([*map(_told, taken), *(f"– {each.meter}" for each in untaken)])


def _told(taken: Taken) -> str:
    """Say what one clause took: its code, the band, seconds on the talk meter, the value of a counter."""
    quantity = f"{taken.billed_seconds} s" if taken.meter == "talk" else ""
    value = f"{taken.value:f}" if taken.value else ""
    return " ".join(part for part in (taken.clause, taken.band or "", quantity, value) if part)
