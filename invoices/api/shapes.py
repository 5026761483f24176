"""What the API says of documents and money; amounts are decimal strings, days ISO 8601."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from invoices.models import Receivable, TaxInvoice
from tenants.api.shapes import DayField

Shape = serializers.Serializer[Any]


def money() -> serializers.DecimalField:
    """Return a field of an amount."""
    return serializers.DecimalField(max_digits=18, decimal_places=3)


class NameShape(Shape):
    """A text in both languages."""

    zh = serializers.CharField()
    en = serializers.CharField()


class TaxInvoiceShape(Shape):
    """How a document's tax invoice (数电票) stands; for a credit note its red one."""

    state = serializers.ChoiceField(list(TaxInvoice.STATES))
    number = serializers.CharField(allow_blank=True, help_text="20 digits, once it was received.")
    issued_on = serializers.DateField(allow_null=True)
    file_name = serializers.CharField(allow_blank=True, help_text="Empty: there is no file to fetch.")


class TaxInvoiceStepShape(Shape):
    """One step of a tax invoice's history."""

    what = serializers.CharField()
    number = serializers.CharField(allow_blank=True)
    issued_on = serializers.DateField(allow_null=True)
    file_name = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True)
    by = serializers.CharField()
    at = serializers.DateTimeField()


@extend_schema_field({"type": "object", "additionalProperties": True})
class RequestField(serializers.JSONField):
    """A request as the tax bureau is asked."""


class TaxInvoiceAnswer(Shape):
    """A document's tax invoice as the seller's own system sees it; ``request`` is null where none can be asked for."""

    state = serializers.ChoiceField(list(TaxInvoice.STATES))
    request = RequestField(allow_null=True)
    hindrance = serializers.CharField(allow_blank=True, help_text="Why none can be asked for.")
    history = TaxInvoiceStepShape(many=True)


class TaxInvoiceKept(Shape):
    """What came back from the tax bureau."""

    number = serializers.CharField(max_length=20, help_text="20 digits.")
    issued_on = DayField()
    file = serializers.CharField(
        required=False, allow_blank=True, help_text="The PDF, OFD or XML in Base64, at most 700 kB before that."
    )
    red = serializers.BooleanField(
        default=False, help_text="It is a red one that cancels what was received, without a credit note."
    )
    reason = serializers.CharField(
        required=False, allow_blank=True, max_length=300, help_text="Needed to change what is kept, or to cancel it."
    )


class DocumentShape(Shape):
    """An issued invoice or credit note. ``state``, ``owed``, ``settled``, ``open`` are an invoice's; null for a note."""

    number = serializers.CharField()
    kind = serializers.ChoiceField(["invoice", "credit_note"])
    credits = serializers.CharField(
        allow_null=True, help_text="The number of the invoice that a credit note takes back."
    )
    contract = serializers.CharField()
    period_starts_on = serializers.DateField()
    period_ends_on = serializers.DateField(help_text="Exclusive.")
    issued_at = serializers.DateTimeField()
    due_on = serializers.DateField()
    currency = serializers.CharField()
    net = money()
    tax = money()
    total = money()
    state = serializers.ChoiceField(list(Receivable.STATES), allow_null=True)
    owed = serializers.DecimalField(18, 3, allow_null=True, help_text="The total less its credit notes.")
    settled = serializers.DecimalField(18, 3, allow_null=True)
    open = serializers.DecimalField(18, 3, allow_null=True)
    tax_invoice = TaxInvoiceShape(required=False, help_text="Told of a single document, not in lists.")


class DocumentsShape(Shape):
    """A page of documents, the newest first."""

    items = DocumentShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="Give it as before= for the next page.")


class LineShape(Shape):
    """A line with the sentence that explains it; ``calls`` is how many calls stand behind it."""

    key = serializers.CharField(help_text="Stable; give it as key= to see the calls.")
    clause = serializers.CharField()
    name = NameShape()
    reference = serializers.CharField(allow_blank=True, help_text="The paragraph of the contract.")
    period = serializers.CharField()
    quantity_used = serializers.CharField(allow_null=True)
    quantity_billed = serializers.CharField(allow_null=True)
    unit = serializers.CharField(allow_blank=True)
    unit_price = serializers.CharField(allow_null=True)
    amount = serializers.CharField()
    tax_rate = serializers.CharField()
    explanation = NameShape()
    calls = serializers.IntegerField()


class LinesShape(Shape):
    """All lines of a document in their order."""

    items = LineShape(many=True)


class LineCallShape(Shape):
    """A call behind a line, numbers masked."""

    call_id = serializers.CharField()
    leg = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    direction = serializers.CharField()
    caller = serializers.CharField(allow_blank=True)
    callee = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    talk_ms = serializers.IntegerField()
    billed_seconds = serializers.IntegerField()
    counts = serializers.IntegerField(
        help_text="1, or 0 for a call that is cut at the edge of a band and counted where it begins."
    )


class LineCallsShape(Shape):
    """A page of calls in order of start."""

    items = LineCallShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="Give it as after= for the next page.")


class PaymentShape(Shape):
    """A payment; ``on_account`` is what no invoice has taken yet."""

    id = serializers.IntegerField()
    on = serializers.DateField()
    amount = money()
    currency = serializers.CharField()
    on_account = serializers.DecimalField(18, 3, source="rest")
    reversed = serializers.BooleanField()
    reference = serializers.CharField(allow_blank=True)


class PaymentsShape(Shape):
    """A page of payments, the latest recorded first."""

    items = PaymentShape(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="Give it as before= for the next page.")


class CurrencyBalanceShape(Shape):
    """What is owed in a currency; below zero too much was paid."""

    currency = serializers.CharField()
    balance = money()
    credit = serializers.DecimalField(
        18, 3, help_text="What stands in the tenant's favour: paid and not allocated, and invoices below zero."
    )


class BalanceShape(Shape):
    """Invoices less credit notes, payments and what was written off, by currency; none when nothing is owed."""

    items = CurrencyBalanceShape(many=True)


class QuestionAsked(Shape):
    """A question about an invoice, or about one of its lines."""

    question = serializers.CharField(max_length=2000)
    line = serializers.CharField(
        max_length=200, required=False, allow_null=True, help_text="The key of a line; absent: the whole invoice."
    )
    name = serializers.CharField(max_length=100, required=False, allow_blank=True, help_text="Who asks.")


class QuestionShape(Shape):
    """A question with its answer. ``state``: open, answered, closed."""

    id = serializers.IntegerField()
    line = serializers.CharField(allow_null=True)
    question = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(["open", "answered", "closed"])
    asked_at = serializers.DateTimeField()
    answer = serializers.CharField(allow_null=True)
    answered_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class QuestionsShape(Shape):
    """The questions about an invoice, the latest first."""

    items = QuestionShape(many=True)


class ClauseUsageShape(Shape):
    """What one clause of the contract comes to; discounts and commitments stand under codes of their own."""

    clause = serializers.CharField()
    name = NameShape()
    calls = serializers.IntegerField()
    talk_seconds = serializers.IntegerField()
    billed_seconds = serializers.IntegerField()
    amount = money()


class StandingShape(Shape):
    """What a month comes to: the invoice, if nothing more came."""

    clauses = ClauseUsageShape(many=True)
    net = money()
    tax = money()
    total = money()


class ContractUsageShape(Shape):
    """A contract's running month, from the totals that were counted at ``counted_at``."""

    contract = serializers.CharField()
    period_starts_on = serializers.DateField()
    period_ends_on = serializers.DateField(help_text="Exclusive.")
    currency = serializers.CharField()
    counted_at = serializers.DateTimeField(allow_null=True, help_text="Null as long as no call has been counted.")
    waiting_since = serializers.DateTimeField(
        allow_null=True, help_text="When the first call came that is not counted yet; null when all are."
    )
    to_date = StandingShape()
    expected = StandingShape(
        help_text="At the month's end, if each day left is like the same weekdays of the four weeks before."
    )


class UsageShape(Shape):
    """The running month of each contract in force."""

    items = ContractUsageShape(many=True)
