"""Months full of calls, and the contracts they are billed by, as quickly as the database takes them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

MONTH, PARTITION = date(2026, 10, 1), "usage_call_2026_10"
DELIVERED_AT_ONCE = 50  # a tenant's calls lie in the table as they came: some together, then other tenants'
TALK = {"kind": "duration", "code": "talk", "name": {"zh": "通话", "en": "Talk"}, "price": "0.15"}
AGREEMENT: dict[str, Any] = {"version": 1, "currency": "CNY", "tax": {"rate": "0.06"}, "clauses": [TALK]}
GROUPED = AGREEMENT | {"clauses": [TALK | {"group_by": "robot"}]}  # of twenty robots: 620 totals a month
FILL = """
INSERT INTO {table}
SELECT tenant, tenant, 'call-' || n, 'a', '2026-10-01', 'outbound', '138****1234', '021****1000', '\\x00', '\\x01', NULL, NULL,
       t, CASE WHEN n % 5 > 0 THEN t + interval '8 s' END, t + interval '90 s', CASE WHEN n % 5 > 0 THEN (n % 180) * 997 ELSE 0 END,
       NULL, 0, NULL, 'NORMAL_CLEARING', '310000', 'robot-' || n % 20, 'line-1', 'zh', '{{}}', '{{}}', '{{}}', '{{}}',
       sha256((tenant || ' ' || n)::bytea), '{{00000000-0000-4000-8000-000000000000}}', 1, now()
FROM generate_series(0, ({each} - {after}) / {batch} - 1) AS delivery, generate_series({first}, {last}) AS tenant,
LATERAL (SELECT {after} + delivery * {batch} + within AS n FROM generate_series(1, {batch}) AS within) AS numbered,
LATERAL (SELECT timestamptz '2026-09-30 16:00+00' + ((n - {after})::float8 / ({each} - {after})) * interval '30.99 days' AS t) AS at
"""


def fill_calls(first: int, last: int, each: int, *, after: int = 0) -> None:
    """Give every tenant id from ``first`` to ``last`` ``each`` calls (a multiple of 50) in October 2026.

    ``after`` so many are there already. To fill takes longer than to count, so what is there is kept and added to.
    """
    from django.db import connection

    from usage.partitions import ensure_partitions

    ensure_partitions([MONTH])
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(_filling("usage_call", first, last, each, after))
        cursor.execute("VACUUM ANALYZE usage_call")


def fill_many_calls(first: int, last: int, each: int, *, after: int = 0) -> None:
    """Do the same for millions of calls in seconds: the month's partition is filled aside, and indexed when it is full.

    It is not logged, which its readers cannot tell: not for tests that kill the server.
    """
    from django.db import connection

    from usage.partitions import ensure_partitions

    ensure_partitions([MONTH])
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET maintenance_work_mem = '512MB'")
        cursor.execute(f"ALTER TABLE usage_call DETACH PARTITION {PARTITION}")
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary",
            [PARTITION],
        )
        for (index,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {index}")
        cursor.execute(f"ALTER TABLE {PARTITION} DROP CONSTRAINT {PARTITION}_pkey")
        if not after:
            cursor.execute(f"TRUNCATE {PARTITION}; ALTER TABLE {PARTITION} SET UNLOGGED")
        cursor.execute(_filling(PARTITION, first, last, each, after))
        cursor.execute(
            f"ALTER TABLE usage_call ATTACH PARTITION {PARTITION} FOR VALUES FROM ('2026-10-01') TO ('2026-11-01')"
        )
        cursor.execute("VACUUM ANALYZE usage_call")


def _filling(table: str, first: int, last: int, each: int, after: int) -> str:
    return FILL.format(table=table, first=first, last=last, each=each, after=after, batch=DELIVERED_AT_ONCE)


def agree(code: str, tenants: int, agreement: dict[str, Any] = AGREEMENT) -> tuple[Any, int, int]:
    """Make a seller with tenants that have a signed contract and a month to count; return it, the first and last id."""
    from tenants.models import Contract, ContractVersion, Seller, Tenant
    from usage.models import UsageMonth

    now = datetime.now(UTC)
    names = {"name_zh": "客户", "name_en": "Customer"}
    seller = Seller.objects.create(code=code, email="a@b.example", tax_id="1", billing_starts_on=MONTH, **names)
    made = Tenant.objects.bulk_create(
        Tenant(seller=seller, code=f"{code}-{n}", zone="Asia/Shanghai", language="zh", **names) for n in range(tenants)
    )
    contracts = Contract.objects.bulk_create(Contract(tenant=each, code=f"C-{each.code}", **names) for each in made)
    ContractVersion.objects.bulk_create(
        ContractVersion(
            contract=each, number=1, starts_on=date(2026, 1, 1), agreement=agreement, signed_at=now, signed_by="bench"
        )
        for each in contracts
    )
    UsageMonth.objects.bulk_create(UsageMonth(tenant_id=each.pk, period=MONTH, stale_since=now) for each in made)
    return seller, made[0].pk, made[-1].pk
