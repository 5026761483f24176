"""Webhooks: who is told of what, what each was told and how it answered, sent again where a person asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline

from billing.admin import KeptAdmin, ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from tenants.models import WebhookEndpoint, WebhookMessage, WebhookTry
from tenants.tasks import serve_endpoint
from tenants.webhooks.announcing import announce_test, send_again
from tenants.webhooks.endpoints import keep_endpoint, refuse_wrong, rotate_secret
from tenants.webhooks.signing import secret_of


class EndpointForm(ModelForm):  # type: ignore[type-arg]
    """Where messages go, and of what."""

    types = forms.MultipleChoiceField(
        label=_("is told of"), choices=WebhookEndpoint.TYPES, widget=forms.CheckboxSelectMultiple
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("seller", "tenant", "name", "url", "types", "enabled")

    def clean(self) -> dict[str, Any] | None:
        """Say of an address that must not be called, or a tenant of somebody else, what to do."""
        told = super().clean() or {}
        if told.get("url") and told.get("seller"):
            try:
                refuse_wrong(WebhookEndpoint(seller=told["seller"], tenant=told.get("tenant"), url=told["url"]))
            except Refused as refusal:
                self.add_error(refusal.pointer.removeprefix("/"), refusal.message)
        return told


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(KeptAdmin):
    """The addresses that are told of events."""

    form = EndpointForm
    list_display = ("name", "whose", "url", "enabled", "disabled_because", "failing_since", "owed")
    list_select_related = ("seller", "tenant")
    list_filter = ("enabled", "seller")
    search_fields = ("name", "url", "tenant__code", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("seller", "tenant")
    readonly_fields = ("disabled_at", "disabled_because", "failing_since", "failures")
    actions = ("send_test", "rotate_secrets", "disable")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show how it fares beside what it is, once it is there."""
        state = ("disabled_at", "disabled_because", "failing_since", "failures")
        own = [(None, {"fields": EndpointForm.Meta.fields})]
        return own + ([(_("How it fares"), {"fields": state})] if obj else [])

    @admin.display(description=_("of"))
    def whose(self, endpoint: WebhookEndpoint) -> str:
        """Name the tenant, or the seller whose tenants it is told of."""
        return str(endpoint.tenant or endpoint.seller)

    @admin.display(description=_("owed"))
    def owed(self, endpoint: WebhookEndpoint) -> int:
        """Count what it has not accepted yet."""
        return endpoint.messages.filter(state=WebhookMessage.OWED).count()

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: ModelForm[WebhookEndpoint], change: bool
    ) -> None:
        """Store it; a new one's secret is shown this one time."""
        keep_endpoint(obj, datetime.now(UTC))
        if not change:
            self._show(request, obj, secret_of(obj))

    @admin.action(description=_("Send a test message to the chosen webhooks"), permissions=["change"])
    def send_test(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        """Owe each a message that says nothing; what came of it stands among the messages."""
        for endpoint in chosen:
            try:
                announce_test(endpoint, datetime.now(UTC))
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                serve_endpoint.delay(str(endpoint.pk))
                said = _("A test message is on its way to %(webhook)s; how it went stands under Webhook messages.")
                self.message_user(request, said % {"webhook": endpoint}, messages.SUCCESS)

    @admin.action(description=_("Give the chosen webhooks a new secret"), permissions=["change"])
    def rotate_secrets(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        """Make a new secret for each; the old one signs as well for a day."""
        for endpoint in chosen:
            self._show(request, endpoint, rotate_secret(endpoint.pk, datetime.now(UTC)))

    @admin.action(description=_("Disable the chosen webhooks"), permissions=["change"])
    def disable(self, request: HttpRequest, chosen: QuerySet[WebhookEndpoint]) -> None:
        """Tell them of nothing any more."""
        for endpoint in chosen:
            endpoint.enabled = False
            keep_endpoint(endpoint, datetime.now(UTC))
        self.message_user(request, _("Disabled; they are told of nothing until they are enabled."), messages.SUCCESS)

    def _show(self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str) -> None:
        said = _("This is the secret of %(webhook)s; it is shown only now: %(secret)s")
        self.message_user(request, said % {"webhook": endpoint, "secret": secret}, messages.WARNING)


class TryInline(TabularInline):  # type: ignore[misc]
    """How each try went."""

    model = WebhookTry
    extra = 0
    fields = readonly_fields = ("at", "status", "took_ms", "answer")
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one by hand."""
        return False


@admin.register(WebhookMessage)
class WebhookMessageAdmin(ViewOnlyAdmin):
    """What each webhook was told, the newest first; a day and the choice of all send again all since then."""

    list_display = ("__str__", "endpoint", "type", "event", "created_at", "state", "tries", "due_at", "delivered_at")
    list_select_related = ("endpoint",)
    list_filter = ("state", "endpoint", "type", ("created_at", admin.DateFieldListFilter))
    search_fields = ("event",)
    fields = ("endpoint", "type", "event", "body", "created_at", "state", "tries", "due_at", "delivered_at")
    inlines = (TryInline,)
    actions = ("send_again",)

    @admin.action(description=_("Send the chosen messages again"))
    @permitted("tenants.change_webhookendpoint")
    def send_again(self, request: HttpRequest, chosen: QuerySet[WebhookMessage]) -> None:
        """Owe the chosen messages anew, with the ids they had."""
        sent, now = 0, datetime.now(UTC)
        for endpoint_id in chosen.order_by().values_list("endpoint", flat=True).distinct():
            endpoint = WebhookEndpoint.objects.get(pk=endpoint_id)
            own = chosen.filter(endpoint=endpoint).values_list("pk", flat=True)
            try:
                sent += send_again(endpoint, now, messages=list(own))
                serve_endpoint.delay(str(endpoint_id))
            except Refused as refusal:
                self.refuse(request, refusal)
        said = ngettext("%d message is sent again.", "%d messages are sent again.", sent) % sent
        self.message_user(request, said, messages.SUCCESS if sent else messages.WARNING)
