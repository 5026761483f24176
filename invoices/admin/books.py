"""Checks of the books: asked for on a button, done by a worker, kept with the rows that break an invariant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action as list_button

from billing.admin import ViewOnlyAdmin
from billing.permitting import permitted
from invoices.auditing import open_alarm, request_check
from invoices.models import BooksCheck
from invoices.tasks import check_books

MAY_ASK = "invoices.add_bookscheck"


@admin.register(BooksCheck)
class BooksCheckAdmin(ViewOnlyAdmin):
    """The checks there were; a check's own page shows how far it is and what it found."""

    list_display = ("__str__", "outcome", "asked_by", "began_at", "ended_at")
    actions_list = ("ask",)

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Show the button to those who have the books checked."""
        return request.user.has_perm(MAY_ASK)

    @admin.display(description=_("outcome"))
    def outcome(self, check: BooksCheck) -> str:
        """Say what became of it."""
        if check.broken:
            return ngettext("%d invariant does not hold", "%d invariants do not hold", len(check.broken)) % len(
                check.broken
            )
        if check.ended_at is not None:
            return gettext("all hold")
        return gettext("running") if check.began_at else gettext("waits for a worker")

    @list_button(  # type: ignore[untyped-decorator]
        description=_("Check the books …"), url_path="ask", permissions=["ask"]
    )
    @permitted(MAY_ASK)
    def ask(self, request: HttpRequest) -> HttpResponse:
        """Say what will happen; on confirmation have the books checked and show how far it is."""
        return ask_page(
            request,
            self.opts,
            title=gettext("Check the books"),
            saying=gettext(
                "Counts every month and rates every invoice once more, and asks whether everything adds up. Nothing is "
                "changed; with many calls it takes a while."
            ),
        )

    @permitted("view")
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show how far a check is, and the rows that break an invariant."""
        check = self.get_object(request, object_id)
        if check is None or not self.has_view_permission(request, check):
            raise PermissionDenied
        check = cast("BooksCheck", check)
        context = self.admin_site.each_context(request) | {
            "title": f"{self.opts.verbose_name} {check}",
            "opts": self.opts,
            "check": check,
            "outcome": self.outcome(check),
            "broken": [each | {"told": gettext(each["sentence"])} for each in check.broken],
        }
        return TemplateResponse(request, "admin/invoices/books.html", context)


def ask_page(request: HttpRequest, opts: Any, *, title: str, saying: str) -> HttpResponse:
    """Say what a check of the books will do; on confirmation ask for one and show how far it is."""
    if request.method == "POST":
        check = request_check(by=request.user.get_username(), now=datetime.now(UTC))
        check_books.delay()
        return HttpResponseRedirect(reverse("admin:invoices_bookscheck_change", args=[check.pk]))
    context = admin.site.each_context(request) | {
        "title": title, "saying": saying, "opts": opts, "alarm": open_alarm(),
        "back": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }  # fmt: skip
    return TemplateResponse(request, "admin/invoices/books_ask.html", context)
