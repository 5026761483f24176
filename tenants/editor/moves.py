"""What the buttons of the form do to a document: add, remove, move, paste, open up; never in place."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from billing.rating.terms import Agreement, Cell, Clause
from tenants.editor.reading import number_text
from tenants.editor.shapes import item_of, members_of, variants_of, without_none
from tenants.wording.labels import is_share

FIRST: dict[str, dict[str, Any]] = {
    "duration": {"code": "talk", "name": {"zh": "通话时长", "en": "Talk time"}},
    "calls": {"code": "calls", "name": {"zh": "接通次数", "en": "Answered calls"}},
    "feature": {"code": "feature", "name": {"zh": "增值功能", "en": "Feature"}},
    "module": {"code": "module", "name": {"zh": "功能模块", "en": "Module"}},
    "seat": {"code": "seats", "name": {"zh": "坐席", "en": "Seats"}, "item": "seats"},
    "service_level": {"code": "service", "name": {"zh": "服务级别", "en": "Service level"}},
    "recurring": {"code": "fee", "name": {"zh": "平台月费", "en": "Platform fee"}},
    "one_off": {"code": "set-up", "name": {"zh": "开通费", "en": "Set-up fee"}},
    "package": {"code": "package", "name": {"zh": "套餐包", "en": "Package"}},
    "bands": {"code": "peak", "name": {"zh": "高峰时段", "en": "Peak"}, "rules": [{}]},
    "factors": {"code": "factor", "name": {"zh": "系数", "en": "Factor"}},
    "discounts": {"code": "discount", "name": {"zh": "折扣", "en": "Discount"}},
    "commitments": {"code": "minimum", "name": {"zh": "保底消费", "en": "Minimum commitment"}},
    "caps": {"code": "cap", "name": {"zh": "封顶", "en": "Cap"}},
}


def apply(document: Mapping[str, Any], command: str, text: str = "") -> tuple[dict[str, Any], str]:
    """Carry out a button's command on a copy; return it and the pointer to look at next.

    Commands: ``add POINTER [KIND]``, ``remove POINTER``, ``up POINTER``, ``down POINTER``, ``paste POINTER`` (with
    the pasted ``text``), ``expand POINTER``. An unknown or outdated one changes nothing.
    """
    made = copy.deepcopy(dict(document))
    name, pointer, kind = ([*command.split(" "), "", ""])[:3]
    moves: dict[str, Callable[[], str]] = {
        "add": lambda: _add(made, pointer, kind),
        "remove": lambda: _remove(made, pointer),
        "up": lambda: _move(made, pointer, -1),
        "down": lambda: _move(made, pointer, 1),
        "paste": lambda: _paste(made, pointer, text),
        "expand": lambda: _expand(made, pointer),
    }
    try:
        return made, moves[name]() if name in moves else ""
    except (KeyError, IndexError, ValueError, TypeError):
        return dict(document), ""


def _steps(pointer: str) -> list[str | int]:
    return [int(step) if step.isdecimal() else step for step in pointer.split("/")[1:]]


def _list_at(document: Any, steps: list[str | int]) -> list[Any]:
    """Find a list, making it (not what is around it) when it is not there yet."""
    for step in steps[:-1]:
        document = document[step]
    last = steps[-1]
    if isinstance(document, dict) and not isinstance(document.get(last), list):
        document[last] = []
    found: list[Any] = document[last]
    return found


def _add(document: dict[str, Any], pointer: str, kind: str) -> str:
    rows = _list_at(document, _steps(pointer))
    part = pointer.rpartition("/")[2]
    fresh = copy.deepcopy(FIRST.get(kind if part == "clauses" else part, {}))
    if part == "clauses":
        shape = variants_of(Clause)[kind]
        fresh = {"kind": kind} | fresh | _prices(shape)
    if "code" in fresh:
        fresh["code"] = _free_code(document, fresh["code"])
    rows.append(fresh)
    return f"{pointer}/{len(rows) - 1}"


def _prices(shape: type) -> dict[str, Any]:
    """Choose the plainest kind of price where a clause must have one."""
    found = {}
    for name, hint, default in members_of(shape):
        if default is dataclasses.MISSING and "per_unit" in variants_of(hint):
            found[name] = {"kind": "flat" if shape.__name__ == "ServiceLevelClause" else "per_unit"}
    return found


def _free_code(document: Mapping[str, Any], wanted: str) -> str:
    parts = ("clauses", "factors", "discounts", "commitments", "caps", "bands")
    taken = {each.get("code") for part in parts for each in document.get(part, []) if isinstance(each, Mapping)}
    number, code = 2, wanted
    while code in taken:
        number, code = number + 1, f"{wanted}-{number}"
    return code


def _remove(document: dict[str, Any], pointer: str) -> str:
    *before, index = _steps(pointer)
    rows = _list_at(document, before)
    rows.pop(int(index))
    around = pointer.rpartition("/")[0]
    return f"{around}/{min(int(index), len(rows) - 1)}" if rows else around


def _move(document: dict[str, Any], pointer: str, by: int) -> str:
    *before, index = _steps(pointer)
    rows, place = _list_at(document, before), int(index)
    if not 0 <= place + by < len(rows):
        return pointer
    rows[place], rows[place + by] = rows[place + by], rows[place]
    return f"{pointer.rpartition('/')[0]}/{place + by}"


def _expand(document: dict[str, Any], pointer: str) -> str:
    """Give each cell of a matrix a whole price, so that it can have tiers."""
    for cell in _list_at(document, _steps(pointer)):
        if not isinstance(cell.get("price"), Mapping):
            cell["price"] = {"kind": "per_unit"} | ({"price": cell["price"]} if cell.get("price") else {})
    return pointer


def _paste(document: dict[str, Any], pointer: str, text: str) -> str:
    """Replace a table's rows by lines of a spreadsheet, whose columns are those of the table."""
    steps = _steps(pointer)
    shape = shape_at(document, pointer)
    if shape is Cell:
        around = _parent(document, steps)
        columns = [*around.get("dimensions", []), "price"]
    else:
        columns = [name for name, _, _ in members_of(shape)]
    rows = [row_of(shape, columns, line) for line in text.splitlines() if line.strip()]
    rows = [row for row in rows if row]
    if rows:
        _list_at(document, steps)[:] = rows
    return pointer


def row_of(shape: type, columns: list[str], line: str) -> dict[str, Any]:
    """Read one pasted line, its cells parted by tabs, semicolons or commas; a heading has no digits and yields none."""
    joint = next((sign for sign in ("\t", ";", "；", ",") if sign in line), "\t")
    cells = [cell.strip() for cell in line.split(joint)]
    if not any(character.isdigit() for character in line):
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=False):
        if shape is Cell and name != "price":
            found.setdefault("where", {})
            if cell:
                found["where"][name] = cell
        elif cell and cell not in {"∞", "-", "–", "—", "以上"}:
            hint = without_none({n: h for n, h, _ in members_of(shape)}[name])[0]
            number = number_text(cell, share=is_share(shape, name))
            found[name] = int(number) if hint is int and number.isdecimal() else number if hint is not str else cell
    return found


def shape_at(document: Mapping[str, Any], pointer: str) -> type:
    """Find the dataclass of the rows of the list at a pointer."""
    shape: Any = Agreement
    place: Any = document
    for step in _steps(pointer):
        if isinstance(step, int):
            place = place[step]
            shape = item_of(shape) if item_of(shape) is not None else shape
        else:
            if variants := variants_of(without_none(shape)[0]):
                shape = variants[place["kind"]]
            shape = without_none({n: h for n, h, _ in members_of(shape)}[step])[0]
            place = place.get(step, {})
    found: type = item_of(shape)
    return found


def _parent(document: Any, steps: list[str | int]) -> Mapping[str, Any]:
    for step in steps[:-1]:
        document = document[step]
    found: Mapping[str, Any] = document
    return found
