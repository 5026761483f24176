"""Contracts, with their versions at a glance, and the way to what is held under them."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline
from unfold.decorators import action as list_button
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from billing.admin import KeptAdmin
from billing.permitting import permitted
from tenants.admin.holdings_page import PERMISSIONS, holdings_page
from tenants.editor.reading import labels_of, list_of
from tenants.models import Contract, ContractVersion

SCOPES = ("source", "robot", "line")


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


def _listing(label: Any) -> forms.CharField:
    return forms.CharField(
        label=capfirst(label), required=False, widget=UnfoldAdminTextInputWidget, help_text=_("Separated by commas.")
    )


class ContractForm(ModelForm):  # type: ignore[type-arg]
    """A contract; which calls it is for is written in plain fields."""

    source = _listing(_("sources"))
    robot = _listing(_("robots"))
    line = _listing(_("lines"))
    labels = forms.CharField(
        label=capfirst(_("labels")),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_("One a line: shop = north, south"),
    )

    class Meta:
        model = Contract
        fields = ("tenant", "code", "name_zh", "name_en")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        scope = self.instance.scope or {}
        for name in SCOPES:
            self.initial[name] = ", ".join(scope.get(name, []))
        self.initial["labels"] = "\n".join(f"{k} = {', '.join(v)}" for k, v in scope.get("labels", {}).items())
        self.is_signed = bool(self.instance.pk) and self.instance.versions.filter(signed_at__isnull=False).exists()
        for name in (*SCOPES, "labels"):
            self.fields[name].disabled = self.is_signed

    def clean(self) -> dict[str, Any]:
        """Put the fields together to the contract's scope."""
        cleaned = super().clean() or {}
        scope: dict[str, Any] = {name: list_of(cleaned.get(name, "")) for name in SCOPES}
        scope["labels"] = labels_of(cleaned.get("labels", ""))
        if not all(scope["labels"].values()):
            self.add_error("labels", _("Write each label with its values: shop = north, south."))
        self.instance.scope = {name: values for name, values in scope.items() if values}
        return cleaned


@admin.register(Contract)
class ContractAdmin(KeptAdmin):
    """An agreement with one tenant."""

    form = ContractForm
    list_display = ("code", "tenant", "localised_name", "ends_on")
    list_select_related = ("tenant",)
    search_fields = ("code", "name_zh", "name_en", "tenant__name_zh", "tenant__name_en")
    autocomplete_fields = ("tenant",)
    inlines = (VersionInline,)
    actions_list = ("to_prospect",)
    readonly_fields = ("ends_on", "frozen_until")
    change_form_before_template = "admin/tenants/_contract_links.html"
    fieldsets = (
        (None, {"fields": ("tenant", "code", ("name_zh", "name_en"), ("ends_on", "frozen_until"))}),
        (
            _("Only for some calls"),
            {
                "fields": ("source", "robot", "line", "labels"),
                "description": _(
                    "Empty: all calls that no other contract of the tenant is for. It stands once a version is signed."
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a signed contract with its tenant."""
        signed = obj is not None and obj.versions.filter(signed_at__isnull=False).exists()
        return (*self.readonly_fields, "tenant") if signed else self.readonly_fields

    def get_urls(self) -> list[URLPattern]:
        """Add the page of what is held under a contract and what happened to it."""
        view = self.admin_site.admin_view(self.holdings_view)
        own = [path("<int:pk>/holdings/", view, name="tenants_contract_holdings")]
        return own + cast("list[URLPattern]", super().get_urls())

    @list_button(description=_("Try contracts for a prospect"), url_path="to-prospect")  # type: ignore[untyped-decorator]
    @permitted("view")
    def to_prospect(self, request: HttpRequest) -> HttpResponse:
        """Lead to what somebody without history would pay."""
        return HttpResponseRedirect(reverse("admin:invoices_prospect"))

    @permitted("view", post=PERMISSIONS)
    def holdings_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show subscriptions, levels, packages, notices and history; take new entries."""
        contract = self.get_object(request, str(pk))
        if contract is None or not self.has_view_permission(request, contract):
            return HttpResponseRedirect(reverse("admin:tenants_contract_changelist"))
        return holdings_page(self, request, cast("Contract", contract))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save with the scope that the form put together."""
        obj.scope = form.instance.scope
        super().save_model(request, obj, form, change)

    @admin.display(description=_("name"))
    def localised_name(self, contract: Contract) -> str:
        """Show the name in the reader's language."""
        return contract.name_zh if (get_language() or "").startswith("zh") else contract.name_en
