"""One contract's month in a close: its figures, what the checks found and where to look, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import ActionForm

from billing.permitting import permitted
from invoices import closing, stepping
from invoices.admin.closes import MAY_CLOSE, CloseAdmin
from invoices.admin.periods import state_of
from invoices.admin.places import place_of
from invoices.findings import sentence_of
from invoices.models import Finding, RunStep
from invoices.reporting import why_parked

FIGURES = {
    "received": _("received"), "duplicates": _("duplicates"), "rejected": _("rejected"), "declared": _("declared"),
    "counted": _("counted"), "late": _("late"), "talk_seconds": _("talk time, s"), "net": _("net"),
    "total": _("amount"), "last_total": _("last month"), "currency": _("currency"),
}  # fmt: skip


class ReasonForm(ActionForm):  # type: ignore[misc]
    """An action that needs a reason."""

    reason = forms.CharField(label=_("reason"), max_length=300, required=False)


@admin.register(RunStep)
class RunStepAdmin(CloseAdmin):
    """The contracts of the runs; parked ones can be resumed, open ones set aside."""

    list_display = ("contract", "tenant", "period_starts_on", "state", "why", "parked_by", "invoice", "changed_at")
    list_filter = ("state", "purpose", "period_starts_on", "run")
    list_select_related = ("contract", "tenant", "invoice__contract")
    search_fields = ("contract__code", "tenant__code")
    action_form = ReasonForm
    actions = ("resume", "park")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunStep]:
        """Bring the findings along."""
        found: QuerySet[RunStep] = super().get_queryset(request).prefetch_related("findings")
        return found

    @admin.display(description=_("reason"))
    def why(self, step: RunStep) -> str:
        """Say why a contract is parked."""
        return why_parked(step)

    @admin.action(description=_("Resume: count, draft and check again"))
    @permitted(MAY_CLOSE)
    def resume(self, request: HttpRequest, chosen: QuerySet[RunStep]) -> None:
        """Resume parked contracts."""
        self.each(request, chosen, lambda pk: closing.resume(pk, datetime.now(UTC)))

    @admin.action(description=_("Park, for the reason"))
    @permitted(MAY_CLOSE)
    def park(self, request: HttpRequest, chosen: QuerySet[RunStep]) -> None:
        """Set contracts aside."""
        reason, by = request.POST.get("reason", ""), request.user.get_username()
        self.each(request, chosen, lambda pk: closing.park(pk, reason=reason, by=by, now=datetime.now(UTC)))

    @permitted("view", post=MAY_CLOSE)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one contract's month; resume it, set it aside, accept what was found on it."""
        step = self.get_object(request, object_id)
        if step is None or not self.has_view_permission(request, step):
            raise PermissionDenied
        step = cast("RunStep", step)
        if request.method == "POST":
            return self._done(request, step)
        context = self.admin_site.each_context(request) | {
            "title": f"{step.contract} {step.period_starts_on:%Y-%m}",
            "opts": self.opts,
            "step": step,
            "month": state_of(request.user, step.tenant, step.period_starts_on),
            "why": why_parked(step) if step.parked_by or not step.findings.all() else "",
            "figures": [(name, step.figures[key]) for key, name in FIGURES.items() if step.figures.get(key) is not None],
            "findings": [
                (each, sentence_of(each.code, each.facts), place_of(each)) for each in _gravest_first(step.findings.all())
            ],
            "may_close": request.user.has_perm(MAY_CLOSE),
        }  # fmt: skip
        return TemplateResponse(request, "admin/invoices/step.html", context)

    def _done(self, request: HttpRequest, step: RunStep) -> HttpResponse:
        """Do what a button of the page asks for."""
        now, by, reason = datetime.now(UTC), request.user.get_username(), request.POST.get("reason", "")
        finding = request.POST.get("finding", "")
        if request.POST.get("do") == "resume":
            return self.tried(
                request, lambda: closing.resume(step.pk, now), gettext("It is counted and checked again.")
            )
        if request.POST.get("do") == "park":
            return self.tried(
                request, lambda: closing.park(step.pk, reason=reason, by=by, now=now), gettext("Set aside.")
            )
        if finding.isdecimal() and step.findings.filter(pk=int(finding[:18])).exists():
            return self.tried(
                request, lambda: stepping.accept(int(finding), reason=reason, by=by, now=now), gettext("Accepted.")
            )
        return HttpResponseRedirect(request.get_full_path())


def _gravest_first(findings: Any) -> list[Finding]:
    order = [severity for severity, _name in Finding.SEVERITIES]
    return sorted(findings, key=lambda each: (each.accepted_at is not None, order.index(each.severity)))


@admin.register(Finding)
class FindingAdmin(CloseAdmin):
    """What the checks saw; accepting it takes a reason and leaves a name."""

    list_display = ("step_page", "severity", "sentence", "look_there", "found_at", "accepted_by", "accepted_reason")
    list_display_links = None
    list_filter = ("severity", "code", ("accepted_at", admin.EmptyFieldListFilter), "step__purpose")
    list_select_related = ("step__contract__tenant", "step__invoice")
    search_fields = ("step__contract__code",)
    ordering = ("-pk",)
    exclude = ("facts",)
    action_form = ReasonForm
    actions = ("accept",)

    @admin.display(description=_("step"))
    def step_page(self, finding: Finding) -> SafeString:
        """Lead to the contract's month."""
        return format_html(
            '<a href="{}">{}</a>', reverse("admin:invoices_runstep_change", args=[finding.step_id]), finding.step
        )

    @admin.display(description=_("finding"))
    def sentence(self, finding: Finding) -> str:
        """Say what was found."""
        return sentence_of(finding.code, finding.facts)

    @admin.display(description=_("look there"))
    def look_there(self, finding: Finding) -> SafeString:
        """Lead to what the finding names."""
        place = place_of(finding)
        return format_html('<a href="{}">{}</a>', place.address, place.name)

    @admin.action(description=_("Accept, for the reason"))
    @permitted(MAY_CLOSE)
    def accept(self, request: HttpRequest, chosen: QuerySet[Finding]) -> None:
        """Accept findings; a contract whose last error it was goes on."""
        reason, by = request.POST.get("reason", ""), request.user.get_username()
        self.each(request, chosen, lambda pk: stepping.accept(pk, reason=reason, by=by, now=datetime.now(UTC)))
