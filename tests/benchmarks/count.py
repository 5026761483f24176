"""Measure counting a tenant's month against the bare SQL: one GROUP BY of the same rows.

The subject is ``usage.aggregation.count_month`` with a contract of one duration clause, replacing the totals of a month
of calls; the baseline counts calls and started minutes by day, and stores nothing. Ratio = bare time / ours.
"""

from __future__ import annotations

import sys
from datetime import date

from tests.benchmarks import _comparing as comparing

CALLS, FULL_CALLS, ROUNDS = 300_000, 3_000_000, 5
BARE = """
SELECT (started_at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*), sum(talk_ms), sum((talk_ms + 59999) / 60000)
FROM usage_call WHERE tenant_id = 1 AND period = '2026-10-01' AND answered_at IS NOT NULL GROUP BY day
"""
FILL = """
INSERT INTO usage_call
SELECT 1, 1, 'call-' || n, 'a', '2026-10-01', 'outbound', '138****1234', '021****1000', '\\x00', '\\x01', NULL, NULL,
       t, CASE WHEN n % 5 > 0 THEN t + interval '8 s' END, t + interval '90 s', CASE WHEN n % 5 > 0 THEN (n % 180) * 997 ELSE 0 END,
       NULL, 0, NULL, 'NORMAL_CLEARING', '310000', 'robot-' || n % 20, 'line-1', 'zh', '{}', '{}', '{}', '{}',
       decode(md5(n::text), 'hex'), gen_random_uuid(), 1, now()
FROM generate_series(1, %s) AS n,
LATERAL (SELECT timestamptz '2026-09-30 16:00+00' + (n::float8 / %s) * interval '31 days' AS t) AS at
"""


def main(arguments: list[str] | None = None) -> int:
    """Fill a month, count it in turn both ways, print the ratio."""
    options = comparing.options_of(arguments, __doc__)
    comparing.open_database()
    from django.db import connection

    from billing.periods import period_containing
    from billing.rating import terms_from_versions
    from usage.aggregation import count_month
    from usage.partitions import ensure_partitions

    number = FULL_CALLS if options.full else CALLS
    ensure_partitions([date(2026, 10, 1)])
    with connection.cursor() as cursor:
        cursor.execute(FILL.replace("%s", str(number)))
        cursor.execute("VACUUM ANALYZE usage_call")
    document = {
        "version": 1,
        "currency": "CNY",
        "clauses": [{"kind": "duration", "code": "talk", "name": {"zh": "通话", "en": "Talk"}, "price": "0.15"}],
    }
    period = period_containing(date(2026, 10, 1))
    terms = terms_from_versions(period, "Asia/Shanghai", [("1", date(2026, 1, 1), document)])

    def bare() -> None:
        with connection.cursor() as cursor:
            cursor.execute(BARE)
            cursor.fetchall()

    ours, theirs = comparing.in_turn(lambda: count_month(1, 1, terms), bare, ROUNDS)
    value, baseline = number / comparing.median(ours), number / comparing.median(theirs)
    comparing.report(
        "count",
        "calls/s",
        value,
        baseline,
        value / baseline,
        as_json=options.json,
        calls=number,
        subjects=ours,
        baselines=theirs,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
