"""The review queue: one draft after the other, the riskiest first, by keyboard or buttons; those of low risk together."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, gettext

from billing.errors import Refused
from billing.money import decimals_of
from billing.permitting import permitted
from invoices.admin.approving import ApprovalPages
from invoices.admin.periods import state_of
from invoices.approving import hold, request_issue
from invoices.models import Invoice
from invoices.reviewing import Risk, drafts_by_risk

TOGETHER = 200  # drafts accepted at once: their list still fits on a page, and their numbers into an address
SHOWN = 30  # of the queue beside the draft


class ReviewPages(ApprovalPages):
    """The queue, where a draft is accepted, which puts it up for another person's approval, or held with a reason."""

    def get_urls(self) -> list[URLPattern]:
        """Add the queue."""
        own = path("review/", self.admin_site.admin_view(self.review_view), name="invoices_invoice_review")
        return [own, *super().get_urls()]

    @permitted("invoices.view_invoice", post="invoices.change_invoice")
    def review_view(self, request: HttpRequest) -> HttpResponse:
        """Show the draft of ``?at=``, or the riskiest; accept or hold it and go to the next."""
        queue = drafts_by_risk()
        place = _place(queue, request.GET.get("at", ""))
        if request.method == "POST":
            return HttpResponseRedirect(f"{request.path}{self._decided(request, queue, place)}")
        context = self.admin_site.each_context(request) | {
            "title": gettext("Review drafts"), "opts": self.opts, "total": len(queue), "place": place + 1,
            "before": queue[place - 1].invoice_id if place else None,
            "after": queue[place + 1].invoice_id if place + 1 < len(queue) else None,
            "queue": [_listed(each) for each in queue[max(place - 2, 0) : place + SHOWN]],
            "may_accept": request.user.has_perm("invoices.change_invoice"),
            **_low(queue),
            **(self._draft(request, queue[place]) if queue else {}),
        }  # fmt: skip
        return TemplateResponse(request, "admin/invoices/review.html", context)

    def _decided(self, request: HttpRequest, queue: list[Risk], place: int) -> str:
        """Accept or hold the draft that was looked at; return where to go on: at the next, or at the same if refused."""
        sent = request.POST.get("invoice", "")
        looked_at = next((number for number, each in enumerate(queue) if str(each.invoice_id) == sent), None)
        if looked_at is None:
            self.message_user(request, gettext("This is no draft any more; somebody was quicker."), messages.WARNING)
            return ""
        draft = queue[looked_at]
        told: dict[str, Any] = {
            "reason": request.POST.get("reason", ""), "by": request.user.get_username(), "now": datetime.now(UTC)
        }  # fmt: skip
        try:
            if request.POST.get("do") == "hold":
                hold(draft.invoice_id, **told)
                said = gettext("%(draft)s is held.")
            else:
                request_issue(draft.invoice_id, **told)
                said = gettext("%(draft)s waits for approval by another person.")
        except Refused as refusal:
            self.refuse(request, refusal)
            return f"?at={draft.invoice_id}"
        self.message_user(request, said % {"draft": draft.contract_code}, messages.SUCCESS)
        following = queue[looked_at + 1 : looked_at + 2]
        return f"?at={following[0].invoice_id}" if following else ""

    def _draft(self, request: HttpRequest, risk: Risk) -> dict[str, Any]:
        found = Invoice.objects.select_related("tenant", "contract", "seller").filter(pk=risk.invoice_id).first()
        if found is None:
            return {}
        month = state_of(request.user, found.tenant, found.period_starts_on)
        return {"risk": _listed(risk), "invoice": found, "month": month, **self.lines_of(found)}

    def lines_of(self, invoice: Invoice) -> dict[str, Any]:
        """Return a document's lines with their explanations, and its sums."""
        bill, language = invoice.document["bill"], "zh" if (get_language() or "").startswith("zh") else "en"
        lines = [
            {
                "name": line["name"][language],
                "reference": line.get("reference", ""),
                "amount": f"{Decimal(line['amount']):,}",
                "explanation": invoice.document["explanations"].get(line["key"], {}).get(language, ""),
            }
            for line in bill["lines"]
        ]
        return {"lines": lines, "figures": {name: f"{Decimal(bill[name]):,}" for name in ("net", "tax", "total")}}


def _place(queue: list[Risk], asked: str) -> int:
    return next((number for number, each in enumerate(queue) if str(each.invoice_id) == asked), 0)


def _listed(risk: Risk) -> dict[str, Any]:
    """Write a draft's figures; the language decides on the tenant's name."""
    places = decimals_of(risk.currency)
    chinese = (get_language() or "").startswith("zh")
    return {
        "risk": risk, "name": risk.name_zh if chinese else risk.name_en, "total": f"{risk.total:,.{places}f}",
        "last": "–" if risk.last_total is None else f"{risk.last_total:,.{places}f}",
        "change": "" if risk.change is None else f"{risk.change:+} %",
        "grade": gettext("high risk") if risk.points >= 100 else gettext("low risk") if risk.low else gettext("look closely"),
    }  # fmt: skip


def _low(queue: list[Risk]) -> dict[str, Any]:
    """Count the drafts of low risk and lead to the page that lists them with their total before they are accepted."""
    low = [each for each in queue if each.low]
    ids = ",".join(str(each.invoice_id) for each in low[:TOGETHER])
    return {
        "low": len(low),
        "low_now": len(low[:TOGETHER]),
        "low_address": f"{reverse('admin:invoices_invoice_ask')}?ids={ids}",
    }
