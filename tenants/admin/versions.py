"""Contract versions: the list, new drafts, and the way to their pages."""

from __future__ import annotations

from types import MethodType
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from billing.admin import FinanceAdmin
from billing.permitting import permitted
from tenants.admin.comparison_page import comparison_page
from tenants.admin.document_pages import csv_page, export_page, json_page
from tenants.admin.editor_page import editor_page
from tenants.admin.signing_page import signing_page
from tenants.catalogue import entries, origin_of
from tenants.contracts import next_number, signed_versions
from tenants.models import Contract, ContractVersion

LATEST = "latest"
LOOK, CHANGE = "tenants.view_contractversion", "tenants.change_contractversion"


def starting_points() -> list[Any]:
    """List what a draft may start from."""
    chinese = (get_language() or "").startswith("zh")
    models = [(code, entry.name.zh if chinese else entry.name.en) for code, entry in entries().items()]
    ours = [each for each in models if each[0].startswith("model-")]
    published = [each for each in models if not each[0].startswith("model-")]
    return [
        (LATEST, _("the latest version of the contract, or nothing if there is none")),
        (_("One for each way of charging"), ours),
        (_("Published price lists"), published),
    ]


class NewVersionForm(ModelForm):  # type: ignore[type-arg]
    """A new draft: of which contract, from which day, and what to start from."""

    start_from = forms.ChoiceField(
        label=capfirst(_("start from")),
        choices=starting_points,
        widget=UnfoldAdminSelectWidget,
        help_text=_("A copy to change; the editor shows what differs."),
    )

    class Meta:
        model = ContractVersion
        fields = ("contract", "starts_on", "reason")

    def save(self, commit: bool = True) -> ContractVersion:
        """Give the draft its number and a copy of the agreement it starts from."""
        version = cast("ContractVersion", super().save(commit=False))
        version.number = next_number(version.contract)
        chosen = self.cleaned_data["start_from"]
        if chosen != LATEST:
            version.started_from = origin_of(chosen)
            version.agreement = version.started_from["agreement"] | {"currency": version.contract.tenant.currency}
        else:
            version.agreement, version.started_from = beginning_of(version.contract)
        return version


def beginning_of(contract: Contract) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Copy the latest signed version with its origin, or begin with nothing but the currency and the usual tax."""
    signed = signed_versions(contract)
    if signed:
        return dict(signed[-1].agreement), signed[-1].started_from
    return {"version": 1, "currency": contract.tenant.currency, "tax": {"rate": "0.06"}, "clauses": []}, None


@admin.register(ContractVersion)
class ContractVersionAdmin(FinanceAdmin):
    """What was agreed from one day on; signed versions cannot be changed."""

    form = NewVersionForm
    list_display = ("__str__", "contract", "number", "starts_on", "signed_at", "signed_by")
    list_select_related = ("contract",)
    search_fields = ("contract__code", "contract__tenant__name_zh", "contract__tenant__name_en")
    fields = ("contract", "starts_on", "start_from", "reason")
    autocomplete_fields = ("contract",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContractVersion]:
        """Leave the agreements of a list where they are."""
        found: QuerySet[ContractVersion] = super().get_queryset(request)
        place = request.resolver_match
        listed = place is not None and place.url_name == "tenants_contractversion_changelist"
        return found.defer("agreement", "started_from") if listed else found

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let only drafts be changed; the database refuses the rest anyway."""
        return bool(super().has_change_permission(request, obj)) and not getattr(obj, "signed_at", None)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let only drafts be deleted."""
        return bool(super().has_delete_permission(request, obj)) and not getattr(obj, "signed_at", None)

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of one version: JSON, export, comparison, signing, and the next draft."""
        pages = {
            "json": (json_page, LOOK, CHANGE),
            "export": (export_page, LOOK, ""),
            "tiers": (csv_page, LOOK, ""),
            "compare": (comparison_page, LOOK, ""),
            "sign": (signing_page, CHANGE, CHANGE),
            "amend": (_amend, "tenants.add_contractversion", ""),
        }
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(self._opened(*page)), name=f"tenants_version_{name}")
            for name, page in pages.items()
        ]
        return own + cast("list[URLPattern]", super().get_urls())

    def _opened(self, page: Any, permission: str, to_send: str) -> Any:
        """Give a page its version, if the reader may see it."""

        @permitted(permission, post=to_send)
        def view(self: ContractVersionAdmin, request: HttpRequest, pk: int) -> HttpResponse:
            version = self.get_object(request, str(pk))
            if version is None:
                return HttpResponseRedirect(reverse("admin:tenants_contractversion_changelist"))
            return cast("HttpResponse", page(self, request, version))

        return MethodType(view, self)

    @permitted("view", post=CHANGE)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Open the editor; a signed version is shown, not changed."""
        version = self.get_object(request, object_id)
        if version is None or not self.has_view_permission(request, version):
            return cast("HttpResponse", super().change_view(request, object_id, form_url, extra_context))
        return editor_page(self, request, cast("ContractVersion", version))

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Lead from the new draft to its editor."""
        return HttpResponseRedirect(reverse("admin:tenants_contractversion_change", args=[obj.pk]))


def _amend(model_admin: ContractVersionAdmin, request: HttpRequest, version: ContractVersion) -> HttpResponse:
    """Lead to a new draft that starts from the version in force."""
    return HttpResponseRedirect(f"{reverse('admin:tenants_contractversion_add')}?contract={version.contract_id}")
