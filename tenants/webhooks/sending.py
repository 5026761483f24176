"""Sending what is owed: claimed row by row, outside any transaction, again on a schedule until it is accepted.

At least once: who dies between the answer and the note leaves the row to be claimed again, with the same id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from tenants.models import WebhookEndpoint, WebhookMessage, WebhookTry
from tenants.webhooks.endpoints import disable
from tenants.webhooks.posting import Answer, post
from tenants.webhooks.signing import headers_of

# Standard Webhooks: at once, then after each of these.
RETRY_AFTER = [
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
]  # fmt: skip
SENDING_TAKES = timedelta(minutes=2)
LONGEST_REST = timedelta(minutes=5)
GIVEN_UP_AFTER = timedelta(days=3)
KEPT = timedelta(days=90)
FORGOTTEN_AT_ONCE = 10_000
GONE = 410


def due_endpoints(now: datetime, limit: int) -> list[UUID]:
    """List endpoints that are owed a message now and do not rest."""
    awake = WebhookEndpoint.objects.filter(Q(resting_until=None) | Q(resting_until__lte=now), enabled=True)
    due = awake.filter(messages__state=WebhookMessage.OWED, messages__due_at__lte=now)
    return list(due.order_by("pk").distinct().values_list("pk", flat=True)[:limit])


def send_next(endpoint_id: UUID, now: datetime) -> str | None:
    """Send the message that is longest due to an endpoint, and note the answer; return its state, None without any."""
    message = _claim(endpoint_id, now)
    if message is None:
        return None
    body, endpoint = message.body.encode(), message.endpoint
    headers = {"Content-Type": "application/json", "User-Agent": "Huadan-Webhooks/1"}
    answer = post(endpoint.url, headers | headers_of(endpoint, str(message), now, body), body)
    return _note(message, answer, now)


def forget_old_messages(now: datetime) -> int:
    """Delete what was told or given up 90 days ago, some at a time; return how many."""
    old = WebhookMessage.objects.filter(created_at__lt=now - KEPT).exclude(state=WebhookMessage.OWED)
    chosen = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    WebhookMessage.objects.filter(pk__in=chosen).delete()
    return len(chosen)


def _claim(endpoint_id: UUID, now: datetime) -> WebhookMessage | None:
    with transaction.atomic():
        due = WebhookMessage.objects.filter(endpoint_id=endpoint_id, state=WebhookMessage.OWED, due_at__lte=now)
        awake = Q(endpoint__resting_until=None) | Q(endpoint__resting_until__lte=now)
        due = due.filter(awake, endpoint__enabled=True).select_related("endpoint__seller").order_by("due_at", "pk")
        message = due.select_for_update(skip_locked=True, of=("self",)).first()
        if message is not None:
            message.tries, message.due_at = message.tries + 1, now + SENDING_TAKES
            message.save(update_fields=["tries", "due_at"])
    return message


def _note(message: WebhookMessage, answer: Answer, now: datetime) -> str:
    """Write down how a try went, and what follows of it for the message and its endpoint."""
    given_up = answer.status == GONE or message.tries > len(RETRY_AFTER)
    with transaction.atomic():
        WebhookTry.objects.create(
            message=message, at=now, status=answer.status, took_ms=answer.took_ms, answer=answer.text
        )  # fmt: skip
        own = WebhookMessage.objects.filter(pk=message.pk, state=WebhookMessage.OWED)
        if answer.accepted:
            own.update(state=WebhookMessage.DELIVERED, delivered_at=now)
            _answered(message.endpoint)
            return WebhookMessage.DELIVERED
        if given_up:
            own.update(state=WebhookMessage.FAILED)
        else:  # unless another worker has claimed it since
            own.filter(tries=message.tries).update(due_at=now + RETRY_AFTER[message.tries - 1])
        _failed(message.endpoint, answer, now, given_up=given_up)
    return WebhookMessage.FAILED if given_up else WebhookMessage.OWED


def _answered(endpoint: WebhookEndpoint) -> None:
    failed = WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(failures=0)
    failed.update(failures=0, failing_since=None, resting_until=None)


def _failed(endpoint: WebhookEndpoint, answer: Answer, now: datetime, *, given_up: bool) -> None:
    """Let an endpoint rest, longer each time, so that a dead one keeps no worker; disable it when it is gone for good."""
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).select_related("seller").get(pk=endpoint.pk)
    endpoint.failures, endpoint.failing_since = endpoint.failures + 1, endpoint.failing_since or now
    endpoint.resting_until = now + min(RETRY_AFTER[0] * 2 ** min(endpoint.failures - 1, 10), LONGEST_REST)
    endpoint.save(update_fields=["failures", "failing_since", "resting_until"])
    if answer.status == GONE:
        disable(endpoint, WebhookEndpoint.GONE, now)
    elif given_up and endpoint.failing_since <= now - GIVEN_UP_AFTER:
        disable(endpoint, WebhookEndpoint.FAILING, now)
