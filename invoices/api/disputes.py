"""A tenant's questions about its invoices, and the answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import problems
from invoices.api import shapes
from invoices.api.documents import DocumentView
from invoices.disputing import ask
from invoices.models import Dispute
from invoices.tasks import tell_of_disputes
from tenants.api import BoundedJSON, example, read

EXAMPLE = {
    "id": 7, "line": "talk.tier-1", "question": "Our switch counts 20 calls less.", "name": "Wang Fang", "state": "open",
    "asked_at": "2026-11-04T02:00:00Z", "answer": None, "answered_at": None, "closed_at": None,
}  # fmt: skip


class QuestionsView(DocumentView):
    """GET and POST /api/v1/invoices/<number>/questions."""

    parser_classes = [BoundedJSON]

    @extend_schema(
        operation_id="list_questions", summary="List questions about an invoice with their answers", tags=["invoices"],
        responses={200: shapes.QuestionsShape, **problems(404)},
    )  # fmt: skip
    def get(self, request: Request, document: str) -> Response:
        """List the questions, the latest first."""
        asked = self.document(document).disputes.order_by("-pk")
        return Response(shapes.QuestionsShape({"items": [_told(each) for each in asked]}).data)

    @extend_schema(
        operation_id="ask_question", summary="Ask about an invoice or a line of it", tags=["invoices"],
        description=(
            "Finance gets a mail; the answer comes to those who receive invoices, onto the invoice's page and here. "
            "While a question is open no reminder of the invoice is sent. The same question while it is open is the one "
            "that is there; ten questions a day about one invoice."
        ),
        request={"application/json": shapes.QuestionAsked},
        examples=[
            *example({"question": EXAMPLE["question"], "line": EXAMPLE["line"], "name": EXAMPLE["name"]}),
            OpenApiExample("Answer", EXAMPLE, response_only=True, status_codes=["201"]),
        ],
        responses={201: shapes.QuestionShape, **problems(400, 404, 415, 422)},
    )  # fmt: skip
    def post(self, request: Request, document: str) -> Response:
        """Ask."""
        invoice = self.document(document)
        asked = read(shapes.QuestionAsked, request)
        dispute = ask(
            invoice.pk, asked["question"], line=asked.get("line") or "", asked_by=asked.get("name", ""),
            via=f"key {self.holder.key_id}", now=datetime.now(UTC),
        )  # fmt: skip
        tell_of_disputes.delay()
        return Response(shapes.QuestionShape(_told(dispute)).data, status=201)


def _told(dispute: Dispute) -> dict[str, Any]:
    state = "closed" if dispute.closed_at else "answered" if dispute.answered_at else "open"
    names = "id question asked_at answered_at closed_at".split()
    return {name: getattr(dispute, name) for name in names} | {
        "line": dispute.line or None,
        "name": dispute.asked_by,
        "answer": dispute.answer or None,
        "state": state,
    }
