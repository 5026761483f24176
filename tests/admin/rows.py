"""A row of every kind that the admin shows: by the verbs where the trade makes it, else field by field."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db import models

from billing.periods import period_containing
from invoices.crediting import decide, request_credit
from invoices.drafting import draft_month
from invoices.models import CreditNote, Invoice
from tenants.models import Contract, ContractVersion
from tests.conftest import NOW, issue_by_two

VALUES: dict[type[models.Field], Any] = {
    models.CharField: "x",
    models.TextField: "x",
    models.SlugField: "x",
    models.EmailField: "x@huadan.example",
    models.URLField: "https://erp.example/",
    models.DateField: date(2027, 1, 1),
    models.DateTimeField: datetime(2027, 1, 1, tzinfo=UTC),
    models.DurationField: timedelta(hours=1),
    models.JSONField: {},
    models.BinaryField: b"x",
    models.BooleanField: False,
    ArrayField: [],
}
# What the fields alone do not tell: a check of the database, or a choice the page needs.
KNOWN: dict[str, dict[str, Any]] = {
    "tenants.taxcode": {"code": "3040203000000000000"},
}


def make_rows(contract: Contract) -> dict[type[models.Model], models.Model]:
    """Return one row of each registered model that is a table; a tenant's month is billed, credited, and drafted anew."""
    month = period_containing(date(2026, 10, 1))
    issued = issue_by_two(draft_month(contract, month, NOW).pk)
    credit = request_credit(issued, None, reason="Wrong", by="wang", now=NOW)
    decide(credit.pk, approve=True, by="li", now=NOW)
    ContractVersion.objects.create(
        contract=contract, number=2, starts_on=date(2027, 1, 1), agreement=contract.versions.get().agreement
    )
    draft_month(contract, period_containing(date(2026, 9, 1)), NOW)
    found = {model: row_of(model) for model in admin.site._registry if model._meta.managed}
    found[Invoice] = Invoice.objects.get(state=Invoice.DRAFT)
    found[CreditNote] = CreditNote.objects.get()
    found[ContractVersion] = ContractVersion.objects.get(signed_at=None)
    return found


def row_of(model: type[models.Model]) -> models.Model:
    """Return the first row there is, or make one with a value in each field that needs one."""
    there = model._default_manager.order_by("pk").first()
    if there is not None:
        return there
    known = KNOWN.get(model._meta.label_lower, {})
    needed = [field for field in model._meta.concrete_fields if _needs_value(field) and field.name not in known]
    return model._default_manager.create(**known, **{field.name: _value_of(field) for field in needed})


def _needs_value(field: models.Field[Any, Any]) -> bool:
    left_out = field.has_default() or field.null or isinstance(field, models.AutoField | models.GeneratedField)
    return not left_out and not (field.blank and field.empty_strings_allowed)


def _value_of(field: models.Field[Any, Any]) -> Any:
    if isinstance(field, models.ForeignKey):
        return row_of(field.related_model)
    if field.choices:
        return field.choices[0][0]
    return next((VALUES[kind] for kind in type(field).__mro__ if kind in VALUES), 1)
