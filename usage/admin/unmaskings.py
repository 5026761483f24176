"""Who saw telephone numbers in clear, when and why."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from billing.admin import ViewOnlyAdmin
from usage.models import Unmasking


@admin.register(Unmasking)
class UnmaskingAdmin(ViewOnlyAdmin):
    """The notes, as the database keeps them."""

    list_display = ("seen_at", "seen_by", "tenant", "source", "call_id", "leg", "reason")
    list_select_related = ("tenant", "source")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("seen_by", "call_id", "reason")
    date_hierarchy = "seen_at"
    fields = (("seen_at", "seen_by"), ("tenant", "source"), ("call_id", "leg"), "reason")
