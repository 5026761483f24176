"""Finance sets a webhook up, sees its secret once, tests it, and has messages sent again."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tenants.models import WebhookEndpoint, WebhookMessage
from tenants.webhooks.announcing import announce_test
from tenants.webhooks.signing import secret_of
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
LIST, MESSAGES = "/admin/tenants/webhookendpoint/", "/admin/tenants/webhookmessage/"


@pytest.fixture
def fields(seller: Any) -> dict[str, Any]:
    return {
        "seller": seller.pk, "name": "ERP", "url": "https://erp.example/hook", "types": ["invoice.issued"], "enabled": "on",
    }  # fmt: skip


@pytest.fixture
def endpoint(admin_client: Any, fields: dict[str, Any]) -> WebhookEndpoint:
    admin_client.post(f"{LIST}add/", fields)
    return WebhookEndpoint.objects.get()


@pytest.fixture(autouse=True)
def _nobody_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenants.admin.webhooks.serve_endpoint.delay", lambda endpoint_id: None)


def act(client: Any, page: str, action: str, *chosen: Any) -> str:
    told = {"action": action, "_selected_action": [str(each.pk) for each in chosen]}
    return client.post(page, told, follow=True).content.decode()


def test_the_secret_is_shown_when_it_is_made_and_never_again(admin_client: Any, fields: dict[str, Any]) -> None:
    page = admin_client.post(f"{LIST}add/", fields, follow=True).content.decode()
    made = WebhookEndpoint.objects.get()
    assert re.findall(r"whsec_[A-Za-z0-9+/=]{44}", page) == [secret_of(made)]
    again = admin_client.get(f"{LIST}{made.pk}/change/").content.decode()
    assert "https://erp.example/hook" in again
    assert "whsec_" not in again


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": "http://erp.example/"}, "begins with https://"),
        ({"url": "https://127.0.0.1/"}, "webhooks may not call"),
        ({"types": []}, "This field is required"),
    ],
)
def test_a_wrong_endpoint_gets_a_sentence_that_says_what_to_do(
    admin_client: Any, fields: dict[str, Any], changes: dict[str, Any], said: str
) -> None:
    assert said in admin_client.post(f"{LIST}add/", fields | changes, follow=True).content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_a_new_secret_is_shown_and_the_old_one_signs_on(admin_client: Any, endpoint: WebhookEndpoint) -> None:
    old = secret_of(endpoint)
    page = act(admin_client, LIST, "rotate_secrets", endpoint)
    endpoint.refresh_from_db()
    assert secret_of(endpoint) in page
    assert secret_of(endpoint, endpoint.secret_number - 1) == old
    assert endpoint.old_secret_until is not None


def test_a_disabled_webhook_is_not_tested_until_it_is_enabled(
    admin_client: Any, endpoint: WebhookEndpoint, fields: dict[str, Any]
) -> None:
    act(admin_client, LIST, "disable", endpoint)
    endpoint.refresh_from_db()
    assert endpoint.disabled_because == "person"
    assert "enable it first" in act(admin_client, LIST, "send_test", endpoint)
    admin_client.post(f"{LIST}{endpoint.pk}/change/", fields)
    assert "on its way" in act(admin_client, LIST, "send_test", endpoint)
    assert WebhookMessage.objects.get().type == "webhook.test"


def test_messages_are_sent_again_and_each_try_is_shown(admin_client: Any, endpoint: WebhookEndpoint) -> None:
    message = announce_test(endpoint, NOW)
    message.log.create(at=NOW, status=503, took_ms=7, answer="<b>busy</b>")
    WebhookMessage.objects.update(state="failed")
    page = admin_client.get(f"{MESSAGES}{message.pk}/change/").content.decode()
    assert "&lt;b&gt;busy&lt;/b&gt;" in page
    assert "1 message is sent again" in act(admin_client, MESSAGES, "send_again", message)
    assert WebhookMessage.objects.get().state == "owed"


def test_who_may_only_look_sends_nothing_again(client: Any, endpoint: WebhookEndpoint) -> None:
    message = announce_test(endpoint, NOW)
    WebhookMessage.objects.update(state="failed")
    viewer = User.objects.create_user("zhou", password="x", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_webhookmessage"))
    client.force_login(viewer)
    assert client.get(MESSAGES).status_code == 200
    act(client, MESSAGES, "send_again", message)
    assert WebhookMessage.objects.get().state == "failed"
