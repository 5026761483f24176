"""A tenant's invoices and credit notes: figures, lines with explanations, calls behind a line, PDF, evidence."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.errors import Refused
from billing.rating import Bill, Line, Terms, Totals
from invoices.api import shapes
from invoices.evidence import bundle_of
from invoices.issuing import stored_pdf
from invoices.models import Invoice, Receivable, TaxInvoice
from invoices.tax_invoices import standing
from tenants.api import TenantView
from tenants.models import ApiKey
from usage.tracing import Place, TracedCall, is_traceable, page_of_calls

Row = TypeVar("Row", bound=Model)
File = TypeVar("File", HttpResponse, StreamingHttpResponse)
PAGE = 100
HEAVY = ("terms", "totals", "document")
BEFORE = OpenApiParameter("before", str, description="Continue a list: its next.")
EXAMPLE = {
    "number": "HD-2026-000123", "kind": "invoice", "credits": None, "contract": "HT-2026-7", "period_starts_on": "2026-10-01",
    "period_ends_on": "2026-11-01", "issued_at": "2026-11-03T02:00:00Z", "due_on": "2026-11-18", "currency": "CNY",
    "net": "1000.000", "tax": "60.000", "total": "1060.000", "state": "part_paid", "owed": "1060.000",
    "settled": "500.000", "open": "560.000",
}  # fmt: skip


class WrongPlace(Refused):
    """A parameter is not what the page before gave."""


def page_of(found: QuerySet[Row], request: Request) -> tuple[list[Row], int | None]:
    """Cut the page asked for out of rows, the latest first, and say where the next begins. Raises WrongPlace."""
    if before := request.query_params.get("before"):
        if not before.isascii() or not before.isdecimal() or len(before) > 18:
            raise WrongPlace("wrong_parameter", "before is the “next” of a page.", pointer="?before")
        found = found.filter(pk__lt=int(before))
    page = list(found.order_by("-pk")[: PAGE + 1])
    return page[:PAGE], page[PAGE - 1].pk if len(page) > PAGE else None


class DocumentView(TenantView):
    """A door to one tenant's issued documents."""

    scope = ApiKey.READ

    def documents(self) -> QuerySet[Invoice]:
        """List what was issued to the key's tenant; nothing else is there."""
        issued = Invoice.documents.filter(tenant_id=self.holder.tenant_id, state=Invoice.ISSUED)
        return issued.select_related("contract", "credits", "receivable").defer(*(f"credits__{name}" for name in HEAVY))

    def document(self, number: str) -> Invoice:
        """Find one of the tenant's documents; 404 for any other."""
        return get_object_or_404(self.documents(), number=number)

    def page(self, request: Request, kind: str) -> Response:
        """Answer with a page of documents of a kind."""
        found = self.documents().filter(kind=kind).defer(*HEAVY)
        page, following = page_of(found, request)
        today = datetime.now(UTC).astimezone(ZoneInfo(self.holder.zone)).date()
        items = [_told(each, today) for each in page]
        place = None if following is None else str(following)
        return Response(shapes.DocumentsShape({"items": items, "next": place}).data)


class InvoicesView(DocumentView):
    """GET /api/v1/invoices."""

    @extend_schema(
        operation_id="list_invoices", summary="List invoices", tags=["invoices"], parameters=[BEFORE],
        responses={200: shapes.DocumentsShape, **problems(400)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the issued invoices with what is open of each."""
        return self.page(request, Invoice.INVOICE)


class CreditNotesView(DocumentView):
    """GET /api/v1/credit-notes."""

    @extend_schema(
        operation_id="list_credit_notes", summary="List credit notes", tags=["invoices"], parameters=[BEFORE],
        responses={200: shapes.DocumentsShape, **problems(400)},
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """List the credit notes."""
        return self.page(request, Invoice.CREDIT_NOTE)


class InvoiceView(DocumentView):
    """GET /api/v1/invoices/<number>."""

    @extend_schema(
        operation_id="get_invoice", summary="Look an invoice or a credit note up", tags=["invoices"],
        responses={200: shapes.DocumentShape, **problems(404)},
        examples=[OpenApiExample("Example", EXAMPLE, response_only=True, status_codes=["200"])],
    )  # fmt: skip
    def get(self, request: Request, document: str) -> Response:
        """Show a document's figures and how far it is paid."""
        today = datetime.now(UTC).astimezone(ZoneInfo(self.holder.zone)).date()
        found = self.document(document)
        return Response(shapes.DocumentShape(_told(found, today) | {"tax_invoice": _tax_invoice(found)}).data)


class LinesView(DocumentView):
    """GET /api/v1/invoices/<number>/lines."""

    @extend_schema(
        operation_id="list_invoice_lines", summary="List the lines with their explanations", tags=["invoices"],
        responses={200: shapes.LinesShape, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> Response:
        """Show each line as it is printed, with the sentence that explains it."""
        stored = self.document(document).document
        items = [_line(line, stored["explanations"].get(line["key"])) for line in stored["bill"]["lines"]]
        return Response(shapes.LinesShape({"items": items}).data)


class LineCallsView(DocumentView):
    """GET /api/v1/invoices/<number>/calls."""

    @extend_schema(
        operation_id="list_invoice_calls", summary="List the calls behind a line", tags=["invoices"],
        description="A hundred a page, in order of start, numbers masked. Tiers of one clause share its calls.",
        parameters=[
            OpenApiParameter("key", str, required=True, description="The key of the line."),
            OpenApiParameter("after", str, description="Continue a list: its next."),
        ],
        responses={200: shapes.LineCallsShape, **problems(400, 404)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> Response:
        """Show the calls a line was computed from."""
        invoice = self.document(document)
        line = _traceable(invoice, request.query_params.get("key", ""))
        terms, totals = Terms.from_json(invoice.terms), Totals.from_json(invoice.totals)
        after = _place(request.query_params.get("after", ""))
        found = page_of_calls(invoice.tenant_id, terms, totals, line, day=None, after=after, limit=PAGE + 1)
        following = _written(found[PAGE - 1]) if len(found) > PAGE else None
        return Response(shapes.LineCallsShape({"items": found[:PAGE], "next": following}).data)


class PDFView(DocumentView):
    """GET /api/v1/invoices/<number>/pdf."""

    @extend_schema(
        operation_id="get_invoice_pdf", summary="Fetch the PDF", tags=["invoices"],
        parameters=[OpenApiParameter("language", str, enum=["zh", "en"], description="Absent: the tenant's.")],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> HttpResponse:
        """Give the stored PDF, the same bytes that were mailed."""
        asked = request.query_params.get("language")
        language = asked if asked in {"zh", "en"} else None
        stored = stored_pdf(self.document(document), datetime.now(UTC), language)
        return _file(HttpResponse(bytes(stored.content), content_type="application/pdf"), f"{document}.pdf")


class TaxInvoiceFileView(DocumentView):
    """GET /api/v1/invoices/<number>/tax-invoice."""

    @extend_schema(
        operation_id="get_invoice_tax_invoice", summary="Fetch the tax invoice", tags=["invoices"],
        description="The file as the tax bureau gave it: PDF, OFD or XML.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> HttpResponse:
        """Give the file of the tax invoice; 404 while there is none."""
        kept = standing(self.document(document))
        if kept is None or kept.what != TaxInvoice.RECEIVED or not kept.file_name:
            raise Http404
        return _file(HttpResponse(bytes(kept.content), content_type="application/octet-stream"), kept.file_name)


class EvidenceView(DocumentView):
    """GET /api/v1/invoices/<number>/evidence."""

    @extend_schema(
        operation_id="get_invoice_evidence", summary="Fetch the evidence bundle", tags=["invoices"],
        description="A ZIP, signed; `python -m billing.rating.verify` recounts and rates it again, offline.",
        responses={(200, "application/zip"): OpenApiTypes.BINARY, **problems(404, 409)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> StreamingHttpResponse:
        """Give the bundle, sent while it is packed."""
        bundle = bundle_of(self.document(document), datetime.now(UTC))
        return _file(StreamingHttpResponse(bundle, content_type="application/zip"), f"{document}-evidence.zip")


def _file(response: File, name: str) -> File:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _tax_invoice(invoice: Invoice) -> dict[str, Any]:
    kept = standing(invoice)
    known = {name: getattr(kept, name, "") for name in ("number", "file_name")}
    return known | {
        "state": kept.what if kept else TaxInvoice.NOT_ASKED, "issued_on": kept.issued_on if kept else None
    }  # fmt: skip


def _told(invoice: Invoice, today: Any) -> dict[str, Any]:
    receivable: Receivable | None = getattr(invoice, "receivable", None)
    names = "number kind period_starts_on period_ends_on issued_at due_on currency net tax total".split()
    paid = {name: getattr(receivable, name) if receivable else None for name in ("owed", "settled", "open")}
    return {name: getattr(invoice, name) for name in names} | paid | {
        "credits": invoice.credits.number if invoice.credits else None,
        "contract": invoice.contract.code,
        "state": receivable.state(today) if receivable else None,
    }  # fmt: skip


def _line(line: dict[str, Any], explanation: dict[str, str] | None) -> dict[str, Any]:
    names = "key name period amount tax_rate".split()
    return {name: line[name] for name in names} | {
        "clause": line["code"],
        "reference": line.get("reference", ""),
        "unit": line.get("unit", ""),
        **{name: line.get(name) for name in ("quantity_used", "quantity_billed", "unit_price")},
        "explanation": explanation or {"zh": "", "en": ""},
        "calls": (line.get("evidence") or {}).get("calls", 0),
    }


def _traceable(invoice: Invoice, key: str) -> Line:
    bill = Bill.from_json(invoice.document["bill"])
    for line in bill.lines:
        if line.key == key and line.period == bill.period.label and is_traceable(line):
            return line
    raise WrongPlace("no_calls", "key is the key of a line of this invoice that has calls.", pointer="?key")


def _written(call: TracedCall) -> str:
    place = call.place
    told = json.dumps([place.started_at.isoformat(), place.source_id, place.call_id, place.leg], ensure_ascii=False)
    return base64.urlsafe_b64encode(told.encode()).decode()


def _place(text: str) -> Place | None:
    """Read where a page ended. Raises WrongPlace for what nobody wrote."""
    if not text:
        return None
    try:
        started_at, source_id, call_id, leg = json.loads(base64.urlsafe_b64decode(text.encode("ascii")))
        at = datetime.fromisoformat(started_at)
        (call_id + leg).encode()
        sound = bool(at.tzinfo) and type(source_id) is int and abs(source_id) < 1 << 62 and "\x00" not in call_id + leg
    except (ValueError, TypeError, binascii.Error, RecursionError):
        sound = False
    if not sound:
        raise WrongPlace("wrong_parameter", "after is the “next” of a page.", pointer="?after")
    return Place(at, source_id, call_id, leg)
