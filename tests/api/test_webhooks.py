"""The seller's system, and a tenant's for itself, set webhooks up over the API."""

from __future__ import annotations

from typing import Any

import pytest

from tenants.keys import make_key
from tenants.models import ApiKey, Seller, Tenant, WebhookEndpoint, WebhookMessage
from tenants.webhooks.signing import secret_of
from tests.api.test_operating import ask
from tests.conftest import NOW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
NEW = {"name": "ERP", "url": "https://erp.example/hook", "types": ["invoice.issued", "invoice.paid"]}


@pytest.fixture
def sellers_key(seller: Seller) -> str:
    return make_key(seller, "crm", [ApiKey.OPERATE])[1]


@pytest.fixture
def tenants_key(tenant: Tenant) -> str:
    return make_key(tenant, "portal", [ApiKey.OPERATE])[1]


def test_a_webhook_is_made_tested_rotated_disabled_and_looked_into(sellers_key: str) -> None:
    made = ask(sellers_key, "post", "webhooks", NEW)
    assert made.status_code == 201, made.content
    endpoint, to = WebhookEndpoint.objects.get(), f"webhooks/{made.json()['id']}"
    assert made.json()["secret"] == secret_of(endpoint)
    assert "secret" not in ask(sellers_key, "get", to).json()
    assert "secret" not in ask(sellers_key, "get", "webhooks").json()[0]
    message = ask(sellers_key, "post", f"{to}/test")
    assert (message.status_code, message.json()["state"]) == (202, "owed")
    WebhookMessage.objects.get().log.create(at=NOW, status=500, took_ms=3, answer="no")
    WebhookMessage.objects.update(state="failed")
    listed = ask(sellers_key, "get", f"{to}/messages?state=failed").json()
    assert listed["items"][0]["tries"][0] | {"at": ""} == {"at": "", "status": 500, "took_ms": 3, "answer": "no"}
    assert ask(sellers_key, "get", f"{to}/messages?state=owed").json()["items"] == []
    again = ask(sellers_key, "post", f"{to}/replay", {"message": message.json()["id"]})
    assert again.json() == {"sent_again": 1}
    assert ask(sellers_key, "post", f"{to}/replay", {"since": "2020-01-01T00:00:00Z"}).json() == {"sent_again": 1}
    rotated = ask(sellers_key, "post", f"{to}/rotate").json()["secret"]
    assert rotated not in {"", made.json()["secret"]}
    assert ask(sellers_key, "put", to, {"enabled": False}).json()["disabled_because"] == "person"
    assert ask(sellers_key, "post", f"{to}/test").status_code == 409
    assert ask(sellers_key, "put", to, {"enabled": True}).json()["disabled_because"] == ""


def test_messages_are_listed_page_by_page(sellers_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.api.webhooks.PAGE", 2)
    to = f"webhooks/{ask(sellers_key, 'post', 'webhooks', NEW).json()['id']}"
    made = [ask(sellers_key, "post", f"{to}/test").json()["id"] for _each in range(3)]
    first = ask(sellers_key, "get", f"{to}/messages").json()
    second = ask(sellers_key, "get", f"{to}/messages?before={first['next']}").json()
    assert [each["id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


def test_a_tenants_key_sets_up_webhooks_of_its_own_tenant_alone(
    sellers_key: str, tenants_key: str, tenant: Tenant
) -> None:
    sellers_own = ask(sellers_key, "post", "webhooks", NEW).json()["id"]
    mine = ask(tenants_key, "post", "webhooks", NEW).json()
    assert mine["tenant"] == "north"
    assert [each["id"] for each in ask(tenants_key, "get", "webhooks").json()] == [mine["id"]]
    assert ask(tenants_key, "get", f"webhooks/{sellers_own}").status_code == 404
    assert ask(tenants_key, "post", "webhooks", NEW | {"tenant": "south"}).json()["pointer"] == "/tenant"
    assert len(ask(sellers_key, "get", "webhooks").json()) == 2


@pytest.mark.parametrize(
    ("changes", "status", "pointer"),
    [
        ({"url": "http://erp.example/"}, 422, "/url"),
        ({"url": "https://[::1]/"}, 422, "/url"),
        ({"types": ["invoice.eaten"]}, 400, "/types/0"),
        ({"types": []}, 400, "/types"),
        ({"tenant": "nobody"}, 400, "/tenant"),
        ({"colour": "red"}, 400, "/colour"),
    ],
)
def test_a_wrong_webhook_is_refused_with_the_place(
    sellers_key: str, changes: dict[str, Any], status: int, pointer: str
) -> None:
    answer = ask(sellers_key, "post", "webhooks", NEW | changes)
    assert (answer.status_code, answer.json().get("pointer")) == (status, pointer), answer.content
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.parametrize(
    "body",
    [{}, {"message": "msg_1"}, {"since": "yesterday"}, {"message": "msg_" + "0" * 32, "since": "2026-01-01T00:00:00Z"}],
)
def test_a_replay_of_nothing_that_can_be_read_is_refused(sellers_key: str, body: dict[str, str]) -> None:
    to = f"webhooks/{ask(sellers_key, 'post', 'webhooks', NEW).json()['id']}"
    assert ask(sellers_key, "post", f"{to}/replay", body).status_code == 400
    assert ask(sellers_key, "get", f"{to}/messages?before=x").status_code == 400
    assert ask(sellers_key, "get", f"{to}/messages?state=x").status_code == 400
