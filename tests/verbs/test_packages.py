"""Packages in double entry: bought once, drawn once by an invoice, taken back with it; books that never go below zero."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import Sum

from billing.periods import Period, period_containing
from invoices.drafting import draft_month
from tenants.contracts import CannotChangePast, freeze_contract
from tenants.models import Contract, Movement, PackagePurchase, Posting
from tenants.packages import CannotPost, balance_of, balances_in, buy_package, reverse_packages, settle_packages
from tests.conftest import NOW, TALK, call_of, issue_by_two

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
OCTOBER, NOVEMBER = period_containing(date(2026, 10, 1)), period_containing(date(2026, 11, 1))
END = date(2026, 12, 3)  # of a purchase made on 3 October
NAME = {"zh": "套餐", "en": "Package"}
PACK = {
    "code": "pack", "kind": "package", "name": NAME, "price": "20", "quantity": "100", "valid_months": 2,
    "covers": [{"clause": "talk"}],
}  # fmt: skip


@dataclass
class After:
    package: str
    bought_on: date
    drawn: Decimal
    remaining: Decimal
    expires_on: date | None = None
    expired: Decimal = Decimal(0)


@pytest.fixture
def contract(make_contract: Callable[..., Contract]) -> Contract:
    return make_contract(TALK, PACK)


@pytest.fixture
def buy(contract: Contract) -> Callable[..., PackagePurchase]:
    def buy(on: date = date(2026, 10, 3), **more: Any) -> PackagePurchase:
        return buy_package(contract, more.pop("package", "pack"), on=on, by="li", reason="order 7", now=NOW, **more)

    return buy


def settle(contract: Contract, period: Period, *after: After, invoice: str) -> None:
    with transaction.atomic():
        settle_packages(contract, period, after, invoice=invoice, by="li", now=NOW)


def test_a_purchase_holds_what_the_clause_says_and_the_same_id_buys_once(buy: Any) -> None:
    first, again = buy(external_id="o-7"), buy(external_id="o-7")
    assert first.pk == again.pk
    assert (first.quantity, first.expires_on, balance_of(first)) == (100, date(2026, 12, 3), 100)
    with pytest.raises(CannotPost) as refusal:
        buy(date(2026, 10, 4), external_id="o-7")
    assert refusal.value.code == "external_id_taken"


def test_an_unknown_package_and_an_invoiced_day_are_refused_with_a_sentence(buy: Any, contract: Contract) -> None:
    with pytest.raises(CannotPost, match="sells no package gold on 2026-10-03; it sells: pack"):
        buy(package="gold")
    with pytest.raises(CannotPost, match="above 0"):
        buy(quantity=Decimal(-1))
    freeze_contract(contract.pk, NOVEMBER.starts_on)
    with pytest.raises(CannotChangePast, match="choose 2026-11-01 or later"):
        buy()


def test_an_invoice_draws_from_the_oldest_purchase_once_and_prints_the_balance(
    buy: Any, contract: Contract, post: Any
) -> None:
    bought = buy()
    post(*(call_of(number) for number in range(1, 4)))  # 2 minutes each
    draft = draft_month(contract, OCTOBER, NOW)
    assert [(line.key, line.amount) for line in draft.lines.all()] == [
        ("talk.tier-1", Decimal("0.300")),
        ("talk.tier-2", Decimal("0.400")),
        ("pack", Decimal("20.000")),
        ("pack.drawn.2026-10-03", Decimal("-0.700")),
    ]
    assert balance_of(bought) == 100  # a draft draws nothing
    issue_by_two(draft.pk)
    assert balance_of(bought) == 94
    settle(
        contract, OCTOBER, After("pack", bought.bought_on, Decimal(6), Decimal(94), END), invoice=f"invoice {draft.pk}"
    )
    assert balance_of(bought) == 94
    assert [each.remaining for each in balances_in(contract, NOVEMBER)] == [94]
    assert [each.remaining for each in balances_in(contract, OCTOBER)] == [100], (
        "the month rated again finds what it found"
    )


def test_a_void_invoice_gives_back_once_what_it_drew(buy: Any, contract: Contract) -> None:
    bought = buy()
    settle(contract, OCTOBER, After("pack", bought.bought_on, Decimal(60), Decimal(40), END), invoice="invoice 1")
    for _ in range(2):
        with transaction.atomic():
            reverse_packages(contract, invoice="invoice 1", by="li", now=NOW)
    assert balance_of(bought) == 100
    settle(contract, OCTOBER, After("pack", bought.bought_on, Decimal(50), Decimal(50), END), invoice="invoice 2")
    assert [each.remaining for each in balances_in(contract, NOVEMBER)] == [50]


def test_what_expires_with_the_month_is_posted_and_gone(buy: Any, contract: Contract) -> None:
    bought = buy(date(2026, 10, 3))
    period = period_containing(date(2026, 12, 1))
    after = After("pack", bought.bought_on, Decimal(10), Decimal(0), bought.expires_on, Decimal(90))
    settle(contract, period, after, invoice="invoice 9")
    assert balance_of(bought) == 0
    assert set(bought.postings.values_list("kind", flat=True)) == {"bought", "drawn", "expired"}


def test_the_rest_of_a_monthly_package_is_carried_over_and_not_granted_twice(contract: Contract) -> None:
    granted = After("monthly", OCTOBER.starts_on, Decimal(30), Decimal(70), date(2026, 12, 1))
    settle(contract, OCTOBER, granted, invoice="invoice 3")
    assert [(each.package, each.remaining) for each in balances_in(contract, NOVEMBER)] == [("monthly", 70)]
    assert balances_in(contract, OCTOBER) == ()
    with transaction.atomic():
        reverse_packages(contract, invoice="invoice 3", by="li", now=NOW)
    assert balances_in(contract, NOVEMBER) == ()


def test_a_balance_that_moved_since_the_draft_is_not_drawn(buy: Any, contract: Contract) -> None:
    bought = buy()
    settle(contract, OCTOBER, After("pack", bought.bought_on, Decimal(60), Decimal(40), END), invoice="invoice 1")
    for drawn, left in ((60, 40), (100, 0)):
        stale = After("pack", bought.bought_on, Decimal(drawn), Decimal(left), END)
        with pytest.raises(CannotPost, match="draft the month again"):
            settle(contract, NOVEMBER, stale, invoice="invoice 2")
    assert balance_of(bought) == 40


POST = """WITH made AS (INSERT INTO tenants_posting (purchase_id, kind, reference, "on", at, by)
    SELECT id, 'drawn', 'x', '2026-10-31', now(), 'x' FROM tenants_packagepurchase RETURNING id)
    INSERT INTO tenants_movement (posting_id, account, units) SELECT id, account, units FROM made, (VALUES %s)
    AS side (account, units)"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_movement SET units = units * 2",
        "DELETE FROM tenants_posting",
        "UPDATE tenants_packagepurchase SET quantity = 1000",
        "INSERT INTO tenants_movement (posting_id, account, units) SELECT id, 'drawn', 5 FROM tenants_posting",
        POST.partition(" RETURNING")[0].removeprefix("WITH made AS ("),
        POST % "('balance', -5), ('drawn', 4)",
        POST % "('balance', -101), ('drawn', 101)",
    ],
    ids=["change", "delete", "more", "one side", "no side", "unequal sides", "more than is left"],
)
def test_the_database_keeps_the_books(statement: str, buy: Any) -> None:
    bought = buy()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert balance_of(bought) == 100


def test_at_any_speed_a_balance_is_the_sum_of_its_movements_and_never_below_zero(contract: Contract) -> None:
    """Eight threads buy, draw, void and let expire at random; some are refused, none unbalances the books."""

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            for step in range(12):
                month = period_containing(date(2026, rng.randint(1, 12), 1))
                with contextlib.suppress(CannotPost):
                    _do_something(contract, month, rng, f"{seed}-{step}")
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert PackagePurchase.objects.count() > 10
    assert Posting.objects.filter(kind=Posting.DRAWN).count() > 5
    assert Movement.objects.aggregate(all=Sum("units"))["all"] == 0
    for bought in PackagePurchase.objects.all():
        sides = dict(Movement.objects.filter(posting__purchase=bought).values_list("account").annotate(Sum("units")))
        assert (
            sides["balance"]
            == balance_of(bought)
            == -sum(units for account, units in sides.items() if account != "balance")
        )
        assert 0 <= balance_of(bought) <= bought.quantity


def _do_something(contract: Contract, month: Period, rng: random.Random, name: str) -> None:
    match rng.choice(["buy", "buy", "settle", "settle", "void"]):
        case "buy":
            buy_package(
                contract, "pack", on=month.starts_on, by="x", reason="", now=NOW, external_id=f"o-{rng.randint(1, 30)}",
                quantity=Decimal(rng.randint(1, 100)),
            )  # fmt: skip
        case "settle":
            after = []
            for each in balances_in(contract, month):
                drawn = (each.remaining * rng.randint(0, 4) / 4).quantize(Decimal("1e-8"))
                rest, lost = each.remaining - drawn, rng.random() < 0.2
                after.append(
                    After(each.package, each.bought_on, drawn, Decimal(0) if lost else rest, each.expires_on,
                          rest if lost else Decimal(0))
                )  # fmt: skip
            settle(contract, month, *after, invoice=f"invoice {name}")
        case _:
            with transaction.atomic():
                drawn_by = Posting.objects.filter(kind=Posting.DRAWN).values_list("reference", flat=True)
                if drawn_by:
                    reverse_packages(contract, invoice=rng.choice(list(drawn_by)), by="x", now=NOW)
