"""Sellers: who issues invoices."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.forms import ModelForm
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget

from billing.admin import FinanceAdmin, KeptAdmin
from tenants.models import Seller, TaxCode
from tenants.models.parties import validate_logo


class SellerForm(ModelForm):  # type: ignore[type-arg]
    """A seller; the logo is uploaded as a file."""

    picture = forms.FileField(
        label=_("logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget,
        help_text=_("PNG or SVG; the new file replaces the old one."),
    )

    class Meta:
        model = Seller
        fields = (
            "code", "name_zh", "name_en", "tax_id", "address_zh", "address_en", "country", "phone", "email", "sender_name", "bank_name",
            "bank_account", "payment_days", "notice_days", "reminder_days", "number_pattern", "grace_days",
            "closes_by_itself", "billing_starts_on",
        )  # fmt: skip
        widgets: ClassVar = {"reminder_days": UnfoldAdminTextInputWidget}

    def clean_picture(self) -> Any:
        """Refuse what is no picture that the invoice can show."""
        uploaded = self.cleaned_data["picture"]
        if uploaded:
            self.instance.logo = uploaded.read()
            validate_logo(self.instance.logo)
        return uploaded


@admin.register(Seller)
class SellerAdmin(KeptAdmin):
    """Who issues invoices."""

    form = SellerForm
    list_display = ("__str__", "code", "tax_id", "email", "payment_days")
    search_fields = ("name_zh", "name_en", "code", "tax_id")
    fieldsets = (
        (None, {"fields": ("code", "name_zh", "name_en", "tax_id", "address_zh", "address_en", "country")}),
        (
            _("On the invoice"),
            {
                "fields": (
                    ("phone", "email"),
                    "sender_name",
                    ("bank_name", "bank_account"),
                    ("payment_days", "notice_days"),
                    "reminder_days",
                    "number_pattern",
                    "picture",
                )
            },
        ),
        (_("Month close"), {"fields": ("grace_days", "closes_by_itself", "billing_starts_on")}),
    )


@admin.register(TaxCode)
class TaxCodeAdmin(FinanceAdmin):
    """Which classification code the lines of a seller bear on tax invoices."""

    list_display = ("seller", "kind", "clause", "code")
    list_filter = ("seller",)
    list_select_related = ("seller",)
    search_fields = ("clause", "code")
