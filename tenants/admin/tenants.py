"""Tenants, with their contacts and contracts at a glance."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from billing.admin import KeptAdmin
from tenants.admin.bounces import warn_of_bounces
from tenants.models import Contact, Contract, Tenant


class ContactInline(TabularInline):  # type: ignore[misc]
    """Who receives the tenant's invoices."""

    model = Contact
    extra = 0


class ContractInline(TabularInline):  # type: ignore[misc]
    """The tenant's contracts, at a glance."""

    model = Contract
    extra = 0
    fields = ("code", "name_zh", "name_en", "ends_on")
    show_change_link = True
    can_delete = False


@admin.register(Tenant)
class TenantAdmin(KeptAdmin):
    """A paying customer."""

    list_display = ("__str__", "code", "seller", "industry", "zone", "currency", "status")
    list_filter = ("status", "seller", "industry")
    list_select_related = ("seller",)
    search_fields = ("name_zh", "name_en", "code", "tax_id")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "seller",
                    "code",
                    "name_zh",
                    "name_en",
                    "tax_id",
                    "address_zh",
                    "address_en",
                    "country",
                    "status",
                )
            },
        ),
        (
            _("Billing"),
            {
                "fields": (
                    ("currency", "language"),
                    ("zone", "billing_day"),
                    ("industry", "region"),
                    ("gets_reminders", "gets_statements", "gets_fit_reports"),
                )
            },
        ),
        (
            _("Tax invoice"),
            {
                "fields": (
                    "tax_invoice",
                    ("phone", "bank_name", "bank_account"),
                    ("untaxed", "untaxed_reason"),
                    "factur_x",
                )
            },
        ),
        (_("Calls"), {"fields": (("accept_days_back", "retention_months"), "keep_numbers")}),
    )
    inlines = (ContactInline, ContractInline)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a tenant; above it, to whom mails come back."""
        tenant = self.get_object(request, object_id)
        if tenant is not None and request.method == "GET":
            warn_of_bounces(request, tenant)
        return cast("HttpResponse", super().change_view(request, object_id, form_url, extra_context))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep what decides which month a call belongs to from being changed under calls already stored."""
        return ("zone", "billing_day", "currency") if obj and obj.contracts.exists() else ()
