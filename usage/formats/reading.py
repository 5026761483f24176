"""Choose the format that reads a delivery; the same choice for the doors, the importer and the replay."""

from __future__ import annotations

from collections.abc import Sequence

from billing.errors import Refused
from usage.formats import cloudevents, freeswitch, mapped, native, switchlines, table
from usage.formats.bodies import as_utf8
from usage.formats.native import KEPT_BYTES, UnreadableBody
from usage.formats.record import Decoded, Fault
from usage.formats.rules import SourceRules, apply_rules

NATIVE, NDJSON, CSV, EVENTS = "native", "ndjson", "csv", "cloudevents"
FREESWITCH, ASTERISK, MAPPED = "freeswitch", "asterisk", "mapped"
FORMATS = (NATIVE, NDJSON, CSV, EVENTS, FREESWITCH, ASTERISK, MAPPED)
BY_TYPE = {
    "application/x-ndjson": NDJSON,
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/x-jsonlines": NDJSON,
    "application/jsonlines": NDJSON,
    "application/json-lines": NDJSON,
    "application/x-json-stream": NDJSON,
    "text/csv": CSV,
    "application/csv": CSV,
    "application/cloudevents+json": EVENTS,
    "application/cloudevents-batch+json": EVENTS,
}


def format_of(content_type: str) -> str:
    """Return the native format that a Content-Type names; JSON when it names none."""
    return BY_TYPE.get(content_type.partition(";")[0].strip().lower(), NATIVE)


def read(
    format_name: str, body: bytes, rules: SourceRules, *, content_type: str = "", uuid: str = ""
) -> Sequence[Decoded]:
    """Read a delivery, then apply the source's rules for numbers and legs.

    Raises UnreadableBody where nothing of the body can be read and its sender will look at the answer.
    """
    return apply_rules(_read(format_name, body, rules, content_type, uuid), rules)


def _read(format_name: str, body: bytes, rules: SourceRules, content_type: str, uuid: str) -> Sequence[Decoded]:
    if format_name == FREESWITCH:
        if body.lstrip()[:1] == b'"':
            return switchlines.decode(body, rules)  # a line of cdr_csv
        return [freeswitch.decode(body, uuid, rules.variables)]
    try:
        body = as_utf8(body, content_type)
    except Refused as refused:
        if format_name != MAPPED:
            raise
        return [Decoded(raw=body[:KEPT_BYTES], fault=Fault(refused.code, refused.message))]
    if format_name == MAPPED:
        return mapped.decode(body, content_type, rules)
    if not body.strip():
        raise UnreadableBody("empty_body", "The body is empty.")
    if format_name == ASTERISK:
        return switchlines.decode(body, rules)
    return {NATIVE: native.decode, NDJSON: native.decode_lines, CSV: table.decode, EVENTS: cloudevents.decode}[
        format_name
    ](body)
