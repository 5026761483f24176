"""Setting endpoints up: kept, given a new secret, enabled and disabled."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.errors import Refused
from billing.mail import compose, send_once
from tenants.models import WebhookEndpoint, WebhookNotice
from tenants.webhooks.guarding import read_url
from tenants.webhooks.signing import secret_of

# Not its secret's number: another may rotate it meanwhile.
KEPT = (
    "name", "url", "types", "enabled", "disabled_at", "disabled_because", "failing_since", "failures", "resting_until",
)  # fmt: skip
OVERLAP = timedelta(hours=24)  # how long the secret before a rotation signs as well


class WrongEndpoint(Refused):
    """The endpoint cannot be so."""

    status = 422


def keep_endpoint(endpoint: WebhookEndpoint, now: datetime) -> None:
    """Store an endpoint, new or changed. Enabled anew, it is tried at once, and what was owed to it is sent.

    Raises what ``refuse_wrong`` raises.
    """
    refuse_wrong(endpoint)
    if endpoint.enabled:
        endpoint.disabled_at, endpoint.disabled_because = None, ""
        endpoint.failing_since, endpoint.failures, endpoint.resting_until = None, 0, None
    elif endpoint.disabled_at is None:
        endpoint.disabled_at, endpoint.disabled_because = now, WebhookEndpoint.BY_PERSON
    endpoint.save(update_fields=None if endpoint._state.adding else KEPT)  # noqa: SLF001 - Django's own way to tell


def refuse_wrong(endpoint: WebhookEndpoint) -> None:
    """Raise ForbiddenAddress for an address that must not be called, WrongEndpoint for a tenant of another seller."""
    read_url(endpoint.url)
    if endpoint.tenant is not None and endpoint.tenant.seller_id != endpoint.seller_id:
        raise WrongEndpoint(
            "wrong_tenant", _("Choose a tenant of this seller, or none for all of them."), pointer="/tenant"
        )


def rotate_secret(endpoint_id: UUID, now: datetime) -> str:
    """Give an endpoint a new secret and return it; the one before signs as well for 24 hours."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        endpoint.secret_number += 1
        endpoint.old_secret_until = now + OVERLAP
        endpoint.save(update_fields=["secret_number", "old_secret_until"])
    return secret_of(endpoint)


def disable(endpoint: WebhookEndpoint, because: str, now: datetime) -> bool:
    """Disable an endpoint that is enabled; return whether it was. Not by a person, it owes a mail to operations."""
    enabled = WebhookEndpoint.objects.filter(pk=endpoint.pk, enabled=True)
    if not enabled.update(enabled=False, disabled_at=now, disabled_because=because):
        return False
    if because != WebhookEndpoint.BY_PERSON:
        told = settings.ENVIRONMENT.operations_addresses or [endpoint.seller.email]
        WebhookNotice.objects.bulk_create(
            WebhookNotice(
                endpoint=endpoint, recipient=recipient, due_at=now, message_id=endpoint.seller.new_message_id()
            )
            for recipient in told
        )
    return True


def send_notice(notice_id: int, now: datetime) -> str:
    """Send one owed notice of a disabled endpoint; return the state it ends in (billing.mail.send_once)."""
    return send_once(WebhookNotice, notice_id, now, _message)


def _message(notice_id: int) -> EmailMessage:
    notice = WebhookNotice.objects.select_related("endpoint__seller", "endpoint__tenant").get(pk=notice_id)
    endpoint = notice.endpoint
    last = endpoint.messages.exclude(log=None).order_by("-log__pk").values_list("log__answer", flat=True).first()
    with override(settings.LANGUAGE_CODE):
        told = {
            "webhook": " ".join(endpoint.name.split()),
            "whose": endpoint.tenant or endpoint.seller,
            "url": endpoint.url,
            "because": endpoint.get_disabled_because_display(),
            "answer": last or "–",
            "link": settings.BASE_URL + reverse("admin:tenants_webhookendpoint_change", args=[endpoint.pk]),
        }
        subject = _("Webhook %(webhook)s was disabled") % told
        body = _(
            "%(url)s of %(whose)s is told of nothing any more: %(because)s. Its last answer: %(answer)s\n\n"
            "Have it repaired, then enable it; what it is owed is sent then. What happened while it was disabled it finds "
            "in the API.\n\n%(link)s\n"
        )
    return compose(notice, sender=endpoint.seller.email, subject=subject, text=body % told)
