"""Tax invoices (数电票) for a seller's own system: what to ask the tax bureau for, and what came back."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from billing.errors import Refused
from invoices.api import shapes
from invoices.models import Invoice, TaxInvoice
from invoices.tax_invoices import ask_for, record_red, record_tax_invoice, request_for, state_of
from tenants.api.authentication import OperatorView
from tenants.api.shapes import read

KEPT = {"number": "26312000001234567890", "issued_on": "2026-11-05"}


class TaxInvoiceView(OperatorView):
    """GET, POST and PUT /api/v1/tax-invoices/<number of the invoice or credit note>."""

    @extend_schema(
        operation_id="get_tax_invoice", summary="Look up what to ask the tax bureau for", tags=["invoices"],
        responses={200: shapes.TaxInvoiceAnswer, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> Response:
        """Show the request of a document's tax invoice, and its history."""
        return self._answer(self._document(document))

    @extend_schema(
        operation_id="ask_tax_invoice", summary="Note that a tax invoice is asked for", tags=["invoices"], request=None,
        description="Answers with the request to send to the tax bureau. Who asked is kept; again it is the same request.",
        responses={200: shapes.TaxInvoiceAnswer, **problems(404, 409)},
    )  # fmt: skip
    def post(self, request: Request, document: str) -> Response:
        """Take the request out and note that it was asked for."""
        invoice = self._document(document)
        request_for(invoice)  # its refusal is the answer
        days = (invoice.period_starts_on, invoice.period_ends_on)
        _requests, refused = ask_for([invoice.pk], "json", days=days, by=self.by, now=datetime.now(UTC))
        if refused:
            raise AskedInVain("received", refused[0])
        return self._answer(invoice)

    @extend_schema(
        operation_id="put_tax_invoice", summary="Keep what the tax bureau gave", tags=["invoices"],
        description="The same again changes nothing; another number, day or file needs a reason and keeps the history.",
        request={"application/json": shapes.TaxInvoiceKept},
        examples=[OpenApiExample("Example", KEPT, request_only=True)],
        responses={200: shapes.TaxInvoiceAnswer, **problems(400, 404, 409, 415)},
    )  # fmt: skip
    def put(self, request: Request, document: str) -> Response:
        """Keep number, day and file of a tax invoice, or of the red one that cancels it."""
        invoice, given = self._document(document), read(shapes.TaxInvoiceKept, request)
        record = record_red if given["red"] else record_tax_invoice
        record(
            invoice, given["number"], given["issued_on"], _content(given.get("file", "")), reason=given.get("reason", ""),
            by=self.by, now=datetime.now(UTC),
        )  # fmt: skip
        return self._answer(invoice)

    def _document(self, number: str) -> Invoice:
        found = Invoice.documents.filter(seller_id=self.seller_id, state=Invoice.ISSUED)
        return get_object_or_404(found.select_related("tenant", "seller", "credits"), number=number)

    def _answer(self, invoice: Invoice) -> Response:
        told: dict[str, Any] = {"request": None, "hindrance": "", "state": state_of(invoice)}
        try:
            told["request"] = request_for(invoice)
        except Refused as refusal:
            told["hindrance"] = refusal.message
        told["history"] = list(TaxInvoice.objects.filter(invoice=invoice).defer("content"))
        return Response(shapes.TaxInvoiceAnswer(told).data)


class AskedInVain(Refused):
    """There is nothing to ask for any more."""

    status = 409


def _content(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("wrong_file", "Write the file in Base64.", pointer="/file") from None
