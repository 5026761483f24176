"""Wake-up calls of the tenants app; what is due is found in rows."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from celery import shared_task

from billing.mail import due_mails, give_up_interrupted
from tenants.models import PriceNotice
from tenants.noticing import send_notice

NOTICES_A_TICK = 200
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
