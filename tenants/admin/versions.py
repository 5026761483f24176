"""Contract versions: drafts are edited and signed here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from billing.admin import FinanceAdmin
from billing.errors import Refused
from billing.rating.terms import Agreement
from tenants.contracts import sign
from tenants.models import ContractVersion


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
