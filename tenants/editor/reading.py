"""Make a document of what was posted: texts by JSON pointer, read along the engine's dataclasses.

Nothing is refused here: a text that is no number stays in the document, and the engine says where and what to do.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from django.http import QueryDict

from billing.rating.form import decimal_text
from billing.rating.terms import Agreement, Cell
from tenants.editor.shapes import is_mapping, is_table, item_of, members_of, variants_of, without_none
from tenants.wording.labels import is_share

Tree = dict[str, Any]  # names to trees; the texts of an input stand under ""
NUMBER = str.maketrans("，。．％－", ",..%-", "¥￥ \u00a0\u3000")
THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d+)?\Z")


def document_of_posted(posted: QueryDict) -> dict[str, Any]:
    """Read a whole agreement; inputs that were left empty are left out."""
    tree: Tree = {}
    for name, texts in posted.lists():
        if name.startswith("/"):
            place = tree
            for step in name[1:].split("/"):
                place = place.setdefault(step.replace("~1", "/").replace("~0", "~"), {})
            place[""] = texts
    return {"version": 1} | (_record(Agreement, tree) or {})


def _record(shape: type, tree: Tree) -> dict[str, Any] | None:
    """Read the members of a dataclass; None when nothing at all was filled in."""
    found = {}
    for name, hint, _default in members_of(shape):
        if name in tree:
            value = _value(shape, name, hint, tree[name])
            if value is not None:
                found[name] = value
    if found and shape is Cell:
        found = {"where": {}} | found  # a cell for everything
    return found or None


def _value(shape: type, name: str, hint: Any, tree: Tree) -> Any:
    real, _optional = without_none(hint)
    if variants := variants_of(real):
        return _variant(variants, tree)
    item = item_of(real)
    if item is not None and (dataclasses.is_dataclass(item) or variants_of(item)):
        return _rows(item, tree)
    texts = [text.strip() for text in tree.get("", [])]
    if item is not None:
        return _list(item, texts)
    if dataclasses.is_dataclass(real):
        return _record(real, tree)  # type: ignore[arg-type]
    if is_mapping(real):
        return labels_of("\n".join(texts)) or None if item_of(get_args(real)[1]) else _where(tree)
    text = texts[-1] if texts else ""
    return _scalar(real, text, share=is_share(shape, name)) if text else None


def _variant(variants: Mapping[str, type], tree: Tree) -> Any:
    if "kind" not in tree:
        return number_text(tree[""][-1]) or None if tree.get("") else None
    kind = tree["kind"][""][-1]
    if kind not in variants:
        return {"kind": kind} if kind else None
    return {"kind": kind} | (_record(variants[kind], tree) or {})


def _rows(item: Any, tree: Tree) -> list[Any] | None:
    places = sorted((int(place), rows) for place, rows in tree.items() if place.isdecimal())
    if variants := variants_of(item):
        found = [_variant(variants, rows) for _, rows in places]
    else:
        found = [_record(item, rows) or (None if is_table(item) or item is Cell else {}) for _, rows in places]
    return [each for each in found if each is not None] or None


def _list(item: Any, texts: list[str]) -> list[Any] | None:
    return [_scalar(item, part) for text in texts for part in list_of(text)] or None


def list_of(text: str) -> list[str]:
    """Read values separated by commas, semicolons or lines."""
    return [part.strip() for part in re.split(r"[,，、;；\n]", text) if part.strip()]


def labels_of(text: str) -> dict[str, list[str]]:
    """Read lines such as ``shop = north, south``."""
    found = {}
    for line in text.splitlines():
        label, _, values = line.replace("＝", "=").partition("=")
        if label.strip():
            found[label.strip()] = list_of(values)
    return found


def _where(tree: Tree) -> dict[str, str] | None:
    found = {name: each[""][-1].strip() for name, each in tree.items() if name and each.get("")}
    return {name: text for name, text in found.items() if text} or None


def _scalar(hint: Any, text: str, *, share: bool = False) -> Any:
    if hint is Decimal:
        return number_text(text, share=share)
    if hint is int:
        plain = number_text(text)
        return int(plain) if re.fullmatch(r"-?\d{1,18}", plain) else text
    if hint is bool:
        return {"true": True, "false": False}.get(text, text)
    if hint is date:
        return text.replace("/", "-").replace(".", "-")
    return text


def number_text(text: str, *, share: bool = False) -> str:
    """Write a number as the engine does: 1,000 is 1000, and where a share is meant 8 % is 0.08."""
    plain = text.strip().translate(NUMBER)
    if THOUSANDS.match(plain):
        plain = plain.replace(",", "")
    percent = share and plain.endswith("%")
    try:
        number = Decimal(plain.removesuffix("%") if percent else plain)
    except InvalidOperation:
        return text.strip()
    return decimal_text((number / 100).normalize()) if percent else plain
