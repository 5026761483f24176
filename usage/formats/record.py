"""A call record as every format hands it over, and the bounds it must keep."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

Code = Annotated[str, msgspec.Meta(max_length=64)]
Number = Annotated[str, msgspec.Meta(max_length=64)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=7 * 86_400_000)]
MAX_AHEAD = timedelta(minutes=5)
LONGEST_CALL = timedelta(days=7)
MAX_COUNTER = Decimal(10) ** 15
COUNTER_DECIMALS = 6
PLAIN_COUNTERS = re.compile(r"(?:-?[0-9]{1,15}(?:\.[0-9]{1,6})?\n)*")  # within both bounds, one a line


class CallRecord(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """What a sender says of one leg of a call; the native format's fields, and the target of every other format.

    Instants carry a zone. ``talk_ms`` is the whole answered time, the agent's part included; absent, it is the
    difference of ``answered_at`` and ``ended_at``. ``agent_ms`` is the part after the transfer to a person.
    """

    call_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    leg: Annotated[str, msgspec.Meta(min_length=1, max_length=16)] = "a"
    direction: Literal["inbound", "outbound"]
    caller: Number = ""
    callee: Number = ""
    started_at: Instant
    answered_at: Instant | None = None
    ended_at: Instant
    talk_ms: Milliseconds | None = None
    reported_seconds: Annotated[int, msgspec.Meta(ge=0, le=7 * 86_400)] | None = None
    hangup_cause: Code = ""
    region: Annotated[str, msgspec.Meta(max_length=16)] = ""
    robot: Code = ""
    line: Code = ""
    language: Annotated[str, msgspec.Meta(max_length=16)] = ""
    modules: Annotated[list[Code], msgspec.Meta(max_length=32)] = msgspec.field(default_factory=list)
    counters: Annotated[dict[Code, Decimal], msgspec.Meta(max_length=32)] = msgspec.field(default_factory=dict)
    transferred_at: Instant | None = None
    agent_ms: Milliseconds = 0
    labels: Annotated[dict[Code, Annotated[str, msgspec.Meta(max_length=256)]], msgspec.Meta(max_length=32)] = (
        msgspec.field(default_factory=dict)
    )

    @property
    def talked_ms(self) -> int:
        """Return the answered time in milliseconds, to the nearest; 0 when nobody answered."""
        if self.answered_at is None:
            return 0
        if self.talk_ms is not None:
            return self.talk_ms
        talked = self.ended_at - self.answered_at
        return (talked.days * 86_400 + talked.seconds) * 1000 + (talked.microseconds + 500) // 1000

    @property
    def content_hash(self) -> bytes:
        """Return 16 bytes that equal those of another record exactly when both say the same."""
        return hashlib.blake2b(_canonical(self), digest_size=16).digest()


_sorted = msgspec.json.Encoder(order="sorted")
_canonical, _canonical_lines = _sorted.encode, _sorted.encode_lines


class Fault(msgspec.Struct, frozen=True):
    """Why a record was not taken: a stable code, a sentence for a person, a JSON pointer into the record."""

    code: str
    detail: str
    pointer: str = ""


class Unfit(ValueError):
    """A record that cannot be read; carries the fault."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(detail)
        self.fault = Fault(code, detail, pointer)


class Decoded(msgspec.Struct, kw_only=True, gc=False):
    """One record of a delivery: what was understood, or the fault; ``raw`` as it came; ``flags`` what was odd."""

    raw: bytes | msgspec.Raw
    record: CallRecord | None = None
    fault: Fault | None = None
    call_id: str = ""
    flags: Sequence[str] = ()


class Whole(Sequence[Decoded]):
    """The records of a delivery that were all understood at once, nothing odd about any.

    What goes beyond the records is found out only when somebody asks: hardly a record's own text is ever needed.
    """

    def __init__(self, records: Sequence[CallRecord], split: Callable[[], Sequence[bytes | msgspec.Raw]]) -> None:
        self.records = records
        self._split = split
        self._raws: Sequence[bytes | msgspec.Raw] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Decoded]:
        return map(self.__getitem__, range(len(self.records)))

    def __getitem__(self, index: Any) -> Any:
        """Return one record as if it had been read by itself."""
        self._raws = self._raws or self._split()
        record = self.records[index]
        return Decoded(raw=self._raws[index], record=record, call_id=record.call_id)


def records_of(decoded: Sequence[Decoded]) -> Sequence[CallRecord | None]:
    """List what was understood of each record of a delivery."""
    return decoded.records if isinstance(decoded, Whole) else [each.record for each in decoded]


def accept_all(records: Sequence[CallRecord], earliest: datetime, now: datetime) -> list[bytes] | None:
    """Return the content hashes of records that can all be true, as ``refusal_of`` asks of each; None when one may not.

    All at once is a quarter of the time: instants that share a zone are compared quickly, and texts, numbers and hashes
    are looked at in the spelling that is hashed.
    """
    started = [record.started_at for record in records]
    if min(started) < earliest or max(started) > now + MAX_AHEAD or not all(map(_in_order, records)):
        return None
    lines = _canonical_lines(records)
    counters = [str(value) for record in records for value in record.counters.values()]
    if b"\\u0000" in lines or not PLAIN_COUNTERS.fullmatch("".join(f"{text}\n" for text in counters)):
        return None
    return [hashlib.blake2b(line, digest_size=16).digest() for line in lines.split(b"\n")[:-1]]


def _in_order(record: CallRecord) -> bool:
    """Tell whether a record's times follow one another."""
    started, answered, ended, transferred = (
        record.started_at, record.answered_at, record.ended_at, record.transferred_at,
    )  # fmt: skip
    return (
        (not record.talk_ms if answered is None else started <= answered <= ended)
        and started <= ended
        and ended - started <= LONGEST_CALL
        and (transferred is None or started <= transferred <= ended)
        and (not record.agent_ms or record.agent_ms <= record.talked_ms)
    )


def fault_of_decoded(decoded: Decoded, earliest: datetime, now: datetime) -> Fault | None:
    """Return why one record of a delivery is not taken: it could not be read, or cannot be true; None when it is."""
    if decoded.fault or decoded.record is None:
        return decoded.fault or Fault("unreadable", "The record cannot be read.")
    return refusal_of(decoded.record, earliest, now)


def refusal_of(record: CallRecord, earliest: datetime, now: datetime) -> Fault | None:  # noqa: C901, PLR0911 - a list of bounds
    """Return why a well-formed record cannot be true, or None.

    ``earliest`` bounds how far back a tenant may report; a call starts at most five minutes ahead of ``now``.
    """
    if record.started_at > now + MAX_AHEAD:
        return Fault("in_the_future", "The call starts more than 5 minutes ahead of our clock.", "/started_at")
    if record.started_at < earliest:
        return Fault("too_old", f"The call is older than this tenant may report ({earliest:%Y-%m-%d}).", "/started_at")
    if record.ended_at < record.started_at:
        return Fault("ends_before_start", "The call ends before it starts.", "/ended_at")
    if record.ended_at - record.started_at > LONGEST_CALL:
        return Fault("too_long", "The call lasts longer than 7 days.", "/ended_at")
    if record.answered_at is None:
        if record.talk_ms:
            return Fault("talk_without_answer", "There is talk time but no answered_at.", "/talk_ms")
    elif not record.started_at <= record.answered_at <= record.ended_at:
        return Fault("answered_outside", "answered_at is not between started_at and ended_at.", "/answered_at")
    if record.transferred_at and not record.started_at <= record.transferred_at <= record.ended_at:
        return Fault("transferred_outside", "transferred_at is not between started_at and ended_at.", "/transferred_at")
    if record.agent_ms > record.talked_ms:
        return Fault("agent_exceeds_talk", "agent_ms is more than the whole talk time.", "/agent_ms")
    for name, value in record.counters.items():
        if not (value.is_finite() and abs(value) < MAX_COUNTER and int(value.as_tuple().exponent) >= -COUNTER_DECIMALS):
            return Fault(
                "counter_out_of_bounds", "A counter is a number below 10^15 with 6 decimals.", f"/counters/{name}"
            )
    if "\x00" in repr_of_texts(record):
        return Fault("nul_byte", "A text contains a NUL byte.", "")
    return None


def repr_of_texts(record: CallRecord) -> str:
    """Join every text of a record, for a look at its characters."""
    texts = (record.call_id, record.leg, record.caller, record.callee, record.hangup_cause, record.region,
             record.robot, record.line, record.language)  # fmt: skip
    return "".join((*texts, *record.modules, *record.counters, *record.labels, *record.labels.values()))


def flags_of(record: CallRecord) -> list[str]:
    """Name what is odd about a record that is taken all the same."""
    if record.answered_at is None or record.talk_ms is None:
        return []
    clock_ms = (record.ended_at - record.answered_at) // timedelta(milliseconds=1)
    return ["talk_differs_from_clock"] if abs(clock_ms - record.talk_ms) > 1500 else []
