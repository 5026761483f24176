"""Every demo customer's own contract, compared, is its issued invoices to the fen, month by month."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

import pytest

from invoices.comparing import catalogue_offers, compare, own_offer
from invoices.drafting import draft_month
from invoices.management.demo.vendor import Customer, full_months, make_vendor
from tests.conftest import NOW, issue_by_two
from usage.formats import native
from usage.ingestion import Reporter, ingest_batch
from usage.simulation import to_native

pytestmark = pytest.mark.django_db(transaction=True)
MONTHS = full_months(date(2026, 11, 23), 3)
EACH, EVERY = 250, 7  # calls a month; every seventh of those simulated, so that they lie on several days


def deliver(customer: Customer) -> None:
    reporter = Reporter(customer.tenant.pk, customer.tenant.zone, 1, keep_numbers=False, accept_days_back=7300)
    for month in customer.months:
        some = islice(customer.calls(month), 0, EACH * EVERY, EVERY)
        records: list[dict[str, Any]] = [to_native(call, customer.zone) for call in some]
        ingest_batch(reporter, customer.source, native.decode(json.dumps(records).encode()), "native", NOW)


def issued(customer: Customer) -> Iterator[tuple[str, Any]]:
    for month in customer.months:
        yield month.label, issue_by_two(draft_month(customer.contract, month, NOW).pk).document["bill"]


def test_the_own_contract_of_every_demo_customer_comes_to_its_issued_invoices() -> None:
    customers = make_vendor(NOW, MONTHS, "a-long-password-1")
    assert len(customers) >= 8
    for customer in customers:
        deliver(customer)
        invoices = dict(issued(customer))
        others = catalogue_offers(customer.tenant.currency)[:3]
        compared = compare(customer.contract, customer.months, [own_offer(customer.contract), *others])
        assert len(compared.months) == len(invoices) > 0
        for month in compared.months:
            bill, invoice = month.priced["own"].bill, invoices[month.period.label]
            settled = [line for line in invoice.get("lines", ()) if line["kind"] == "settlement"]
            place = f"{customer.contract.code} {month.period.label}"
            assert not settled, place  # nothing came late, so an invoice is its month alone
            assert bill.to_json().get("lines", ()) == invoice.get("lines", ()), place
            assert (str(bill.net), str(bill.total)) == (invoice["net"], invoice["total"]), place
