"""Where calls come from, as finance sees it."""

from __future__ import annotations

from django.contrib import admin

from billing.admin import FinanceAdmin
from usage.models import Source


@admin.register(Source)
class SourceAdmin(FinanceAdmin):
    """A switch or platform that reports calls."""

    list_display = ("code", "tenant", "zone")
    list_select_related = ("tenant",)
    list_filter = ("tenant",)
    search_fields = ("code", "tenant__code", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("tenant",)
