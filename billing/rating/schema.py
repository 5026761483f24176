"""Describe the JSON form of terms, totals and bills as JSON Schema (2020-12), from the same type hints that read it."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Union, get_args, get_origin

from billing.rating.bill import Bill
from billing.rating.difference import Difference
from billing.rating.form import DECIMAL, hints_of
from billing.rating.terms import Agreement, Terms
from billing.rating.totals import Totals

DOCUMENTS = (Agreement, Terms, Totals, Bill, Difference)
SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string", "maxLength": 2000},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    Decimal: {"type": ["string", "integer"], "pattern": "^" + DECIMAL.pattern.removesuffix(r"\Z") + "$"},
    Fraction: {"type": ["string", "integer"], "pattern": r"^-?\d+(\.\d+|/\d+)?$"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
}


def schema_of_everything() -> dict[str, Any]:
    """Give one schema whose definitions are every document and part, by class name."""
    definitions: dict[str, Any] = {}
    for document in DOCUMENTS:
        _reference(document, definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Terms, totals and bills of the rating engine",
        "anyOf": [{"$ref": f"#/$defs/{document.__name__}"} for document in DOCUMENTS],
        "$defs": dict(sorted(definitions.items())),
    }


def _schema(shape: Any, definitions: dict[str, Any]) -> dict[str, Any]:  # noqa: PLR0911 - one line a kind of hint
    origin, arguments = get_origin(shape), get_args(shape)
    if shape in SCALARS:
        return SCALARS[shape]
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": _schema(arguments[0], definitions)}
    if origin is tuple:
        items = [_schema(each, definitions) for each in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _schema(arguments[1], definitions)}
    if origin in (types.UnionType, Union):
        return _any_of(arguments, definitions)
    return _reference(shape, definitions)


def _any_of(members: tuple[Any, ...], definitions: dict[str, Any]) -> dict[str, Any]:
    found = [{"type": "null"} if each is type(None) else _schema(each, definitions) for each in members]
    if any(getattr(each, "shorthand", False) for each in members):
        found.append(SCALARS[Decimal])
    return {"anyOf": found}


def _reference(shape: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    name = shape.__name__
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = _object(shape, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _object(shape: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    hints = hints_of(shape)
    if dataclasses.is_dataclass(shape):
        required = [f.name for f in dataclasses.fields(shape) if f.default is dataclasses.MISSING]
        names = [f.name for f in dataclasses.fields(shape)]
    else:
        required, names = [n for n in shape._fields if n not in shape._field_defaults], list(shape._fields)
    properties = {name: _schema(hints[name], definitions) for name in names}
    kind = getattr(shape, "kind", None)
    if isinstance(kind, str):
        properties, required = {"kind": {"const": kind}} | properties, ["kind", *required]
    text = (shape.__doc__ or "").strip().split("\n")[0]
    return {
        "type": "object",
        "description": text,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
