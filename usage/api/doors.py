"""The doors calls come in by: native, CloudEvents, and what switches and platforms post by themselves."""

from __future__ import annotations

import functools
import hashlib
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from billing.errors import Refused
from billing.health import free_disk_percent
from tenants.api import TenantView
from tenants.models import ApiKey
from usage.api import schemas
from usage.api.bodies import BytesParser, body_of_request, every_item, flag
from usage.formats import reading
from usage.formats.cloudevents import structured
from usage.formats.presets import PRESETS
from usage.formats.record import Decoded
from usage.idempotency import ingest_once
from usage.ingestion import Outcome, Reporter, ingest_batch
from usage.limiting import Limiter
from usage.models import Source
from usage.sources import rules_of, source_of

# What one key may do in one process; far above any switch, far below what would starve the others for long.
REQUESTS = Limiter(per_second=2_000, burst=10_000)
RECORDS = Limiter(per_second=100_000, burst=500_000)
JSON = JSONRenderer()
ANY_BODY = {"application/json": OpenApiTypes.OBJECT}


class DiskFull(Refused):
    """There is too little room to promise anything; the sender keeps the record and tries again."""

    status = 503
    wait = 30.0


class IngestView(TenantView):
    """What the doors share: the tenant from the key, the source by its code, one clock reading."""

    scope = ApiKey.INGEST
    parser_classes = [BytesParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let only keys with the scope in, and none faster than it may, before anything is read.

        There is one form of answer whatever a sender says it accepts, so there is nothing to negotiate.
        """
        request.accepted_renderer, request.accepted_media_type = JSON, JSON.media_type
        self.check_permissions(request)
        self.admit()

    def admit(self) -> None:
        """Let a key with the scope in, if it is not faster than it may. Raises TooFast."""
        REQUESTS.take(self.holder.key_id, 1, time.monotonic())

    def handle_exception(self, exc: Exception) -> Response:
        """Say with a 429 or 503 when to come again."""
        response = super().handle_exception(exc)
        wait = getattr(exc, "wait", None)
        if wait is not None and not response.has_header("Retry-After"):
            response["Retry-After"] = str(math.ceil(wait))
        return response

    def take(self, source: Source, format_name: str, *, uuid: str = "", whole: bool = False) -> Outcome:
        """Read the request's body in a format and store what is in it."""
        decoded = self._read(source, format_name, self.body(), uuid)
        return ingest_batch(self._reporter(), source, decoded, format_name, datetime.now(UTC), whole=whole)

    def answer(self, source: Source, format_name: str) -> HttpResponse:
        """Store the body as the parameters say, under its Idempotency-Key if it has one, and tell the outcome."""
        every, whole = every_item(self.request), flag(self.request, "atomic")
        key = self.request.headers.get("Idempotency-Key")
        if key is None:
            return told(self.take(source, format_name, whole=whole), every_item=every)
        body = self.body()
        address = self.request.get_full_path().encode("utf-8", "replace")
        answer = ingest_once(
            key,
            hashlib.sha256(address + b"\0" + format_name.encode() + b"\0" + body).digest(),
            self._reporter(),
            source,
            self._read(source, format_name, body, ""),
            format_name=format_name,
            now=datetime.now(UTC),
            render=lambda outcome: msgspec.json.encode(body_of(outcome, every_item=every)),
            whole=whole,
        )
        return HttpResponse(answer, content_type="application/json")

    def body(self) -> bytes:
        """Return the request's body, unpacked within bounds."""
        return body_of_request(self.request)

    def _read(self, source: Source, format_name: str, body: bytes, uuid: str) -> Sequence[Decoded]:
        refuse_when_full()
        content_type = self.request.META.get("CONTENT_TYPE", "")
        decoded = reading.read(format_name, body, rules_of(source), content_type=content_type, uuid=uuid)
        RECORDS.take(self.holder.key_id, len(decoded), time.monotonic())
        return decoded

    def _reporter(self) -> Reporter:
        holder = self.holder
        return Reporter(holder.tenant_id, holder.zone, holder.billing_day, holder.keep_numbers, holder.accept_days_back)

    def source(self, code: str) -> Source:
        """Find the key's tenant's source."""
        return source_of(self.holder.tenant_id, code)


class CallsView(IngestView):
    """POST /api/v1/calls."""

    @extend_schema(
        operation_id="report_calls",
        summary="Report calls",
        description="One call record, or up to 5,000 as a JSON array, NDJSON or CSV with a header, plain, gzip or zstd, at "
        "most 16 MiB unpacked. 200 means that they are stored; each call is stored once.",
        tags=["calls"],
        request={
            "application/json": schemas.CallSerializer(many=True),
            "application/x-ndjson": OpenApiTypes.STR,
            "text/csv": OpenApiTypes.STR,
        },
        responses={200: schemas.OutcomeSerializer, **schemas.BODY_PROBLEMS},
        parameters=[schemas.SOURCE, schemas.ITEMS, schemas.ATOMIC, schemas.IDEMPOTENCY],
        examples=[
            schemas.example("One answered call", [schemas.CALL]),
            schemas.example("A call that nobody answered", schemas.NDJSON, "application/x-ndjson"),
            schemas.example("A table", schemas.CSV, "text/csv"),
            schemas.ANSWER,
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Store the records of the body."""
        source = self.source(request.query_params.get("source", ""))
        return self.answer(source, reading.format_of(request.content_type or ""))


class EventsView(IngestView):
    """POST /api/v1/events."""

    @extend_schema(
        operation_id="report_events",
        summary="Report calls as CloudEvents",
        description="CloudEvents 1.0, structured, batch or binary (attributes in `ce-` headers, the record as body); the data "
        "is a call record. Without data.call_id the event's id is the call's.",
        tags=["calls"],
        request={
            "application/cloudevents+json": schemas.EventSerializer,
            "application/cloudevents-batch+json": schemas.EventSerializer(many=True),
            "application/json": schemas.CallSerializer,
        },
        responses={200: schemas.OutcomeSerializer, **schemas.BODY_PROBLEMS},
        parameters=[schemas.SOURCE, schemas.ITEMS, schemas.ATOMIC, schemas.IDEMPOTENCY],
        examples=[
            schemas.example("One event", schemas.EVENT, "application/cloudevents+json"),
            schemas.example("A batch", [schemas.EVENT], "application/cloudevents-batch+json"),
            schemas.example("Binary mode: ce-id, ce-source, ce-type and ce-specversion are headers", schemas.CALL),
            schemas.ANSWER,
        ],
    )
    def post(self, request: Request) -> HttpResponse:
        """Store the events' data."""
        return self.answer(self.source(request.query_params.get("source", "")), reading.EVENTS)

    def body(self) -> bytes:
        """Return the event as one document, also when its attributes come as headers."""
        return structured(self.request.META, super().body())


class FreeswitchView(IngestView):
    """POST /api/v1/cdr/freeswitch/<source>: the address to write into json_cdr.conf.xml."""

    @extend_schema(
        operation_id="report_freeswitch_cdr",
        summary="Report a FreeSWITCH CDR (mod_json_cdr)",
        description="Takes what mod_json_cdr posts: raw JSON, or `cdr=` percent-encoded or base64; lines of cdr_csv too. A "
        "body that cannot be read is kept in quarantine and answered 200, so that the switch does not post it for ever.",
        tags=["calls"],
        request={**ANY_BODY, "application/x-www-form-urlencoded": OpenApiTypes.OBJECT},
        responses={200: schemas.OutcomeSerializer, **schemas.BODY_PROBLEMS},
        parameters=[OpenApiParameter("uuid", str, description="The call's uuid, as mod_json_cdr appends it.")],
        examples=[schemas.example("An answered call, shortened", schemas.CDR), schemas.ANSWER],
    )
    def post(self, request: Request, source: str) -> HttpResponse:
        """Store the one record of the body."""
        uuid = request.query_params.get("uuid", "").removeprefix("a_")
        return told(self.take(self.source(source), reading.FREESWITCH, uuid=uuid), every_item=True)


class AsteriskView(IngestView):
    """POST /api/v1/cdr/asterisk/<source>."""

    @extend_schema(
        operation_id="report_asterisk_cdr",
        summary="Report lines of Asterisk's Master.csv or FreeSWITCH's cdr_csv",
        description="Lines of 16 to 21 columns (Master.csv) or of the template “example” (cdr_csv), up to 5,000, plain, "
        "gzip or zstd. Times are local; the zone is the uniqueid's, or the source's.",
        tags=["calls"],
        request={"text/csv": OpenApiTypes.STR, "text/plain": OpenApiTypes.STR},
        responses={200: schemas.OutcomeSerializer, **schemas.BODY_PROBLEMS},
        parameters=[schemas.ITEMS],
        examples=[schemas.example("One line", schemas.MASTER, "text/csv"), schemas.ANSWER],
    )
    def post(self, request: Request, source: str) -> HttpResponse:
        """Store the lines of the body."""
        every = every_item(request)
        return told(self.take(self.source(source), reading.ASTERISK), every_item=every)


class MappedView(IngestView):
    """POST /api/v1/cdr/mapped/<source>."""

    @extend_schema(
        operation_id="report_mapped_cdr",
        summary="Report what a platform posts by itself",
        description="JSON, a form, or a table with a header, read by the mapping that the source states in the admin; "
        f"presets: {', '.join(PRESETS)}. The answer is the acknowledgement that the sender wants.",
        tags=["calls"],
        request={**ANY_BODY, "application/x-www-form-urlencoded": OpenApiTypes.OBJECT, "text/csv": OpenApiTypes.STR},
        responses={200: OpenApiTypes.OBJECT, **schemas.BODY_PROBLEMS},
        examples=[schemas.example("Volcengine's callback, shortened", schemas.CALLBACK)],
    )
    def post(self, request: Request, source: str) -> HttpResponse:
        """Store the records of the body and say what the sender wants to hear."""
        found = self.source(source)
        outcome = self.take(found, reading.MAPPED)
        wanted = found.acknowledgement or PRESETS.get(found.preset, {}).get("acknowledgement")
        return _answered(wanted or body_of(outcome, every_item=True))


def refuse_when_full() -> None:
    """Raise DiskFull below the stated room, long before the database panics."""
    if _is_full(int(time.monotonic())):
        raise DiskFull("disk_full", "The disk is nearly full; nothing was stored; keep the record and try again.")


@functools.lru_cache(maxsize=1)
def _is_full(second: int) -> bool:
    """Look at the disk once a second; it does not fill in one."""
    return free_disk_percent() < settings.ENVIRONMENT.minimum_free_disk_percent


def told(outcome: Outcome, *, every_item: bool) -> HttpResponse:
    """Answer with an outcome."""
    return _answered(body_of(outcome, every_item=every_item))


def _answered(body: object) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(body), content_type="application/json")


def body_of(outcome: Outcome, *, every_item: bool) -> dict[str, Any]:
    """Build the answer's body from an outcome."""
    counts = {
        f"{name}{'' if name in {'accepted', 'rejected'} else 's'}": number for name, number in outcome.counts.items()
    }
    items = []
    for item in outcome.items if every_item else outcome.exceptions:
        told = {"index": item.index, "call_id": item.call_id, "outcome": item.outcome}
        if item.fault:
            told |= {"code": item.fault.code, "detail": item.fault.detail, "pointer": item.fault.pointer}
        items.append(told)
    return {"batch": outcome.batch_id, "received": outcome.received, **counts, "items": items}
