"""The fields of an agreement's form: a tree made from the dataclasses and a document, faulty or not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args, get_origin

from django.utils.translation import gettext as _

from billing.rating.form import decimal_text, escaped
from billing.rating.terms import Agreement, Cell, Name
from tenants.editor.layout import EXTRA_COLUMNS, MAIN
from tenants.editor.shapes import full, is_mapping, is_table, item_of, members_of, variants_of, without_none
from tenants.wording.choices import KINDS, PRICES, choice_of
from tenants.wording.labels import MONTHS, WEEKDAYS, hint_of, is_share, label_of


@dataclass
class Field:
    """One input, or a group of them. ``widget`` names the template that shows it."""

    pointer: str
    widget: str
    label: str = ""
    hint: str = ""
    value: Any = ""
    placeholder: str = ""
    choices: list[tuple[str, str]] = field(default_factory=list)
    children: list[Field] = field(default_factory=list)
    more: list[Field] = field(default_factory=list)
    kind: str = ""
    required: bool = False
    extra: bool = False
    notes: list[Note] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Give the id of the input on the page."""
        return "f" + self.pointer.replace("/", "-").replace("~", "_")

    @property
    def open(self) -> bool:
        """Tell whether what is folded away must be seen: it says something, or something is said about it."""
        return any(each.filled for each in self.more)

    @property
    def filled(self) -> bool:
        """Tell whether the field or one inside it has a value or a note."""
        return bool(self.notes or (self.value and not self.children)) or any(
            each.filled for each in (*self.children, *self.more) if each.widget != "kind"
        )

    @property
    def wide(self) -> bool:
        """Tell whether the field needs the whole width."""
        return self.widget not in {"text", "number", "select", "date", "kind"}

    def walk(self) -> Iterator[Field]:
        """Yield this field and all inside it."""
        yield self
        for each in (*self.children, *self.more):
            yield from each.walk()


@dataclass(frozen=True)
class Note:
    """A sentence about a field: a fault, or a surprise."""

    severity: str
    text: str


def form_of(document: Mapping[str, Any]) -> Field:
    """Build the form of an agreement from its document, which may be incomplete."""
    return _record(Agreement, document, "", label="")


def annotate(form: Field, notes: Mapping[str, list[Note]]) -> dict[str, Field]:
    """Put each note to the field of its pointer, or to the nearest one around it; return them by pointer."""
    places = {each.pointer: each for each in form.walk()}
    put = {}
    for pointer, own in notes.items():
        near = pointer
        while near not in places:
            near = near.rpartition("/")[0]
        places[near].notes += own
        put[pointer] = places[near]
    return put


def _record(shape: type, document: Any, pointer: str, label: str, kind: str = "", *, absent: bool = False) -> Field:
    """Make a group of a dataclass: what is always shown, and what is folded away.

    ``absent``: the group as a whole may be missing, so that no member shows its default as if it were chosen.
    """
    known = document if isinstance(document, Mapping) else {}
    main = MAIN.get(shape.__name__)
    made = Field(pointer, "record", label=label, kind=kind)
    for name, hint, default in members_of(shape):
        if shape is Agreement and name == "version":
            continue
        seeming = MISSING if absent else default
        child = _field(shape, name, hint, seeming, known.get(name), f"{pointer}/{name}", known)
        child.required = default is MISSING
        (made.children if main is None or name in main else made.more).append(child)
    if main:
        made.children.sort(key=lambda child: main.index(child.pointer.rpartition("/")[2]))
    return made


def _field(
    shape: type, name: str, hint: Any, default: Any, document: Any, pointer: str, beside: Mapping[str, Any]
) -> Field:
    """Make the field of one member; ``beside`` are its neighbours in the document."""
    real, optional = without_none(hint)
    label, tip = label_of(shape, name), hint_of(shape, name)
    if variants := variants_of(real):
        made = _variant(variants, full(document, real), pointer, label, optional=optional or default is not MISSING)
    elif real is Name:
        made = _name(document, pointer, label)
    elif dataclasses.is_dataclass(real):
        made = _record(real, document, pointer, label, absent=optional)  # type: ignore[arg-type]
        made.widget = "group"
    elif item_of(real) is not None:
        made = _list(shape, name, item_of(real), document, pointer, label, beside)
    elif is_mapping(real):
        made = Field(pointer, "lines", label=label, value=_label_lines(document))
    else:
        made = _input(shape, name, real, default, document, pointer, label, optional=optional)
    made.hint = tip
    return made


def _name(document: Any, pointer: str, label: str) -> Field:
    known = document if isinstance(document, Mapping) else {}
    made = Field(pointer, "name", label=label)
    for name in ("zh", "en"):
        made.children.append(
            Field(
                f"{pointer}/{name}",
                "text",
                label=f"{label} ({label_of(Name, name)})",
                value=known.get(name, ""),
                required=True,
            )
        )
    return made


def _input(
    shape: type, name: str, hint: Any, default: Any, document: Any, pointer: str, label: str, *, optional: bool
) -> Field:
    made = Field(pointer, "text", label=label)
    if hint is bool or get_origin(hint) is Literal:
        values = ["true", "false"] if hint is bool else list(get_args(hint))
        made.widget, made.value = "select", _plain(document)
        made.choices = [(value, choice_of(shape, name, value)) for value in values]
        if optional or default is MISSING:
            made.choices.insert(0, ("", "–"))
        elif not made.value:
            made.value = ""
            standard = choice_of(shape, name, _plain(default))
            made.choices = [("", standard), *(each for each in made.choices if each[0] != _plain(default))]
        return made
    made.widget = {int: "number", Decimal: "number", date: "date"}.get(hint, "text")
    made.value = shown(document, share=is_share(shape, name))
    if default is not MISSING and default is not None and default != "":
        made.placeholder = shown(_plain(default), share=is_share(shape, name))
    return made


def shown(document: Any, *, share: bool = False) -> str:
    """Show a scalar as people write it: a share as a percentage."""
    text = _plain(document)
    if share and text and not text.endswith("%"):
        try:
            return f"{decimal_text((Decimal(text) * 100).normalize())}%"
        except InvalidOperation:
            return text
    return text


def _plain(document: Any) -> str:
    if document is None:
        return ""
    if isinstance(document, bool):
        return "true" if document else "false"
    return decimal_text(document) if isinstance(document, Decimal) else str(document)


def _label_lines(document: Any) -> str:
    if not isinstance(document, Mapping):
        return ""
    return "\n".join(
        f"{label} = {', '.join(map(str, values if isinstance(values, list) else [values]))}"
        for label, values in document.items()
    )


def _variant(variants: Mapping[str, type], document: Any, pointer: str, label: str, *, optional: bool) -> Field:
    """Make a choice of kinds and the members of the chosen one."""
    known = document if isinstance(document, Mapping) else {}
    kind = str(known.get("kind", ""))
    made = Field(pointer, "variant", label=label, kind=kind)
    if kind in variants:
        inner = _record(variants[kind], known, pointer, label, kind)
        made.children, made.more = inner.children, inner.more
    chooser = Field(f"{pointer}/kind", "kind", label=label_of(object, "kind"), value=kind, required=not optional)
    chooser.choices = [("", "–")] if optional or kind not in variants else []
    chooser.choices += [(each, str(PRICES.get(each) or KINDS.get(each) or each)) for each in variants]
    made.children.insert(0, chooser)
    return made


def _list(
    shape: type, name: str, item: Any, document: Any, pointer: str, label: str, beside: Mapping[str, Any]
) -> Field:
    known = document if isinstance(document, list) else []
    if item is int:
        made = Field(pointer, "several", label=label, value=[_plain(each) for each in known])
        made.choices = [(value, str(text)) for value, text in (WEEKDAYS if name == "weekdays" else MONTHS)]
        return made
    if item in (str, date):
        joint, widget = ("\n", "lines") if item is date else (", ", "text")
        return Field(pointer, widget, label=label, value=joint.join(_plain(each) for each in known))
    if item is Cell and _is_simple_matrix(known):
        return _cells(known, pointer, label, beside)
    if is_table(item):
        return _table(item, known, pointer, label)
    made = Field(pointer, "clauses" if name == "clauses" else "stack", label=label)
    for index, each in enumerate(known):
        place = f"{pointer}/{index}"
        if variants := variants_of(item):
            kind = each.get("kind", "") if isinstance(each, Mapping) else ""
            own = _record(variants[kind], each, place, choice_of(shape, "kind", kind), kind) if kind in variants else (
                Field(place, "record", label=kind)
            )  # fmt: skip
        else:
            own = _cell(each, place) if item is Cell else _record(item, each, place, "")
        own.value = each.get("code", "") if isinstance(each, Mapping) else ""
        made.children.append(own)
    return made


def _table(item: type, known: list[Any], pointer: str, label: str) -> Field:
    made = Field(pointer, "table", label=label)
    extra = EXTRA_COLUMNS.get(item.__name__, ())
    made.choices = [(name, label_of(item, name)) for name, _, _ in members_of(item)]
    for index, each in enumerate([*known, {}]):
        row = _record(item, each, f"{pointer}/{index}", "")
        row.children, row.more = [*row.children, *row.more], []
        for cell in row.children:
            cell.extra = cell.pointer.rpartition("/")[2] in extra
        made.children.append(row)
    made.more = []
    made.extra = any(cell.value for row in made.children for cell in row.children if cell.extra)
    made.kind = ",".join(extra)
    return made


def _is_simple_matrix(cells: list[Any]) -> bool:
    return all(isinstance(cell, Mapping) and not isinstance(cell.get("price"), Mapping) for cell in cells)


def _cells(known: list[Any], pointer: str, label: str, beside: Mapping[str, Any]) -> Field:
    """Make a table of a matrix whose cells have plain prices: a column for each dimension, and the price."""
    dimensions = [each for each in beside.get("dimensions", []) if isinstance(each, str)]
    made = Field(pointer, "table", label=label)
    made.choices = [*((name, name) for name in dimensions), ("price", label_of(Cell, "price"))]
    for index, each in enumerate([*known, {}]):
        where = each.get("where") if isinstance(each.get("where"), Mapping) else {}
        row = Field(f"{pointer}/{index}", "record")
        for name in dimensions:
            place = f"{pointer}/{index}/where/{escaped(name)}"
            row.children.append(Field(place, "text", label=name, value=where.get(name, ""), placeholder=_("any")))
        price = Field(f"{pointer}/{index}/price", "number", label=label_of(Cell, "price"))
        price.value = _plain(each.get("price"))
        row.children.append(price)
        made.children.append(row)
    made.value = "expand"
    return made


def _cell(document: Any, pointer: str) -> Field:
    """Make a cell of a matrix whose prices have tiers: its place, and a whole price."""
    known = document if isinstance(document, Mapping) else {}
    made = _record(Cell, {}, pointer, "")
    where = known.get("where") if isinstance(known.get("where"), Mapping) else {}
    made.children[0] = Field(f"{pointer}/where", "record", children=[
        Field(f"{pointer}/where/{escaped(name)}", "text", label=name, value=value) for name, value in where.items()  # type: ignore[union-attr]
    ])  # fmt: skip
    hint = members_of(Cell)[1][1]
    made.children[1] = _variant(variants_of(hint), full(known.get("price"), hint), f"{pointer}/price", label_of(Cell, "price"), optional=False)  # fmt: skip
    return made
