"""What tenants ask about their invoices: a list of what waits, and a page to answer and close."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from billing.admin import ViewOnlyAdmin
from billing.errors import Refused
from billing.permitting import permitted
from invoices.admin.invoices import reader_language
from invoices.disputing import LONGEST, answer, close, line_names
from invoices.models import Dispute
from invoices.tasks import tell_of_disputes
from invoices.wording import Language

STATES = {
    "open": pgettext_lazy("dispute", "open"), "answered": pgettext_lazy("dispute", "answered, still open"),
    "closed": pgettext_lazy("dispute", "closed"),
}  # fmt: skip
SHOWN = 40  # characters of a question in the list


class OpenFilter(admin.SimpleListFilter):
    """Those that wait, or those that are closed."""

    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer both."""
        return [(state, told) for state, told in STATES.items() if state != "answered"]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Dispute]) -> QuerySet[Dispute]:
        """Look them up."""
        return queryset.filter(closed_at__isnull=self.value() == "open") if self.value() else queryset


@admin.register(Dispute)
class DisputeAdmin(ViewOnlyAdmin):
    """The questions, the latest first."""

    list_display = ("asked_at", "tenant", "invoice", "line_shown", "question_shown", "state_shown", "answered_by")
    list_filter = (OpenFilter,)
    list_select_related = ("tenant", "invoice__contract")
    search_fields = ("tenant__code", "invoice__number", "question")

    @admin.display(description=gettext_lazy("line"))
    def line_shown(self, dispute: Dispute) -> str:
        """Name the line."""
        return line_names(dispute.invoice, cast("Language", reader_language())).get(dispute.line, "") or _(
            "whole invoice"
        )

    @admin.display(description=gettext_lazy("question"))
    def question_shown(self, dispute: Dispute) -> str:
        """Show how the question begins."""
        return dispute.question if len(dispute.question) <= SHOWN else dispute.question[: SHOWN - 1] + "…"

    @admin.display(description=gettext_lazy("state"), ordering="closed_at")
    def state_shown(self, dispute: Dispute) -> str:
        """Say whether it waits."""
        return str(STATES["closed" if dispute.closed_at else "answered" if dispute.answered_at else "open"])

    @permitted("view", post="invoices.change_dispute")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one question; whoever may change disputes answers and closes it."""
        dispute = cast("Dispute | None", self.get_object(request, object_id))
        if dispute is None or not self.has_view_permission(request, dispute):
            raise PermissionDenied
        may_answer = request.user.has_perm("invoices.change_dispute")
        if request.method == "POST":
            try:
                said = _done(request, dispute)
            except Refused as refusal:
                self.refuse(request, refusal)
            else:
                self.message_user(request, said, messages.SUCCESS)
                return HttpResponseRedirect(request.path)
        context = self.admin_site.each_context(request) | {
            "title": _("%(tenant)s asks about %(number)s")
            % {"tenant": dispute.tenant, "number": dispute.invoice.number},
            "opts": self.opts,
            "dispute": dispute,
            "line": self.line_shown(dispute),
            "state": self.state_shown(dispute),
            "mails": dispute.mails.order_by("pk"),
            "may_answer": may_answer,
            "written": request.POST.get("answer", ""),
            "longest": LONGEST,
        }
        return TemplateResponse(request, "admin/invoices/dispute.html", context)


def _done(request: HttpRequest, dispute: Dispute) -> str:
    by, now = request.user.get_username(), datetime.now(UTC)
    if request.POST.get("do") == "close":
        close(dispute.pk, by=by, now=now)
        return _("Closed; reminders go on.")
    closing = request.POST.get("do") == "answer-and-close"
    answer(dispute.pk, request.POST.get("answer", ""), close=closing, by=by, now=now)
    tell_of_disputes.delay()
    return _("Answered; the tenant reads it on the invoice's page and in a mail.")
