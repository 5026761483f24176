"""What a type hint of the engine means for a form."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Literal, Union, get_args, get_origin

from billing.rating.form import hints_of

Member = tuple[str, Any, Any]  # name, hint, default


def members_of(shape: type) -> list[Member]:
    """List the members of a dataclass: name, type hint, default (``MISSING`` where it must be filled in)."""
    return [(f.name, hints_of(shape)[f.name], f.default) for f in dataclasses.fields(shape)]


def without_none(hint: Any) -> tuple[Any, bool]:
    """Take ``None`` out of a hint; tell whether it was in it."""
    if get_origin(hint) not in (types.UnionType, Union):
        return hint, False
    real = tuple(each for each in get_args(hint) if each is not type(None))
    return (real[0] if len(real) == 1 else Union[real]), len(real) < len(get_args(hint))  # noqa: UP007 - at run time


def variants_of(hint: Any) -> dict[str, type]:
    """Map each kind to its dataclass when the hint is a choice of kinds; otherwise empty."""
    if get_origin(hint) in (types.UnionType, Union):
        return {each.kind: each for each in get_args(hint)}
    return {}


def item_of(hint: Any) -> Any:
    """Give what a list is of, or None when the hint is no list."""
    return get_args(hint)[0] if get_origin(hint) is tuple else None


def is_scalar(hint: Any) -> bool:
    """Tell whether one input is enough."""
    real, _optional = without_none(hint)
    return real in (str, int, bool, Decimal, date) or get_origin(real) is Literal


def is_table(shape: Any) -> bool:
    """Tell whether a list of these is a table: every member one input."""
    return dataclasses.is_dataclass(shape) and all(is_scalar(hint) for _, hint, _ in members_of(shape))  # type: ignore[arg-type]


def is_mapping(hint: Any) -> bool:
    """Tell whether the hint is an object with free names."""
    return get_origin(hint) in (dict, Mapping)


def full(document: Any, hint: Any) -> Any:
    """Write out the short form of a price ("0.15"), so that it can be edited like the others."""
    if isinstance(document, (str, int)) and "per_unit" in variants_of(hint):
        return {"kind": "per_unit", "price": str(document)}
    return document
