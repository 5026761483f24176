"""What is looked at before a draft is ready: whether everything is there, adds up, and is as usual."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from billing.periods import Period
from invoices.gathering import Known, gather_one
from invoices.models import Finding, RunStep
from tenants.models import Contract
from usage.declarations import completeness
from usage.recounting import differing_totals

SWING = Decimal("0.30")
BUSY_DAY = 20  # calls; below, a day without any is no surprise


@dataclass(frozen=True, slots=True)
class Found:
    """One thing a check saw: its code, how grave it is, the facts of its sentence, and what of several it concerns."""

    code: str
    severity: str
    facts: dict[str, Any] = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The draft that is looked at; ``whole`` says that its month has ended."""

    contract: Contract
    period: Period
    document: dict[str, Any]
    whole: bool
    today: date
    known: Known


def check(
    contract: Contract, period: Period, document: dict[str, Any], now: datetime, known: Known | None = None
) -> list[Found]:
    """Look at a draft's document and at what lies behind it; return what a person should see, gravest first.

    ``known`` if it is gathered.
    """
    today = now.astimezone(ZoneInfo(contract.tenant.zone)).date()
    known = known or gather_one(contract, period)
    subject = Subject(contract, period, document, today >= period.ends_on, today, known)
    found = [each for look in CHECKS for each in look(subject)]
    order = [Finding.ERROR, Finding.WARNING, Finding.NOTE]
    return sorted(found, key=lambda each: order.index(each.severity))


def declared(subject: Subject) -> Iterator[Found]:
    """Compare with what senders declared."""
    if subject.known.delivered.declared is None:
        return
    until = min(subject.period.ends_on, subject.today)
    for each in completeness(subject.contract.tenant, subject.period.starts_on, until):
        if not each.complete:
            facts = {
                "starts_on": each.starts_on.isoformat(), "ends_on": each.ends_on.isoformat(),
                "declared": each.declared_calls, "stored": each.stored_calls,
                "declared_seconds": each.declared_talk_seconds, "stored_seconds": each.stored_talk_seconds,
            }  # fmt: skip
            yield Found("declared_differs", Finding.ERROR, facts, f"{each.source_id} {each.starts_on} {each.ends_on}")


def silent_days(subject: Subject) -> Iterator[Found]:
    """Find days without a call on weekdays that are busy in this month's other weeks."""
    calls = {date.fromisoformat(each["day"]): each["calls"] for each in subject.document["usage_by_day"]}
    period, until = subject.period, min(subject.period.ends_on, subject.today)
    days = [period.starts_on + timedelta(days=n) for n in range(period.days)]
    days = [day for day in days if day < until]
    silent = []
    for day in days:
        alike = [calls.get(other, 0) for other in days if other.weekday() == day.weekday() and other != day]
        if not calls.get(day) and alike and sum(alike) / len(alike) >= BUSY_DAY:
            silent.append(day.isoformat())
    if silent:
        yield Found("silent_days", Finding.WARNING, {"days": ", ".join(silent)})


def quarantined(subject: Subject) -> Iterator[Found]:
    """Find records that lie in quarantine since the month began."""
    if waiting := subject.known.quarantined:
        yield Found("quarantined", Finding.WARNING, {"records": waiting})


def swing(subject: Subject) -> Iterator[Found]:
    """Compare with the mean of up to three months before: ±30 %, no usage at all, or nothing to compare with."""
    if not subject.whole or subject.document.get("after_end"):
        return
    before = subject.known.earlier
    if not before:
        yield Found("first_month", Finding.NOTE)
        return
    net = Decimal(subject.document["bill"]["net"])
    mean = sum((each.net for each in before), Decimal(0)) / len(before)
    if not subject.document["summary"]["calls"] and any(each.calls for each in before):
        yield Found("no_usage", Finding.ERROR)
    elif abs(net - mean) > abs(mean) * SWING:
        facts = {"net": f"{net:f}", "mean": f"{mean:.2f}", "currency": subject.document["currency"]}
        share = {"percent": f"{(net - mean) / abs(mean) * 100:+.0f}"} if mean else {"percent": "+∞"}
        yield Found("swing", Finding.ERROR, facts | share)


def uncovered(subject: Subject) -> Iterator[Found]:
    """Find usage that no clause takes."""
    by_meter: dict[str, tuple[int, int]] = {}
    for each in subject.document["bill"].get("uncovered", []):
        calls, talk = by_meter.get(each["meter"], (0, 0))
        by_meter[each["meter"]] = (calls + each["calls"], talk + each.get("talk_ms", 0))
    policies = [each.get("policies", {}) for each in subject.document["bill"]["segments"]]
    blocks = any(each.get("uncovered", "blocks") == "blocks" for each in policies)
    for meter, (calls, talk) in by_meter.items():
        severity = Finding.ERROR if blocks else Finding.WARNING
        yield Found("uncovered", severity, {"meter": meter, "calls": calls, "seconds": talk // 1000}, meter)


def late_uncovered(subject: Subject) -> Iterator[Found]:
    """Find late calls of earlier months that no clause of their month takes."""
    for month, calls in subject.document.get("late_uncovered", {}).items():
        yield Found("late_uncovered", Finding.ERROR, {"month": month, "calls": calls}, month)


def unsigned(subject: Subject) -> Iterator[Found]:
    """Find amendments that should rule in the month and are not signed; and versions that begin in it."""
    period = subject.period
    in_force = subject.document["contract"]["versions"]
    last = max(int(each["number"]) for each in in_force)
    for version in sorted(subject.contract.versions.all(), key=lambda each: each.number):
        facts = {"version": version.number, "starts_on": version.starts_on.isoformat()}
        if not version.signed_at and version.number > last and version.starts_on < period.ends_on:
            yield Found("unsigned_amendment", Finding.ERROR, facts, str(version.number))
        elif version.signed_at and version.number > 1 and version.starts_on in period:
            yield Found("new_version", Finding.NOTE, facts, str(version.number))


def recounted(subject: Subject) -> Iterator[Found]:
    """Count the month once more and compare; after the contract's end there is nothing to count."""
    if subject.document.get("after_end"):
        return
    if differing := differing_totals(subject.contract, subject.period):
        yield Found("recount_differs", Finding.ERROR, {"totals": differing})


def added_up(subject: Subject) -> Iterator[Found]:
    """Add the printed lines up again."""
    bill = subject.document["bill"]
    lines = sum((Decimal(line["amount"]) for line in bill["lines"]), Decimal(0))
    net, tax, total = (Decimal(bill[name]) for name in ("net", "tax", "total"))
    if lines != (total if bill.get("inclusive") else net) or net + tax != total:
        yield Found("lines_differ", Finding.ERROR, {"lines": f"{lines:f}", "net": f"{net:f}", "total": f"{total:f}"})


CHECKS = (declared, silent_days, quarantined, swing, uncovered, late_uncovered, unsigned, recounted, added_up)


def keep_findings(step: RunStep, found: Iterable[Found], now: datetime) -> list[Finding]:
    """Keep what was found of a step, within the caller's transaction; return the errors nobody accepted.

    What was found before with the same facts stays accepted; what is found no more goes.
    """
    checked_before = step.fence > 1  # else this is its first claim
    before = {(each.code, each.key): each for each in step.findings.all()} if checked_before else {}
    kept, made = [], []
    for each in found:
        known = before.pop((each.code, each.key), None)
        if known is not None and known.facts == each.facts and known.severity == each.severity:
            kept.append(known)
            continue
        if known is not None:
            known.delete()
        made.append(
            Finding(step=step, code=each.code, key=each.key, severity=each.severity, facts=each.facts, found_at=now)
        )
    if before:
        step.findings.filter(pk__in=[each.pk for each in before.values()]).delete()
    kept += Finding.objects.bulk_create(made)
    return [each for each in kept if each.severity == Finding.ERROR and each.accepted_at is None]
