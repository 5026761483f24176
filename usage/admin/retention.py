"""How long each tenant's calls are kept, and what was removed since."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from billing.admin import FinanceAdmin, ViewOnlyAdmin
from usage.models import Removal, RetentionPolicy

SHORTEST_MONTH = 28


class RetentionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A tenant's rule; it can only end after the last day on which a call of the month may be reported."""

    class Meta:
        model = RetentionPolicy
        fields = ("tenant", "calls_months", "numbers_months")

    def clean(self) -> dict[str, Any] | None:
        """Refuse a rule that the window for late calls would keep from ever being followed."""
        cleaned = super().clean() or {}
        months, tenant = cleaned.get("calls_months"), cleaned.get("tenant")
        if months and tenant and tenant.accept_days_back > months * SHORTEST_MONTH:
            sentence = _(
                "%(tenant)s may report calls up to %(days)s days back, so they must be known that long. Set “accepts calls "
                "back to” of the tenant to at most %(most)s days first."
            )
            figures = {"tenant": tenant, "days": tenant.accept_days_back, "most": months * SHORTEST_MONTH}
            raise forms.ValidationError({"calls_months": sentence % figures})
        return cleaned


@admin.register(RetentionPolicy)
class RetentionPolicyAdmin(FinanceAdmin):
    """One row a tenant that does not keep its calls for ever."""

    form = RetentionForm
    list_display = ("tenant", "calls_months", "numbers_months")
    list_select_related = ("tenant",)
    search_fields = ("tenant__code", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("tenant",)


@admin.register(Removal)
class RemovalAdmin(ViewOnlyAdmin):
    """What was taken, of whom, when."""

    list_display = ("tenant", "period", "what", "rows", "began_at", "ended_at")
    list_select_related = ("tenant",)
    list_filter = ("what", ("tenant", AutocompleteSelectFilter))
    search_fields = ("tenant__code", "tenant__name_zh", "tenant__name_en")
    date_hierarchy = "period"
    fields = (("tenant", "period"), ("what", "rows"), ("began_at", "ended_at"))
