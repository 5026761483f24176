"""From a line to its calls: a list page by page, numbers masked, and the whole as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import override
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.rating import Bill, Line, Terms, Totals
from billing.rating.bundle import safe_cell
from invoices import wording
from invoices.models import Invoice
from invoices.pages.visiting import invoice_by, language_of, private
from invoices.wording import Language
from usage.tracing import Place, TracedCall, calls_of_line, is_traceable, page_of_calls

PAGE = 100
AT_ONCE = 1000
SEPARATOR = "|"
CSV_COLUMNS = (
    "started_at", "source", "call_id", "leg", "direction", "caller", "callee", "robot", "line", "region",
    "talk_seconds", "band", "billed_seconds", "counter", "calls",
)  # fmt: skip


def calls_links(invoice: Invoice, token: str) -> dict[str, str]:
    """Give the address of the calls of each line that has some, by the line's key."""
    address = reverse("line-calls", args=[token])
    lines = _own_lines(Bill.from_json(invoice.document["bill"]))
    return {line.key: f"{address}?{urlencode({'key': line.key})}" for line in lines if is_traceable(line)}


@never_cache
@require_safe
def line_calls(request: HttpRequest, token: str) -> HttpResponse:
    """List the calls behind ``?key=``, a hundred a page; ``?day=`` those of one day, ``?after=`` the next page."""
    invoice = invoice_by(token)
    line, language = _line(request, invoice), language_of(request, invoice)
    terms, totals = Terms.from_json(invoice.terms), Totals.from_json(invoice.totals)
    day = _day(request, invoice)
    after = _place(request.GET.get("after", ""))
    found = page_of_calls(invoice.tenant_id, terms, totals, line, day=day, after=after, limit=PAGE + 1)
    here = {"key": line.key, "language": language} | ({"day": day.isoformat()} if day else {})
    context = {
        "invoice": invoice,
        "label": wording.labels(language),
        "html_language": wording.pick(language, "zh-Hans", "en"),
        "name": getattr(line.name, language),
        "key": line.key,
        "language": language,
        "sentence": invoice.document["explanations"].get(line.key, {}).get(language, ""),
        "rows": [_row(language, terms.zone, call) for call in found[:PAGE]],
        "zone": terms.zone,
        "day": day.isoformat() if day else "",
        "days": [(each["day"], wording.day_short(language, each["day"])) for each in invoice.document["usage_by_day"]],
        "back": f"{reverse('invoice-page', args=[token])}?language={language}#line-{line.key}",
        "first": f"?{urlencode(here)}" if after else "",
        "following": f"?{urlencode(here | {'after': _written(found[PAGE - 1].place)})}" if len(found) > PAGE else "",
        "csv": f"{reverse('line-calls-csv', args=[token])}?{urlencode({'key': line.key})}",
    }
    with override("zh-hans" if language == "zh" else "en"):
        return private(render(request, "invoices/calls.html", context))


@never_cache
@require_safe
def line_calls_csv(request: HttpRequest, token: str) -> StreamingHttpResponse:
    """Give all calls behind ``?key=`` as CSV, safe to open in a spreadsheet, sent while they are read."""
    invoice = invoice_by(token)
    line = _line(request, invoice)
    terms, totals = Terms.from_json(invoice.terms), Totals.from_json(invoice.totals)
    calls = calls_of_line(invoice.tenant_id, terms, totals, line)
    response = StreamingHttpResponse(_csv(terms.zone, calls), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{invoice.number}-{line.code}.csv"'
    return private(response)


def _own_lines(bill: Bill) -> list[Line]:
    """List the lines of the month itself; what was settled for another month has its calls there."""
    return [line for line in bill.lines if line.period == bill.period.label]


def _line(request: HttpRequest, invoice: Invoice) -> Line:
    key = request.GET.get("key", "")
    for line in _own_lines(Bill.from_json(invoice.document["bill"])):
        if line.key == key and is_traceable(line):
            return line
    raise Http404("no such line, or no calls behind it")


def _day(request: HttpRequest, invoice: Invoice) -> date | None:
    """Read the day asked for; one outside the invoice's days means all."""
    days = {each["day"] for each in invoice.document["usage_by_day"]}
    asked = request.GET.get("day", "")
    return date.fromisoformat(asked) if asked in days else None


def _written(place: Place) -> str:
    return SEPARATOR.join((place.started_at.isoformat(), str(place.source_id), place.leg, place.call_id))


def _place(text: str) -> Place | None:
    """Read where a page ended; what nobody wrote means the beginning."""
    parts = text.replace("\x00", "").split(SEPARATOR, 3)
    try:
        started_at, source_id, leg, call_id = parts
        at, source = datetime.fromisoformat(started_at), int(source_id)
    except ValueError:
        return None
    return Place(at, source, call_id, leg) if at.tzinfo and abs(source) < 1 << 62 else None


def _row(language: Language, zone: str, call: TracedCall) -> dict[str, Any]:
    return {
        "started": f"{call.started_at.astimezone(ZoneInfo(zone)):%m-%d %H:%M:%S}",
        "caller": call.caller,
        "callee": call.callee,
        "where": " · ".join(part for part in (call.robot, call.line, call.region) if part),
        "talk": wording.duration(language, call.talk_ms // 1000) if call.answered_at else "–",
        "billed": _billed(language, call),
        "goes_on": bool(call.taken) and not call.counts,
        "call_id": call.call_id if call.leg == "a" else f"{call.call_id} {call.leg}",
        "source": call.source,
    }


def _billed(language: Language, call: TracedCall) -> str:
    """Say what the line's clause took of a call: seconds, a counter's value, or that it counts."""
    if any(taken.meter == "talk" for taken in call.taken):
        return wording.duration(language, call.billed_seconds)
    values = [f"{taken.value.normalize():f}" for taken in call.taken if taken.value]
    return " + ".join(values) or wording.label(language, "line_calls", calls="1") if call.taken else "–"


def _csv(zone: str, calls: Iterator[TracedCall]) -> Iterator[bytes]:
    yield "\ufeff".encode()
    head: list[tuple[str, ...]] = [CSV_COLUMNS]
    while rows := head or [_cells(zone, call) for call in islice(calls, AT_ONCE)]:
        head = []
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows([[safe_cell(cell) for cell in row] for row in rows])
        yield text.getvalue().encode()


def _cells(zone: str, call: TracedCall) -> tuple[str, ...]:
    return (
        call.started_at.astimezone(ZoneInfo(zone)).isoformat(), call.source, call.call_id, call.leg, call.direction,
        call.caller, call.callee, call.robot, call.line, call.region, f"{call.talk_ms / 1000:.3f}",
        " ".join(taken.band for taken in call.taken if taken.band), str(call.billed_seconds),
        " ".join(f"{taken.value:f}" for taken in call.taken if taken.value), str(call.counts),
    )  # fmt: skip
