"""Where a person looks at what a finding names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.periods import clamped, period_containing
from invoices.models import Finding


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the admin and what it is called in a sentence."""

    address: str
    name: str | Promise


def place_of(finding: Finding) -> Place:
    """Return the page on which the thing a finding names is seen; the contract's month when nothing fits better."""
    look = PLACES.get(finding.code)
    return look(finding) if look else Place(_page("runstep", finding.step_id), _("the contract's month"))


def _page(model: str, pk: object, app: str = "invoices") -> str:
    return reverse(f"admin:{app}_{model}_change", args=[pk])


def _list(model: str, finding: Finding, **days: object) -> str:
    """Name a page over the data plane, of the finding's tenant and, where it says so, of some days."""
    asked = {"tenant": finding.step.tenant_id} | {name.removesuffix("_"): day for name, day in days.items()}
    return f"{reverse(f'admin:usage_{model}_changelist')}?{urlencode(asked)}"


def _declarations(finding: Finding) -> Place:
    said = finding.facts
    return Place(
        _list("declarationlisting", finding, from_=said["starts_on"], to=said["ends_on"]), _("what was declared")
    )


def _deliveries(finding: Finding) -> Place:
    return Place(_list("batchlisting", finding), _("the deliveries"))


def _quarantine(finding: Finding) -> Place:
    return Place(_list("quarantinelisting", finding), _("the quarantine"))


def _silent_calls(finding: Finding) -> Place:
    """Show the calls around the first silent day."""
    first = date.fromisoformat(str(finding.facts["days"]).split(",")[0])
    return _calls(finding, first - timedelta(days=1), first + timedelta(days=1))


def _late_calls(finding: Finding) -> Place:
    day = finding.step.contract.tenant.billing_day
    year, month = map(int, str(finding.facts["month"]).split("-"))
    period = period_containing(clamped(year, month, day), day)
    return _calls(finding, period.starts_on, period.ends_on - timedelta(days=1))


def _months_calls(finding: Finding) -> Place:
    period = period_containing(finding.step.period_starts_on, finding.step.contract.tenant.billing_day)
    return _calls(finding, period.starts_on, period.ends_on - timedelta(days=1))


def _calls(finding: Finding, first: date, last: date) -> Place:
    return Place(_list("calllisting", finding, from_=first, to=last), _("the calls"))


def _draft(finding: Finding) -> Place:
    """Show the draft; a rehearsal keeps none, its contract stands in."""
    if finding.step.invoice_id is not None:
        return Place(_page("invoice", finding.step.invoice_id), _("the draft"))
    return Place(_page("contract", finding.step.contract_id, "tenants"), _("the contract"))


def _version(finding: Finding) -> Place:
    version = finding.step.contract.versions.filter(number=finding.facts["version"]).first()
    if version is None:
        return Place(_page("contract", finding.step.contract_id, "tenants"), _("the contract"))
    return Place(_page("contractversion", version.pk, "tenants"), _("the version"))


PLACES: dict[str, Callable[[Finding], Place]] = {
    "declared_differs": _declarations, "silent_days": _silent_calls, "quarantined": _quarantine, "first_month": _draft,
    "no_usage": _deliveries, "swing": _draft, "uncovered": _months_calls, "unsigned_amendment": _version,
    "new_version": _version, "lines_differ": _draft, "late_uncovered": _late_calls,
}  # fmt: skip
