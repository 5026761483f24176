"""Silence alarms: which source stopped reporting, since when, and whether operations was told."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin import ViewOnlyAdmin
from usage.alarm_mails import hours
from usage.models import SilenceAlarm


class IsOpen(admin.SimpleListFilter):
    """Open alarms, or those that ended."""

    title = _("state")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the two."""
        return [("1", _("open")), ("0", _("closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[SilenceAlarm]) -> QuerySet[SilenceAlarm]:
        """Leave the chosen ones."""
        return queryset.filter(closed_at__isnull=self.value() == "1") if self.value() in {"0", "1"} else queryset


@admin.register(SilenceAlarm)
class SilenceAlarmAdmin(ViewOnlyAdmin):
    """Nothing is done here: calls that come again close an alarm."""

    list_display = ("source", "tenant", "last_delivery_at", "longest_pause", "opened_at", "closed_at", "mail")
    list_select_related = ("source__tenant",)
    list_filter = (IsOpen, "mail")
    search_fields = ("source__code", "source__tenant__code", "source__tenant__name_zh", "source__tenant__name_en")
    fields = (
        ("source", "tenant"), ("last_delivery_at", "longest_pause"), ("opened_at", "closed_at"),
        ("mail", "mail_attempts"), "mail_answer",
    )  # fmt: skip

    @admin.display(description=_("tenant"), ordering="source__tenant")
    def tenant(self, alarm: SilenceAlarm) -> str:
        """Name the tenant."""
        return str(alarm.source.tenant)

    @admin.display(description=_("longest usual pause, h"), ordering="usual_pause")
    def longest_pause(self, alarm: SilenceAlarm) -> str:
        """Write the pause in hours."""
        return hours(alarm.usual_pause)
