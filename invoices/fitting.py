"""How an issued month fitted its contract: what was paid and not used, and what another use would have cost.

Every saving is the difference of two bills that the engine rated: the month's own, and the same month with one thing
changed. Where that asks for other billed seconds the calls are counted anew, in one pass for all changes; if the month's
calls were corrected or removed since the invoice, nothing is said that would need them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import Q

from billing.errors import Refused
from billing.rating import Terms, Totals, rate, takings
from billing.rating.terms import (
    CallsClause,
    DurationClause,
    Elapsed,
    ModuleClause,
    Name,
)
from billing.rating.totals import Row
from invoices.advising import bands_apart, is_in, off_peak
from invoices.comparing import Priced, cheapest
from invoices.fit_words import told
from invoices.measuring import promises
from invoices.models import FitReport, Invoice
from invoices.recounting import SHORT_S, answered, by_second, changed, counted, finer, longer
from tenants.models import Contract
from usage.reporting import Described, describe

MOST_OFFERS = 100  # all there are
LOOK_BACK, TRY_AGAIN = timedelta(days=62), timedelta(hours=1)
Kind = TypeVar("Kind", ModuleClause, DurationClause)


@dataclass(frozen=True, slots=True)
class Found:
    """One statement: which, its figures by name, and what would have been saved without tax (None: no saving is said)."""

    code: str
    figures: dict[str, Any] = field(default_factory=dict)
    saving: Decimal | None = None


def due_reports(now: datetime, limit: int) -> list[int]:
    """List the invoices of the last 62 days without their report, the latest first; one that failed waits an hour."""
    waiting = Q(fit=None) | Q(fit__document__isnull=True, fit__tried_at__lt=now - TRY_AGAIN)
    issued = Invoice.objects.filter(
        waiting, state=Invoice.ISSUED, kind=Invoice.INVOICE, issued_at__gte=now - LOOK_BACK, tenant__gets_fit_reports=True
    ).exclude(document__has_key="after_end")  # fmt: skip
    return list(issued.order_by("-issued_at", "-pk").values_list("pk", flat=True)[:limit])


def keep_report(invoice_id: int, now: datetime) -> None:
    """Reckon an issued invoice's report and keep it; one that is kept stays as it is."""
    invoice = Invoice.objects.select_related("contract__tenant").get(pk=invoice_id)
    note_try(invoice_id, now)
    document = report_of(invoice)
    FitReport.objects.filter(invoice=invoice, document__isnull=True).update(document=document, tried_at=now)


def note_try(invoice_id: int, now: datetime) -> None:
    """Note that a report is being reckoned: if that fails, others go first."""
    FitReport.objects.bulk_create([FitReport(invoice_id=invoice_id, tried_at=now)], ignore_conflicts=True)
    FitReport.objects.filter(invoice_id=invoice_id, document__isnull=True).update(tried_at=now)


def report_of(invoice: Invoice) -> dict[str, Any]:
    """Reckon a report: statements with figures and words in both languages, and the service levels promised."""
    terms, totals = Terms.from_json(invoice.terms), Totals.from_json(invoice.totals)
    month = Priced(terms, totals, rate(terms, totals))
    found = list(findings(invoice.contract, month))
    return {
        "findings": [
            {"code": each.code, "figures": each.figures, "saving": None if each.saving is None else f"{each.saving:f}"}
            | told(each.code, each.figures, each.saving, invoice.currency)
            for each in found
        ],
        "service_levels": [
            {
                "clause": each.clause, "name": _named(each.name), "version": each.version, "measure": each.measure,
                "target": None if each.target is None else f"{each.target:f}",
                "level": None if each.level is None else f"{each.level:f}",
                "rate": f"{each.rate:f}", "credit": f"{each.credit:f}",
            }
            for each in promises(terms, totals, month.bill)
        ],
    }  # fmt: skip


def findings(contract: Contract, month: Priced) -> Iterator[Found]:
    """Yield what is to be said of a month as it was invoiced."""
    yield from _peak(month)
    yield from _allowances(month)
    yield from _limits(month)
    own = counted(contract, month)
    if _sums(own.totals.rows) == _sums(month.totals.rows) and own.bill.net == month.bill.net:
        known = describe(contract.tenant_id, month.terms, short_s=SHORT_S)
        yield from _modules(month, known)
        yield from _from_calls(contract, month, own, known)
    else:
        yield Found("changed_since")
    yield from _cheapest(contract, month)


def _sums(rows: Iterable[Row]) -> tuple[int, int, int]:
    rows = list(rows)
    return sum(row.calls for row in rows), sum(row.talk_ms for row in rows), sum(row.billed_seconds for row in rows)


def _clauses(terms: Terms, kind: type[Kind]) -> list[Kind]:
    """List the clauses of a kind in a month, each once as the last version says it."""
    found = {c.code: c for each in terms.segments for c in each.agreement.clauses if isinstance(c, kind)}
    return list(found.values())


def _named(name: Name) -> dict[str, str]:
    return {"zh": name.zh, "en": name.en}


# -- from the frozen totals -------------------------------------------------------------------------------------------


def _modules(month: Priced, known: Described) -> Iterator[Found]:
    """Name each module that was charged for and that no call used, with what the bill is without it."""
    for clause in _clauses(month.terms, ModuleClause):
        paid = sum((li.amount for li in month.bill.lines if li.code == clause.code and li.unit == "month"), Decimal(0))
        if not paid:
            continue
        uses = known.modules.get(clause.item, 0)
        figures = {"name": _named(clause.name), "amount": f"{paid:f}", "calls": uses, "months": clause.minimum_months}
        if uses:
            yield Found("module_used", figures)
            continue
        held = tuple(each for each in month.totals.subscriptions if each.item != clause.item)
        without = rate(month.terms, replace(month.totals, subscriptions=held))
        yield Found("module_unused", figures, month.bill.net - without.net)


def _peak(month: Priced) -> Iterator[Found]:
    """Say how much of what is priced by bands was in the dearest, and what a fifth of it in the cheapest would save."""
    peak, whole = Counter[str](), Counter[str]()
    for segment in month.terms.segments:
        dear = [place for place, _cheap in bands_apart(segment.agreement)]
        meter = {taking.clause: taking.meter for taking in takings(segment.agreement)}
        asked = {meter[clause] for clause, _band in dear}
        for row in month.totals.rows:
            if row.segment == segment.number and meter[row.clause] in asked:
                whole.update(call=row.calls, minute=row.billed_seconds)
                if any(is_in(row, place) for place in dear):
                    peak.update(call=row.calls, minute=row.billed_seconds)
    unit = "minute" if whole["minute"] else "call"
    if whole[unit]:
        moved = rate(month.terms, off_peak(month))
        share = Decimal(peak[unit]) / whole[unit]
        used = Decimal(peak[unit]) / (60 if unit == "minute" else 1)
        yield Found("peak", {"share": f"{share:.4f}", "used": f"{used:.2f}", "unit": unit}, month.bill.net - moved.net)


def _allowances(month: Priced) -> Iterator[Found]:
    """Compare included minutes and calls with what was used, where one version rules the whole month; and packages lapsed."""
    names = {clause.code: clause.name for each in month.terms.segments for clause in each.agreement.clauses}
    for after in month.bill.balances:
        if after.expired:
            yield Found(
                "package_lapsed",
                {"name": _named(names[after.package]), "left": f"{after.expired:f}", "unit": after.unit},
            )
    first = month.terms.segments[0]
    if first.days != month.terms.period.days:
        return
    for clause in first.agreement.clauses:
        rows = [row for row in month.totals.rows if row.clause == clause.code]
        if isinstance(clause, DurationClause):
            of, used, unit = clause.included_minutes, Decimal(sum(row.billed_seconds for row in rows)) / 60, "minute"
        elif isinstance(clause, CallsClause):
            of, used, unit = clause.included_calls, Decimal(sum(row.calls for row in rows)), "call"
        else:
            continue
        if of and not (clause.group_by and clause.tiers_per == "group"):
            left = max(of - used, Decimal(0))
            yield Found(
                "allowance_left" if left else "allowance_used",
                {"name": _named(clause.name), "of": f"{of:f}", "used": f"{used:.2f}", "left": f"{left:.2f}",
                 "share": f"{left / of:.4f}", "unit": unit},
            )  # fmt: skip


def _limits(month: Priced) -> Iterator[Found]:
    """Say on how many days a limit of calls was passed, by how many, and what the calls beyond it came to."""
    for segment in month.terms.segments:
        for clause in segment.agreement.clauses:
            if not isinstance(clause, CallsClause) or (clause.limit_per_day is None and clause.limit_per_month is None):
                continue
            beyond = [
                line for line in month.bill.lines
                if line.code == clause.code and line.version == segment.number and ".beyond" in line.key
            ]  # fmt: skip
            refused = [each for each in month.bill.uncovered if each.reason == f"beyond_limit:{clause.code}"]
            calls = sum((line.quantity_used or Decimal(0) for line in beyond), Decimal(0)) + sum(
                each.calls for each in refused
            )
            if calls:
                amount = sum((line.amount for line in beyond), Decimal(0))
                yield Found(
                    "limit_passed",
                    {"name": _named(clause.name), "calls": f"{calls:f}", "amount": f"{amount:f}",
                     "days": _days_beyond(month, segment.number, clause)},
                )  # fmt: skip


def _days_beyond(month: Priced, segment: str, clause: CallsClause) -> int:
    """Count the days on which more calls came than the daily limit takes."""
    days = Counter[Any]()
    for row in month.totals.rows:
        if (row.segment, row.clause) == (segment, clause.code):
            days[row.group if clause.tiers_per == "group" else "", row.on] += row.calls
    most = clause.limit_per_day
    return 0 if most is None else len({on for (_group, on), calls in days.items() if calls > most})


# -- from the calls counted anew --------------------------------------------------------------------------------------


def _from_calls(contract: Contract, month: Priced, own: Priced, known: Described) -> Iterator[Found]:
    """Say what rounding, short and unanswered calls came to."""
    rules = {each.code for each in _clauses(month.terms, DurationClause) if not isinstance(each.price, Elapsed)}
    timed = [row for row in own.totals.rows if row.clause in rules]
    several = changed(contract, month, {"second": by_second, "fine": finer, "longer": longer, "answered": answered})
    if talk_ms := sum(row.talk_ms for row in timed):
        billed = sum(row.billed_seconds for row in timed)
        fine = own.bill.net - several["fine"].net
        figures = {
            "talked": f"{Decimal(talk_ms) / 60_000:.2f}", "billed": f"{Decimal(billed) / 60:.2f}",
            "more": f"{Decimal(billed) / 60 - Decimal(talk_ms) / 60_000:.2f}",
            "amount": f"{own.bill.net - several['second'].net:f}",
        }  # fmt: skip
        yield Found("rounding" if fine > 0 else "rounding_fine", figures, fine if fine > 0 else None)
    if known.short:
        cost = own.bill.net - several["longer"].net
        share = f"{Decimal(known.short) / known.answered:.4f}"
        yield Found("short_calls", {"calls": known.short, "share": share, "seconds": SHORT_S, "amount": f"{cost:f}"})
    if unanswered := known.calls - known.answered:
        cost = own.bill.net - several["answered"].net
        share = f"{Decimal(unanswered) / known.calls:.4f}"
        yield Found("unanswered", {"calls": unanswered, "share": share, "amount": f"{cost:f}"})


# -- beside other contracts -------------------------------------------------------------------------------------------


def _cheapest(contract: Contract, month: Priced) -> Iterator[Found]:
    """Name the two cheapest contracts over the last six whole months that end with this one."""
    try:
        compared, ranked = cheapest(contract, month.terms.period.ends_on)
    except Refused:
        yield Found("not_compared")
        return
    own, best = compared.offers[0], ranked
    if not best or not compared.is_whole(own) or not any(each.calls for each in compared.months):
        yield Found("not_compared")
        return
    first, second = best[0], next(iter(best[1:]), None)
    figures: dict[str, Any] = {
        "months": len(compared.months), "own_amount": f"{compared.net(own):f}",
        "name": _named(first.name), "amount": f"{compared.net(first):f}",
    }  # fmt: skip
    if second is not None:
        figures |= {"second": _named(second.name), "second_amount": f"{compared.net(second):f}"}
    saving = compared.net(own) - compared.net(first)
    code = ("own_cheapest" if not saving else "cheaper") + ("_alone" if second is None else "")
    yield Found(code, figures, saving or None)
