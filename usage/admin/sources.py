"""Sources: their zone, legs, numbers, mapping and acknowledgement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.widgets import UnfoldAdminSelectWidget

from billing.admin import FinanceAdmin
from billing.permitting import permitted
from usage.admin.trying import try_page
from usage.alarm_mails import hours
from usage.formats.mappings import fault_of_mapping
from usage.formats.presets import PRESETS
from usage.models import SilenceAlarm, Source
from usage.sources import forget_sources

MOST_WARNINGS = 10


class SourceForm(ModelForm):  # type: ignore[type-arg]
    """A source; its mapping is checked before it is saved."""

    preset = forms.ChoiceField(
        label=_("sends like"),
        required=False,
        choices=[("", "–"), *((code, preset["name"]) for code, preset in PRESETS.items())],
        widget=UnfoldAdminSelectWidget,
        help_text=_("The sender whose callbacks /api/v1/cdr/mapped takes."),
    )

    class Meta:
        model = Source
        fields = (
            "tenant", "code", "zone", "leg_policy", "country_code", "international_prefix", "trunk_prefix", "variables",
            "preset", "mapping", "acknowledgement", "silence_factor",
        )  # fmt: skip

    def clean_mapping(self) -> Any:
        """Refuse a mapping that names a field nobody knows, or a rule that cannot be read."""
        mapping = self.cleaned_data["mapping"] or {}
        if fault := fault_of_mapping(mapping):
            raise forms.ValidationError(f"{fault.pointer}: {fault.detail}")
        return mapping

    def clean_variables(self) -> Any:
        """Refuse anything but names for names."""
        variables = self.cleaned_data["variables"] or {}
        if not isinstance(variables, dict) or not all(
            isinstance(v, str) and 0 < len(k) <= 64 for k, v in variables.items()
        ):
            raise forms.ValidationError(_("Write label → channel variable, both as text."))
        return variables

    def clean_acknowledgement(self) -> Any:
        """Keep an absent acknowledgement empty."""
        return self.cleaned_data["acknowledgement"] or {}


@admin.register(Source)
class SourceAdmin(FinanceAdmin):
    """A switch or platform that reports calls."""

    form = SourceForm
    list_display = ("code", "tenant", "zone", "leg_policy", "preset")
    list_select_related = ("tenant",)
    list_filter = (("tenant", AutocompleteSelectFilter), "leg_policy")
    search_fields = ("code", "tenant__code", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("tenant",)
    change_form_before_template = "admin/usage/_try_link.html"
    fieldsets = (
        (None, {"fields": ("tenant", ("code", "zone"), ("leg_policy", "silence_factor"))}),
        (_("Numbers"), {"fields": ("country_code", ("international_prefix", "trunk_prefix"))}),
        (_("FreeSWITCH"), {"fields": ("variables",), "classes": ("collapse",)}),
        (_("Callbacks of a platform"), {"fields": ("preset", "mapping", "acknowledgement"), "classes": ("collapse",)}),
    )

    def get_urls(self) -> list[URLPattern]:
        """Add the page on which a record is tried."""
        own = [path("<int:pk>/try/", self.admin_site.admin_view(self.try_view), name="usage_source_try")]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted("view")
    def try_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show what the source would make of what is pasted."""
        source = self.get_object(request, str(pk))
        if source is None:
            return HttpResponseRedirect(reverse("admin:usage_source_changelist"))
        return try_page(self, request, cast("Source", source))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Say above the list which sources are silent."""
        if request.method == "GET" and self.has_view_permission(request):
            silent = SilenceAlarm.objects.filter(closed_at__isnull=True).select_related("source__tenant")
            for alarm in silent.order_by("last_delivery_at")[:MOST_WARNINGS]:
                sentence = _(
                    "%(source)s (%(tenant)s) has been silent for %(hours)s h; its longest usual pause is %(usual)s h."
                )
                figures = {
                    "source": alarm.source.code,
                    "tenant": alarm.source.tenant,
                    "hours": hours(datetime.now(UTC) - alarm.last_delivery_at),
                    "usual": hours(alarm.usual_pause),
                }
                self.message_user(request, sentence % figures, messages.WARNING)
        return super().changelist_view(request, extra_context)  # type: ignore[no-any-return]

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Save, and let this process's doors see it at once; others see it within seconds."""
        super().save_model(request, obj, form, change)
        forget_sources()
