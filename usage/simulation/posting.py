"""Turn deliveries into the requests a sender makes, in any of the formats the doors take."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from itertools import islice
from typing import Any, Literal
from urllib.parse import quote

from usage.sending import Post, basic, bearer, freeswitch_path
from usage.simulation.books import Books
from usage.simulation.disturbances import Delivery
from usage.simulation.encoding import asterisk_talk_seconds, csv_body, to_asterisk, to_csv, to_native
from usage.simulation.faults import break_asterisk, break_csv, break_freeswitch, break_native
from usage.simulation.freeswitch import BodyForm, freeswitch_body, to_freeswitch

Format = Literal["native", "ndjson", "csv", "freeswitch", "asterisk"]
FORMATS: tuple[Format, ...] = ("native", "ndjson", "csv", "freeswitch", "asterisk")
LARGEST_BATCH = 5_000


@dataclass(frozen=True)
class Target:
    """Say where requests go and what they look like. `zone` is the switch's; batches count calls."""

    source: str
    key: str
    zone: tzinfo
    format: Format = "native"
    batch_size: int = 500
    body_form: BodyForm = "json"
    encode_values: bool = False

    def __post_init__(self) -> None:
        """Refuse a batch no door would take."""
        # A transferred call is two lines of Asterisk's, hence half.
        largest = LARGEST_BATCH // 2 if self.format == "asterisk" else LARGEST_BATCH
        if not 1 <= self.batch_size <= largest:
            raise ValueError(f"a batch of {self.format} holds 1 to {largest} calls")


def posts(deliveries: Iterable[Delivery], target: Target, books: Books) -> Iterator[Post]:
    """Yield the requests in order and enter each delivery in the books as its request is made."""
    make = {
        "native": _native,
        "ndjson": _ndjson,
        "csv": _csv,
        "freeswitch": _freeswitch,
        "asterisk": _asterisk,
    }[target.format]
    size = 1 if target.format == "freeswitch" else target.batch_size
    stream = iter(deliveries)
    while batch := list(islice(stream, size)):
        for delivery in batch:
            # Asterisk counts whole seconds for each part of a call, and its books can know no better.
            whole = asterisk_talk_seconds(delivery.call) * 1000 if target.format == "asterisk" else None
            books.add(delivery, whole)
        yield make(batch, target)


def _records(batch: list[Delivery]) -> list[dict[str, Any]]:
    return [
        break_native(to_native(delivery.call), delivery.fault) if delivery.fault else to_native(delivery.call)
        for delivery in batch
    ]


def _native(batch: list[Delivery], target: Target) -> Post:
    body = json.dumps(_records(batch), ensure_ascii=False, separators=(",", ":")).encode()
    return _to_calls(body, "application/json", len(batch), target)


def _ndjson(batch: list[Delivery], target: Target) -> Post:
    lines = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in _records(batch)]
    return _to_calls(("\n".join(lines) + "\n").encode(), "application/x-ndjson", len(batch), target)


def _csv(batch: list[Delivery], target: Target) -> Post:
    rows = [to_csv(to_native(delivery.call)) for delivery in batch]
    told = [
        break_csv(row, delivery.fault) if delivery.fault else row for row, delivery in zip(rows, batch, strict=True)
    ]
    return _to_calls(csv_body(told), "text/csv", len(batch), target)


def _to_calls(body: bytes, content_type: str, records: int, target: Target) -> Post:
    path = f"/api/v1/calls?source={quote(target.source, safe='')}"
    return Post(path, body, content_type, records, bearer(target.key))


def _freeswitch(batch: list[Delivery], target: Target) -> Post:
    [delivery] = batch
    document = to_freeswitch(delivery.call, target.zone, encode_values=target.encode_values)
    if delivery.fault:
        document = break_freeswitch(document, delivery.fault)
    body, content_type = freeswitch_body(document, target.body_form)
    path = freeswitch_path(target.source, document["variables"].get("uuid", ""))
    return Post(path, body, content_type, 1, basic(target.key))


def _asterisk(batch: list[Delivery], target: Target) -> Post:
    lines: list[str] = []
    for delivery in batch:
        told = to_asterisk(delivery.call, target.zone)
        lines += [break_asterisk(told[0])] if delivery.fault else told
    path = f"/api/v1/cdr/asterisk/{quote(target.source, safe='')}"
    return Post(path, ("\n".join(lines) + "\n").encode(), "text/csv", len(lines), bearer(target.key))
