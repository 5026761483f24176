"""Budgets against the running month: what is used and expected of each, and who is told, once, when it gets there.

What is due is found in rows: a budget that was never looked at, was changed, whose month was counted since, or that nobody
looked at for some hours. So it does not matter how often this is asked, by how many at once, or for how long nobody did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, midnight, period_containing
from billing.rating import Bill, Terms, Totals, rate
from billing.rating.bill import Line
from billing.rating.counting import takings
from billing.rating.totals import Row
from invoices.forecasting import outlook
from invoices.reaching import known_totals
from tenants.contracts import NotInForce, terms_for
from tenants.models import Budget, BudgetAlert, BudgetMail, BudgetMonth, Contract, Tenant, WebhookEndpoint
from tenants.webhooks.announcing import announce
from usage.models import UsageMonth

LOOK_AGAIN = timedelta(hours=6)
LOOK_BACK = timedelta(days=62)
DUE = """
SELECT b.tenant_id FROM tenants_budget b WHERE b.active AND (
    b.looked_at IS NULL OR b.looked_at < b.changed_at OR b.looked_at < %(again)s
    OR EXISTS (
        SELECT FROM usage_usagemonth m
        LEFT JOIN tenants_budgetmonth s ON s.budget_id = b.id AND s.period = m.period
        WHERE m.tenant_id = b.tenant_id AND m.period >= %(since)s AND m.counted_at IS DISTINCT FROM s.counted_at))
GROUP BY b.tenant_id ORDER BY min(b.looked_at) NULLS FIRST LIMIT %(limit)s
"""
THOUSANDTH = Decimal("0.001")


class WrongBudget(Refused):
    """The budget names something that the tenant's contracts do not know."""

    status = 422


@dataclass(frozen=True, slots=True)
class Standing:
    """One contract's month as it is used and billed: to date, or as it is expected to end."""

    terms: Terms
    totals: Totals
    bill: Bill


@dataclass(frozen=True, slots=True)
class _Month:
    period: Period
    counted_at: datetime | None
    to_date: list[Standing]
    expected: list[Standing] | None


def due_tenants(now: datetime, limit: int) -> list[int]:
    """List the tenants whose budgets are to be looked at, the longest waiting first."""
    since = (now - LOOK_BACK).date()
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"again": now - LOOK_AGAIN, "since": since, "limit": limit})
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def watch_budgets(tenant_id: int, now: datetime) -> list[BudgetAlert]:
    """Look at a tenant's active budgets, note how they stand, and return the alerts that are new; each is told once.

    The months of the last 62 days are looked at where they were counted anew: what was used up on a last day while nobody
    worked is told afterwards, as a fact. Only the running month is expected to come to something.
    """
    with transaction.atomic():
        budgets = list(
            Budget.objects.select_for_update(no_key=True).filter(tenant_id=tenant_id, active=True).order_by("pk")
        )
        tenant = Tenant.objects.select_related("seller").get(pk=tenant_id)
        new = [alert for month in _months(tenant, budgets, now) for alert in _look(tenant, budgets, month, now)]
        Budget.objects.filter(pk__in=[each.pk for each in budgets]).update(looked_at=now)
    return new


def put_off(tenant_id: int, now: datetime) -> None:
    """Let other tenants' budgets go first: this one's could not be looked at."""
    Budget.objects.filter(tenant_id=tenant_id, active=True).update(looked_at=now)


def keep_budget(budget: Budget, now: datetime) -> Budget:
    """Store a budget that is new or was changed; it is looked at within a minute. Raises WrongBudget."""
    refuse_wrong(budget, now)
    for name in ("actual_percents", "forecast_percents"):
        setattr(budget, name, sorted(set(getattr(budget, name))))
    if not budget.pk:
        budget.created_at = now
    budget.changed_at = now
    if not (budget.active and budget.stops):
        budget.stopped_in = None
    budget.save()
    return budget


def refuse_wrong(budget: Budget, now: datetime) -> None:
    """Refuse a clause no contract in force has, and a group nothing tells apart. Raises WrongBudget."""
    tenant = budget.tenant
    month = period_containing(now.astimezone(ZoneInfo(tenant.zone)).date(), tenant.billing_day)
    agreed = list(_terms(tenant, month))
    codes = {clause.code for _, terms in agreed for each in terms.segments for clause in each.agreement.clauses}
    if agreed and budget.clause and budget.clause not in codes:
        raise WrongBudget(
            "unknown_clause",
            _("No contract in force has the clause %(clause)s; it has %(known)s.")
            % {"clause": budget.clause, "known": ", ".join(sorted(codes))},
            pointer="/clause",
        )
    apart = {name for _, terms in agreed for code, name in _told_apart(terms) if budget.clause in ("", code)}
    if agreed and budget.group_by and _bare(budget.group_by) not in apart:
        raise WrongBudget(
            "nothing_tells_apart",
            _("No clause tells its usage apart by %(by)s, so no total of it is kept; it can be %(known)s.")
            % {"by": budget.group_by, "known": ", ".join(sorted(apart)) or "–"},
            pointer="/group_by",
        )


def used_of(budget: Budget, standings: Iterable[Standing]) -> Decimal:
    """Say how much of a budget contracts' months come to: an amount in the tenant's currency, minutes, or calls.

    A call that several clauses count is one call: of all usage, the meter with the most counts.
    """
    total = Decimal(0)
    for each in standings:
        if budget.measure == Budget.AMOUNT:
            total += _amount(budget, each) if each.bill.currency == budget.tenant.currency else 0
        else:
            total += _quantity(budget, each)
    return total.quantize(THOUSANDTH, ROUND_HALF_UP)


def _amount(budget: Budget, standing: Standing) -> Decimal:
    if not budget.clause and not budget.group_by:
        return standing.bill.total
    by = dict(_told_apart(standing.terms))
    return sum((line.amount for line in standing.bill.lines if _is_of(budget, line, line.code, by)), Decimal(0))


def _quantity(budget: Budget, standing: Standing) -> Decimal:
    by = dict(_told_apart(standing.terms))
    meter = {taking.clause: taking.meter for each in standing.terms.segments for taking in takings(each.agreement)}
    sums = Counter[str]()
    for row in standing.totals.rows:
        if _is_of(budget, row, row.clause, by):
            sums[meter[row.clause]] += row.calls if budget.measure == Budget.CALLS else row.billed_seconds
    most = Decimal(max(sums.values(), default=0))
    return most if budget.measure == Budget.CALLS else most / 60


def _is_of(budget: Budget, told: Line | Row, code: str, by: dict[str, str]) -> bool:
    if budget.clause not in ("", code):
        return False
    if not budget.group_by:
        return True
    name = _bare(budget.group_by)
    return (by.get(code) == name and told.group == budget.group) or (name, budget.group) in told.cell


def _told_apart(terms: Terms) -> Iterator[tuple[str, str]]:
    """Name by what the clauses' usage is told apart; by which cells, only where nothing else tells."""
    for each in terms.segments:
        for taking in takings(each.agreement):
            yield from ((taking.clause, _bare(name)) for name in taking.dimensions)
    for each in terms.segments:
        for taking in takings(each.agreement):
            if taking.group_by:
                yield taking.clause, _bare(taking.group_by)


def _bare(name: str) -> str:
    return name.removeprefix("label:")


def _terms(tenant: Tenant, month: Period) -> Iterator[tuple[Contract, Terms]]:
    for contract in tenant.contracts.prefetch_related("versions").select_related("tenant").order_by("pk"):
        with suppress(NotInForce):
            yield contract, terms_for(contract, month)


def _months(tenant: Tenant, budgets: list[Budget], now: datetime) -> Iterator[_Month]:
    """Yield the running month, and of the last 62 days those that were counted since some budget was looked at.

    The instant of the count is read before what was counted: a count in between is looked at once more.
    """
    today = now.astimezone(ZoneInfo(tenant.zone)).date()
    running = period_containing(today, tenant.billing_day)
    rows = UsageMonth.objects.filter(tenant_id=tenant.pk, period__gte=(now - LOOK_BACK).date()).order_by("period")
    counted: dict[date, datetime | None] = dict(rows.values_list("period", "counted_at"))
    seen = BudgetMonth.objects.filter(budget__in=budgets, period__in=counted)
    known = {(each.budget_id, each.period): each.counted_at for each in seen}
    for day, at in counted.items():
        if day != running.starts_on and any(known.get((each.pk, day)) != at for each in budgets):
            month = period_containing(day, tenant.billing_day)
            yield _Month(month, at, [_standing(*each) for each in _terms(tenant, month)], None)
    found = [outlook(contract, running, today) for contract, _terms_ in _terms(tenant, running)]
    yield _Month(
        running, counted.get(running.starts_on),
        [Standing(each.terms, each.totals, each.bill) for each in found],
        [Standing(each.terms, each.expected, each.expected_bill) for each in found],
    )  # fmt: skip


def _standing(contract: Contract, terms: Terms) -> Standing:
    totals = known_totals(contract, terms)
    return Standing(terms, totals, rate(terms, totals))


def _look(tenant: Tenant, budgets: list[Budget], month: _Month, now: datetime) -> Iterator[BudgetAlert]:
    for budget in budgets:
        budget.tenant = tenant
        used = used_of(budget, month.to_date)
        expected = None if month.expected is None else used_of(budget, month.expected)
        BudgetMonth.objects.update_or_create(
            budget=budget, period=month.period.starts_on,
            defaults={"used": used, "expected": expected, "counted_at": month.counted_at, "looked_at": now},
        )  # fmt: skip
        if month.expected is not None:
            _stop(budget, month.period, used)
        if budget.created_at < midnight(month.period.ends_on, tenant.zone):
            yield from _tell(budget, month.period, used, expected, now)


def _stop(budget: Budget, month: Period, used: Decimal) -> None:
    """Close the quota door while a budget that stops is used up, and open it when it is not any more."""
    stopped = month.starts_on if budget.stops and used >= budget.limit else None
    if budget.stopped_in != stopped:
        Budget.objects.filter(pk=budget.pk).update(stopped_in=stopped)


def _tell(
    budget: Budget, month: Period, used: Decimal, expected: Decimal | None, now: datetime
) -> Iterator[BudgetAlert]:
    """Write the alerts that are new, and owe the tenant's mails and webhooks for them in the same transaction."""
    used_up = set(_passed(budget, used, budget.forecast_percents))  # that is not expected any more
    for kind, stands, percents in (
        (BudgetAlert.ACTUAL, used, budget.actual_percents),
        (BudgetAlert.FORECAST, used if expected is None else expected, budget.forecast_percents),
    ):
        passed = [
            each for each in _passed(budget, stands, percents) if kind == BudgetAlert.ACTUAL or each not in used_up
        ]
        new = [each for percent in passed if (each := _alert(budget, month, kind, percent, stands, now))]
        if new:
            _owe_mails(budget.tenant, new[-1], now)
        yield from new


def _passed(budget: Budget, stands: Decimal, percents: list[int]) -> list[int]:
    return [each for each in percents if stands * 100 >= budget.limit * each]


def _alert(
    budget: Budget, month: Period, kind: str, percent: int, stands: Decimal, now: datetime
) -> BudgetAlert | None:
    alert, is_new = BudgetAlert.objects.get_or_create(
        budget=budget, period=month.starts_on, kind=kind, percent=percent, limit=budget.limit,
        defaults={"stands_at": stands, "at": now},
    )  # fmt: skip
    if not is_new:
        return None
    told = {
        "budget": budget.name, "budget_id": budget.pk, "measure": budget.measure, "clause": budget.clause,
        "group_by": budget.group_by, "group": budget.group, "period_starts_on": month.starts_on.isoformat(),
        "kind": kind, "percent": percent, "limit": f"{budget.limit:f}", "stands_at": f"{stands:f}",
        "currency": budget.tenant.currency if budget.measure == Budget.AMOUNT else None,
        "stops": budget.stops and kind == BudgetAlert.ACTUAL and stands >= budget.limit,
    }  # fmt: skip
    announce(budget.tenant, WebhookEndpoint.BUDGET, f"{WebhookEndpoint.BUDGET} {alert.pk}", told, now)
    return alert


def _owe_mails(tenant: Tenant, alert: BudgetAlert, now: datetime) -> None:
    BudgetMail.objects.bulk_create(
        BudgetMail(alert=alert, recipient=each.email, due_at=now, message_id=tenant.seller.new_message_id())
        for each in tenant.recipients()
    )
