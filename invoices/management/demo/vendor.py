"""The demo's vendor, customers and contracts, made once; and the traffic of each customer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import connection

from billing.periods import Period, add_months, period_containing
from invoices.management.demo.agreed import agree, hold
from tenants.keys import make_key
from tenants.models import ApiKey, Contact, Contract, Seller, Tenant
from usage.models import Source
from usage.simulation import PRESETS, SimulatedCall, calls

SEED = 2026
HERE = Path(__file__).parent


@dataclass(frozen=True)
class Customer:
    """One customer of the demo: who, under which contract, with which calls of which months, reported with which key."""

    tenant: Tenant
    contract: Contract
    source: Source
    preset: str
    format: str
    key: str
    months: tuple[Period, ...]

    @property
    def zone(self) -> ZoneInfo:
        """Return the customer's time zone."""
        return ZoneInfo(self.tenant.zone)

    def calls(self, month: Period) -> Iterator[SimulatedCall]:
        """Generate the calls of one month; the same ones every time."""
        seed = SEED + self.tenant.pk
        return calls(PRESETS[self.preset], month.starts_on, month.ends_on, self.zone, seed)

    def stored_calls(self, month: Period) -> int:
        """Count what the database holds of one month."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM usage_call WHERE tenant_id = %s AND period = %s",
                [self.tenant.pk, month.starts_on],
            )
            return int(cursor.fetchone()[0])


def full_months(today: date, how_many: int) -> list[Period]:
    """Return the last full calendar months, the latest last."""
    first = today.replace(day=1)
    return [period_containing(add_months(first, -back)) for back in range(how_many, 0, -1)]


def make_vendor(now: datetime, months: list[Period], password: str) -> list[Customer]:
    """Make seller, customers, signed contracts, sources and a key each, unless they exist; return the customers."""
    story = json.loads((HERE / "vendor.json").read_text(encoding="utf-8"))
    seller, _ = Seller.objects.get_or_create(
        code=story["seller"]["code"],
        defaults=story["seller"]
        | {
            "logo": (HERE / "logo.svg").read_bytes(),
            "billing_starts_on": months[-1].starts_on,
            "closes_by_itself": False,
        },
    )
    if not User.objects.filter(username="admin").exists():
        User.objects.create_superuser("admin", email=seller.email, password=password)
    return [_make_customer(each, seller, now, months) for each in story["tenants"]]


def _make_customer(story: dict[str, Any], seller: Seller, now: datetime, months: list[Period]) -> Customer:
    tenant, _ = Tenant.objects.get_or_create(
        code=story["tenant"]["code"], defaults=story["tenant"] | {"seller": seller}
    )
    Contact.objects.get_or_create(
        tenant=tenant, email=story["contact"]["email"], defaults={"name": story["contact"]["name"]}
    )
    source, _ = Source.objects.get_or_create(tenant=tenant, code="switch-1", defaults={"zone": tenant.zone})
    told = story["contract"]
    names = {"tenant": tenant, "name_zh": told["name_zh"], "name_en": told["name_en"]}
    contract, _ = Contract.objects.get_or_create(code=told["code"], defaults=names)
    traffic = story["traffic"]
    loaded = tuple(months[-traffic.get("months", len(months)) :])
    agree(contract, told, loaded[0].starts_on, months[-1], now)
    hold(contract, told, months[-1], now)
    # Only hashes of keys are stored, so each run makes its own and retires the last run's.
    ApiKey.objects.filter(tenant=tenant, name="demo switch", revoked_at__isnull=True).update(revoked_at=now)
    _, key = make_key(tenant, "demo switch", [ApiKey.INGEST, ApiKey.READ])
    return Customer(tenant, contract, source, traffic["preset"], traffic["format"], key, loaded)


def batches_of(records: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Cut a stream into lists of at most ``size``."""
    for _, batch in groupby(enumerate(records), key=lambda pair: pair[0] // size):
        yield [record for _, record in batch]
