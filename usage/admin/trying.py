"""Try what a source makes of a sender's words before the sender is pointed at it; nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from billing.errors import Refused
from usage.admin.reasons import ADVICE
from usage.formats import reading
from usage.formats.record import CallRecord, Decoded, Fault, fault_of_decoded, flags_of
from usage.formats.rules import counts
from usage.models import Source
from usage.sources import rules_of

SHOWN = 20
LONGEST = 200_000
FORM = "application/x-www-form-urlencoded"
DOORS = (
    (reading.MAPPED, _("Callback of a platform: JSON or a table")),
    (FORM, _("Callback of a platform: a form")),
    (reading.NATIVE, _("Our own records: JSON")),
    (reading.NDJSON, _("Our own records: NDJSON")),
    (reading.CSV, _("Our own records: CSV with a header")),
    (reading.EVENTS, "CloudEvents"),
    (reading.FREESWITCH, "FreeSWITCH mod_json_cdr"),
    (reading.ASTERISK, _("Lines of Asterisk's Master.csv or FreeSWITCH's cdr_csv")),
)


class Tried(NamedTuple):
    """What would become of one record: its fields, what is odd about it, whether it is billed; or why it is refused."""

    call_id: str
    fields: Sequence[tuple[str, Any]]
    flags: Sequence[str]
    counted: bool
    fault: Fault | None
    advice: str | Promise


class TryForm(forms.Form):
    """What the sender posts, and how."""

    door = forms.ChoiceField(label=_("The sender posts"), choices=DOORS, widget=UnfoldAdminSelectWidget)
    body = forms.CharField(
        label=_("As it comes"),
        max_length=LONGEST,
        widget=UnfoldAdminTextareaWidget({"rows": 14, "spellcheck": "false"}),
    )


def try_page(page: Any, request: HttpRequest, source: Source) -> HttpResponse:
    """Ask for a body; show what the source would make of its first ``SHOWN`` records now, by its rules as they are saved."""
    form = TryForm(
        request.POST or None, initial={"door": reading.MAPPED if source.preset or source.mapping else reading.NATIVE}
    )
    tried: list[Tried] | None = None
    if form.is_valid():
        try:
            tried = list(_tried(source, form.cleaned_data["door"], form.cleaned_data["body"], datetime.now(UTC)))
        except Refused as refusal:
            form.add_error("body", refusal.message)
    own = {"title": _("Try a record on %(source)s") % {"source": source.code}, "opts": page.opts, "source": source}
    context = page.admin_site.each_context(request) | own | {"form": form, "tried": tried}
    return TemplateResponse(request, "admin/usage/try.html", context)


def _tried(source: Source, door: str, body: str, now: datetime) -> Iterator[Tried]:
    as_form = door == FORM
    decoded = reading.read(
        reading.MAPPED if as_form else door, body.encode(), rules_of(source), content_type=FORM if as_form else ""
    )
    earliest = now - timedelta(days=source.tenant.accept_days_back)
    for each in decoded[:SHOWN]:
        yield _judged(each, earliest, now, ZoneInfo(source.zone))


def _judged(each: Decoded, earliest: datetime, now: datetime, zone: ZoneInfo) -> Tried:
    record, fault = each.record, fault_of_decoded(each, earliest, now)
    if fault or record is None:
        return Tried(each.call_id, (), (), False, fault, ADVICE.get(fault.code, "") if fault else "")
    flags = [*each.flags, *flags_of(record)]
    return Tried(record.call_id, list(_fields(record, zone)), flags, counts(record.leg), None, "")


def _fields(record: CallRecord, zone: ZoneInfo) -> Iterator[tuple[str, Any]]:
    """List what is stored of a record, instants by the source's clock, nothing that is empty."""
    for name, value in (msgspec.structs.asdict(record) | {"talk_ms": record.talked_ms}).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", each) for key, each in value.items())
        elif isinstance(value, datetime):
            yield name, value.astimezone(zone).isoformat(sep=" ")
        elif value not in ("", None, [], 0):
            yield name, ", ".join(value) if isinstance(value, list) else value
