"""The mail log: where each mail of an invoice is, what the mail server said, and sending it again with a reason."""

from __future__ import annotations

from collections.abc import Callable
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
from billing.mail import OwedMail
from billing.permitting import permitted
from invoices.mailing import COPY, send_again
from invoices.models import Delivery
from invoices.reminding import level_of
from invoices.tasks import deliver_due


class SentAgainAdmin(ViewOnlyAdmin):
    """A page over mails that whoever may change invoices has sent again, with a reason."""

    again: Callable[..., OwedMail]
    template: str
    a_copy: Any

    def told(self, mail: Any) -> dict[str, Any]:
        """Give what the page says of a mail besides how it went."""
        raise NotImplementedError

    @permitted("view", post="invoices.change_invoice")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one mail; whoever may change invoices has it sent again with a reason."""
        mail = self.get_object(request, object_id)
        if mail is None or not self.has_view_permission(request, mail):
            raise PermissionDenied
        mail = cast("OwedMail", mail)
        may_send = request.user.has_perm("invoices.change_invoice")
        if request.method == "POST":
            return self._sent_again(request, mail)
        context = self.admin_site.each_context(request) | {
            "title": f"{mail}",
            "delivery": mail,
            "a_copy": self.a_copy,
            "opts": self.opts,
            "ended": mail.state not in (OwedMail.QUEUED, OwedMail.SENDING),
            "may_send": may_send,
        }
        return TemplateResponse(request, self.template, context | self.told(mail))

    def _sent_again(self, request: HttpRequest, mail: OwedMail) -> HttpResponse:
        try:
            again = type(self).again(
                mail.pk, reason=request.POST.get("reason", ""), by=request.user.get_username(), now=datetime.now(UTC)
            )  # fmt: skip
        except Refused as refusal:
            self.refuse(request, refusal)
            return HttpResponseRedirect(request.path)
        deliver_due.delay()
        self.message_user(
            request, _("It is being sent to %(recipient)s.") % {"recipient": again.recipient}, messages.SUCCESS
        )
        return HttpResponseRedirect(reverse(f"admin:invoices_{self.opts.model_name}_change", args=[again.pk]))


@admin.register(Delivery)
class DeliveryAdmin(SentAgainAdmin):
    """Where each mail is."""

    list_display = ("invoice", "mail", "recipient", "state_shown", "attempts", "due_at", "sent_at", "said")
    list_filter = ("state",)
    list_select_related = ("invoice__contract",)
    search_fields = ("recipient", "invoice__number")
    again, template = staticmethod(send_again), "admin/invoices/delivery.html"
    a_copy = gettext_lazy("Sent again, it is a copy of the invoice mail.")

    def told(self, mail: Delivery) -> dict[str, Any]:
        """Give what kind of mail it is."""
        return {"title": f"{mail.invoice} → {mail.recipient}", "mail": self.mail(mail)}

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
