"""docs/budgets.md is executed: each request in order, each answer compared with what the page shows of it."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from billing.environment import ROOT
from tenants.keys import make_key
from tenants.models import ApiKey, Budget, Tenant
from tests.api.test_docs import shows

PAGE = (ROOT / "docs" / "budgets.md").read_text(encoding="utf-8")
EXCHANGES = re.findall(r"```http\n(\w+) (\S+)\nContent-Type: \S+\n\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_every_exchange_on_the_page_happens_as_shown(tenant: Tenant) -> None:
    assert len(EXCHANGES) == 2
    key = make_key(tenant, "erp", [ApiKey.OPERATE, ApiKey.READ])[1]
    for method, to, body, shown in EXCHANGES:
        headers = {"Authorization": f"Bearer {key}"}
        answer = getattr(Client(), method.lower())(to, data=body, content_type="application/json", headers=headers)
        assert answer.status_code in {200, 201}, answer.content
        assert shows(json.loads(shown), answer.json()), answer.json()


def test_the_page_names_what_a_budget_has() -> None:
    listed = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE))))
    assert listed == {
        "measure",
        "limit",
        "clause",
        "group_by",
        "group",
        "actual_percents",
        "forecast_percents",
        "stops",
    }
    assert listed <= {field.name for field in Budget._meta.get_fields()}
