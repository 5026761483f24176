"""Who of the staff may do what: one table, from which Django's groups are made after each migrate."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from django.apps import apps as installed
from django.db import router, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OURS = ("billing", "tenants", "usage", "invoices")
LOOK = ("tenants.view_*", "usage.view_*", "invoices.view_*")

# A star stands for any end of a name. Whoever asks for something may not be who decides on it: that holds for persons, in the
# verbs and in the database, whatever roles they have; the roles keep the two apart from the start.
ROLES: dict[str, tuple[str, ...]] = {
    "viewer": LOOK,
    "billing clerk": (
        *LOOK, "invoices.change_invoice", "invoices.change_dispute", "invoices.add_creditrequest", "invoices.add_writeoff",
        "invoices.add_refund", "invoices.add_reopening", "invoices.add_payment", "invoices.add_statementmail",
        "invoices.add_tableexport", "invoices.add_taxinvoice", "invoices.add_bookscheck", "invoices.*_bankformat",
        "tenants.add_measuredlevel", "usage.change_quarantined",
    ),
    "approver": (
        *LOOK, "invoices.issue_invoice", "invoices.decide_*", "invoices.reverse_payment", "invoices.add_tableexport",
        "invoices.add_bookscheck",
    ),
    "tenant manager": (
        *LOOK, "tenants.*_tenant", "tenants.*_contact", "tenants.*_contract", "tenants.*_contractversion",
        "tenants.add_subscriptionchange", "tenants.add_measuredlevel", "tenants.add_packagepurchase", "usage.*_source",
        "usage.change_quarantined", "usage.unmask_call", "tenants.*_apikey", "tenants.*_webhookendpoint",
    ),
    "auditor": ("*.view_*", "billing.verify_audittrail"),
    "administrator": (
        "*.view_*", "billing.verify_audittrail", "auth.*_user", "billing.change_lockout",
        "tenants.*_seller", "tenants.*_taxcode", "tenants.*_apikey",
        "tenants.*_webhookendpoint", "usage.*_source", "usage.*_retentionpolicy", "invoices.*_bankformat",
        "invoices.add_bookscheck",
    ),
}  # fmt: skip

# Who moves money proves again who they are when the login is some minutes old.
MONEY = frozenset(
    {
        "invoices.issue_invoice", "invoices.reverse_payment", "invoices.add_creditrequest", "invoices.decide_creditrequest",
        "invoices.add_refund", "invoices.decide_refund", "invoices.add_writeoff", "invoices.decide_writeoff",
        "invoices.add_reopening", "invoices.decide_reopening",
    }
)  # fmt: skip

TITLES: dict[str, Promise] = {
    "viewer": _("viewer"),
    "billing clerk": _("billing clerk"),
    "approver": _("approver"),
    "tenant manager": _("tenant manager"),
    "auditor": _("auditor"),
    "administrator": _("administrator"),
}


def permissions_there_are() -> set[str]:
    """Name every permission that the models define, such as invoices.issue_invoice."""
    return {name for model in installed.get_models() for name in _permissions_of(model)}


def permissions_of(role: str) -> set[str]:
    """Name the permissions of a role."""
    there = permissions_there_are()
    return {name for pattern in ROLES[role] for name in there if fnmatchcase(name, pattern)}


def patterns_of_nothing() -> list[str]:
    """List the entries of the table that no permission fits: slips of the pen, or models that are gone."""
    there = permissions_there_are()
    patterns = {pattern for entries in ROLES.values() for pattern in entries}
    return sorted(each for each in patterns if not any(fnmatchcase(name, each) for name in there))


def sync_roles(app_config: Any, using: str, apps: Any = installed, **_options: Any) -> None:
    """Make the groups say what the table says, nothing less and nothing more; after the last app's permissions are there."""
    with_models = [config for config in installed.get_app_configs() if config.models_module]
    try:
        group_model = apps.get_model("auth", "Group")
        permission_model = apps.get_model("auth", "Permission")
    except LookupError:  # a database in the middle of its first migrations
        return
    if app_config.label != with_models[-1].label or not router.allow_migrate_model(using, group_model):
        return
    ids = {
        f"{app}.{codename}": pk
        for pk, app, codename in permission_model.objects.using(using).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    with transaction.atomic(using=using):
        for role in ROLES:
            group, _made = group_model.objects.using(using).get_or_create(name=role)
            group.permissions.set([ids[name] for name in permissions_of(role) if name in ids])


def _permissions_of(model: Any) -> Iterator[str]:
    own = [codename for codename, _name in model._meta.permissions]  # noqa: SLF001 - Django's name for it
    usual = [f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions]  # noqa: SLF001
    return (f"{model._meta.app_label}.{codename}" for codename in (*usual, *own))  # noqa: SLF001
