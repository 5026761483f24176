"""Check an evidence bundle: ``python -m billing.rating.verify bundle.zip [--key KEY] [--lang zh|en]``.

Needs nothing but Python, no network and no database: every file is held against the manifest, every call is read,
billed and counted again, the month is rated again, and every line and figure of the invoice is compared.
Prints OK, or the first thing that differs. Only the signature needs the package ``cryptography``; without it the
check says that it was skipped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

from billing.errors import Refused
from billing.rating.bill import Bill, Line
from billing.rating.bundle import (
    CALLS,
    CHUNK,
    FORMAT,
    INVOICE,
    MANIFEST,
    SIGNATURE,
    TERMS,
    TOTALS,
    billed_of,
    call_of,
    document_bytes,
    rows_of,
)
from billing.rating.calls import Call, local_day, segment_of, take
from billing.rating.container import Differs, check_container, same
from billing.rating.counting import takings
from billing.rating.difference import Difference
from billing.rating.engine import rate
from billing.rating.explain import recompute
from billing.rating.form import write
from billing.rating.recount import count
from billing.rating.signature import is_signed
from billing.rating.terms import Terms
from billing.rating.totals import Row, Totals

WORDS = {
    "ok": ("核对无误", "OK"),
    "differs": ("不一致", "DIFFERS"),
    "signed": ("签名有效，公钥", "signature valid, key"),
    "skipped": ("签名未核对：需安装 cryptography", "signature not checked: it needs the package cryptography"),
    "calls": ("通话重新计数", "calls counted again"),
    "lines": ("账单行重新计算", "lines computed again"),
}


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked: the invoice's number, its total, how many calls and lines, and whose signature."""

    number: str
    total: str
    calls: int
    lines: int
    key: str | None


def verify(path: Path, trusted: str | None = None, *, check_signature: bool = True) -> Verified:
    """Check a bundle. ``trusted`` is the public key (hexadecimal) that must have signed it; without it, its own.

    Raises Differs at the first difference.
    """
    with path.open("rb") as file:
        check_container(file)
        with zipfile.ZipFile(file) as archive:
            manifest = _check_manifest(archive)
            key = _check_signature(archive, trusted) if check_signature else None
            invoice, terms, totals = _documents(archive)
            same("manifest.json: number", manifest["number"], invoice["number"])
            with archive.open(CALLS) as packed:
                calls = list(_checked_calls(packed, terms, invoice))  # type: ignore[arg-type]
    recounted = count(terms, calls, replace(totals, rows=(), events=(), uncovered=()))
    _compare_totals(terms, totals, recounted)
    _compare_days(invoice, terms, calls, totals)
    lines = _compare_bill(invoice, terms, recounted)
    return Verified(invoice["number"], invoice["bill"]["total"], len(calls), lines, key)


def _check_manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    manifest = _json(archive, MANIFEST)
    same("manifest.json: format", manifest.get("format"), FORMAT)
    for name in (INVOICE, TERMS, TOTALS, CALLS):
        digest, size = hashlib.sha256(), 0
        with archive.open(name) as member:
            while chunk := member.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        stated = manifest["files"].get(name)
        same(f"manifest.json: {name}", stated, {"bytes": size, "sha256": digest.hexdigest()})
    return manifest


def _check_signature(archive: zipfile.ZipFile, trusted: str | None) -> str | None:
    """Check who signed the manifest; None when the package that can is not there."""
    signature = _json(archive, SIGNATURE)
    same("signature.json: algorithm", signature.get("algorithm"), "Ed25519")
    same("signature.json: key", signature.get("public_key"), trusted or signature.get("public_key"))
    key = str(signature.get("public_key"))
    signed = is_signed(archive.read(MANIFEST), signature.get("signature") or "", key)
    if signed is False:
        raise Differs("signature.json", "a signature of manifest.json", "it is not")
    return key if signed else None


def _json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    content = archive.read(name)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as fault:
        raise Differs(name, "JSON", fault) from None
    if not isinstance(document, dict) or document_bytes(document) != content:
        raise Differs(name, "JSON as Huadan writes it", "other spelling")
    return document


def _documents(archive: zipfile.ZipFile) -> tuple[dict[str, Any], Terms, Totals]:
    invoice = _json(archive, INVOICE)
    terms = _read(Terms, TERMS, _json(archive, TERMS))
    agreed = hashlib.sha256(archive.read(TERMS)).hexdigest()
    same("invoice.json: evidence/terms", invoice["evidence"]["terms"], f"sha256:{agreed}")
    versions = [{"number": s.number, "from": str(s.starts_on), "to": str(s.ends_on)} for s in terms.segments]
    same("invoice.json: contract/versions", invoice["contract"]["versions"], versions)
    return invoice, terms, _read(Totals, TOTALS, _json(archive, TOTALS))


def _read(shape: Any, name: str, document: Any) -> Any:
    try:
        return shape.from_json(document)
    except Refused as refusal:
        raise Differs(f"{name}{refusal.pointer or ''}", "readable", refusal.message) from None


def _checked_calls(packed: BinaryIO, terms: Terms, invoice: dict[str, Any]) -> Iterator[Call]:
    """Yield the calls, each held against what the bundle says was billed of it; at the end against the digest."""
    digest, number, last = hashlib.sha256(), 0, ""
    seen: set[tuple[str, str]] = set()
    for number, row in enumerate(_rows(packed), 1):
        where = f"calls.csv.gz row {number} ({row['source']} {row['call_id']})"
        try:
            call = call_of(row)
            digest.update(bytes.fromhex(row["content_hash"]))
        except (ValueError, ArithmeticError, TypeError, AttributeError) as fault:
            raise Differs(where, "a call", fault) from None
        if row["started_at"] < last or (call.source, call.call_id) in seen:
            raise Differs(where, "each call once, in order of start", "it is not")
        seen.add((call.source, call.call_id))
        last = row["started_at"]
        if segment_of(terms, call) is None:
            raise Differs(where, "within the contract", call.started_at)
        same(f"{where}: billed", row["billed"], billed_of(terms, call))
        yield call
    stated = invoice["evidence"]
    same("invoice.json: evidence/calls", stated["calls"], number)
    same("invoice.json: evidence/digest", stated["digest"], f"sha256:{digest.hexdigest()}")


def _rows(packed: BinaryIO) -> Iterator[dict[str, str]]:
    try:
        yield from rows_of(packed)
    except (ValueError, EOFError, OSError) as fault:
        raise Differs(CALLS, "a list of calls", fault) from None


def _compare_totals(terms: Terms, stated: Totals, found: Totals) -> None:
    before, after = _by_place(terms, stated.rows), _by_place(terms, found.rows)
    for place in [*before, *after]:
        named = " ".join(str(part) for part in place if part)
        same(f"totals.json: {named}", before.get(place), after.get(place))
    same("totals.json: measurements", stated.measurements, found.measurements)
    same("totals.json: events", _sorted(stated.events), _sorted(found.events))
    same("totals.json: uncovered", _uncovered(terms, stated), _uncovered(terms, found))


def _sorted(events: Iterable[Any]) -> list[tuple[Any, ...]]:
    return sorted((e.segment, e.clause, e.at, e.value, e.group) for e in events)


def _by_place(terms: Terms, rows: Iterable[Row]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Put rows in a form that no longer tells how they were counted: a count over the whole segment has no day."""
    whole = {
        (segment.number, taking.clause)
        for segment in terms.segments
        for taking in takings(segment.agreement)
        if taking.measure is not None or taking.aggregate == "distinct"
    }
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in rows:
        day = None if (row.segment, row.clause) in whole else row.on
        numbers = (row.calls, row.talk_ms, row.billed_seconds, Decimal(row.value), dict(row.histogram))
        if any(numbers):
            found[row.segment, row.clause, day, row.group, row.cell] = numbers
    return found


def _uncovered(terms: Terms, totals: Totals) -> dict[str, tuple[Any, ...]]:
    sums: dict[str, tuple[Any, ...]] = {}
    for each in totals.uncovered:
        if each.on is None or any(s.starts_on <= each.on < s.ends_on for s in terms.segments):
            calls, talk, value = sums.get(each.meter, (0, 0, Decimal(0)))
            sums[each.meter] = (calls + each.calls, talk + each.talk_ms, value + each.value)
    return sums


def _compare_bill(invoice: dict[str, Any], terms: Terms, totals: Totals) -> int:
    """Rate again and compare every line and every sum; return the number of lines.

    Sentences and steps are worded by the release that issued the invoice, and a later one may word them otherwise:
    the steps must lead to the line's amount, and each line must have its sentences; the signature holds their wording.
    """
    stated = _read(Bill, INVOICE, invoice["bill"])
    settled = [_read(Difference, INVOICE, each) for each in invoice.get("settled", [])]
    try:
        found = rate(terms, totals, settled)
    except Refused as refusal:
        raise Differs("terms.json", "terms that can be rated", refusal.message) from None
    for line, again in zip_longest(stated.lines, found.lines):
        same("invoice.json: line", line and line.key, again and again.key)
        for name in line._fields:
            if name != "steps":
                same(f"invoice.json: line {line.key}: {name}", write(getattr(line, name)), write(getattr(again, name)))
        same(f"invoice.json: line {line.key}: steps lead to", line.amount, _led_to(line))
    for name in "currency zone inclusive period taxes net tax total segments balances version".split():
        same(f"invoice.json: {name}", write(getattr(stated, name)), write(getattr(found, name)))
    told = {key for key, sentences in invoice["explanations"].items() if sentences.get("zh") and sentences.get("en")}
    same("invoice.json: explanations of", sorted(line.key for line in stated.lines), sorted(told))
    return len(stated.lines)


def _led_to(line: Line) -> object:
    try:
        return recompute(line)
    except (ValueError, ArithmeticError, LookupError) as fault:
        return fault


def _compare_days(invoice: dict[str, Any], terms: Terms, calls: Iterable[Call], totals: Totals) -> None:
    days: dict[date, list[int]] = {}
    unanswered = 0
    for call in calls:
        unanswered += not call.answered and _concerns_nobody(terms, call)
        day = days.setdefault(local_day(terms.zone, call.started_at), [0, 0, 0, 0])
        day[0] += 1
        day[1] += call.answered
        day[2] += call.talk_ms
    for row in totals.rows:
        if row.on in days:
            days[row.on][3] += row.billed_seconds
    found = [
        {"day": day.isoformat(), "calls": sums[0], "answered": sums[1], "billed_seconds": sums[3]}
        for day, sums in sorted(days.items())
    ]
    same("invoice.json: usage_by_day", invoice["usage_by_day"], found)
    number, answered, talk_ms, billed = (sum(sums[index] for sums in days.values()) for index in range(4))
    summary = {"calls": number, "answered": answered, "talk_seconds": talk_ms // 1000, "billed_seconds": billed}
    same("invoice.json: summary", invoice["summary"], summary | {"unanswered": unanswered})


def _concerns_nobody(terms: Terms, call: Call) -> bool:
    segment = segment_of(terms, call)
    return segment is not None and not any(take(segment.agreement, terms.zone, call))


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the bundle named on the command line; 0 when all agrees, 1 when something differs, 2 when unreadable."""
    parser = argparse.ArgumentParser(prog="python -m billing.rating.verify", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", help="the public key, in hexadecimal, that must have signed it")
    parser.add_argument("--lang", choices=("zh", "en"), default="en")
    options = parser.parse_args(arguments)
    language = 0 if options.lang == "zh" else 1
    try:
        verified = verify(options.bundle, options.key)
    except OSError as fault:
        print(fault, file=sys.stderr)
        return 2
    except Differs as difference:
        print(f"{WORDS['differs'][language]}: {difference}")
        return 1
    signed = f"{WORDS['signed'][language]} {verified.key}" if verified.key else WORDS["skipped"][language]
    print(f"{WORDS['ok'][language]}: {verified.number} {verified.total}")
    print(f"  {WORDS['calls'][language]}: {verified.calls:,}")
    print(f"  {WORDS['lines'][language]}: {verified.lines:,}")
    print(f"  {signed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
