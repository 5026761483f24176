"""What the demo's customers signed, amended, booked, bought and were measured at; entered once, as finance would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.periods import Period, midnight
from tenants.contracts import amend, sign
from tenants.levels import enter_level
from tenants.models import Contract, ContractVersion
from tenants.packages import buy_package
from tenants.subscribing import change_subscription

NOTICE = timedelta(days=40)  # longer than the seller's days of notice
DEMO: dict[str, Any] = {"by": "demo", "reason": "as negotiated"}


def agree(contract: Contract, told: Mapping[str, Any], since: date, month: Period, now: datetime) -> None:
    """Sign the first version, and the one that changes prices within the month, with notice long before it; once."""
    if not contract.versions.filter(signed_at__isnull=False).exists():
        version, _ = ContractVersion.objects.get_or_create(
            contract=contract, number=1, defaults={"starts_on": since, "agreement": told["agreement"]}
        )
        sign(version, now=min(now, midnight(since - NOTICE, contract.tenant.zone)), **DEMO)
    changed = told.get("amended")
    if changed and contract.versions.count() == 1:
        starts_on = _day(month, changed["day"])
        amend(
            contract, _dearer(told["agreement"], changed["prices"]), starts_on=starts_on, notice_on=starts_on - NOTICE,
            now=min(now, midnight(starts_on - NOTICE, contract.tenant.zone)), **DEMO,
        )  # fmt: skip


def hold(contract: Contract, told: Mapping[str, Any], month: Period, now: datetime) -> None:
    """Enter subscriptions and packages once, and the levels measured of the month; again, nothing is entered."""
    entered = DEMO | {"now": min(now, midnight(month.starts_on, contract.tenant.zone))}
    for number, each in enumerate(told.get("held", [])):
        if not contract.subscriptions.filter(external_id=f"held-{number}").exists():
            on, change = _day(month, each["day"]), Decimal(each["change"])
            change_subscription(contract, each["item"], change, on=on, external_id=f"held-{number}", **entered)
    for each in told.get("bought", []):
        if not contract.packages.filter(external_id="bought").exists():
            buy_package(contract, each["package"], on=_day(month, each["day"]), external_id="bought", **entered)
    for each in told.get("measured", []):
        enter_level(contract, each["measure"], Decimal(each["level"]), month, external_id=month.label, **entered)


def _dearer(agreement: dict[str, Any], prices: Mapping[str, str]) -> dict[str, Any]:
    clauses = [clause | {"price": prices.get(clause["code"], clause["price"])} for clause in agreement["clauses"]]
    return agreement | {"clauses": clauses}


def _day(month: Period, number: int) -> date:
    return month.starts_on + timedelta(days=number - 1)
