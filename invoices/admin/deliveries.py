"""The mail log: where each mail of an invoice is, what the mail server said, and sending it again with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from invoices.mailing import COPY, send_again
from invoices.models import Delivery
from invoices.reminding import level_of
from invoices.tasks import deliver_due


@admin.register(Delivery)
class DeliveryAdmin(ViewOnlyAdmin):
    """Where each mail is."""

    list_display = ("invoice", "mail", "recipient", "state_shown", "attempts", "due_at", "sent_at", "said")
    list_filter = ("state",)
    list_select_related = ("invoice__contract",)
    search_fields = ("recipient", "invoice__number")

    @admin.display(description=gettext_lazy("mail"), ordering="kind")
    def mail(self, delivery: Delivery) -> str:
        """Say what it brings."""
        if level := level_of(delivery):
            return _("reminder %(level)s") % {"level": level}
        return _("copy") if delivery.kind.startswith(COPY) else _("invoice")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_shown(self, delivery: Delivery) -> SafeString:
        """Say where it is, on one line."""
        return format_html('<span style="white-space: nowrap">{}</span>', delivery.get_state_display())

    @admin.display(description=gettext_lazy("mail server's answer"))
    def said(self, delivery: Delivery) -> str:
        """Give the mail server's words, and our own in the reader's language."""
        return delivery.said

    @permitted("view", post="invoices.change_invoice")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one mail; whoever may change invoices has it sent again with a reason."""
        delivery = self.get_object(request, object_id)
        if delivery is None or not self.has_view_permission(request, delivery):
            raise PermissionDenied
        delivery = cast("Delivery", delivery)
        may_send = request.user.has_perm("invoices.change_invoice")
        if request.method == "POST":
            return self._sent_again(request, delivery)
        context = self.admin_site.each_context(request) | {
            "title": f"{delivery.invoice} → {delivery.recipient}",
            "delivery": delivery,
            "mail": self.mail(delivery),
            "opts": self.opts,
            "ended": delivery.state not in (Delivery.QUEUED, Delivery.SENDING),
            "may_send": may_send,
        }
        return TemplateResponse(request, "admin/invoices/delivery.html", context)

    def _sent_again(self, request: HttpRequest, delivery: Delivery) -> HttpResponse:
        try:
            again = send_again(
                delivery.pk, reason=request.POST.get("reason", ""), by=request.user.get_username(), now=datetime.now(UTC)
            )  # fmt: skip
        except Refused as refusal:
            self.refuse(request, refusal)
            return HttpResponseRedirect(request.path)
        deliver_due.delay()
        self.message_user(
            request, _("It is being sent to %(recipient)s.") % {"recipient": again.recipient}, messages.SUCCESS
        )
        return HttpResponseRedirect(reverse("admin:invoices_delivery_change", args=[again.pk]))
