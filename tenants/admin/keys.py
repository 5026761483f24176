"""API keys: made, shown once, revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from billing.admin import FinanceAdmin
from billing.errors import Refused
from tenants.keys import make_key, revoke_key, rotate_key
from tenants.models import ApiKey, Seller, Tenant


class KeyForm(ModelForm):  # type: ignore[type-arg]
    """A key to be made: what for, what it may do, until when."""

    scopes = forms.MultipleChoiceField(label=_("may"), choices=ApiKey.SCOPES, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ApiKey
        fields = ("tenant", "seller", "name", "scopes", "expires_at")


@admin.register(ApiKey)
class ApiKeyAdmin(FinanceAdmin):
    """Keys: made here, shown once, revoked, never changed."""

    form = KeyForm
    list_display = ("name", "tenant", "seller", "prefix", "scopes", "last_used_on", "expires_at", "revoked_at")
    list_select_related = ("tenant", "seller")
    list_filter = (("tenant", AutocompleteSelectFilter),)
    search_fields = ("name", "prefix", "tenant__code")
    autocomplete_fields = ("tenant", "seller")
    actions = ("rotate_keys", "revoke_keys")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a key is revoked and made anew, never changed."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a key stays on the list, so that one can see who had access."""
        return False

    def save_model(self, request: HttpRequest, obj: ApiKey, form: ModelForm[ApiKey], change: bool) -> None:
        """Make the key and show it this one time."""
        holder = cast("Tenant | Seller", obj.tenant or obj.seller)
        row, text = make_key(holder, obj.name, form.cleaned_data["scopes"], expires_at=obj.expires_at)
        obj.pk = row.pk
        self.message_user(
            request, _("This is the key; it is shown only now: %(key)s") % {"key": text}, messages.WARNING
        )

    @admin.action(description=_("Rotate the chosen keys"), permissions=["change"])
    def rotate_keys(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """Make a new key for each; the old one works on for a day, so that its user can be switched."""
        for key in chosen:
            try:
                _row, text = rotate_key(key, datetime.now(UTC))
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                said = _("The new key instead of %(old)s, which works for 24 hours more; shown only now: %(key)s")
                self.message_user(request, said % {"old": key.prefix, "key": text}, messages.WARNING)

    @admin.action(description=_("Revoke the chosen keys"), permissions=["change"])
    def revoke_keys(self, request: HttpRequest, chosen: QuerySet[ApiKey]) -> None:
        """Revoke keys; they stop working within 30 seconds."""
        for key in chosen:
            revoke_key(key, datetime.now(UTC))
        self.message_user(request, _("Revoked; within 30 seconds no request gets through."), messages.SUCCESS)
