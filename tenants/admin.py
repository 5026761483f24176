"""Sellers, tenants, contracts and keys, as finance sets them up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from billing.admin import FinanceAdmin, KeptAdmin
from billing.errors import Refused
from billing.rating.terms import Agreement
from tenants.contracts import sign
from tenants.keys import make_key, revoke_key
from tenants.models import ApiKey, Contact, Contract, ContractVersion, Seller, Tenant

admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[type-arg, misc]
    """Staff, in the site's theme."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]
    """Groups, in the site's theme."""


@admin.register(Seller)
class SellerAdmin(KeptAdmin):
    """Who issues invoices."""

    list_display = ("__str__", "code", "tax_id", "email", "payment_days")
    search_fields = ("name_zh", "name_en", "code", "tax_id")
    fieldsets = (
        (None, {"fields": ("code", ("name_zh", "name_en"), "tax_id", ("address_zh", "address_en"))}),
        (_("On the invoice"), {"fields": (("phone", "email"), ("bank_name", "bank_account"), "payment_days")}),
        (_("Month close"), {"fields": (("grace_days", "billing_starts_on"),)}),
    )


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

    list_display = ("__str__", "code", "seller", "industry", "zone", "currency", "active")
    list_filter = ("active", "seller", "industry")
    list_select_related = ("seller",)
    search_fields = ("name_zh", "name_en", "code", "tax_id")
    fieldsets = (
        (
            None,
            {"fields": ("seller", "code", ("name_zh", "name_en"), "tax_id", ("address_zh", "address_en"), "active")},
        ),
        (_("Billing"), {"fields": (("currency", "language"), ("zone", "billing_day"), ("industry", "region"))}),
        (_("Calls"), {"fields": ("accept_days_back", "keep_numbers")}),
    )
    inlines = (ContactInline, ContractInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep what decides which month a call belongs to from being changed under calls already stored."""
        return ("zone", "billing_day", "currency") if obj and obj.contracts.exists() else ()


class VersionForm(ModelForm):  # type: ignore[type-arg]
    """A draft version; its agreement is read by the engine before it is saved."""

    class Meta:
        model = ContractVersion
        fields = ("number", "starts_on", "agreement", "reason")
        widgets = {"agreement": forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "font-mono w-full"})}

    def clean_agreement(self) -> Any:
        """Refuse what the engine cannot read, with the place and what to write instead."""
        document = self.cleaned_data["agreement"]
        try:
            Agreement.from_json(document)
        except Refused as refusal:
            raise forms.ValidationError(f"{refusal.pointer or '/'}: {refusal.message}") from None
        return document


@admin.register(ContractVersion)
class ContractVersionAdmin(FinanceAdmin):
    """What was agreed from one day on; signed versions cannot be changed."""

    form = VersionForm
    list_display = ("__str__", "contract", "number", "starts_on", "signed_at", "signed_by")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "contract__tenant__name_zh", "contract__tenant__name_en")
    fields = ("contract", ("number", "starts_on"), "reason", "agreement", ("signed_at", "signed_by"))
    readonly_fields = ("signed_at", "signed_by")
    autocomplete_fields = ("contract",)
    actions = ("sign_versions",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only drafts be changed; the database refuses the rest anyway."""
        return bool(super().has_change_permission(request, obj)) and not (obj and obj.signed_at)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let only drafts be deleted."""
        return bool(super().has_delete_permission(request, obj)) and not (obj and obj.signed_at)

    @admin.action(description=_("Sign the chosen drafts"), permissions=["change"])
    def sign_versions(self, request: HttpRequest, chosen: QuerySet[ContractVersion]) -> None:
        """Sign drafts; each refusal is a sentence."""
        for version in chosen:
            try:
                sign(version, by=request.user.get_username(), reason=version.reason, now=datetime.now(UTC))
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(request, _("%(version)s is signed.") % {"version": version}, messages.SUCCESS)


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


class KeyForm(ModelForm):  # type: ignore[type-arg]
    """A key to be made: what for, what it may do, until when."""

    scopes = forms.MultipleChoiceField(label=_("may"), choices=ApiKey.SCOPES, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ApiKey
        fields = ("tenant", "name", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(FinanceAdmin):
    """Keys: made here, shown once, revoked, never changed."""

    form = KeyForm
    list_display = ("name", "tenant", "prefix", "scopes", "last_used_on", "expires_at", "revoked_at")
    list_select_related = ("tenant",)
    list_filter = ("tenant",)
    search_fields = ("name", "prefix", "tenant__code")
    autocomplete_fields = ("tenant",)
    actions = ("revoke_keys",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a key is revoked and made anew, never changed."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a key stays on the list, so that one can see who had access."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool) -> None:
        """Make the key and show it this one time."""
        row, text = make_key(obj.tenant, obj.name, form.cleaned_data["scopes"], expires_at=obj.expires_at)
        obj.pk = row.pk
        self.message_user(
            request, _("This is the key; it is shown only now: %(key)s") % {"key": text}, messages.WARNING
        )

    @admin.action(description=_("Revoke the chosen keys"), permissions=["change"])
    def revoke_keys(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """Revoke keys; they stop working within 30 seconds."""
        for key in chosen:
            revoke_key(key, datetime.now(UTC))
        self.message_user(request, _("Revoked; within 30 seconds no request gets through."), messages.SUCCESS)
