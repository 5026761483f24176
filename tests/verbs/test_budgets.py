"""A budget's alerts are told once each, however often the month is counted, and none is missed while nobody worked."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from time_machine import travel

from billing.periods import period_containing
from invoices.budget_mails import tell_of_budget
from invoices.budgeting import WrongBudget, due_tenants, keep_budget, watch_budgets
from invoices.tasks import watch_budgets as tick
from tenants.keys import make_key
from tenants.models import ApiKey, Budget, BudgetAlert, BudgetMail, BudgetMonth, Tenant, WebhookEndpoint, WebhookMessage
from tests.conftest import TALK, call_of
from tests.verbs.conftest import Server
from usage.aggregation import count_if_stale, count_now
from usage.quotas import forget_answers, quota_of

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = period_containing(date(2026, 10, 1))
MADE, NOON = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 8, 4, tzinfo=UTC)


def minutes(count: int, number: int, day: date = date(2026, 10, 8), **changes: Any) -> dict[str, Any]:
    begun = f"{day}T09:00:00+08:00"
    return call_of(number, started_at=begun, answered_at=begun, ended_at=f"{day}T09:{count:02}:00+08:00", **changes)


@pytest.fixture
def budget(tenant: Tenant, contract: Any) -> Callable[..., Budget]:
    def make(limit: str, **changes: Any) -> Budget:
        changes = {"name": f"of {limit}", "measure": Budget.MINUTES, "forecast_percents": []} | changes
        return keep_budget(Budget(tenant=tenant, limit=Decimal(limit), **changes), MADE)

    return make


@pytest.fixture
def use(tenant: Tenant, post: Any) -> Callable[..., None]:
    def use(*calls: dict[str, Any], at: datetime = NOON) -> None:
        post(*calls)
        count_if_stale(tenant, period_containing(at.date()), at)

    return use


def told(**of: Any) -> list[tuple[str, int]]:
    return list(BudgetAlert.objects.filter(**of).order_by("pk").values_list("kind", "percent"))


def test_each_threshold_is_told_once_under_repeats_and_new_counts(
    tenant: Any, budget: Any, use: Any, post: Any
) -> None:
    budget("10")
    WebhookEndpoint.objects.create(
        seller=tenant.seller, name="ERP", url="https://a.example/", types=[WebhookEndpoint.BUDGET]
    )
    use(minutes(6, 1))
    assert due_tenants(NOON, 9) == [tenant.pk]
    assert [each.percent for each in watch_budgets(tenant.pk, NOON)] == [50]
    assert due_tenants(NOON, 9) == [], "nothing is looked at again before something happens"
    post(minutes(6, 1))  # delivered again
    for hours in range(1, 4):  # counted again, and looked at by a tick that was asked twice
        count_now(tenant, OCTOBER, NOON + timedelta(hours=hours))
        assert due_tenants(NOON + timedelta(hours=hours), 9) == [tenant.pk]
        assert watch_budgets(tenant.pk, NOON + timedelta(hours=hours)) == []
        assert watch_budgets(tenant.pk, NOON + timedelta(hours=hours)) == []
    use(minutes(5, 2), at=NOON + timedelta(hours=5))
    assert [each.percent for each in watch_budgets(tenant.pk, NOON + timedelta(hours=5))] == [80, 100]
    assert told() == [("actual", 50), ("actual", 80), ("actual", 100)]
    assert WebhookMessage.objects.count() == 3
    assert list(BudgetMail.objects.order_by("pk").values_list("alert__percent", flat=True)) == [50, 100]


def test_many_that_look_at_once_tell_once(tenant: Any, budget: Any, use: Any) -> None:
    budget("10")
    use(minutes(11, 1))

    def look(_: int) -> int:
        try:
            return len(watch_budgets(tenant.pk, NOON))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(look, range(12)))[-2:] == [0, 3]
    assert told() == [("actual", 50), ("actual", 80), ("actual", 100)]
    assert BudgetMail.objects.count() == 1


def test_one_whose_transaction_broke_is_told_by_the_next(
    tenant: Any, budget: Any, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget("10")
    use(minutes(6, 1))
    with monkeypatch.context() as broken:
        broken.setattr("invoices.budgeting._owe_mails", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            watch_budgets(tenant.pk, NOON)
    assert told() == []
    assert due_tenants(NOON, 9) == [tenant.pk]
    assert len(watch_budgets(tenant.pk, NOON)) == 1


def test_what_was_used_up_on_a_months_last_day_is_told_though_nobody_worked_until_the_next(
    tenant: Any, budget: Any, use: Any
) -> None:
    budget("10")
    use(minutes(6, 1))
    watch_budgets(tenant.pk, NOON)
    back = datetime(2026, 11, 1, 20, tzinfo=UTC)  # worker and beat were dead for a day
    use(minutes(6, 2, date(2026, 10, 31)), minutes(7, 3, date(2026, 11, 1)), at=back)
    count_if_stale(tenant, OCTOBER, back)
    assert due_tenants(back, 9) == [tenant.pk]
    found = watch_budgets(tenant.pk, back)
    assert [(each.period.month, each.percent) for each in found] == [(10, 80), (10, 100), (11, 50)]
    assert watch_budgets(tenant.pk, back) == []


def test_a_count_that_ends_after_it_was_looked_at_is_looked_at(tenant: Any, budget: Any, use: Any) -> None:
    budget("10")
    use(minutes(1, 1))
    watch_budgets(tenant.pk, NOON + timedelta(minutes=5))
    use(minutes(9, 2), at=NOON + timedelta(minutes=1))  # begun before that look, done after it
    assert due_tenants(NOON + timedelta(minutes=6), 9) == [tenant.pk]
    assert len(watch_budgets(tenant.pk, NOON + timedelta(minutes=6))) == 3


def test_a_month_that_shrinks_and_grows_again_is_not_told_again_but_another_limit_is(
    tenant: Any, budget: Any, use: Any
) -> None:
    made = budget("10")
    use(minutes(6, 1))
    watch_budgets(tenant.pk, NOON)
    made.limit = Decimal(12)
    keep_budget(made, NOON + timedelta(minutes=1))
    assert due_tenants(NOON + timedelta(minutes=1), 9) == [tenant.pk]
    [again] = watch_budgets(tenant.pk, NOON + timedelta(minutes=1))
    assert (again.percent, again.limit) == (50, 12)
    made.limit = Decimal(10)
    keep_budget(made, NOON + timedelta(minutes=2))
    assert watch_budgets(tenant.pk, NOON + timedelta(minutes=2)) == []


def test_an_expected_threshold_is_told_before_it_is_used(tenant: Any, budget: Any, use: Any) -> None:
    budget("50", actual_percents=[100], forecast_percents=[100])
    use(*(minutes(5, number, date(2026, 10, number)) for number in range(1, 8)))  # 35 used, five a day to come
    assert [(each.kind, each.stands_at) for each in watch_budgets(tenant.pk, NOON)] == [("forecast", 155)]
    month = BudgetMonth.objects.get()
    assert (month.used, month.expected) == (35, 155)
    use(minutes(20, 20), at=NOON + timedelta(hours=1))
    assert [each.kind for each in watch_budgets(tenant.pk, NOON + timedelta(hours=1))] == ["actual"]


def test_amounts_clauses_and_groups_are_told_apart(tenant: Any, make_contract: Any, post: Any) -> None:
    agreed = TALK | {"price": {"kind": "graduated", "tiers": [{"price": "1"}]}}
    make_contract(
        agreed | {"group_by": "label:campaign", "tiers_per": "group", "select": {"direction": "outbound"}},
        agreed | {"code": "in"},
    )
    post(
        minutes(2, 1, labels={"campaign": "spring"}),
        minutes(3, 2, labels={"campaign": "autumn"}),
        minutes(5, 3, direction="inbound"),
    )
    count_if_stale(tenant, OCTOBER, NOON)
    spring = {"group_by": "label:campaign", "group": "spring"}
    asked: list[tuple[str, dict[str, str]]] = [
        ("10.6", {}), ("5", {"clause": "in"}), ("2", spring),
        ("10", {"measure": "minutes"}), ("3", {"measure": "calls"}), ("1", {"measure": "calls", **spring}),
    ]  # fmt: skip
    for number, (limit, of) in enumerate(asked):
        budget = Budget(tenant=tenant, name=str(number), limit=Decimal(limit), actual_percents=[99, 101], **of)
        keep_budget(budget, MADE)
    watch_budgets(tenant.pk, NOON)
    months = list(BudgetMonth.objects.order_by("budget").values_list("used", flat=True))
    assert months == [Decimal(limit) for limit, _ in asked]
    assert told(kind="actual") == [("actual", 99)] * len(asked)
    with pytest.raises(WrongBudget) as refused:
        keep_budget(Budget(tenant=tenant, name="x", limit=1, clause="tlak"), MADE)
    assert (refused.value.pointer, "in, talk" in refused.value.message) == ("/clause", True)
    with pytest.raises(WrongBudget) as refused:
        keep_budget(Budget(tenant=tenant, name="x", limit=1, group_by="robot", group="r1"), MADE)
    assert (refused.value.pointer, "campaign" in refused.value.message) == ("/group_by", True)


def test_a_budget_that_stops_closes_the_quota_door_and_opens_it_when_raised(tenant: Any, budget: Any, use: Any) -> None:
    made = budget("10", stops=True)
    use(minutes(9, 1))
    watch_budgets(tenant.pk, NOON)
    assert quota_of(tenant, NOON).allowed
    use(minutes(2, 2), at=NOON + timedelta(hours=1))
    watch_budgets(tenant.pk, NOON + timedelta(hours=1))
    quota = quota_of(tenant, NOON + timedelta(hours=1))
    assert (quota.allowed, quota.remaining, quota.stopped_by) == (False, 0, "of 10")
    assert quota.resets_at == datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert quota_of(tenant, datetime(2026, 11, 2, tzinfo=UTC)).allowed, "the next month is another"
    made.refresh_from_db()
    made.limit = Decimal(20)
    keep_budget(made, NOON + timedelta(hours=2))
    watch_budgets(tenant.pk, NOON + timedelta(hours=2))
    forget_answers()
    assert quota_of(tenant, NOON + timedelta(hours=2)).allowed


@pytest.mark.parametrize(
    ("language", "subject", "sentence"),
    [
        ("en", "Budget of 10: 100 % used", "The budget “of 10” has reached 100 %."),
        ("zh", "预算“of 10”：已用 100%", "预算“of 10”已达到 100%。"),
    ],
)
def test_the_mail_says_what_was_reached_in_the_tenants_language(
    tenant: Any, budget: Any, use: Any, smtp: Server, language: str, subject: str, sentence: str
) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(language=language)
    budget("10")
    use(minutes(11, 1))
    watch_budgets(tenant.pk, NOON)
    [mail_id] = BudgetMail.objects.values_list("pk", flat=True)
    assert [tell_of_budget(mail_id, NOON), tell_of_budget(mail_id, NOON)] == ["sent", "not_due"]
    message: Any = message_from_bytes(smtp.accepted[0], policy=policy.default)
    assert (message["Subject"], message["To"]) == (subject, "finance@north.example")
    for kind in ("plain", "html"):
        body = message.get_body((kind,)).get_content()
        assert sentence in body
        assert "50 %, 80 %, 100 %" in body


def test_the_tick_looks_tells_and_goes_on_past_one_that_fails(
    tenant: Any, budget: Any, use: Any, smtp: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget("10")
    use(minutes(11, 1))
    from invoices import tasks

    with travel(NOON, tick=False):
        with monkeypatch.context() as broken:
            broken.setattr(tasks, "look_at_budgets", lambda *_: 1 / 0)
            tick()
        assert smtp.accepted == []
        tick()
        tick()
    assert len(smtp.accepted) == 1
    assert len(told()) == 3


def test_the_tenant_reads_its_budgets_and_a_key_that_operates_keeps_them(
    tenant: Any, contract: Any, key: str, use: Any
) -> None:
    operating = make_key(tenant, "erp", [ApiKey.OPERATE])[1]

    def ask(method: str, to: str, body: Any = None, by: str = key) -> Any:
        headers = {"Authorization": f"Bearer {by}"}
        send = getattr(Client(), method)
        return send(
            to, **({"data": json.dumps(body), "content_type": "application/json"} if body else {}), headers=headers
        )

    new = {"name": "All", "measure": "minutes", "limit": "10", "actual_percents": [100, 50, 50]}
    assert ask("post", "/api/v1/budgets", new).status_code == 403, "reading does not write"
    with travel(NOON, tick=False):
        made = ask("post", "/api/v1/budgets", new, operating)
    assert (made.status_code, made.json()["actual_percents"]) == (201, [50, 100])
    assert ask("post", "/api/v1/budgets", new, operating).json()["code"] == "name_taken"
    wrong = ask("post", "/api/v1/budgets", new | {"name": "B", "clause": "x"}, operating)
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["pointer"]) == (422, "unknown_clause", "/clause")
    half = ask("post", "/api/v1/budgets", new | {"name": "B", "group": "x"}, operating)
    assert (half.status_code, half.json()["pointer"]) == (400, "/group")
    use(minutes(6, 1))
    watch_budgets(tenant.pk, NOON)
    [shown] = ask("get", "/api/v1/budgets").json()["items"]
    assert [(each["percent"], each["kind"]) for each in shown["alerts"]] == [(50, "actual")]
    assert (shown["months"][0]["used"], shown["limit"]) == ("6.000", "10.000")
    to = f"/api/v1/budgets/{shown['id']}"
    assert ask("put", to, {"active": False}, operating).json()["active"] is False
    assert ask("get", to).json()["active"] is False
    assert due_tenants(NOON + timedelta(days=1), 9) == []
