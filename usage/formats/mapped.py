"""Records of any JSON, form or CSV sender, read by its source's mapping (``usage.formats.mappings``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from usage.formats import clocks
from usage.formats.mappings import DURATIONS, INSTANTS, MILLISECONDS, TEXTS, mapping_of
from usage.formats.native import KEPT_BYTES, UNREADABLE, fault_of, refuse_too_many
from usage.formats.record import CallRecord, Decoded, Fault, Unfit
from usage.formats.repeats import refuse_repeated_names
from usage.formats.rules import SourceRules
from usage.formats.table import read_rows

LONGEST = timedelta(days=7)
STEP = re.compile(r"[^.\[\]]+")
SECONDS = re.compile(r"\s*(-?\d{1,12}(?:\.\d{1,9})?)\s*(?:s|秒|sec|seconds)?\s*\Z", re.ASCII)
ADDRESS = re.compile(r"(?i)\A(?:tel|sips?):([^@;]*).*", re.DOTALL)
Mapped = Mapping[str, Any]


def decode(body: bytes, content_type: str, rules: SourceRules) -> list[Decoded]:
    """Read whatever the sender posts; a body that cannot be parsed is one fault that keeps it as it came."""
    mapping = mapping_of(rules)
    try:
        document = _document(body, content_type)
    except Unfit as unfit:
        return [Decoded(raw=body[:KEPT_BYTES], fault=unfit.fault)]
    if _skipped(document, mapping, around=True):
        return []  # what tells a call from other news may stand around the records
    documents = _listed(document, str(mapping.get("records", "")))
    refuse_too_many(len(documents))
    zone = str(mapping.get("zone") or rules.zone)
    return [_decode_one(document, mapping, zone) for document in documents if not _skipped(document, mapping)]


def _document(body: bytes, content_type: str) -> Any:
    """Tell JSON, NDJSON, a form and a table with a header apart by their look, and the form by its type."""
    content = body.removeprefix(b"\xef\xbb\xbf").strip()
    if content[:1] in {b"{", b"["}:
        try:
            document = msgspec.json.decode(content.decode("utf-8", "replace"))
            refuse_repeated_names(content, document)
            return document
        except UNREADABLE as error:
            try:
                return [msgspec.json.decode(line) for line in content.split(b"\n") if line.strip()]
            except UNREADABLE:
                raise Unfit("unreadable", f"The body is not JSON: {error}.") from None
    if "form-urlencoded" in content_type:
        try:
            return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000))
        except ValueError:
            raise Unfit("unreadable", "The form has more than 1,000 fields.") from None
    rows = read_rows(content)
    if len(rows) < 2 or len(rows[0][0]) < 2:
        raise Unfit("unreadable", "The body is neither JSON, nor a form, nor a table with a header.")
    header = rows[0][0]
    return [dict(zip(header, row, strict=False)) for row, _ in rows[1:]]


def _listed(document: Any, path: str) -> list[Any]:
    found = find(document, path) if path else document
    if not isinstance(found, dict | list):
        found = document  # one record of a list, as quarantine keeps it; or a form that has such a field
    return found if isinstance(found, list) else [found]


def find(document: Any, path: str) -> Any:
    """Follow a dotted path with [n] or [name=value] into a document; None where it leads nowhere.

    [name=value] is the first object of a list that says so and from which the rest of the path leads somewhere.
    """
    if isinstance(document, dict) and path in document:
        return document[path]
    return _follow(document, STEP.findall(path.removeprefix("$")))


def _follow(document: Any, steps: list[str]) -> Any:
    for number, step in enumerate(steps):
        if isinstance(document, dict):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and len(step) < 6 and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, list) and "=" in step:
            name, _, value = step.partition("=")
            said = (each for each in document if isinstance(each, dict) and each.get(name) == value)
            found = (_follow(each, steps[number + 1 :]) for each in said)
            return next((each for each in found if each is not None), None)
        else:
            return None
    return document


def _decode_one(document: Any, mapping: Mapped, zone: str) -> Decoded:
    raw = msgspec.json.encode(document)[:KEPT_BYTES]
    if not isinstance(document, dict):
        return Decoded(raw=raw, fault=Fault("unreadable", "The record is no object."))
    call_id = ""
    try:
        fields, flags = _fields_of(document, mapping, zone)
        call_id = fields["call_id"][:128].replace("\x00", "")
        record = msgspec.convert(fields, CallRecord)
    except Unfit as unfit:
        return Decoded(raw=raw, fault=unfit.fault, call_id=call_id)
    except msgspec.ValidationError as error:
        return Decoded(raw=raw, fault=fault_of(error), call_id=call_id)
    return Decoded(raw=raw, record=record, call_id=record.call_id, flags=flags)


def _skipped(document: Any, mapping: Mapped, *, around: bool = False) -> bool:
    """Tell whether a document is no call: acknowledged, and not stored. What is around records may lack their fields."""
    rules = mapping.get("skip") or []
    if not isinstance(document, dict):
        return False
    for rule in rules if isinstance(rules, list) else [rules]:
        value = _value(document, rule)
        missing = rule.get("absent") and not value and not around
        if missing or value in rule.get("in", ()) or (rule.get("present") and value):
            return True
    return False


def _fields_of(document: Mapped, mapping: Mapped, zone: str) -> tuple[dict[str, Any], list[str]]:
    rules: Mapped = mapping.get("fields", {})
    fields: dict[str, Any] = {name: text for name in TEXTS if name in rules and (text := _text(document, rules[name]))}
    fields |= {name: ADDRESS.sub(r"\1", fields[name]) for name in ("caller", "callee") if name in fields}
    fields.setdefault("call_id", "")
    fields.setdefault("direction", "outbound")
    times: dict[str, datetime | None] = {
        name: _instant(document, rules[name], zone, name) for name in INSTANTS if name in rules
    }
    spans = {name: _milliseconds(document, rules[name], name) for name in DURATIONS if name in rules}
    timed, flags = _timed(times, spans, _is_answered(document, mapping))
    if "modules" in rules:
        found = find(document, str(_paths(rules["modules"])[0]))
        fields["modules"] = found if isinstance(found, list) else [part for part in str(found or "").split(",") if part]
    labels = {name: _text(document, rule)[:256] for name, rule in mapping.get("labels", {}).items()}
    counters = {name: _number(document, rule, name) for name, rule in mapping.get("counters", {}).items()}
    return fields | timed | {
        "labels": {name: value for name, value in labels.items() if value},
        "counters": {name: value for name, value in counters.items() if value is not None},
    }, flags


def _timed(
    times: Mapping[str, datetime | None], spans: Mapping[str, int | None], answered: bool | None
) -> tuple[dict[str, Any], list[str]]:
    """Complete the times of a call from what its sender tells, and say what was odd."""
    start, end = _start_and_end(times, spans)
    answer, talk = times.get("answered_at"), spans.get("talk")
    flags = []
    if answered is None:
        answered = answer is not None or bool(talk)
    if not answered:
        answer, talk = None, None
    elif answer is None:
        answer = max(start, clocks.later(end, -_span(talk)))
    if answer is not None and answer < start <= end:
        start, flags = answer, ["start_after_answer"]
    fields: dict[str, Any] = {"started_at": start, "answered_at": answer, "ended_at": end}
    fields |= {"transferred_at": times.get("transferred_at"), "agent_ms": spans.get("agent") or 0, "talk_ms": talk}
    reported = spans.get("reported", spans.get("talk"))
    return fields | ({} if reported is None else {"reported_seconds": (reported + 999) // 1000}), flags


def _start_and_end(times: Mapping[str, datetime | None], spans: Mapping[str, int | None]) -> tuple[datetime, datetime]:
    """Return both; one that is missing follows from the other and a duration. Raises Unfit without any."""
    start, answer, end = (times.get(name) for name in INSTANTS[:3])
    talk, duration = spans.get("talk"), spans.get("duration")
    if start is None:
        start = answer or (clocks.later(end, -_span(talk if duration is None else duration)) if end else None)
    if start is None:
        raise Unfit("no_start", "The record says no time; the mapping must name one.", "/started_at")
    if end is None:
        whole = duration is not None
        end = clocks.later(start if whole else answer or start, _span(duration if whole else talk))
    return start, end


def _span(milliseconds: int | None) -> timedelta:
    return min(timedelta(milliseconds=min(milliseconds or 0, 10**12)), LONGEST)


def _is_answered(document: Mapped, mapping: Mapped) -> bool | None:
    rule = mapping.get("answered")
    value = _value(document, rule) if rule else ""
    if not rule or not value:
        return None  # who says nothing leaves it to the times
    if "above" in rule:
        found = SECONDS.match(value)
        return bool(found) and Decimal(found[1]) > Decimal(str(rule["above"])) if found else False
    return value in [str(each) for each in rule.get("in", ())]


# -- one value --------------------------------------------------------------------------------------------------------


def _paths(rule: Any) -> Sequence[Any]:
    path = rule.get("path", "") if isinstance(rule, dict) else rule
    return path if isinstance(path, list) else [path]


def _value(document: Mapped, rule: Any) -> str:
    """Return the first value of a rule's paths that is not empty, as text; the constant, or nothing."""
    for path in _paths(rule):
        found = find(document, str(path)) if path else None
        if isinstance(found, bool):
            return "true" if found else "false"
        if isinstance(found, str | int | float) and found != "":
            return str(found)
    return str(rule.get("constant", "")) if isinstance(rule, dict) else ""


def _text(document: Mapped, rule: Any) -> str:
    value = _value(document, rule)
    if isinstance(rule, dict):
        if "values" in rule or "otherwise" in rule:
            value = str(rule.get("values", {}).get(value, rule.get("otherwise", value)))
        if rule.get("negate") and value:
            value = value[1:] if value.startswith("-") else f"-{value}"
    return value


def _instant(document: Mapped, rule: Any, zone: str, name: str) -> datetime | None:
    value = _value(document, rule).strip()
    written = rule.get("as", "text") if isinstance(rule, dict) else "text"
    if value in {"", "0", "-1"}:
        return None
    zone = str(rule.get("zone") or zone) if isinstance(rule, dict) else zone
    try:
        if written in clocks.MICROSECONDS:
            return clocks.from_epoch(value, written)
        if written == "rfc2822":
            return clocks.from_rfc2822(value)
        return clocks.from_pattern(value, written, zone) if "%" in written else clocks.from_text(value, zone)
    except Unfit as unfit:
        raise Unfit(unfit.fault.code, unfit.fault.detail, f"/{name}") from None


def _milliseconds(document: Mapped, rule: Any, name: str) -> int | None:
    value = _value(document, rule)
    if not value:
        return None
    found = SECONDS.match(value)
    if not found:
        raise Unfit("not_a_duration", f"“{value[:40]}” is no duration.", f"/{name}")
    unit = rule.get("unit", "s") if isinstance(rule, dict) else "s"
    return max(int(Decimal(found[1]) * MILLISECONDS.get(unit, Decimal(1000))), 0)


def _number(document: Mapped, rule: Any, name: str) -> Decimal | None:
    value = _value(document, rule)
    try:
        return Decimal(value) if value else None
    except InvalidOperation:
        raise Unfit("not_a_number", f"“{value[:40]}” is no number.", f"/counters/{name}") from None
