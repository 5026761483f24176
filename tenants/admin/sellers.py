"""Sellers: who issues invoices."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from billing.admin import KeptAdmin
from tenants.models import Seller


@admin.register(Seller)
class SellerAdmin(KeptAdmin):
    """Who issues invoices."""

    list_display = ("__str__", "code", "tax_id", "email", "payment_days")
    search_fields = ("name_zh", "name_en", "code", "tax_id")
    fieldsets = (
        (None, {"fields": ("code", ("name_zh", "name_en"), "tax_id", ("address_zh", "address_en"))}),
        (_("On the invoice"), {"fields": (("phone", "email"), ("bank_name", "bank_account"), "payment_days")}),
        (_("Month close"), {"fields": (("grace_days", "closes_by_itself", "billing_starts_on"),)}),
    )
