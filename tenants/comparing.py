"""Two agreements side by side: what changed, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Literal, get_args, get_origin

from django.utils.translation import get_language, gettext

from billing.rating.form import hints_of
from billing.rating.terms import Agreement, Name
from tenants.wording.choices import KINDS, PRICES, choice_of
from tenants.wording.labels import is_share, label_of
from tenants.wording.measures import measure_name


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one part: its title, where it is now (or was), and a sentence for each difference."""

    title: str
    pointer: str
    sentences: tuple[str, ...]


PARTS = ("clauses", "bands", "factors", "discounts", "commitments", "caps")


def compare(before: Agreement, after: Agreement) -> list[Change]:
    """List what changed from one agreement to another, part by part in the order of the later one.

    Parts with a code (clauses, bands, discounts …) are the same part when their code is the same.
    """
    changes = []
    rest = tuple(_differences(Agreement, before, after, (), leave_out=PARTS))
    if rest:
        changes.append(Change(gettext("The agreement as a whole"), "", rest))
    for part in PARTS:
        changes += _compare_parts(part, getattr(before, part), getattr(after, part))
    return changes


def _compare_parts(part: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> Iterator[Change]:
    earlier, kept = {each.code: each for each in before}, {each.code for each in after}
    order = [each.code for each in before if each.code in kept]
    for place, (index, item) in enumerate((index, item) for index, item in enumerate(after) if item.code in earlier):
        sentences = list(_item_differences(earlier[item.code], item))
        if part == "clauses" and order[place] != item.code:
            sentences.append(gettext("Stands at another place in the order."))
        if sentences:
            yield Change(_title(part, item), f"/{part}/{index}", tuple(sentences))
    for index, item in enumerate(after):
        if item.code not in earlier:
            yield Change(_title(part, item), f"/{part}/{index}", (gettext("Is new."), *_described(item)))
    for item in before:
        if item.code not in kept:
            yield Change(_title(part, item), "", (gettext("Is gone."),))


def _title(part: str, item: Any) -> str:
    name = item.name.zh if _chinese() else item.name.en
    kind = KINDS.get(getattr(item, "kind", "")) or label_of(Agreement, part)
    return gettext("%(kind)s: %(name)s (%(code)s)") % {"kind": kind, "name": name, "code": item.code}


def _described(item: Any) -> Iterator[str]:
    """Say what a new part states beyond the defaults."""
    for name, value in _told(item):
        if name not in {"code", "name"}:
            yield f"{_sentence_case(label_of(type(item), name))}{_colon()}{_value(type(item), name, value)}"


def _item_differences(before: Any, after: Any) -> Iterator[str]:
    if type(before) is not type(after):
        yield gettext("Became another kind: %(kind)s.") % {"kind": KINDS.get(after.kind, after.kind)}
        yield from _described(after)
    else:
        yield from _differences(type(after), before, after, ())


def _differences(
    shape: type, before: Any, after: Any, path: tuple[str, ...], leave_out: tuple[str, ...] = ()
) -> Iterator[str]:
    for f in dataclasses.fields(shape):
        if f.name in leave_out:
            continue
        old, new = getattr(before, f.name), getattr(after, f.name)
        if old == new:
            continue
        way = (*path, label_of(shape, f.name))
        if _is_record(old) and type(old) is type(new):
            yield from _differences(type(new), old, new, way)
        elif _are_rows(old) and _are_rows(new) and (old or new):
            yield from _row_differences(old, new, way)
        else:
            yield _changed(way, _value(shape, f.name, old), _value(shape, f.name, new))


def _row_differences(old: tuple[Any, ...], new: tuple[Any, ...], path: tuple[str, ...]) -> Iterator[str]:
    for index in range(max(len(old), len(new))):
        way = (*path, gettext("row %(number)d") % {"number": index + 1})
        if index >= len(old):
            yield _changed(way, "–", _record_text(new[index]))
        elif index >= len(new):
            yield _changed(way, _record_text(old[index]), "–")
        elif old[index] != new[index]:
            if type(old[index]) is type(new[index]):
                yield from _differences(type(new[index]), old[index], new[index], way)
            else:
                yield _changed(way, _record_text(old[index]), _record_text(new[index]))


def _changed(path: tuple[str, ...], old: str, new: str) -> str:
    return f"{_sentence_case(' · '.join(path))}{_colon()}{old} → {new}"


def _value(shape: type, name: str, value: Any) -> str:  # noqa: PLR0911 - one line a kind of value
    if value is None or value in ((), ""):
        return "–"
    if isinstance(value, bool):
        return choice_of(shape, name, "true" if value else "false")
    if isinstance(value, Name):
        return value.zh if _chinese() else value.en
    if _is_record(value):
        return _record_text(value)
    if isinstance(value, tuple):
        return _comma().join(_value(shape, name, each) for each in value)
    if isinstance(value, Mapping):
        return _comma().join(f"{key} = {_value(shape, name, each)}" for key, each in value.items())
    if isinstance(value, str) and _is_choice(shape, name):
        return choice_of(shape, name, value)
    if name == "measure":
        return measure_name(value)
    return f"{(value * 100).normalize():f}%" if is_share(shape, name) else f"{value}"


def _record_text(value: Any) -> str:
    """Put a group into one line: its kind, then what it states beyond the defaults."""
    parts = [str(PRICES[value.kind])] if getattr(value, "kind", "") in PRICES else []
    parts += [f"{label_of(type(value), name)} {_value(type(value), name, each)}" for name, each in _told(value)]
    return f"（{_comma().join(parts)}）" if _chinese() else f"({_comma().join(parts)})"


def _told(value: Any) -> Iterator[tuple[str, Any]]:
    for f in dataclasses.fields(value):
        each = getattr(value, f.name)
        if f.default is MISSING or each != f.default:
            yield f.name, each


def _is_record(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, Name)


def _are_rows(value: Any) -> bool:
    return isinstance(value, tuple) and all(_is_record(each) for each in value)


def _is_choice(shape: type, name: str) -> bool:
    hint = hints_of(shape)[name]
    return any(get_origin(each) is Literal for each in (hint, *get_args(hint)))


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _chinese() -> bool:
    return (get_language() or "").startswith("zh")


def _colon() -> str:
    return "：" if _chinese() else ": "


def _comma() -> str:
    return "，" if _chinese() else ", "
