"""What was agreed: sign a version, end a contract, and the terms of a month in the engine's form."""

from __future__ import annotations

from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating.terms import Agreement, Terms, terms_from_versions
from tenants.models import Contract, ContractVersion, Tenant


class NotInForce(Refused):
    """No signed version of the contract rules any day of the period."""

    status = 409


class CannotSign(Refused):
    """The version must not be signed as it is."""

    status = 409


def sign(version: ContractVersion, *, by: str, reason: str, now: datetime) -> None:
    """Sign a draft version: from now on the database refuses to change it.

    Raises CannotSign when it is signed already, when it would rule days that another contract of the tenant rules,
    or when its currency is not the tenant's; InvalidTerms when the engine cannot read the agreement.
    """
    with transaction.atomic(durable=True):
        tenant = Tenant.objects.select_for_update().get(contracts__versions=version.pk)
        version.refresh_from_db()
        agreement = Agreement.from_json(version.agreement)
        if version.signed_at:
            raise CannotSign(
                "already_signed", _("This version is signed already; write a new one to change the terms.")
            )
        if agreement.currency != tenant.currency:
            raise CannotSign(
                "wrong_currency",
                _("The tenant is billed in %(currency)s; write the agreement in it.") % {"currency": tenant.currency},
            )
        _refuse_two_contracts_at_once(tenant, version)
        changed = ContractVersion.objects.filter(pk=version.pk, signed_at__isnull=True)
        changed.update(signed_at=now, signed_by=by, reason=reason or version.reason)
    version.refresh_from_db()


def _refuse_two_contracts_at_once(tenant: Tenant, version: ContractVersion) -> None:
    """Each call belongs to one contract; a second one over the same days would charge it twice."""
    own_end = version.contract.ends_on or date.max
    for other in Contract.objects.filter(tenant=tenant).exclude(pk=version.contract_id):
        first = signed_versions(other)[:1]
        if first and first[0].starts_on < own_end and version.starts_on < (other.ends_on or date.max):
            raise CannotSign(
                "contracts_overlap",
                _("Contract %(other)s covers these days already; end it first, or begin later.")
                % {"other": other.code},
            )


def signed_versions(contract: Contract) -> list[ContractVersion]:
    """List the signed versions of a contract in the order in which they come into force."""
    return list(contract.versions.filter(signed_at__isnull=False).order_by("starts_on", "number"))


def terms_for(contract: Contract, period: Period) -> Terms:
    """Assemble what a contract says about one month. Raises NotInForce when it says nothing."""
    versions = signed_versions(contract)
    ends_on = contract.ends_on or date.max
    if not versions or versions[0].starts_on >= period.ends_on or ends_on <= period.starts_on:
        raise NotInForce(
            "not_in_force",
            _("Contract %(code)s has no signed version in force in %(period)s.")
            % {"code": contract.code, "period": period.label},
        )
    return terms_from_versions(
        period,
        contract.tenant.zone,
        [(str(version.number), version.starts_on, version.agreement) for version in versions],
        ends_on=contract.ends_on,
    )
