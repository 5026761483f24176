"""Mails that came back, until somebody has seen to them; the tenant's page says so too."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from billing.admin import ViewOnlyAdmin
from billing.permitting import permitted
from tenants.models import Bounce, Tenant


@admin.register(Bounce)
class BounceAdmin(ViewOnlyAdmin):
    """What came back, and who saw to it."""

    list_display = ("recipient", "tenant", "kind", "answer", "at", "seen_at", "seen_by")
    list_filter = ("kind", ("seen_at", admin.EmptyFieldListFilter))
    list_select_related = ("tenant",)
    search_fields = ("recipient", "tenant__code", "tenant__name_zh", "tenant__name_en")
    actions = ("see_to",)

    @admin.action(description=_("The chosen ones are seen to"))
    @permitted("tenants.change_tenant")
    def see_to(self, request: HttpRequest, chosen: QuerySet[Bounce]) -> None:
        """Take them off the tenants' pages."""
        chosen.filter(seen_at=None).update(seen_at=datetime.now(UTC), seen_by=request.user.get_username())
        self.message_user(request, _("Done; the tenants' pages say no more of them."), messages.SUCCESS)


def warn_of_bounces(request: HttpRequest, tenant: Tenant) -> None:
    """Say on a tenant's page that mails to its contacts came back for good, or are not wanted."""
    recipients = tenant.contacts.values_list("email", flat=True)
    open_ones = tenant.bounces.filter(seen_at=None, recipient__in=recipients).exclude(kind=Bounce.SOFT)
    for recipient in open_ones.order_by("recipient").values_list("recipient", flat=True).distinct():
        said = _(
            "Mails to {recipient} come back or are not wanted; correct the address below. <a class='underline' href='{link}'>Why</a>"
        )
        link = reverse("admin:tenants_bounce_changelist") + f"?q={tenant.code}"
        messages.warning(request, format_html(str(said), recipient=recipient, link=link))
