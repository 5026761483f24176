"""The month's close: how far each run is, which contracts are parked, and what was found on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.forms import ActionForm

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from invoices import closing, stepping
from invoices.findings import sentence_of
from invoices.models import CloseRun, Finding, RunStep
from invoices.tasks import continue_closes


class ReasonForm(ActionForm):  # type: ignore[misc]
    """An action that needs a reason."""

    reason = forms.CharField(label=_("reason"), max_length=300, required=False)


class CloseAdmin(ViewOnlyAdmin):
    """What the pages of the close share: an action is tried on each chosen row, and each refusal is said."""

    def each(self, request: HttpRequest, chosen: QuerySet[Model], act: Callable[[int], object]) -> None:
        """Try an action on each row and say how many it was done for."""
        if not request.user.has_perm("invoices.change_invoice"):
            self.message_user(request, gettext("Your role does not allow closing months."), messages.ERROR)
            return
        done = 0
        for row in chosen:
            try:
                act(row.pk)
                done += 1
            except Refused as refusal:
                self.message_user(request, f"{row}: {refusal.message}", messages.ERROR)
        if done:
            self.message_user(request, ngettext("%d row changed.", "%d rows changed.", done) % done, messages.SUCCESS)
            continue_closes()


@admin.register(CloseRun)
class CloseRunAdmin(CloseAdmin):
    """Runs with their progress."""

    list_display = ("__str__", "state", "progress", "time_left", "started_by", "started_at", "finished_at")
    list_filter = ("purpose", "state", "seller")
    list_select_related = ("seller",)
    actions = ("stop", "go_on", "cancel")

    @admin.display(description=_("progress"))
    def progress(self, run: CloseRun) -> str:
        """Show how many contracts are ready and parked, of how many."""
        found = closing.progress_of(run, datetime.now(UTC))
        parked = found.counts[RunStep.PARKED]
        return gettext("%(ready)d of %(total)d ready, %(parked)d parked") % {
            "ready": found.counts[RunStep.READY], "total": found.total, "parked": parked,
        }  # fmt: skip

    @admin.display(description=_("time left"))
    def time_left(self, run: CloseRun) -> str:
        """Estimate the time it still takes."""
        left = closing.progress_of(run, datetime.now(UTC)).left
        return f"{left.total_seconds():.0f} s" if left else ""

    @admin.action(description=_("Stop: begin no further contract"))
    def stop(self, request: HttpRequest, chosen: QuerySet[CloseRun]) -> None:
        """Let no further step begin."""
        self.each(request, chosen, closing.stop)

    @admin.action(description=_("Go on"))
    def go_on(self, request: HttpRequest, chosen: QuerySet[CloseRun]) -> None:
        """Continue stopped runs."""
        self.each(request, chosen, closing.go_on)

    @admin.action(description=_("Cancel: drafts stay, the next start begins anew"))
    def cancel(self, request: HttpRequest, chosen: QuerySet[CloseRun]) -> None:
        """Give runs up."""
        self.each(request, chosen, lambda pk: closing.cancel(pk, datetime.now(UTC)))


@admin.register(RunStep)
class RunStepAdmin(CloseAdmin):
    """The contracts of the runs; parked ones can be resumed, open ones set aside."""

    list_display = ("contract", "tenant", "period_starts_on", "state", "why", "parked_by", "invoice", "changed_at")
    list_filter = ("state", "purpose", "period_starts_on")
    list_select_related = ("contract", "tenant", "invoice__contract")
    search_fields = ("contract__code", "tenant__code")
    exclude = ("fence", "claimed_until", "figures", "reason")
    readonly_fields = ("why",)
    action_form = ReasonForm
    actions = ("resume", "park")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunStep]:
        """Bring the findings along."""
        found: QuerySet[RunStep] = super().get_queryset(request).prefetch_related("findings")
        return found

    @admin.display(description=_("reason"))
    def why(self, step: RunStep) -> str:
        """Say why a contract is parked: what was found and not accepted, or the reason given."""
        parked = step.state == RunStep.PARKED
        found = [each for each in step.findings.all() if each.severity == Finding.ERROR and each.accepted_at is None]
        told = [sentence_of(each.code, each.facts) for each in found] if parked and not step.parked_by else []
        return " ".join(told) or step.reason

    @admin.action(description=_("Resume: count, draft and check again"))
    def resume(self, request: HttpRequest, chosen: QuerySet[RunStep]) -> None:
        """Resume parked contracts."""
        self.each(request, chosen, lambda pk: closing.resume(pk, datetime.now(UTC)))

    @admin.action(description=_("Park, for the reason"))
    def park(self, request: HttpRequest, chosen: QuerySet[RunStep]) -> None:
        """Set contracts aside."""
        reason, by = request.POST.get("reason", ""), request.user.get_username()
        self.each(request, chosen, lambda pk: closing.park(pk, reason=reason, by=by, now=datetime.now(UTC)))


@admin.register(Finding)
class FindingAdmin(CloseAdmin):
    """What the checks saw; accepting it takes a reason and leaves a name."""

    list_display = ("step", "severity", "sentence", "found_at", "accepted_by", "accepted_reason")
    list_filter = ("severity", "code", ("accepted_at", admin.EmptyFieldListFilter))
    list_select_related = ("step__contract",)
    search_fields = ("step__contract__code",)
    exclude = ("facts",)
    action_form = ReasonForm
    actions = ("accept",)

    @admin.display(description=_("finding"))
    def sentence(self, finding: Finding) -> str:
        """Say what was found."""
        return sentence_of(finding.code, finding.facts)

    @admin.action(description=_("Accept, for the reason"))
    def accept(self, request: HttpRequest, chosen: QuerySet[Finding]) -> None:
        """Accept findings; a contract whose last error it was goes on."""
        reason, by = request.POST.get("reason", ""), request.user.get_username()
        self.each(request, chosen, lambda pk: stepping.accept(pk, reason=reason, by=by, now=datetime.now(UTC)))
