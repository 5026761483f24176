"""The JSON form of frozen dataclasses, driven by their type hints: read, write, and describe as JSON Schema.

Numbers of money and quantity are decimal strings, dates ISO 8601; a member equal to its default is left out.
A member nobody knows is refused, never ignored: a misspelt ``minimum`` would otherwise be a lost minimum.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from billing.errors import Refused
from billing.rating.refusals import InvalidTerms

Record = TypeVar("Record")
Json = Any
Reader = Callable[[Json, str], Any]

DECIMAL = re.compile(r"-?\d{1,24}(\.\d{1,12})?\Z")
FRACTION = re.compile(r"-?\d{1,400}/[1-9]\d{0,400}\Z")


def read(shape: type[Record], document: Json, pointer: str = "") -> Record:
    """Build a ``shape`` from its JSON form; refuse with the JSON pointer of the first fault."""
    made: Record = reader_of(shape)(document, pointer)  # type: ignore[arg-type]
    return made


def write(value: Any) -> Json:  # noqa: PLR0911 - one line a kind of value
    """Give the JSON form of a dataclass, leaving out members that equal their default."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = getattr(value, "kind", None)
        head = {"kind": kind} if _is_discriminated(type(value)) else {}
        return head | {
            f.name: write(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if f.default is dataclasses.MISSING or getattr(value, f.name) != f.default
        }
    if isinstance(value, bool) or value is None or isinstance(value, (str, int)):
        return value
    if hasattr(value, "_fields"):
        return {n: write(v) for n, v in value._asdict().items() if v != value._field_defaults.get(n, ...)}
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, Fraction):
        return fraction_text(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: write(each) for key, each in value.items()}
    return [write(each) for each in value]


def document_of(value: Any, form: int) -> dict[str, Any]:
    """Give the JSON form of a whole document, its form's version in front."""
    members: dict[str, Any] = write(value)
    return {"version": form} | members


def decimal_text(value: Decimal) -> str:
    """Print a decimal in plain digits, without an exponent."""
    return format(value, "f")


def fraction_text(value: Fraction) -> str:
    """Print a fraction as a decimal when it ends within twelve places, otherwise as ``p/q``."""
    scaled = value * 10**12
    if scaled.denominator != 1:
        return f"{value.numerator}/{value.denominator}"
    text = format(Decimal(scaled.numerator).scaleb(-12), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def decimal_of(document: Json, pointer: str = "") -> Decimal:
    """Read a decimal string (or whole number); refuse floats, exponents, NaN and endless digits."""
    if isinstance(document, int) and not isinstance(document, bool):
        document = str(document)
    if not isinstance(document, str) or not DECIMAL.match(document):
        raise InvalidTerms('Write a decimal number as a string, such as "0.15".', pointer=pointer)
    return Decimal(document)


def fraction_of(document: Json, pointer: str = "") -> Fraction:
    """Read an exact number: a decimal string or ``p/q``."""
    if isinstance(document, str) and FRACTION.match(document):
        return Fraction(document)
    return Fraction(decimal_of(document, pointer))


@cache
def reader_of(shape: Any) -> Reader:
    """Choose the reader of a type hint."""
    origin, arguments = get_origin(shape), get_args(shape)
    if shape in SCALARS:
        return SCALARS[shape]
    if origin is Literal:
        return _choice(arguments)
    if origin is tuple:
        return _list(arguments[0]) if arguments[-1] is Ellipsis else _row(arguments)
    if origin in (dict, Mapping):
        return _mapping(arguments[1])
    if origin in (types.UnionType, Union):
        return _union(arguments)
    return _named_tuple(shape) if hasattr(shape, "_fields") else _record(shape)


def _named_tuple(shape: Any) -> Reader:
    needed = [name for name in shape._fields if name not in shape._field_defaults]

    def read_tuple(document: Json, pointer: str) -> Any:
        if not isinstance(document, Mapping):
            raise InvalidTerms("Write an object, in curly brackets.", pointer=pointer)
        _refuse_strangers(set(document) - set(shape._fields), dict.fromkeys(shape._fields), pointer)
        _refuse_gaps(needed, document, pointer)
        hints = hints_of(shape)
        return shape(**{n: reader_of(hints[n])(each, f"{pointer}/{n}") for n, each in document.items()})

    return read_tuple


def _text(document: Json, pointer: str) -> str:
    if not isinstance(document, str) or len(document) > 2000:
        raise InvalidTerms("Write a string.", pointer=pointer)
    return document


def _whole(document: Json, pointer: str) -> int:
    if not isinstance(document, int) or isinstance(document, bool) or abs(document) > 10**18:
        raise InvalidTerms("Write a whole number, without quotes.", pointer=pointer)
    return document


def _flag(document: Json, pointer: str) -> bool:
    if not isinstance(document, bool):
        raise InvalidTerms("Write true or false.", pointer=pointer)
    return document


def _day(document: Json, pointer: str) -> date:
    try:
        return date.fromisoformat(document)
    except (TypeError, ValueError):
        raise InvalidTerms('Write a date such as "2026-11-16".', pointer=pointer) from None


def _instant(document: Json, pointer: str) -> datetime:
    try:
        instant = datetime.fromisoformat(document)
    except (TypeError, ValueError):
        instant = None
    if instant is None or instant.tzinfo is None:
        raise InvalidTerms('Write an instant with its offset: "2026-11-16T08:00:00+00:00".', pointer=pointer)
    return instant


SCALARS: dict[Any, Reader] = {
    str: _text,
    int: _whole,
    bool: _flag,
    Decimal: decimal_of,
    Fraction: fraction_of,
    date: _day,
    datetime: _instant,
}


def _choice(values: tuple[Any, ...]) -> Reader:
    def read_choice(document: Json, pointer: str) -> Any:
        if not isinstance(document, str) or document not in values:
            raise InvalidTerms(f"Write one of: {', '.join(values)}.", pointer=pointer)
        return document

    return read_choice


def _list(item: Any) -> Reader:
    read_item = reader_of(item)

    def read_list(document: Json, pointer: str) -> tuple[Any, ...]:
        if not isinstance(document, (list, tuple)):
            raise InvalidTerms("Write a list, in square brackets.", pointer=pointer)
        return tuple(read_item(each, f"{pointer}/{index}") for index, each in enumerate(document))

    return read_list


def _row(items: tuple[Any, ...]) -> Reader:
    readers = [reader_of(item) for item in items]

    def read_row(document: Json, pointer: str) -> tuple[Any, ...]:
        if not isinstance(document, (list, tuple)) or len(document) != len(readers):
            raise InvalidTerms(f"Write a list of {len(readers)} values.", pointer=pointer)
        return tuple(r(each, f"{pointer}/{i}") for i, (r, each) in enumerate(zip(readers, document, strict=True)))

    return read_row


def _mapping(item: Any) -> Reader:
    read_item = reader_of(item)

    def read_mapping(document: Json, pointer: str) -> dict[str, Any]:
        if not isinstance(document, Mapping) or not all(isinstance(key, str) for key in document):
            raise InvalidTerms("Write an object, in curly brackets.", pointer=pointer)
        return {key: read_item(each, f"{pointer}/{escaped(key)}") for key, each in document.items()}

    return read_mapping


def _union(members: tuple[Any, ...]) -> Reader:
    real = [m for m in members if m is not type(None)]
    optional = len(real) < len(members)
    read_real = reader_of(real[0]) if len(real) == 1 else _discriminated(real)

    def read_union(document: Json, pointer: str) -> Any:
        return None if document is None and optional else read_real(document, pointer)

    return read_union


def _discriminated(members: list[Any]) -> Reader:
    by_kind = {member.kind: member for member in members}
    shorthand = next((m for m in members if getattr(m, "shorthand", False)), None)

    def read_kind(document: Json, pointer: str) -> Any:
        if shorthand is not None and isinstance(document, (str, int)):
            return shorthand(decimal_of(document, pointer))
        if shorthand is not None and not isinstance(document, Mapping):
            raise InvalidTerms('Write a price as a string, such as "0.15", or an object with "kind".', pointer=pointer)
        kind = document.get("kind") if isinstance(document, Mapping) else None
        if kind not in by_kind:
            raise InvalidTerms(f'Write "kind" as one of: {", ".join(by_kind)}.', pointer=f"{pointer}/kind")
        return reader_of(by_kind[kind])(document, pointer)

    return read_kind


def _record(shape: Any) -> Reader:
    known = {f.name: f for f in dataclasses.fields(shape)}
    needed = [n for n, f in known.items() if f.default is dataclasses.MISSING is f.default_factory]
    kinds = {"kind"} if _is_discriminated(shape) else set()

    def read_record(document: Json, pointer: str) -> Any:
        hints = hints_of(shape)
        if not isinstance(document, Mapping):
            raise InvalidTerms("Write an object, in curly brackets.", pointer=pointer)
        _refuse_strangers(set(document) - set(known) - kinds, known, pointer)
        members = {
            name: reader_of(hints[name])(document[name], f"{pointer}/{escaped(name)}")
            for name in known
            if name in document
        }
        _refuse_gaps(needed, members, pointer)
        try:
            return shape(**members)
        except Refused as fault:
            raise InvalidTerms(fault.message, pointer=pointer + fault.pointer, code=fault.code) from None

    return read_record


def _refuse_strangers(strangers: set[str], known: Mapping[str, Any], pointer: str) -> None:
    for stranger in sorted(map(str, strangers)):
        near = difflib.get_close_matches(stranger, known, 1)
        hint = f'Did you mean "{near[0]}"?' if near else f"Known members: {', '.join(known)}."
        raise InvalidTerms(
            f'Nothing is called "{stranger[:60]}" here. {hint}', pointer=f"{pointer}/{escaped(stranger)}"
        )


def _refuse_gaps(needed: Iterable[str], members: Mapping[str, Any], pointer: str) -> None:
    for name in needed:
        if name not in members:
            raise InvalidTerms(f'Add "{name}".', pointer=f"{pointer}/{name}")


@cache
def hints_of(shape: Any) -> dict[str, Any]:
    """Resolve the type hints of a dataclass, without its class variables."""
    return {name: hint for name, hint in get_type_hints(shape).items() if get_origin(hint) is not ClassVar}


@cache
def _is_discriminated(shape: Any) -> bool:
    return get_origin(get_type_hints(shape).get("kind")) is ClassVar


def escaped(key: str) -> str:
    """Escape one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
