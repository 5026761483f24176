"""What tenants owe: the documents, how they travel, the numbers they bear, and the runs that close a month."""

from invoices.models.closing import CloseRun, Finding, Reopening, RunStep
from invoices.models.crediting import CreditNote, CreditRequest
from invoices.models.documents import Delivery, EvidenceKey, Invoice, Line, NumberSeries, Settlement, StoredFile

__all__ = [
    "CloseRun",
    "CreditNote",
    "CreditRequest",
    "Delivery",
    "EvidenceKey",
    "Finding",
    "Invoice",
    "Line",
    "NumberSeries",
    "Reopening",
    "RunStep",
    "Settlement",
    "StoredFile",
]
