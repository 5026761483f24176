"""Real months under other contracts: the tenant's own one yields its invoices, and the cheapest is known by arithmetic."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from billing.periods import Period, period_containing
from billing.rating import Agreement
from billing.rating.terms import Name
from invoices.comparing import (
    CannotCompare,
    Offer,
    catalogue_offers,
    cheapest,
    compare,
    months_before,
    own_offer,
)
from invoices.drafting import draft_month
from tenants.models import Contract, ContractVersion, Seller, Tenant
from tenants.packages import buy_package
from tests.conftest import NOW, issue_by_two
from tests.property.test_counting import BANDS, clauses, records
from usage.aggregation import CallsRemoved
from usage.formats.record import CallRecord, Decoded
from usage.ingestion import Reporter, ingest_batch
from usage.models import Removal, Source

pytestmark = pytest.mark.django_db(transaction=True)
AUGUST, SEPTEMBER, OCTOBER = (period_containing(date(2026, month, 1)) for month in (8, 9, 10))
NAME = {"zh": "甲", "en": "A"}
TALK = {"code": "talk", "kind": "duration", "name": NAME, "price": "0.10"}


def deliver(tenant: Tenant, *calls: CallRecord) -> None:
    source, _ = Source.objects.get_or_create(tenant_id=tenant.pk, code="s", defaults={"zone": tenant.zone})
    reporter = Reporter(tenant.pk, tenant.zone, 1, keep_numbers=False, accept_days_back=7300)
    ingest_batch(reporter, source, [Decoded(raw=b"{}", record=c, call_id=c.call_id) for c in calls], "test", NOW)


def talks(month: Period, number: int, minutes: int, *, hour: int = 10) -> list[CallRecord]:
    """Make calls of so many minutes each on the third of a month at a local hour of Shanghai."""
    start = datetime(month.starts_on.year, month.starts_on.month, 3, hour - 8, tzinfo=UTC)
    ends = start + timedelta(minutes=minutes)
    return [
        CallRecord(
            call_id=f"{month.label}-{hour}-{n}",
            direction="outbound",
            started_at=start,
            answered_at=start,
            ended_at=ends,
        )
        for n in range(number)
    ]


def offer(code: str, *clauses: dict[str, Any], **rest: Any) -> Offer:
    document = {"version": 1, "currency": "CNY", "clauses": list(clauses)} | rest
    return Offer(code, Name(zh=code, en=code), Agreement.from_json(document))


def ranked(contract: Contract, months: list[Period], *offers: Offer) -> list[tuple[str, Decimal]]:
    compared = compare(contract, months, offers)
    return [(each.code, compared.net(each)) for each in compared.ranked()]


TENANTS = itertools.count(1)


def agreed(seller: Seller, versions: list[tuple[date, list[dict[str, Any]]]]) -> Contract:
    code = f"t{next(TENANTS)}"
    tenant = Tenant.objects.create(
        seller=seller, code=code, name_zh="甲", name_en="A", zone="Asia/Shanghai", language="en", tax_id="1"
    )
    contract = Contract.objects.create(tenant=tenant, code=f"C-{code}", name_zh="合同", name_en="Contract")
    extras = {"version": 1, "currency": "CNY", "bands": BANDS, "policies": {"uncovered": "listed_at_zero"}}
    for number, (day, made) in enumerate(versions, 1):
        ContractVersion.objects.create(
            contract=contract,
            number=number,
            starts_on=day,
            agreement=extras | {"clauses": made},
            signed_at=NOW,
            signed_by="test",
        )
    return contract


@settings(
    max_examples=int(os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES", "25")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_the_own_contract_comes_to_its_drafts_whatever_it_says(seller: Seller, data: st.DataObject) -> None:
    versions = [(date(2026, 1, 1), data.draw(clauses()))]
    if cut := data.draw(st.none() | st.dates(date(2026, 9, 1), date(2026, 11, 25))):
        versions.append((cut, data.draw(clauses())))
    contract = agreed(seller, versions)
    deliver(contract.tenant, *data.draw(records(date(2026, 10, 1))))
    others = [offer("other", *data.draw(clauses()), bands=BANDS), offer("plain", TALK)]
    months = [SEPTEMBER, OCTOBER, period_containing(date(2026, 11, 1))]
    for month in compare(contract, months, [own_offer(contract), *others]).months:
        invoice = draft_month(contract, month.period, NOW)
        assert month.priced["own"].bill.to_json()["lines"] == invoice.document["bill"].get("lines", ())
        assert month.priced["own"].bill.total == invoice.total


def test_the_own_contract_comes_to_its_issued_invoices_with_packages_carried_over(
    make_contract: Callable[..., Contract], source: Source
) -> None:
    monthly = {"code": "grant", "kind": "package", "name": NAME, "price": "5", "quantity": "60", "every": "month",
               "covers": [{"clause": "talk"}], "carry_over_months": 1}  # fmt: skip
    bought = {
        "code": "bag",
        "kind": "package",
        "name": NAME,
        "price": "2",
        "quantity": "40",
        "covers": [{"clause": "talk"}],
    }
    contract = make_contract(TALK, monthly, bought, commitments=[
        {"code": "year", "name": NAME, "amount": "1200", "every": "quarter"}])  # fmt: skip
    buy_package(contract, "bag", on=date(2026, 8, 2), by="wang", reason="asked", now=NOW)
    for month, number in ((AUGUST, 10), (SEPTEMBER, 30), (OCTOBER, 50)):
        deliver(contract.tenant, *talks(month, number, 4))
    invoices = [issue_by_two(draft_month(contract, month, NOW).pk) for month in (AUGUST, SEPTEMBER, OCTOBER)]
    compared = compare(contract, [AUGUST, SEPTEMBER, OCTOBER], [own_offer(contract), offer("plain", TALK)])
    assert [month.priced["own"].bill.total for month in compared.months] == [each.total for each in invoices]
    assert len({each.total for each in invoices}) == 3


def test_a_cliff_makes_the_volume_price_the_cheaper_one_only_beyond_it(contract: Contract) -> None:
    deliver(contract.tenant, *talks(AUGUST, 100, 10), *talks(SEPTEMBER, 101, 10))
    volume = {"kind": "volume", "tiers": [{"up_to": "1000", "price": "0.12"}, {"price": "0.08"}]}
    cliff = offer("cliff", TALK | {"price": volume})
    assert ranked(contract, [AUGUST], offer("even", TALK), cliff) == [
        ("even", Decimal("100.00")),
        ("cliff", Decimal("120.00")),
    ]
    assert ranked(contract, [SEPTEMBER], offer("even", TALK), cliff) == [
        ("cliff", Decimal("80.80")),
        ("even", Decimal("101.00")),
    ]


def test_an_allowance_carried_over_turns_the_tables_in_the_month_after(contract: Contract) -> None:
    deliver(contract.tenant, *talks(AUGUST, 10, 10), *talks(SEPTEMBER, 190, 10))
    grant = {"code": "grant", "kind": "package", "name": NAME, "price": "80", "quantity": "1000", "every": "month",
             "covers": [{"clause": "talk"}]}  # fmt: skip
    dear = TALK | {"price": "0.20"}
    kept = offer("kept", dear, grant | {"carry_over_months": 1})
    lost = offer("lost", dear, grant)
    # even: 10 + 190. kept: 80 + 80, 900 minutes carried over. lost: 80 + 80 + 900 minutes at 0.20.
    assert ranked(contract, [AUGUST, SEPTEMBER], lost, offer("even", TALK), kept) == [
        ("kept", Decimal("160.00")),
        ("even", Decimal("200.00")),
        ("lost", Decimal("340.00")),
    ]
    assert ranked(contract, [SEPTEMBER], kept, offer("even", TALK))[0] == ("even", Decimal("190.00"))


def test_a_commitment_over_a_quarter_is_judged_over_the_months_compared(contract: Contract) -> None:
    deliver(contract.tenant, *talks(AUGUST, 10, 10), *talks(SEPTEMBER, 10, 10), *talks(OCTOBER, 100, 10))
    least = {"code": "least", "name": NAME, "amount": "90", "every": "quarter"}
    cheap = offer("bound", TALK | {"price": "0.05"}, commitments=[least])
    months = [AUGUST, SEPTEMBER, OCTOBER]
    # 5 + 5 + 50 = 60, lifted to 90 in the last month; unbound 10 + 10 + 100.
    assert ranked(contract, months, offer("free", TALK), cheap) == [
        ("bound", Decimal("90.00")),
        ("free", Decimal("120.00")),
    ]
    # Over two months the commitment is owed by its days, and the few minutes come to less than it.
    assert ranked(contract, months[:2], offer("free", TALK), cheap)[0] == ("free", Decimal("20.00"))


def test_a_contract_without_a_price_for_all_calls_is_never_the_cheapest(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 10, 10))
    inbound = offer("inbound", TALK | {"select": {"direction": "inbound"}})
    compared = compare(contract, [OCTOBER], [inbound, own_offer(contract)])
    assert [each.code for each in compared.ranked()] == ["own"]
    assert (compared.net(inbound), compared.uncovered(inbound)) == (Decimal(0), 10)


def test_seats_that_would_be_held_count_for_the_contracts_that_are_tried(contract: Contract) -> None:
    seat = {"code": "seat", "kind": "seat", "name": NAME, "item": "seat", "price": "50"}
    tried = offer("seats", TALK | {"price": "0"}, seat)
    assert compare(contract, [OCTOBER], [tried]).net(tried) == 0
    assert compare(contract, [OCTOBER], [tried], held={"seat": Decimal(3)}).net(tried) == Decimal(150)


def test_the_two_cheapest_of_the_last_months_are_found_among_the_own_one_and_the_catalogue(contract: Contract) -> None:
    deliver(contract.tenant, *talks(SEPTEMBER, 10, 10), *talks(OCTOBER, 10, 10))
    compared, found = cheapest(contract, date(2026, 11, 23))
    assert [month.period.starts_on.month for month in compared.months] == [5, 6, 7, 8, 9, 10]
    assert len(found) == 2
    assert compared.net(found[0]) <= compared.net(found[1]) <= compared.net(compared.ranked()[-1])


def test_months_before_the_contract_began_are_not_offered(make_contract: Callable[..., Contract]) -> None:
    contract = make_contract(starts_on=date(2026, 9, 10))
    assert months_before(contract, date(2026, 11, 1), 6) == [SEPTEMBER, OCTOBER]


def test_what_cannot_be_compared_is_refused_with_its_place(contract: Contract, in_english: None) -> None:
    dollars = Offer(
        "usd", Name(zh="a", en="a"), Agreement.from_json({"version": 1, "currency": "USD", "clauses": [TALK]})
    )
    plain = offer("plain", TALK)
    for months, offers, pointer in (
        ([], [plain], "/months"),
        ([AUGUST, OCTOBER], [plain], "/months"),
        ([AUGUST], [plain, plain], "/contracts"),
        ([AUGUST], [plain, dollars], "/contracts/1"),
    ):
        with pytest.raises(CannotCompare) as refused:
            compare(contract, months, offers)
        assert refused.value.pointer == pointer
    Removal.objects.create(
        tenant_id=contract.tenant_id, period=AUGUST.starts_on, what=Removal.CALLS, began_at=NOW, rows=1
    )
    with pytest.raises(CallsRemoved, match="2026-08"):
        compare(contract, [AUGUST], [plain])


def test_every_model_contract_can_be_tried_on_real_calls(contract: Contract) -> None:
    deliver(contract.tenant, *talks(OCTOBER, 3, 2))
    compared = compare(contract, [OCTOBER], catalogue_offers("CNY"))
    assert len(compared.months[0].priced) == len(compared.offers) > 10
