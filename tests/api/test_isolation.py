"""Every address of the API: no key 401, another tenant's things 404, a key without the scope 403."""

from __future__ import annotations

import json
from datetime import date

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from billing.periods import period_containing
from invoices.budgeting import keep_budget
from invoices.comparing import own_offer
from invoices.drafting import draft_month
from invoices.weighing import ask_comparison
from tenants.keys import make_key
from tenants.models import ApiKey, Budget, Tenant, WebhookEndpoint
from tests.conftest import NOW, call_of, issue_by_two
from usage.models import Quarantined, Source

METHODS = ("get", "post", "put", "patch", "delete")
# Set up by the seller's key; that another seller's things are not there is asked by test_operating.py.
OPERATOR = {
    "tenants", "tenant", "key", "contract", "end-contract", "renew-contract", "version", "sign-version", "measurement",
    "package", "keys", "versions", "bounces", "tax-invoice",
}  # fmt: skip
TENANTS_READ = {"measurement", "package"}  # the seller writes them, the tenant's own key reads them
OPEN = {"openapi", "api-docs"}  # the documentation needs no key


def routes():
    """List the named addresses under /api/v1 with their views' methods, from the resolver itself."""

    def walk(patterns, prefix=""):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, prefix + str(pattern.pattern))
            elif isinstance(pattern, URLPattern) and "api/v1/" in prefix + str(pattern.pattern) and pattern.name:
                yield pattern

    found = list(walk(get_resolver().url_patterns))
    assert len(found) > 10
    return found


def cases():
    return [
        (pattern.name, method) for pattern in routes() for method in METHODS if hasattr(pattern.callback.cls, method)
    ]


@pytest.fixture
def theirs(post, seller, tenant, contract):
    """Give the other tenant's things, as arguments of addresses; the reader's tenant has a source of its own."""
    told = post(call_of(1), {"call_id": "wrong"})
    issue_by_two(draft_month(contract, period_containing(date(2026, 10, 1)), NOW).pk)
    other = Tenant.objects.create(seller=seller, code="south", name_zh="南方", name_en="South", zone="Asia/Shanghai")
    Source.objects.create(tenant=other, code="mine", zone="Asia/Shanghai")
    key = make_key(other, "all", [ApiKey.INGEST, ApiKey.READ, ApiKey.OPERATE])[1]
    listening = WebhookEndpoint(
        seller=seller, tenant=tenant, name="ERP", url="https://erp.example/", types=["source.silent"]
    )
    listening.save()
    october = period_containing(date(2026, 10, 1))
    comparison = ask_comparison(contract, [october], [own_offer(contract)], held=None, by="key", now=NOW)
    budget = keep_budget(Budget(tenant=tenant, name="all", limit=5), NOW)
    arguments = {
        "source": "switch-1",
        "call_id": "call-1",
        "batch_id": told["batch"],
        "record_id": str(Quarantined.objects.get().id),
        "tenant": tenant.code,
        "contract": "C-1",
        "number": "1",
        "external_id": "o-1",
        "name": "switch",
        "document": "HD-2026-000001",
        "webhook": str(listening.pk),
        "budget": str(budget.pk),
        "comparison": str(comparison.pk),
    }
    return key, arguments, make_key(other, "none", [])[1]


def address(name, arguments):
    pattern = next(each for each in routes() if each.name == name)
    wanted = pattern.pattern.regex.groupindex.keys() if hasattr(pattern.pattern, "regex") else ()
    names = set(wanted) | set(getattr(pattern.pattern, "converters", {}))
    unknown = names - arguments.keys()
    assert not unknown, f"teach this test what {unknown} is"
    from django.urls import reverse

    return reverse(name, kwargs={each: arguments[each] for each in names}), bool(names)


@pytest.mark.parametrize(("name", "method"), cases())
def test_another_tenants_things_are_not_there(name, method, theirs):
    key, arguments, scopeless = theirs
    to, has_id = address(name, arguments)
    body = json.dumps(
        {"starts_on": "2026-10-08", "ends_on": "2026-10-09", "calls": 1, "talk_seconds": 1, "source": "switch-1"}
    )

    if name == "subscription":
        body = json.dumps({"item": "seats", "change": "1", "on": "2026-10-08", "reason": "r"})
    if name == "void":
        body = json.dumps({"reason": "r"})
    if name == "call":
        body, to = json.dumps(call_of(1)), f"{to}?reason=r"

    def ask(credential=""):
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        client = Client(raise_request_exception=False)
        return getattr(client, method)(
            to, data=None if method == "get" else body, content_type="application/json", headers=headers
        )

    assert ask().status_code == 401
    assert ask(scopeless).status_code == 403
    answer = ask(key)
    if name in OPERATOR and not (name in TENANTS_READ and method == "get"):
        assert answer.status_code == 403, answer.content
        return
    assert b"call-1" not in answer.content
    assert b"HD-2026" not in answer.content
    if has_id or (name == "declarations" and method == "post"):
        assert answer.status_code == 404, answer.content
    else:
        assert answer.status_code in {200, 400, 409}, answer.content


@pytest.mark.parametrize("query", ["source=switch-1", "source=switch-1&code=invalid_record"])
def test_another_tenants_source_is_no_filter(query, theirs):
    key = theirs[0]
    for to in ("/api/v1/quarantine", "/api/v1/quarantine/replay"):
        ask = Client().get if not to.endswith("replay") else Client().post
        assert ask(f"{to}?{query}", headers={"Authorization": f"Bearer {key}"}).status_code == 404
