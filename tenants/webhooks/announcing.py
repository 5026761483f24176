"""Owing a message to whoever wants to hear of an event: a row in the transaction of the event itself."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuids
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from billing.errors import Refused
from tenants.models import Tenant, WebhookEndpoint, WebhookMessage


class CannotSendAgain(Refused):
    """Nothing can be sent there now."""

    status = 409


def announce(tenant: Tenant, kind: str, event: str, data: dict[str, Any], now: datetime) -> None:
    """Owe a message to each endpoint that is told of such events of a tenant. Part of the transaction of the event.

    ``kind`` is a type of WebhookEndpoint; ``event`` names this one event, at most 200 characters: announced again, by a
    task that ran twice, nobody is told twice. ``data`` is JSON; the tenant's code is added.
    """
    body = body_of(kind, {"tenant": tenant.code} | data, now)
    WebhookMessage.objects.bulk_create(
        (
            WebhookMessage(endpoint=endpoint, type=kind, event=event, body=body, created_at=now, due_at=now)
            for endpoint in _listening(tenant, kind)
        ),
        ignore_conflicts=True,
    )


def is_wanted(tenant: Tenant, kind: str) -> bool:
    """Tell whether anybody is told of such events of a tenant; spares finding out what nobody wants to hear."""
    return _listening(tenant, kind).exists()


def announce_test(endpoint: WebhookEndpoint, now: datetime) -> WebhookMessage:
    """Owe a message that says nothing, so that both sides see that it arrives. Raises CannotSendAgain when disabled."""
    _refuse_disabled(endpoint)
    body = body_of(WebhookEndpoint.TEST, {"endpoint": str(endpoint.pk), "name": endpoint.name}, now)
    return WebhookMessage.objects.create(
        endpoint=endpoint, type=WebhookEndpoint.TEST, event=f"test {uuids.uuid7()}", body=body, created_at=now, due_at=now
    )  # fmt: skip


def send_again(
    endpoint: WebhookEndpoint, now: datetime, *, messages: list[UUID] | None = None, since: datetime | None = None
) -> int:
    """Owe messages anew with the ids they had: the named ones, or all from an instant on; return how many.

    What is still owed is sent anyway, at once. Raises CannotSendAgain when the endpoint is disabled.
    """
    _refuse_disabled(endpoint)
    chosen = WebhookMessage.objects.filter(endpoint=endpoint)
    chosen = chosen.filter(pk__in=messages) if messages is not None else chosen.filter(created_at__gte=since)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(resting_until=None)
    return chosen.update(state=WebhookMessage.OWED, tries=0, due_at=now, delivered_at=None)


def body_of(kind: str, data: dict[str, Any], now: datetime) -> str:
    """Write the body as Standard Webhooks has it: type, timestamp, data."""
    told = {"type": kind, "timestamp": now.isoformat(), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _listening(tenant: Tenant, kind: str) -> QuerySet[WebhookEndpoint]:
    told = WebhookEndpoint.objects.filter(seller_id=tenant.seller_id, enabled=True, types__contains=[kind])
    return told.filter(Q(tenant=None) | Q(tenant=tenant))


def _refuse_disabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise CannotSendAgain("disabled", _("%(webhook)s is disabled; enable it first.") % {"webhook": endpoint})
