"""The way to the first draft: each step leads to its page and ticks itself off; a sample does them all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.errors import Refused
from invoices import beginning
from invoices.tasks import draft_contract_month, make_sample

MAY_TRY = "tenants.add_tenant"


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what is to be done and why, whether it is, where, and the button that does it here."""

    title: Promise
    why: Promise
    done: bool
    address: str = ""
    act: str = ""
    label: str | Promise = ""


def guide_page(request: HttpRequest) -> HttpResponse:
    """Show the steps; send sample calls, draft the last month, or have the whole sample made."""
    far = beginning.begun()
    if request.method == "POST":
        return _done(request, far)
    may_try = request.user.has_perm(MAY_TRY) and beginning.samples_allowed()
    context = site.each_context(request) | {
        "title": _("First steps"), "steps": _steps(far, may_try=may_try), "whole": far.whole, "may_try": may_try,
        "making": request.GET.get("making") == "1" and not far.whole,
        "finished": sum(far.done.values()), "all": len(far.done),
    }  # fmt: skip
    return TemplateResponse(request, "admin/invoices/guide.html", context)


def _done(request: HttpRequest, far: beginning.Begun) -> HttpResponse:
    try:
        said = _act(request, far)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(request.path)
    messages.success(request, said)
    return HttpResponseRedirect(f"{request.path}?making=1")


def _act(request: HttpRequest, far: beginning.Begun) -> str:
    """Do what a button asks for. Raises Refused for what has no ground yet."""
    now = datetime.now(UTC)
    match request.POST.get("do"):
        case "sample":
            beginning.refuse_samples()
            make_sample.delay(request.user.get_username())
            return gettext("The sample is being made; the steps tick themselves off.")
        case "calls" if far.tenant is not None:
            return gettext("%(count)s sample calls are stored.") % {
                "count": beginning.send_sample_calls(far.tenant, now)
            }
        case "draft" if far.contract is not None and far.done[beginning.CONTRACT]:
            month = beginning.last_month(far.contract.tenant, now)
            draft_contract_month.delay(far.contract.pk, month.starts_on.isoformat())
            return gettext("The last month is being drafted.")
    raise Refused("too_early", gettext("Do the steps above first."))


def _steps(far: beginning.Begun, *, may_try: bool) -> list[Step]:
    done, add = far.done, _address
    contract = add("tenants_contract_add")
    if far.version is not None:
        contract = add("tenants_contractversion_change", far.version.pk)
    elif far.contract is not None:
        contract = add("tenants_contract_change", far.contract.pk)
    return [
        Step(_("Enter the seller"), _("Who issues the invoices: names, tax id, bank, the address mails come from."),
             done[beginning.SELLER], add("tenants_seller_changelist" if far.seller else "tenants_seller_add")),
        Step(_("Enter a tenant"), _("The customer who pays: time zone, billing day and currency decide which month a call belongs to."),
             done[beginning.TENANT], add("tenants_tenant_changelist" if far.tenant else "tenants_tenant_add")),
        Step(_("Make a contract and sign it"), _("Start a version from a model contract of the catalogue, look at its price preview, sign it with its first day."),
             done[beginning.CONTRACT], contract),
        Step(_("Name the source and make a key"), _("The source is the switch that reports calls; with the key it may. The key is shown once."),
             done[beginning.KEY], add("tenants_apikey_add" if far.has_source else "usage_source_add")),
        Step(_("Report calls"), _("Your switch posts them to the API; or send sample calls of last month from here."),
             done[beginning.CALLS], add("usage_calllisting_changelist"),
             "calls" if may_try and far.tenant and not done[beginning.CALLS] else "", _("Send sample calls")),
        Step(_("Look at the first draft"), _("The last month is counted and rated; each line explains itself. Nothing is issued."),
             done[beginning.DRAFT], add("invoices_invoice_change", far.draft_id) if far.draft_id else add("invoices_closerun_changelist"),
             "" if done[beginning.DRAFT] or not done[beginning.CONTRACT] else "draft", _("Draft the last month")),
    ]  # fmt: skip


def _address(page: str, *args: object) -> str:
    return reverse(f"admin:{page}", args=args)
