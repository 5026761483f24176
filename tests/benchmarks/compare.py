"""Measure comparing eight contracts over twelve months against counting those months once.

The baseline is ``usage.aggregation.count_month`` under the tenant's own contract, a duration clause for each of two
bands, replacing the totals of every month; the subject is ``invoices.comparing.compare`` of that contract and seven of
the catalogue, counting and rating. Ratio = counting / comparing: 0.67 is one and a half times the time of the count.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime

from tests.benchmarks import _comparing as comparing

MONTHS, CALLS, FULL_CALLS, ROUNDS = 12, 25_000, 1_000_000, 3
OTHERS = (
    "outbound-minutes", "outbound-dials", "contact-minutes", "model-calls", "model-term-and-region", "all-in-one",
    "minutes-and-numbers",
)  # fmt: skip
FILL = """
INSERT INTO usage_call
SELECT {tenant}, 1, 'call-' || n, 'a', '{first}', 'outbound', '138****1234', '021****1000', '\\x00', '\\x01', NULL, NULL,
       t, CASE WHEN n % 5 > 0 THEN t + interval '8 s' END, t + interval '90 s', CASE WHEN n % 5 > 0 THEN (n % 180) * 997 ELSE 0 END,
       NULL, 0, NULL, 'NORMAL_CLEARING', '310000', 'robot-' || n % 20, 'line-1', 'zh', '{{}}', '{{}}', '{{}}', '{{}}',
       decode(md5(n::text), 'hex'), gen_random_uuid(), 1, now()
FROM generate_series(1, {calls}) AS n,
LATERAL (SELECT timestamptz '{first} 00:00+08' + (n::float8 / {calls}) * interval '27.9 days' AS t) AS at
"""


def main(arguments: list[str] | None = None) -> int:
    """Fill twelve months, count and compare them in turn, print the ratio."""
    options = comparing.options_of(arguments, __doc__)
    comparing.open_database()
    from django.db import connection

    from billing.periods import Period, period_containing
    from invoices.comparing import catalogue_offer, compare, own_offer
    from tenants.catalogue import entries
    from tenants.contracts import terms_for
    from tenants.models import Contract, ContractVersion, Seller, Tenant
    from usage.aggregation import count_month
    from usage.partitions import ensure_partitions

    number = FULL_CALLS if options.full else CALLS
    names = {"name_zh": "客户", "name_en": "Customer"}
    seller = Seller.objects.create(code="bench", email="a@b.example", tax_id="1", **names)
    tenant = Tenant.objects.create(seller=seller, code="bench", zone="Asia/Shanghai", language="zh", **names)
    contract = Contract.objects.create(tenant=tenant, code="bench", **names)
    ContractVersion.objects.create(
        contract=contract,
        number=1,
        starts_on=date(2025, 1, 1),
        agreement=entries()["model-peak-minutes"].agreement,
        signed_at=datetime.now(UTC),
        signed_by="bench",
    )
    months: list[Period] = [period_containing(date(2025, month, 1)) for month in range(1, MONTHS + 1)]
    ensure_partitions([month.starts_on for month in months])
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for month in months:
            cursor.execute(FILL.format(tenant=tenant.pk, first=month.starts_on, calls=number))
        cursor.execute("VACUUM ANALYZE usage_call")
    offers = [own_offer(contract), *map(catalogue_offer, OTHERS)]

    def count() -> None:
        for month in months:
            count_month(tenant.pk, contract.pk, terms_for(contract, month))

    ours, theirs = comparing.in_turn(lambda: compare(contract, months, offers), count, ROUNDS)
    value, baseline = comparing.median(ours), comparing.median(theirs)
    comparing.report(
        "compare",
        "s",
        value,
        baseline,
        baseline / value,
        as_json=options.json,
        calls=number,
        months=MONTHS,
        contracts=len(offers),
        subjects=ours,
        baselines=theirs,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
