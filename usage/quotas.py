"""May the robot take another call now? The daily and monthly limits of the contract's clauses, against the calls stored.

The answer is as fresh as it says: a process asks the database at most once in ``FRESH_SECONDS`` for each question.
Days before today are taken from the month's last count where there is one. Calls that are going on are not counted:
nobody has reported them yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Sum
from psycopg.sql import SQL, Composable, Literal

from billing.periods import midnight, period_of
from billing.rating.counting import Taking, meters
from billing.rating.terms import CallsClause, Segment, Terms
from tenants.contracts import NotInForce, terms_for
from tenants.models import Budget, Contract, Tenant
from usage import selectors
from usage.counting import calls_of
from usage.models import UsageMonth, UsageTotal

FRESH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one clause: what it allows, what is used of it, when it starts anew."""

    clause: str
    per: str
    limit: int
    used: int
    resets_at: datetime
    refuses: bool

    @property
    def remaining(self) -> int:
        """Count the calls that are still within the limit."""
        return max(self.limit - self.used, 0)


@dataclass(frozen=True, slots=True)
class Quota:
    """Whether another call may begin. ``remaining`` and ``resets_at`` are of the tightest limit, None without any.

    ``stopped_by`` names a budget of the tenant's that is used up and stops calls, whatever the limits say.
    """

    allowed: bool
    remaining: int | None
    resets_at: datetime | None
    as_of: datetime
    fresh_within_seconds: float = FRESH_SECONDS
    limits: list[Limit] = field(default_factory=list)
    stopped_by: str | None = None


def quota_of(tenant: Tenant, now: datetime, *, clause: str = "", group: str | None = None) -> Quota:
    """Tell whether a tenant may take another call, by all limits or by those of one clause.

    Where a clause limits each group by itself, ``group`` names whose limit is meant; unnamed, the fullest counts.
    A limit beyond which calls are charged or free allows them all the same, with nothing remaining.
    """
    question = (tenant.pk, clause, group)
    known = _answers.get(question)
    if known is None or not known.as_of <= now <= known.as_of + timedelta(seconds=FRESH_SECONDS):
        if len(_answers) > 10_000:
            _answers.clear()
        known = _answers[question] = _ask(tenant, now, clause, group)
    return known


def limits_of(tenant: Tenant, now: datetime) -> list[Limit]:
    """List a tenant's limits with what is used of them now, as the calls stored tell; never from memory."""
    return list(_limits(tenant, now, None))


def forget_answers() -> None:
    """Ask the database again, whatever is known."""
    _answers.clear()


def _ask(tenant: Tenant, now: datetime, clause: str, group: str | None) -> Quota:
    limits = [limit for limit in _limits(tenant, now, group) if clause in {"", limit.clause}]
    tightest = min(
        limits, key=lambda limit: (not (limit.refuses and not limit.remaining), limit.remaining), default=None
    )
    if stop := _stopping(tenant, now, clause, group):
        ends_at = midnight(period_of(now, tenant.zone, tenant.billing_day).ends_on, tenant.zone)
        return Quota(False, 0, ends_at, now, limits=limits, stopped_by=stop.name)
    if tightest is None:
        return Quota(allowed=True, remaining=None, resets_at=None, as_of=now)
    refused = [limit for limit in limits if limit.refuses and not limit.remaining]
    resets_at = max(limit.resets_at for limit in refused) if refused else tightest.resets_at
    return Quota(not refused, tightest.remaining, resets_at, now, limits=limits)


def _stopping(tenant: Tenant, now: datetime, clause: str, group: str | None) -> Budget | None:
    """Find a budget that is used up in the running month and stops such calls; it was noted when the month was counted."""
    period = period_of(now, tenant.zone, tenant.billing_day)
    stops = Budget.objects.filter(tenant=tenant, active=True, stops=True, stopped_in=period.starts_on).order_by("pk")
    return next(
        (
            each
            for each in stops
            if clause in {"", each.clause} or not each.clause
            if group in {None, each.group} or not each.group
        ),
        None,
    )


def _limits(tenant: Tenant, now: datetime, group: str | None) -> Iterator[Limit]:
    period = period_of(now, tenant.zone, tenant.billing_day)
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    for contract in Contract.objects.filter(tenant=tenant).select_related("tenant"):
        try:
            terms = terms_for(contract, period)
        except NotInForce:
            continue
        for segment in terms.segments:
            if segment.starts_on <= today < segment.ends_on:
                yield from _limits_of(_Question(tenant, contract.pk, terms, segment, today, group))


@dataclass(frozen=True, slots=True)
class _Question:
    tenant: Tenant
    contract_id: int
    terms: Terms
    segment: Segment
    today: date
    group: str | None


def _limits_of(question: _Question) -> Iterator[Limit]:
    clauses = {each.code: each for each in question.segment.agreement.clauses if isinstance(each, CallsClause)}
    zone, period = question.tenant.zone, question.terms.period
    for takings in meters(question.segment.agreement).values():
        for taking in takings:
            clause = clauses.get(taking.clause)
            if clause is None or (clause.limit_per_day is None and clause.limit_per_month is None):
                continue
            grouped, refuses = clause.tiers_per == "group", clause.beyond_limit == "refuse"
            today = _today(question, takings, taking, grouped=grouped)
            if clause.limit_per_day is not None:
                tomorrow = midnight(question.today + timedelta(days=1), zone)
                yield Limit(clause.code, "day", clause.limit_per_day, _fullest(today), tomorrow, refuses)
            if clause.limit_per_month is not None:
                # A version that rules part of a month has that part of the limit, to whole calls, as the invoice has.
                limit = clause.limit_per_month * question.segment.days // period.days
                used = _fullest(_sum(_before(question, takings, taking, grouped=grouped), today))
                yield Limit(clause.code, "month", limit, used, midnight(period.ends_on, zone), refuses)


def _today(question: _Question, takings: tuple[Taking, ...], taking: Taking, *, grouped: bool) -> dict[str, int]:
    return _count(question, takings, taking, question.today, grouped=grouped)


def _before(question: _Question, takings: tuple[Taking, ...], taking: Taking, *, grouped: bool) -> dict[str, int]:
    """Count the segment's days before today: from the last count, or from the calls while there was none."""
    tenant_id, month = question.tenant.pk, question.terms.period.starts_on
    if not UsageMonth.objects.filter(tenant_id=tenant_id, period=month, counted_at__isnull=False).exists():
        return _count(question, takings, taking, None, grouped=grouped)
    totals = UsageTotal.objects.filter(
        tenant_id=tenant_id, contract_id=question.contract_id, period=month, segment=question.segment.number,
        clause=taking.clause, day__lt=question.today,
    )  # fmt: skip
    if grouped and question.group is not None:
        totals = totals.filter(group=question.group)
    if grouped:
        return {group: int(calls) for group, calls in totals.values_list("group").annotate(Sum("calls"))}
    return {"": int(totals.aggregate(calls=Sum("calls"))["calls"] or 0)}


def _count(
    question: _Question, takings: tuple[Taking, ...], taking: Taking, day: date | None, *, grouped: bool
) -> dict[str, int]:
    """Count the calls a clause takes on one day, or on all days before today, by group where groups have limits."""
    zone, agreement = question.tenant.zone, question.segment.agreement
    starts_on, ends_on = (day, day + timedelta(days=1)) if day else (question.segment.starts_on, question.today)
    conditions: list[Composable] = [
        SQL("started_at >= {}::timestamptz AND started_at < {}::timestamptz").format(
            Literal(midnight(starts_on, zone)), Literal(midnight(ends_on, zone))
        ),
        selectors.taken_first(takings, taking.clause, agreement, zone),
    ]
    group = selectors.dimension(taking.group_by, agreement, zone) if grouped and taking.group_by else SQL("''::text")
    if grouped and question.group is not None:
        conditions.append(SQL("{} = {}").format(group, Literal(question.group)))
    calls = calls_of(question.tenant.pk, question.terms, question.segment)
    statement = SQL("SELECT {} AS grp, count(*) {} AND {} GROUP BY grp").format(
        group, calls, selectors.all_of(conditions)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return dict(cursor.fetchall())


def _sum(left: dict[str, int], right: dict[str, int]) -> dict[str, int]:
    return {group: left.get(group, 0) + right.get(group, 0) for group in {*left, *right}}


def _fullest(used: dict[str, int]) -> int:
    return max(used.values(), default=0)


_answers: dict[tuple[int, str, str | None], Quota] = {}
