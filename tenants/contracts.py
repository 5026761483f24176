"""What was agreed: draft, sign, amend, end and renew a contract; and the terms of a month in the engine's form."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating import lint
from billing.rating.form import read
from billing.rating.remembering import remembered
from billing.rating.terms import Agreement, Beside, InvalidTerms, Select, Terms, terms_from_versions
from tenants.models import Contract, ContractEvent, ContractVersion, ReadableJSON, Tenant
from tenants.noticing import owe_notices, refuse_without_notice
from tenants.repricing import price_changes


class NotInForce(Refused):
    """No signed version of the contract rules any day of the period."""

    status = 409


class CannotSign(Refused):
    """The version must not be signed as it is."""

    status = 409


class CannotEnd(Refused):
    """The contract must not end that day."""

    status = 409


class CannotChangePast(Refused):
    """The day lies in a month that is invoiced."""

    status = 409


def sign(version: ContractVersion, *, by: str, reason: str, now: datetime) -> None:
    """Sign a draft version: from now on the database refuses to change it, and the history tells who, when and why.

    Raises CannotSign when it is signed already, when it would take calls that another contract of the tenant takes,
    when it begins after the contract's end, or when its currency is not the tenant's; CannotChangePast when it begins
    in an invoiced month; NoticeNeeded when it raises prices without notice; InvalidTerms when the engine cannot read
    the agreement.
    """
    with transaction.atomic(durable=True):
        _sign(version, by=by, reason=reason, now=now)


def amend(
    contract: Contract,
    agreement: dict[str, Any],
    *,
    starts_on: date,
    by: str,
    reason: str,
    now: datetime,
    notice_on: date | None = None,
) -> ContractVersion:
    """Sign other terms from a day on, as the contract's next version; return it. Raises what ``sign`` raises."""
    with transaction.atomic(durable=True):
        contract = _locked(contract)
        version = ContractVersion.objects.create(
            contract=contract, number=next_number(contract), starts_on=starts_on, agreement=agreement,
            notice_on=notice_on, reason=reason,
        )  # fmt: skip
        _sign(version, by=by, reason=reason, now=now)
    return version


def draft(
    contract: Contract,
    number: int,
    *,
    agreement: dict[str, Any],
    starts_on: date,
    notice_on: date | None = None,
    reason: str = "",
    started_from: dict[str, Any] | None = None,
) -> tuple[ContractVersion, bool]:
    """Write a draft version, new (the next number) or again; return it, and whether it is new.

    ``started_from`` as the catalogue gives it; without it what the draft knows stays.

    A signed version drafted again as it is stays as it is. Raises CannotSign for any other draft of a signed version and
    for a number that is not the next one; InvalidTerms, its pointer within the whole, for what the engine cannot read.
    """
    try:
        Agreement.from_json(agreement)
    except Refused as fault:
        raise InvalidTerms(fault.message, pointer=f"/agreement{fault.pointer}", code=fault.code) from None
    values = {"agreement": agreement, "starts_on": starts_on, "notice_on": notice_on, "reason": reason}
    values |= {"started_from": started_from} if started_from else {}
    with transaction.atomic(durable=True):
        contract = _locked(contract)
        known = contract.versions.filter(number=number).first()
        if known is None and number != next_number(contract):
            raise CannotSign(
                "wrong_number", _("The next version is number %(number)s.") % {"number": next_number(contract)}
            )
        if known is not None and known.signed_at:
            if (known.agreement, known.starts_on) != (agreement, starts_on):
                raise CannotSign(
                    "already_signed", _("This version is signed already; write a new one to change the terms.")
                )
            return known, False
        version, made = ContractVersion.objects.update_or_create(contract=contract, number=number, defaults=values)
    return version, made


def end(contract: Contract, ends_on: date, *, by: str, reason: str, now: datetime) -> None:
    """End a contract: ``ends_on`` is the first day it is no longer in force.

    Raises CannotEnd when it ends by then anyway or has not begun; CannotChangePast when the day lies in an invoiced month.
    """
    with transaction.atomic(durable=True):
        contract = _locked(contract)
        first = signed_versions(contract)[:1]
        if not first or ends_on < first[0].starts_on:
            raise CannotEnd(
                "not_begun",
                _("The contract is not in force before that day; delete its draft instead."),
                pointer="/ends_on",
            )
        if contract.ends_on and contract.ends_on <= ends_on:
            raise CannotEnd(
                "ends_earlier",
                _("The contract ends on %(day)s; renew it instead.") % {"day": contract.ends_on},
                pointer="/ends_on",
            )
        refuse_frozen(contract, ends_on, of_all=True)
        _move_end(contract, ends_on, ContractEvent.ENDED, by=by, reason=reason, now=now)


def renew(contract: Contract, ends_on: date | None, *, by: str, reason: str, now: datetime) -> None:
    """Let a contract that has an end run on, up to a later day or (None) without end, on its last version's terms.

    Raises CannotEnd when it has no end or a later one; CannotChangePast when days without it are invoiced already;
    CannotSign when another contract has taken its place.
    """
    with transaction.atomic(durable=True):
        contract = _locked(contract)
        if contract.ends_on is None or (ends_on is not None and ends_on <= contract.ends_on):
            raise CannotEnd("runs_longer", _("The contract runs longer than that already."), pointer="/ends_on")
        refuse_frozen(contract, contract.ends_on, of_all=True)
        was, contract.ends_on = contract.ends_on, ends_on
        _refuse_overlap(contract, was)
        _move_end(contract, ends_on, ContractEvent.RENEWED, by=by, reason=reason, now=now)


def freeze_contract(contract_id: int, until: date) -> None:
    """Note that a contract is invoiced up to a day (exclusive): nothing it said before can change from now on."""
    Contract.objects.filter(pk=contract_id).exclude(frozen_until__gte=until).update(frozen_until=until)


def reopen_contract(contract_id: int, since: date) -> None:
    """Note that the month that begins on ``since`` is no longer invoiced: its invoice is void."""
    Contract.objects.filter(pk=contract_id, frozen_until__gt=since).update(frozen_until=since)


def entered_since(contract: Contract, instant: datetime, *, before: date) -> bool:
    """Tell whether anything that holds on days before a day was agreed or entered after an instant.

    A draft computed at that instant would not know it: an act on the contract, a subscription, a level, a purchase.
    """
    late = {"at__gt": instant}
    return (
        contract.events.filter(Q(effective_on__lt=before) | Q(effective_on=None), **late).exists()
        or contract.subscriptions.filter(on__lt=before, **late).exists()
        or contract.measurements.filter(period_starts_on__lt=before, **late).exists()
        or contract.packages.filter(bought_on__lt=before, **late).exists()
    )


class Entered(NamedTuple):
    """Whether a contract ever had subscriptions, levels and packages entered."""

    subscriptions: bool
    levels: bool
    packages: bool


def entered_at_all(contract_ids: Collection[int]) -> dict[int, Entered]:
    """Tell, in one question, what kinds of things contracts ever had entered, by id."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT asked.contract, "
            "EXISTS (SELECT FROM tenants_subscriptionchange WHERE contract_id = asked.contract), "
            "EXISTS (SELECT FROM tenants_measuredlevel WHERE contract_id = asked.contract), "
            "EXISTS (SELECT FROM tenants_packagepurchase WHERE contract_id = asked.contract) "
            "FROM unnest(%s::int8[]) AS asked (contract)",
            [list(contract_ids)],
        )
        return {contract_id: Entered(*found) for contract_id, *found in cursor.fetchall()}


def refuse_frozen(contract: Contract, day: date, *, of_all: bool = False, pointer: str = "/ends_on") -> None:
    """Refuse a day in a month that is invoiced, for this contract or (``of_all``) for any of the tenant's.

    A contract that begins, ends or runs on moves calls between the tenant's contracts. Raises CannotChangePast.
    """
    contracts = (
        Contract.objects.filter(tenant=contract.tenant_id) if of_all else Contract.objects.filter(pk=contract.pk)
    )
    frozen_until = contracts.aggregate(day=Max("frozen_until"))["day"]
    if frozen_until is not None and day < frozen_until:
        raise CannotChangePast(
            "month_invoiced",
            _("%(day)s lies in a month that is invoiced; choose %(first)s or later.")
            % {"day": day, "first": frozen_until},
            pointer=pointer,
        )


def signed_versions(contract: Contract) -> list[ContractVersion]:
    """List the signed versions of a contract in the order in which they come into force.

    Versions that were fetched with the contract are not asked for again.
    """
    signed = [version for version in contract.versions.all() if version.signed_at]
    return sorted(signed, key=lambda version: (version.starts_on, version.number))


def next_number(contract: Contract) -> int:
    """Give the number of the contract's next version."""
    return int(contract.versions.aggregate(last=Max("number"))["last"] or 0) + 1


def terms_for(contract: Contract, period: Period) -> Terms:
    """Assemble what a contract says about one month. Raises NotInForce when it says nothing."""
    versions = signed_versions(contract)
    ends_on = contract.ends_on or date.max
    if (
        not versions
        or versions[0].starts_on >= period.ends_on
        or ends_on <= max(period.starts_on, versions[0].starts_on)
    ):
        raise NotInForce(
            "not_in_force",
            _("Contract %(code)s has no signed version in force in %(period)s.")
            % {"code": contract.code, "period": period.label},
        )
    terms = terms_from_versions(
        period,
        contract.tenant.zone,
        [(str(version.number), version.starts_on, _read(version.agreement)) for version in versions],
        ends_on=contract.ends_on,
    )
    return with_scope(contract, terms)


# A signed version does not change, and a close asks for the terms of its month several times.
_read = remembered(Agreement.from_json)


def with_scope(contract: Contract, terms: Terms) -> Terms:
    """Add to the terms of a month which calls the contract is for, and which others take."""
    if contract.takes_rest:
        return replace(terms, beside=tuple(_beside(contract, terms.period)))
    return replace(terms, scope=read(Select, contract.scope))


def _beside(contract: Contract, period: Period) -> Iterator[Beside]:
    """List what the tenant's contracts for certain calls take from the one that takes the rest."""
    for other in sorted(contract.tenant.contracts.all(), key=lambda each: each.pk):
        if other.takes_rest or other.pk == contract.pk or not (signed := signed_versions(other)):
            continue
        starts_on = max(signed[0].starts_on, period.starts_on)
        ends_on = min(other.ends_on or date.max, period.ends_on)
        if starts_on < ends_on:
            yield Beside(read(Select, other.scope), starts_on, ends_on)


def _sign(version: ContractVersion, *, by: str, reason: str, now: datetime) -> None:
    contract = _locked(version.contract)
    tenant = contract.tenant
    version.refresh_from_db()
    agreement = Agreement.from_json(version.agreement)
    if version.signed_at:
        raise CannotSign("already_signed", _("This version is signed already; write a new one to change the terms."))
    if agreement.currency != tenant.currency:
        raise CannotSign(
            "wrong_currency",
            _("The tenant is billed in %(currency)s; write the agreement in it.") % {"currency": tenant.currency},
            pointer="/agreement/currency",
        )
    _refuse_faults(agreement)
    before = signed_versions(contract)
    _refuse_day(contract, version, before)
    replaced = [each for each in before if each.starts_on < version.starts_on][-1:]
    changes = price_changes(Agreement.from_json(replaced[0].agreement), agreement) if replaced else []
    raised = [change for change in changes if change.raised]
    if raised:
        refuse_without_notice(version, raised, now)
    kind = ContractEvent.AMENDED if before else ContractEvent.SIGNED
    ContractVersion.objects.filter(pk=version.pk, signed_at__isnull=True).update(
        signed_at=now,
        signed_by=by,
        reason=reason or version.reason,
        changes=[change._asdict() for change in changes],
    )
    version.refresh_from_db()
    if raised:
        owe_notices(version, now)
    ContractEvent.objects.create(
        contract=contract,
        kind=kind,
        version=version,
        effective_on=version.starts_on,
        by=by,
        reason=version.reason,
        at=now,
    )


def _refuse_faults(agreement: Agreement) -> None:
    """Refuse what the engine's lint calls an error, such as a percentage of a clause that does not exist."""
    fault = next((finding for finding in lint(agreement) if finding.severity == "error"), None)
    if fault is not None:
        text = fault.zh if (get_language() or "").startswith("zh") else fault.en
        raise CannotSign(fault.code, text, pointer=f"/agreement{fault.pointer}")


def _refuse_day(contract: Contract, version: ContractVersion, before: list[ContractVersion]) -> None:
    """Refuse to begin on a day that is invoiced, taken by another version or contract, or after the end."""
    first = min([version.starts_on, *(each.starts_on for each in before)])
    refuse_frozen(contract, version.starts_on, of_all=first == version.starts_on, pointer="/starts_on")
    if contract.ends_on and version.starts_on >= contract.ends_on:
        raise CannotSign(
            "after_the_end",
            _("The contract ends on %(day)s; begin earlier, or renew it first.") % {"day": contract.ends_on},
            pointer="/starts_on",
        )
    twin = next((each for each in before if each.starts_on == version.starts_on), None)
    if twin is not None:
        raise CannotSign(
            "day_taken",
            _("Version %(number)s begins on %(day)s too; choose a later day.")
            % {"number": twin.number, "day": version.starts_on},
            pointer="/starts_on",
        )
    _refuse_overlap(contract, first)


def _refuse_overlap(contract: Contract, starts_on: date) -> None:
    """Each call belongs to one contract; a second one for the same calls on the same days would charge them twice."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT code FROM tenants_contract WHERE tenant_id = %s AND id <> %s "
            "AND tenants_scopes_meet(scope, %s::jsonb) AND tenants_days_in_force(id) && daterange(%s, %s) LIMIT 1",
            [contract.tenant_id, contract.pk, ReadableJSON().encode(contract.scope), starts_on, contract.ends_on],
        )
        other = cursor.fetchone()
    if other:
        raise CannotSign(
            "contracts_overlap",
            _(
                "Contract %(other)s is for the same calls on these days; end it first, begin later, or set the scopes apart."
            )
            % {"other": other[0]},
            pointer="/scope",
        )


def _locked(contract: Contract) -> Contract:
    """Take the locks in the house's order: the tenant, then the contract."""
    Tenant.objects.select_for_update().get(contracts=contract.pk)
    return Contract.objects.select_related("tenant").select_for_update(of=("self",)).get(pk=contract.pk)


def _move_end(contract: Contract, ends_on: date | None, kind: str, *, by: str, reason: str, now: datetime) -> None:
    Contract.objects.filter(pk=contract.pk).update(ends_on=ends_on)
    ContractEvent.objects.create(contract=contract, kind=kind, effective_on=ends_on, by=by, reason=reason, at=now)
