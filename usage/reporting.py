"""What reached a tenant, for the report of a month's close."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import connection
from psycopg.sql import SQL, Literal

from billing.periods import Period
from billing.rating import Terms
from usage.counting import calls_of
from usage.models import Declaration

DELIVERED = """
SELECT m.tenant_id, m.period, COALESCE(sum(b.received), 0)::int8, COALESCE(sum(b.duplicates), 0)::int8,
    COALESCE(sum(b.rejected + b.conflicts), 0)::int8
FROM unnest(%s::int8[], %s::date[]) AS m (tenant_id, period)
LEFT JOIN LATERAL (SELECT max(frozen_at) AS at FROM usage_usagemonth AS u
    WHERE u.tenant_id = m.tenant_id AND u.period < m.period) AS frozen ON TRUE
LEFT JOIN usage_batch AS b ON b.tenant_id = m.tenant_id AND (frozen.at IS NULL OR b.received_at > frozen.at)
GROUP BY m.tenant_id, m.period
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Records delivered since the month before was frozen, so that one month's report begins where the last one ended.

    ``rejected`` went into quarantine, conflicts among them. ``declared`` is what senders say of the month itself, None
    when they say nothing.
    """

    received: int
    duplicates: int
    rejected: int
    declared: int | None


Month = tuple[int, Period]  # of a tenant


def delivered(months: Collection[Month]) -> dict[Month, Delivered]:
    """Add up deliveries to tenants since the last freeze of an earlier month, and what was declared of each month."""
    declarations = list(
        Declaration.objects.filter(
            tenant_id__in={tenant_id for tenant_id, _ in months},
            starts_on__gte=min(period.starts_on for _, period in months),
        )
    )
    with connection.cursor() as cursor:
        cursor.execute(DELIVERED, [[tenant_id for tenant_id, _ in months], [period.starts_on for _, period in months]])
        found = {(tenant_id, starts_on): (r, d, q) for tenant_id, starts_on, r, d, q in cursor.fetchall()}
    return {
        (tenant_id, period): Delivered(
            *found[tenant_id, period.starts_on],
            declared=_declared((each for each in declarations if each.tenant_id == tenant_id), period),
        )
        for tenant_id, period in months
    }


@dataclass(frozen=True, slots=True)
class Described:
    """What a contract's calls of a month were like; ``modules`` says how many calls used each."""

    calls: int
    answered: int
    short: int
    modules: dict[str, int]


def describe(tenant_id: int, terms: Terms, *, short_s: int) -> Described:
    """Count a month's calls: all, answered, answered with less than so many seconds of talk, and by module used."""
    calls = calls_of(tenant_id, terms, terms.period)
    with connection.cursor() as cursor:
        cursor.execute(
            SQL(
                "SELECT count(*), count(answered_at), count(*) FILTER (WHERE answered_at IS NOT NULL AND talk_ms < {}) {}"
            ).format(Literal(short_s * 1000), calls)
        )
        number, answered, short = cursor.fetchone()
        cursor.execute(SQL("SELECT unnest(modules), count(*) {} GROUP BY 1").format(calls))
        return Described(number, answered, short, dict(cursor.fetchall()))


def _declared(declarations: Iterable[Declaration], period: Period) -> int | None:
    """Add up declared calls, each day once: all sources together before single ones, long ranges before short ones."""
    within = [each for each in declarations if period.starts_on <= each.starts_on and each.ends_on <= period.ends_on]
    chosen: list[Declaration] = []
    for each in sorted(within, key=lambda each: (each.source_id != 0, each.starts_on - each.ends_on)):
        if not any(
            each.starts_on < other.ends_on and other.starts_on < each.ends_on and other.source_id in {0, each.source_id}
            for other in chosen
        ):
            chosen.append(each)
    return sum(each.calls for each in chosen) if chosen else None
