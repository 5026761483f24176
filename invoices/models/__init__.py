"""What tenants owe: documents, how they travel, their numbers, the closing of months, and the money that comes in."""

from invoices.models.auditing import BooksCheck, BooksMail
from invoices.models.closing import CloseRun, Finding, Reopening, RunStep
from invoices.models.comparing import AskedComparison, ComparedMonth
from invoices.models.crediting import CreditNote, CreditRequest
from invoices.models.disputing import Dispute, DisputeMail
from invoices.models.documents import (
    Delivery,
    EvidenceKey,
    Invoice,
    InvoiceEvent,
    Line,
    NumberSeries,
    Settlement,
    StoredFile,
)
from invoices.models.fitting import FitReport
from invoices.models.ledger import LedgerEntry, LedgerSide, Receivable
from invoices.models.paying import BankFile, BankFormat, BankLine, Payment, TableExport, WriteOff
from invoices.models.refunding import Refund
from invoices.models.stating import StatementMail
from invoices.models.taxing import TaxInvoice
from invoices.models.trail import TrailAnchor, TrailEntry, TrailSeal

__all__ = [
    "AskedComparison",
    "BankFile",
    "BankFormat",
    "BankLine",
    "BooksCheck",
    "BooksMail",
    "CloseRun",
    "ComparedMonth",
    "CreditNote",
    "CreditRequest",
    "Delivery",
    "Dispute",
    "DisputeMail",
    "EvidenceKey",
    "Finding",
    "FitReport",
    "Invoice",
    "InvoiceEvent",
    "LedgerEntry",
    "LedgerSide",
    "Line",
    "NumberSeries",
    "Payment",
    "Receivable",
    "Refund",
    "Reopening",
    "RunStep",
    "Settlement",
    "StatementMail",
    "StoredFile",
    "TableExport",
    "TaxInvoice",
    "TrailAnchor",
    "TrailEntry",
    "TrailSeal",
    "WriteOff",
]
