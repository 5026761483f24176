"""Reading the audit trail: entries in the words of the models, only what changed, the latest first."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from billing.exporting import Cell
from invoices.models import TrailEntry
from invoices.trail.watching import options_of, watched

NAMING = ("number", "code", "name", "username", "name_zh", "email", "recipient")
DIGEST, DIGEST_SHOWN = "sha256:", 8
LONGEST = 300  # characters of a value
AT_ONCE = 500
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Told:
    """An entry as people read it: what it is of, and each field with what it was and what it became."""

    entry: TrailEntry
    model: type[Model] | None
    of: str
    name: str
    fields: list[tuple[str, str, str]]


def entries(
    *, table: str = "", key: str = "", person: str = "", first: datetime | None = None, last: datetime | None = None
) -> QuerySet[TrailEntry]:
    """List the entries that fit, the latest first; ``last`` is exclusive."""
    asked: dict[str, Any] = {"table_name": table, "key": key, "who": person, "at__gte": first, "at__lt": last}
    if person:
        asked["door"] = "admin"
    return TrailEntry.objects.filter(**{name: value for name, value in asked.items() if value}).order_by("-pk")


def tell(entry: TrailEntry) -> Told:
    """Put an entry into the words of its model; a table or a column that has gone is called by its name."""
    model = models_by_table().get(entry.table_name)
    was, became = entry.before or {}, entry.after or {}
    changed = was if entry.what == TrailEntry.CHANGED else {**was, **became}
    return Told(
        entry=entry,
        model=model,
        of=capfirst(str(options_of(model).verbose_name)) if model else entry.table_name,
        name=next((str(found) for name in NAMING if (found := {**was, **became}.get(name))), ""),
        fields=[
            (_named(model, column), _worded(model, column, was.get(column)), _worded(model, column, became.get(column)))
            for column in changed
        ],
    )


def tables() -> list[tuple[str, str]]:
    """List the watched tables with the names of their models, by name."""
    named = models_by_table()
    return sorted(
        ((each.table, capfirst(str(options_of(named[each.table]).verbose_name))) for each in watched()),
        key=lambda pair: pair[1],
    )


def models_by_table() -> dict[str, type[Model]]:
    """Give the model of each table."""
    models = apps.get_models(include_auto_created=True)
    return {options_of(model).db_table: model for model in models if not options_of(model).proxy}


def rows_of(found: QuerySet[TrailEntry]) -> Iterator[list[Cell]]:
    """Yield entries as a table's rows, each as long as HEADERS; read bit by bit."""
    for entry in found.iterator(AT_ONCE):
        told = tell(entry)
        changes = "\n".join(f"{name}: {was} → {became}" for name, was, became in told.fields)
        yield [
            entry.pk, entry.at, entry.get_door_display(), entry.who, entry.role, told.of, entry.key, told.name,
            entry.get_what_display(), changes, entry.why, entry.request_id,
        ]  # fmt: skip


def _named(model: type[Model] | None, column: str) -> str:
    field = _field(model, column)
    return str(field.verbose_name) if field else column


def _field(model: type[Model] | None, column: str) -> Field[Any, Any] | None:
    if model is None:
        return None
    try:
        field = options_of(model).get_field(column.removesuffix("_id"))
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, Field) else None


def _worded(model: type[Model] | None, column: str, value: Any) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, str) and value.startswith(DIGEST):
        return _("(kept as a digest) %(start)s…") % {"start": value.removeprefix(DIGEST)[:DIGEST_SHOWN]}
    field = _field(model, column)
    if field is None or isinstance(value, dict | list):
        return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))[:LONGEST]
    if field.get_internal_type() == "DateTimeField":
        return _instant(value)
    return f"#{value}" if field.is_relation else str(dict(field.flatchoices).get(value, value))[:LONGEST]


def _instant(value: str) -> str:
    try:
        return date_format(timezone.localtime(datetime.fromisoformat(value)), "Y-m-d H:i:s")
    except ValueError:
        return value
