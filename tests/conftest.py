"""What all tests share: a seller, a tenant, a contract of one duration clause, a key, and a way to post."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils.translation import override

from billing.periods import period_containing
from invoices.approving import request_issue
from invoices.drafting import draft_month
from invoices.issuing import issue
from invoices.ledger import post_document
from invoices.models import Invoice, Line
from tenants.contracts import sign
from tenants.keys import _cache, make_key
from tenants.models import ApiKey, Contact, Contract, ContractVersion, Seller, Tenant
from tests import emptying
from usage.models import Source
from usage.partitions import forget_partitions

SAMPLES = Path(__file__).parent / "data" / "cdr"
TALK = {
    "code": "talk",
    "kind": "duration",
    "name": {"zh": "通话", "en": "Talk time"},
    "reference": "3.1",
    "price": {"kind": "graduated", "tiers": [{"up_to": "2", "price": "0.15"}, {"price": "0.10"}]},
}
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


TOUCHES_DATABASE = {"db", "transactional_db", "live_server", "admin_client", "admin_user"}


def pytest_configure() -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one takes 0.4 s on purpose
    emptying.install()


@pytest.fixture(autouse=True)
def _forget_what_the_last_test_knew() -> None:
    _cache.clear()
    forget_partitions()


@pytest.fixture(autouse=True)
def _no_calls_of_other_tests(request: pytest.FixtureRequest) -> None:
    """Begin without calls: the partitioned table is not Django's, so its flush after a test passes it by."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None and not TOUCHES_DATABASE & set(request.fixturenames):
        return
    committed = bool(marker and marker.kwargs.get("transaction")) or bool(
        {"transactional_db", "live_server"} & set(request.fixturenames)
    )
    request.getfixturevalue("transactional_db" if committed else "db")
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM usage_call)")
        if cursor.fetchone()[0]:
            cursor.execute("TRUNCATE usage_call")


def issue_by_two(invoice_id: int, now: datetime = NOW) -> Invoice:
    """Have one person ask for a draft to be issued, unless it waits already, and another approve it."""
    if Invoice.objects.get(pk=invoice_id).state == Invoice.DRAFT:
        request_issue(invoice_id, reason="Reviewed.", by="wang", now=now)
    return issue(invoice_id, by="li", now=now)


def issue_bare(document: Invoice, number: str, due_on: date | None = None) -> Invoice:
    """Issue and post a draft as it stands, with one line over all of it."""
    with transaction.atomic():
        Line.objects.create(invoice=document, position=1, key="all", clause="all", amount=document.net)
        document.state, document.number, document.issued_at, document.due_on = (
            Invoice.ISSUED,
            number,
            NOW,
            due_on or NOW.date(),
        )
        document.requested_by, document.issued_by = "wang", "li"
        document.save()
        post_document(document, on=NOW.date())
    return document


@pytest.fixture
def in_english() -> Iterator[None]:
    """Read sentences in English, whatever the installation speaks."""
    with override("en"):
        yield


@pytest.fixture
def seller(db: None) -> Seller:
    return Seller.objects.create(
        code="hd",
        name_zh="话单科技",
        name_en="Huadan Ltd.",
        email="billing@huadan.example",
        tax_id="91310000MA1K4XBX03",
    )


@pytest.fixture
def tenant(seller: Seller) -> Tenant:
    made = Tenant.objects.create(
        seller=seller, code="north", name_zh="北方速运", name_en="Northern Express", zone="Asia/Shanghai", language="en"
    )
    Contact.objects.create(tenant=made, name="Wang Fang", email="finance@north.example")
    return made


@pytest.fixture
def source(tenant: Tenant) -> Source:
    return Source.objects.create(tenant=tenant, code="switch-1", zone="Asia/Shanghai")


@pytest.fixture
def make_contract(tenant: Tenant) -> Callable[..., Contract]:
    def make(
        *clauses: dict[str, Any], starts_on: date = date(2026, 1, 1), code: str = "C-1", **agreement: Any
    ) -> Contract:
        contract = Contract.objects.create(tenant=tenant, code=code, name_zh="合同", name_en="Contract")
        document = {"version": 1, "currency": "CNY", "tax": {"rate": "0.06"}, "clauses": list(clauses or [TALK])}
        version = ContractVersion.objects.create(
            contract=contract, number=1, starts_on=starts_on, agreement=document | agreement
        )
        sign(version, by="test", reason="agreed", now=NOW)
        return contract

    return make


@pytest.fixture
def contract(make_contract: Callable[..., Contract]) -> Contract:
    return make_contract()


@pytest.fixture
def key(tenant: Tenant) -> str:
    return make_key(tenant, "switch", [ApiKey.INGEST, ApiKey.READ])[1]


@pytest.fixture
def post(key: str, source: Source) -> Callable[..., Any]:
    """Post records to /api/v1/calls as the tenant, and return the answer's body."""

    def send(*records: dict[str, Any], expect: int = 200, client: Client | None = None, **options: Any) -> Any:
        answer = (client or Client()).post(
            "/api/v1/calls?items=all",
            data=options.pop("body", None) or json.dumps(list(records)),
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == expect, answer.content
        return json.loads(answer.content)

    return send


@pytest.fixture
def bill(contract: Contract, tenant: Tenant) -> Callable[..., Invoice]:
    """Issue an invoice of a total, due in some days, for months going back from October 2026."""
    sample = draft_month(contract, period_containing(date(2026, 10, 1)), NOW)
    months = count(1)

    def make(total: str, days: int = 15) -> Invoice:
        month, amount = next(months), Decimal(total)
        told = {"state": "issued", "number": f"HD-{month}", "issued_on": "2026-11-23", "due_on": "2026-12-08"}
        made = Invoice.objects.create(
            seller=tenant.seller, tenant=tenant, contract=contract, period_starts_on=date(2000 + month, 1, 1),
            period_ends_on=date(2000 + month, 2, 1), currency="CNY", net=amount, tax=0, total=amount, language="en",
            terms=sample.terms, totals=sample.totals, document=sample.document | told, drafted_at=NOW,
        )  # fmt: skip
        return issue_bare(made, f"HD-{month}", NOW.date() + timedelta(days=days))

    return make


def call_of(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a native record: one minute and one second of talk on 8 October 2026, 09:00 in Shanghai."""
    return {
        "call_id": f"call-{number}",
        "direction": "outbound",
        "caller": "+862155501000",
        "callee": "+8613800001234",
        "started_at": "2026-10-08T09:00:00+08:00",
        "answered_at": "2026-10-08T09:00:05+08:00",
        "ended_at": "2026-10-08T09:01:06+08:00",
    } | changes
