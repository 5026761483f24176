"""The recommendation is right where the cheapest contract, and the point where it turns, are known by arithmetic."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.translation import override

from billing.environment import ROOT
from invoices.advising import advise, break_even, cost, off_peak, scaled, spread
from invoices.comparing import Comparison, compare, own_offer
from tenants.models import Contract
from tests.property.test_counting import NAME
from tests.verbs.test_comparing import AUGUST, OCTOBER, SEPTEMBER, TALK, deliver, offer, talks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
FEE = {"code": "fee", "kind": "recurring", "name": NAME, "price": "50"}
FLAT = offer("flat", FEE, TALK | {"price": "0.05"})
EVEN = offer("even", TALK)
MONTHS = [AUGUST, SEPTEMBER, OCTOBER]
DAY_AND_NIGHT = [
    {"code": "day", "name": NAME, "priority": 1, "rules": [{"start": "08:00", "end": "20:00"}]},
    {"code": "night", "name": NAME, "rules": [{}]},
]


@pytest.fixture
def used(contract: Contract) -> Contract:
    """Use 1,600 minutes in each of three months: the fee of 50 is won back at 1,000."""
    for month in MONTHS:
        deliver(contract.tenant, *talks(month, 160, 10))
    return contract


def compared_of(contract: Contract, *offers: Any) -> Comparison:
    return compare(contract, MONTHS, offers)


def test_the_cheapest_is_recommended_with_its_saving(used: Contract) -> None:
    advice = advise(compared_of(used, EVEN, FLAT))
    assert advice.best is FLAT  # 3 * (50 + 80) = 390 against 480
    assert "390.00 CNY" in advice.reasons[0]
    assert "90.00 CNY (18.75 %) less than even, and less in 3 of 3 months" in advice.reasons[1]


def test_two_contracts_cost_the_same_where_the_fee_is_won_back(used: Contract) -> None:
    found = break_even(compared_of(used, EVEN, FLAT), FLAT, EVEN)
    assert found is not None
    assert (found.below, found.above) == (EVEN, FLAT)
    assert abs(found.minutes - 1000) <= 5
    assert abs(found.calls - 100) <= 1


def test_contracts_of_which_one_is_always_dearer_have_no_break_even(used: Contract) -> None:
    dear = offer("dear", TALK | {"price": "0.30"})
    assert break_even(compared_of(used, EVEN, dear), EVEN, dear) is None


def test_what_is_otherwise_is_rated_with_its_tiers(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 100, 10))
    tiers = {"kind": "graduated", "tiers": [{"up_to": "1000", "price": "0.10"}, {"price": "0.50"}]}
    tiered = offer("tiered", TALK | {"price": tiers})
    compared = compare(contract, [OCTOBER], [tiered])
    assert cost(compared, tiered, scaled(calls=Fraction("1.2"))) == Decimal("200.00")  # 1000 * 0.10 + 200 * 0.50
    assert cost(compared, tiered, scaled(calls=Fraction("0.8"))) == Decimal("80.00")
    assert cost(compared, tiered, scaled(talk=Fraction("1.2"))) == Decimal("200.00")


def test_a_fifth_of_the_peak_is_moved_to_the_cheaper_band(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 10, 10, hour=10))
    day = TALK | {"code": "day-talk", "select": {"band": ["day"]}, "price": "1.00"}
    night = TALK | {"code": "night-talk", "select": {"band": ["night"]}, "price": "0.10"}
    matrix = {"kind": "matrix", "dimensions": ["band"], "cells": [
        {"where": {"band": "day"}, "price": "1.00"}, {"where": {"band": "night"}, "price": "0.10"}]}  # fmt: skip
    for banded in (
        offer("clauses", day, night, bands=DAY_AND_NIGHT),
        offer("cells", TALK | {"price": matrix}, bands=DAY_AND_NIGHT),
    ):
        compared = compare(contract, [OCTOBER], [banded])
        assert compared.net(banded) == Decimal("100.00")
        assert cost(compared, banded, off_peak) == Decimal("82.00")  # 80 at 1.00, 20 at 0.10


def test_the_advice_says_under_what_change_another_would_be_the_cheapest(contract: Contract) -> None:
    for month in MONTHS:
        deliver(contract.tenant, *talks(month, 110, 10))
    advice = advise(compared_of(contract, EVEN, FLAT))
    assert advice.best is FLAT  # 105 against 110
    assert "With 20 % fewer calls, even would be the cheapest." in advice.reasons


def test_a_commitment_that_was_not_used_is_named_and_turns_the_tables(used: Contract) -> None:
    least = {"code": "least", "name": NAME, "amount": "450", "every": "quarter"}
    bound = offer("bound", TALK | {"price": "0.02"}, commitments=[least])
    compared = compared_of(used, bound, offer("double", TALK | {"price": "0.20"}))
    advice = advise(compared)
    assert (advice.best, compared.net(bound)) == (bound, Decimal("450.00"))
    assert any("354.00 of it is not used but owed" in reason for reason in advice.reasons)  # 450 - 3 * 32
    assert spread(compared, bound) == (Decimal("32.00"), Decimal("386.00"))
    assert advise(compared_of(used, bound, FLAT)).best is FLAT  # 390 against 450


def test_the_advice_says_what_it_does_not_know(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 10, 10))
    seat = {"code": "seat", "kind": "seat", "name": {"zh": "坐席", "en": "Seats"}, "item": "seat", "price": "50"}
    bag = {
        "code": "bag",
        "kind": "package",
        "name": NAME,
        "price": "2",
        "quantity": "40",
        "covers": [{"clause": "talk"}],
    }
    inbound = offer("inbound", TALK | {"select": {"direction": "inbound"}})
    tried, seats = offer("tried", TALK | {"price": "0.01"}, bag), offer("seats", TALK | {"price": "0"}, seat)
    unknown = " ".join(advise(compare(contract, [OCTOBER], [inbound, seats, tried])).unknown)
    for part in (
        "inbound has no price for 10",
        "it charges for Seats, and how many",
        "never bought",
        "Fewer than three months",
    ):
        assert part in unknown


def test_a_contract_that_charges_for_what_nobody_told_is_not_recommended_until_it_is(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 10, 10))  # 10.00 by the minute
    seat = {"code": "seat", "kind": "seat", "name": NAME, "item": "seat", "price": "4"}
    even, seats = offer("even", TALK), offer("seats", TALK | {"price": "0"}, seat)
    assert advise(compare(contract, [OCTOBER], [seats, even])).best is even
    assert advise(compare(contract, [OCTOBER], [seats, even], held={"seat": Decimal(2)})).best is seats  # 8.00
    assert advise(compare(contract, [OCTOBER], [seats, even], held={"seat": Decimal(3)})).best is even  # 12.00
    assert advise(compare(contract, [OCTOBER], [seats, even], held={"seat": Decimal(0)})).best is seats
    assert advise(compare(contract, [OCTOBER], [seats])).best is None


def test_nothing_is_recommended_when_no_contract_has_a_price_for_every_call(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 1, 1))
    inbound = offer("inbound", TALK | {"select": {"direction": "inbound"}})
    assert advise(compare(contract, [OCTOBER], [inbound])).best is None


def test_the_page_shows_months_recommendation_and_break_even_in_both_languages(used: Contract) -> None:
    client = Client(headers={"Accept-Language": "zh-hans"})
    client.force_login(User.objects.create_superuser("boss"))
    page = client.get(f"/admin/invoices/invoice/what-if/{used.pk}/").content.decode()
    for part in ("套餐测算", "建议", "最便宜", "2026-10", "最低与最高的月份"):
        assert part in page
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.get(username="boss"))
    with override("en"):
        page = client.get(
            f"/admin/invoices/invoice/what-if/{used.pk}/?months=3&with=own&with=outbound-minutes"
        ).content.decode()
    assert "Recommendation" in page
    assert page.count('scope="col" class="ed-right"') == 4  # calls, minutes, two contracts


def test_the_page_is_for_those_who_may_see_contracts(contract: Contract) -> None:
    client = Client()
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    assert client.get(f"/admin/invoices/invoice/what-if/{contract.pk}/").status_code == 403


def test_the_own_contract_changed_in_nothing_costs_what_it_does(used: Contract) -> None:
    own = own_offer(used)
    compared = compared_of(used, own, FLAT)
    for each in (own, FLAT):
        assert cost(compared, each, scaled()) == compared.net(each)


def test_what_the_page_on_comparing_shows_is_so(used: Contract) -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "comparing.md").read_text(), re.DOTALL)
    assert block is not None
    exec(block[1], {"contract": used, "today": date(2026, 11, 23)})
