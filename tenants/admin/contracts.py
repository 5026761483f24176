"""Contracts, with their versions at a glance."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from billing.admin import KeptAdmin
from tenants.models import Contract, ContractVersion


class VersionInline(TabularInline):  # type: ignore[misc]
    """The versions of a contract, at a glance."""

    model = ContractVersion
    extra = 0
    fields = ("number", "starts_on", "signed_at", "signed_by", "reason")
    readonly_fields = fields
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Versions are written on their own page."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Versions are deleted, while drafts, on their own page."""
        return False


@admin.register(Contract)
class ContractAdmin(KeptAdmin):
    """An agreement with one tenant."""

    list_display = ("code", "tenant", "localised_name", "ends_on")
    list_select_related = ("tenant",)
    search_fields = ("code", "name_zh", "name_en", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("tenant",)
    inlines = (VersionInline,)

    @admin.display(description=_("name"))
    def localised_name(self, contract: Contract) -> str:
        """Show the name in the reader's language."""
        return contract.name_zh if (get_language() or "").startswith("zh") else contract.name_en
