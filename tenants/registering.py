"""Tenants and contracts as a seller's own system sets them up: the same again changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from tenants.models import Contact, Contract, Seller, Tenant

FIXED = ("zone", "billing_day", "currency")


class CannotRegister(Refused):
    """A value cannot be right, or must not change any more."""

    status = 422


class CodeTaken(Refused):
    """The code stands for something of somebody else."""

    status = 409


def register_tenant(seller_id: int, code: str, values: Mapping[str, Any]) -> tuple[Tenant, bool]:
    """Make or change a tenant of a seller by its code; return it, and whether it is new.

    ``values`` are the tenant's fields and ``contacts``, the whole list. Raises CannotRegister for a value that is wrong,
    and for another zone, billing day or currency once there is a contract: they decide which month a call belongs to.
    """
    with transaction.atomic(durable=True):
        tenant = Tenant.objects.select_for_update().filter(seller_id=seller_id, code=code).first()
        made = tenant is None
        tenant = tenant or Tenant(seller=Seller.objects.get(pk=seller_id), code=code)
        fields = {name: value for name, value in values.items() if name != "contacts"}
        fixed = not made and tenant.contracts.exists()
        for name in FIXED if fixed else ():
            if name in fields and fields[name] != getattr(tenant, name):
                raise CannotRegister(
                    "fixed",
                    _("%(name)s cannot change any more: there is a contract.") % {"name": name},
                    pointer=f"/{name}",
                )
        _store(tenant, fields)
        if "contacts" in values:
            if len({contact["email"] for contact in values["contacts"]}) < len(values["contacts"]):
                raise CannotRegister("contact_twice", _("Name each mail address once."), pointer="/contacts")
            tenant.contacts.all().delete()
            Contact.objects.bulk_create(Contact(tenant=tenant, **contact) for contact in values["contacts"])
    return tenant, made


def register_contract(seller_id: int, code: str, tenant_code: str, values: Mapping[str, Any]) -> tuple[Contract, bool]:
    """Make or change a contract of a seller's tenant by its number; return it, and whether it is new.

    Raises CannotRegister for an unknown tenant, a wrong value, another tenant, or another scope once a version is signed.
    """
    with transaction.atomic(durable=True):
        tenant = Tenant.objects.select_for_update().filter(seller_id=seller_id, code=tenant_code).first()
        if tenant is None:
            raise CannotRegister(
                "unknown_tenant", _("There is no tenant of this code; make it first."), pointer="/tenant"
            )
        contract = Contract.objects.filter(tenant__seller_id=seller_id, code=code).first()
        made = contract is None
        contract = contract or Contract(tenant=tenant, code=code)
        signed = not made and contract.versions.filter(signed_at__isnull=False).exists()
        if contract.tenant_id != tenant.pk or (signed and values.get("scope", contract.scope) != contract.scope):
            raise CannotRegister("fixed", _("Tenant and scope of a signed contract stand; make another contract."))
        _store(contract, values)
    return contract, made


def _store(row: models.Model, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as fault:
        name, sentences = next(iter(fault.message_dict.items()))
        raise CannotRegister("invalid_value", sentences[0], pointer=f"/{name}") from None
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise CodeTaken("code_taken", _("This code is taken; choose another.")) from None
