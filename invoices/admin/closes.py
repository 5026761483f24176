"""The month's close: start it, see how far each run is, stop it and go on, and read its report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as list_button

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.exporting import table_response
from billing.money import decimals_of
from billing.periods import add_months
from billing.permitting import permitted
from invoices import closing
from invoices.admin.invoices import reader_language
from invoices.models import CloseRun, RunStep
from invoices.reporting import HEADERS, TenantRow, export_rows, reasons_of, report_of, totals_of
from invoices.tasks import continue_closes
from tenants.models import Seller

PAGE = 50
MAY_CLOSE = "invoices.change_invoice"


class CloseAdmin(ViewOnlyAdmin):
    """What the pages of the close share: something is tried on rows, and each refusal is said."""

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show the button to those who close months."""
        return request.user.has_perm(MAY_CLOSE)

    def each(self, request: HttpRequest, chosen: QuerySet[Model], act: Callable[[int], object]) -> None:
        """Try an action on each row and say how many it was done for."""
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

    def tried(self, request: HttpRequest, act: Callable[[], object], done: str) -> HttpResponse:
        """Do what a button of a page asks for, say how it went, and show the page again."""
        try:
            act()
        except Refused as refusal:
            self.refuse(request, refusal)
        else:
            self.message_user(request, done, messages.SUCCESS)
            continue_closes()
        return HttpResponseRedirect(request.get_full_path())


def written(span: timedelta | None) -> str:
    """Write a length of time that is estimated: seconds, or whole minutes."""
    if span is None:
        return ""
    seconds = int(span.total_seconds())
    if seconds < 90:
        return gettext("%d s") % seconds
    return gettext("%d min") % round(seconds / 60)


@admin.register(CloseRun)
class CloseRunAdmin(CloseAdmin):
    """Runs with their progress; a run's own page is its cockpit and its report."""

    list_display = ("__str__", "state", "progress", "time_left", "started_by", "started_at", "finished_at")
    list_filter = ("purpose", "state", "seller")
    list_select_related = ("seller",)
    actions = ("stop", "go_on", "cancel")
    actions_list = ("start",)

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
        return written(closing.progress_of(run, datetime.now(UTC)).left)

    @admin.action(description=_("Stop: begin no further contract"))
    @permitted(MAY_CLOSE)
    def stop(self, request: HttpRequest, chosen: QuerySet[CloseRun]) -> None:
        """Let no further step begin."""
        self.each(request, chosen, closing.stop)

    @admin.action(description=_("Go on"))
    @permitted(MAY_CLOSE)
    def go_on(self, request: HttpRequest, chosen: QuerySet[CloseRun]) -> None:
        """Continue stopped runs."""
        self.each(request, chosen, closing.go_on)

    @admin.action(description=_("Cancel: drafts stay, the next start begins anew"))
    @permitted(MAY_CLOSE)
    def cancel(self, request: HttpRequest, chosen: QuerySet[CloseRun]) -> None:
        """Give runs up."""
        self.each(request, chosen, lambda pk: closing.cancel(pk, datetime.now(UTC)))

    @list_button(  # type: ignore[untyped-decorator]
        description=_("Close a month …"), url_path="start", permissions=["close"]
    )
    @permitted(MAY_CLOSE)
    def start(self, request: HttpRequest) -> HttpResponse:
        """Ask for seller and month, and start its close or find the one there is."""
        form = StartForm(request.POST or None, initial={"month": f"{_last_month():%Y-%m}"})
        if request.method == "POST" and form.is_valid():
            seller, month = form.cleaned_data["seller"], form.cleaned_data["month"]
            try:
                run = closing.start_close(seller, month, by=request.user.get_username(), now=datetime.now(UTC))
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                continue_closes()
                return HttpResponseRedirect(reverse("admin:invoices_closerun_change", args=[run.pk]))
        context = self.admin_site.each_context(request) | {
            "title": _("Close a month"), "opts": self.opts, "form": form, "schedule": _schedule(),
        }  # fmt: skip
        return TemplateResponse(request, "admin/invoices/close_start.html", context)

    def get_urls(self) -> list[URLPattern]:
        """Add the report as a file."""
        view = self.admin_site.admin_view(self.report_view)
        own = [path("<int:pk>/report.<str:form>", view, name="invoices_closerun_report")]
        return own + cast("list[URLPattern]", super().get_urls())

    @permitted("view")
    def report_view(self, request: HttpRequest, pk: int, form: str) -> HttpResponseBase:
        """Give the report as CSV or Excel."""
        run = self.get_object(request, str(pk))
        if run is None or not self.has_view_permission(request, run):
            raise PermissionDenied
        run = cast("CloseRun", run)
        name = f"{run.seller.code}-{run.month:%Y-%m}-{run.purpose}-{run.revision}"
        return table_response(form, name, HEADERS, export_rows(run, reader_language()))

    @permitted("view", post=MAY_CLOSE)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show how far a run is, what is parked and why, and the report; stop it, go on, give it up."""
        run = self.get_object(request, object_id)
        if run is None or not self.has_view_permission(request, run):
            raise PermissionDenied
        run, now = cast("CloseRun", run), datetime.now(UTC)
        if request.method == "POST":
            act = {
                "stop": lambda: closing.stop(run.pk),
                "go_on": lambda: closing.go_on(run.pk),
                "cancel": lambda: closing.cancel(run.pk, now),
            }.get(request.POST.get("do", ""))
            if act is None:
                return HttpResponseRedirect(request.get_full_path())
            return self.tried(request, act, gettext("Done."))
        return TemplateResponse(request, "admin/invoices/close.html", self._cockpit(request, run, now))

    def _cockpit(self, request: HttpRequest, run: CloseRun, now: datetime) -> dict[str, Any]:
        report = report_of(run)
        shown = [row for row in report if row.parked] if request.GET.get("show") == "parked" else report
        page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
        told = reasons_of(run, [row.tenant_id for row in page])
        steps: dict[int, list[RunStep]] = {}
        for step in run.steps.filter(tenant_id__in=[row.tenant_id for row in page]).select_related("contract"):
            steps.setdefault(step.tenant_id, []).append(step)
        progress = closing.progress_of(run, now)
        language = reader_language()
        shared: dict[str, Any] = self.admin_site.each_context(request)
        return shared | {
            "title": f"{_('Month close')} {run.month:%Y-%m} · {run.seller}",
            "opts": self.opts,
            "run": run,
            "progress": progress,
            "counts": [(state, name, progress.counts[state]) for state, name in RunStep.STATES],
            "percent": 100 * progress.ended // (progress.total or 1),
            "left": written(progress.left),
            "totals": [(row, _shown(row)) for row in totals_of(report)],
            "page": page,
            "rows": [
                (row, row.name_zh if language == "zh" else row.name_en, _shown(row), steps.get(row.tenant_id, []),
                 told.get(row.tenant_id, []))
                for row in page
            ],
            "only_parked": request.GET.get("show") == "parked",
            "may_close": request.user.has_perm(MAY_CLOSE),
        }  # fmt: skip


def _shown(row: TenantRow) -> list[str]:
    """Write a row's figures in the order of the page's columns."""
    places = decimals_of(row.currency) if row.currency else 2
    money = ["–" if amount is None else f"{amount:,.{places}f}" for amount in (row.amount, row.last_amount)]
    change = "–" if row.change is None else f"{row.change:+} %" if row.change else "0 %"
    counts = (
        row.counted,
        row.declared,
        row.late,
        row.received,
        row.duplicates,
        row.rejected,
        row.rated,
        row.drafted,
        row.approved,
        row.mailed,
    )
    return [*money, change, *("–" if count is None else f"{count:,}" for count in counts)]


class StartForm(forms.Form):
    """Which month of which seller."""

    seller = forms.ModelChoiceField(Seller.objects.order_by("code"), label=_("seller"), empty_label=None)
    month = forms.DateField(
        label=_("month"), input_formats=["%Y-%m"], widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m"),
        help_text=_("The month in which the periods begin, such as 2026-10."),
    )  # fmt: skip


def _schedule() -> list[tuple[Seller, CloseRun | None, CloseRun | None, int]]:
    """List each seller with its last close, its last rehearsal, and how many contracts that one could not close."""
    found = []
    for seller in Seller.objects.order_by("code"):
        last = CloseRun.objects.filter(seller=seller, purpose=CloseRun.CLOSE).order_by("-month", "-revision").first()
        rehearsal = CloseRun.objects.filter(seller=seller, purpose=CloseRun.SHADOW).order_by("-revision").first()
        parked = rehearsal.steps.filter(state=RunStep.PARKED).count() if rehearsal else 0
        found.append((seller, last, rehearsal, parked))
    return found


def _last_month() -> date:
    return add_months(timezone.localdate().replace(day=1), -1)
