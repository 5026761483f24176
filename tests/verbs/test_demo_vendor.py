"""The demo's vendor shows every way of charging; made again it stays as it is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from invoices.drafting import draft_month
from invoices.management.demo.vendor import Customer, full_months, make_vendor
from tenants.models import ContractEvent, MeasuredLevel, Movement, PriceNotice, SubscriptionChange
from tests.conftest import NOW
from usage.formats import native
from usage.ingestion import Reporter, ingest_batch
from usage.simulation import to_native

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = full_months(date(2026, 11, 23), 3)


@pytest.fixture
def customers() -> dict[str, Customer]:
    return {each.contract.code: each for each in make_vendor(NOW, MONTHS, "a-long-password-1")}


def entries() -> list[int]:
    return [
        model.objects.count() for model in (ContractEvent, SubscriptionChange, MeasuredLevel, Movement, PriceNotice)
    ]


def drafted(customer: Customer, calls: int) -> dict[str, Any]:
    """Store some calls of the last month and draft it; return the document."""
    import json

    records = [
        to_native(call, customer.zone) for call, _ in zip(customer.calls(MONTHS[-1]), range(calls), strict=False)
    ]
    reporter = Reporter(customer.tenant.pk, customer.tenant.zone, 1, keep_numbers=False, accept_days_back=7300)
    ingest_batch(reporter, customer.source, native.decode(json.dumps(records).encode()), "native", NOW)
    return draft_month(customer.contract, MONTHS[-1], NOW).document


def test_modules_seats_service_levels_features_and_factors_are_on_one_invoice(customers: dict[str, Customer]) -> None:
    bill = drafted(customers["YT-2026-007"], 400)["bill"]
    kinds = {(line["kind"], line["code"]) for line in bill["lines"]}
    for code in ("talk", "navigation", "knowledge", "work-orders", "seats", "asr", "answering", "availability"):
        assert code in {code for _, code in kinds}
    assert {("factor", "region"), ("discount", "term"), ("credit", "availability")} <= kinds, kinds
    assert not bill.get("uncovered")


def test_a_package_daily_limits_and_a_price_that_changes_within_the_month_are_on_another(
    customers: dict[str, Customer],
) -> None:
    document = drafted(customers["YT-2026-008"], 2000)
    keys = {line["key"] for line in document["bill"]["lines"]}
    assert {"talk", "talk@2", "pack"} <= keys
    assert any(key.startswith("pack.drawn") for key in keys), keys
    assert any("beyond" in key for key in keys), keys
    changed = {(each["clause"], each["from"], each["raised"]) for each in document["price_changes"]}
    assert changed == {("talk", "2026-10-16", True), ("dials", "2026-10-16", False)}
    assert PriceNotice.objects.get().due_at.date() == date(2026, 9, 5), (
        "told forty days before, at midnight in Shanghai"
    )
    assert not document["bill"].get("uncovered")


def test_the_vendor_made_again_stays_as_it_is(customers: dict[str, Customer]) -> None:
    before = entries()
    make_vendor(NOW, MONTHS, "a-long-password-1")
    assert entries() == before
    later = full_months(date(2026, 12, 23), 3)
    make_vendor(NOW.replace(month=12), later, "a-long-password-1")
    before[2] += 1  # the level of the new month
    assert entries() == before
