"""What docs/webhooks.md tells a receiver to do is done here, against messages as they are sent."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.environment import ROOT
from tenants.models import Tenant, WebhookEndpoint
from tenants.webhooks.sending import RETRY_AFTER
from tenants.webhooks.signing import headers_of, secret_of
from tests.api.test_operating import ask, sellers_key

__all__ = ["sellers_key"]
PAGE = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
BODY = b'{"type":"invoice.paid"}'
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def is_from_huadan() -> Any:
    (code,) = re.findall(r"<!-- verify -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    known: dict[str, Any] = {}
    exec(code, known)
    return known["is_from_huadan"]


@pytest.fixture
def endpoint(tenant: Tenant) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(seller=tenant.seller, name="ERP", url="https://a.example/", types=["x"])


def test_the_receivers_lines_accept_what_is_sent_and_nothing_else(is_from_huadan: Any, endpoint: Any) -> None:
    now, secret = datetime.now(UTC), secret_of(endpoint)
    headers = headers_of(endpoint, "msg_1", now, BODY)
    assert is_from_huadan(headers, BODY, secret)
    assert not is_from_huadan(headers, BODY + b" ", secret)
    assert not is_from_huadan(headers | {"webhook-id": "msg_2"}, BODY, secret)
    assert not is_from_huadan(headers_of(endpoint, "msg_1", now - timedelta(minutes=6), BODY), BODY, secret)
    endpoint.secret_number, endpoint.old_secret_until = 2, now + timedelta(hours=1)
    rotated = headers_of(endpoint, "msg_1", now, BODY)
    assert is_from_huadan(rotated, BODY, secret)
    assert is_from_huadan(rotated, BODY, secret_of(endpoint))


def test_the_page_names_every_type_and_the_whole_schedule() -> None:
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE, re.MULTILINE)) == {
        kind for kind, _name in WebhookEndpoint.TYPES
    }
    waits = re.search(r"tries again after (.*?), then", PAGE)
    assert waits is not None
    hours = [wait.total_seconds() / 3600 for wait in RETRY_AFTER[3:]]
    assert waits[1] == f"5 s, 5 min, 30 min, {', '.join(f'{hour:g}' for hour in hours[:-1])} and {hours[-1]:g} h"


def test_the_requests_of_the_page_are_taken(sellers_key: str, tenant: Tenant) -> None:
    new, again = [json.loads(body) for body in re.findall(r"```http\n.*?\n\n(.*?)```", PAGE, re.DOTALL)]
    made = ask(sellers_key, "post", "webhooks", new)
    assert made.status_code == 201
    assert ask(sellers_key, "post", f"webhooks/{made.json()['id']}/replay", again).json() == {"sent_again": 0}
