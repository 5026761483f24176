"""Wake-up calls of the tenants app; what is due is found in rows."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import structlog
from celery import shared_task

from billing.mail import due_mails, give_up_interrupted
from tenants.models import PriceNotice, WebhookMessage, WebhookNotice
from tenants.noticing import send_notice
from tenants.webhooks import endpoints
from tenants.webhooks.sending import due_endpoints, forget_old_messages, send_next

NOTICES_A_TICK = 200
ENDPOINTS_A_TICK, WAKE_EXPIRES_SECONDS, SERVING_SECONDS = 200, 5, 10
log = structlog.get_logger(__name__)


@shared_task
def send_due_notices() -> None:
    """Send every due notice of a price rise, and give up those whose sender died."""
    now = datetime.now(UTC)
    if interrupted := give_up_interrupted(PriceNotice, now):
        log.warning("notices unknown", count=interrupted)
    for notice_id in due_mails(PriceNotice, now, NOTICES_A_TICK):
        state = send_notice(notice_id, datetime.now(UTC))
        log.info("price notice", notice_id=notice_id, state=state)


@shared_task
def deliver_webhooks() -> None:
    """Ask for each endpoint that is owed a message to be served, and send the notices of disabled ones."""
    now = datetime.now(UTC)
    for endpoint_id in due_endpoints(now, ENDPOINTS_A_TICK):
        serve_endpoint.apply_async((str(endpoint_id),), expires=WAKE_EXPIRES_SECONDS)
    give_up_interrupted(WebhookNotice, now)
    for notice_id in due_mails(WebhookNotice, now, NOTICES_A_TICK):
        log.warning("webhook disabled", notice_id=notice_id, mail=endpoints.send_notice(notice_id, datetime.now(UTC)))


@shared_task
def serve_endpoint(endpoint_id: str) -> None:
    """Send one endpoint what it is owed, for a while or until it fails; the next tick goes on."""
    until = monotonic() + SERVING_SECONDS
    while monotonic() < until:
        state = send_next(UUID(endpoint_id), datetime.now(UTC))
        if state != WebhookMessage.DELIVERED:
            log.info("webhook served", endpoint_id=endpoint_id, state=state or "nothing more is owed")
            return


@shared_task
def forget_webhook_messages() -> None:
    """Delete old messages that nobody is owed any more."""
    if forgotten := forget_old_messages(datetime.now(UTC)):
        log.info("webhook messages forgotten", count=forgotten)
