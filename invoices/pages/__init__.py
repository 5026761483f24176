"""The hosted invoice: a signed link, no account."""

from invoices.pages.calls import line_calls, line_calls_csv
from invoices.pages.fit import fit_page
from invoices.pages.gateway import gateway_callback, pay_invoice
from invoices.pages.invoice import evidence_keys, invoice_evidence, invoice_page, invoice_pdf, tax_invoice_file
from invoices.pages.month import month_page
from invoices.pages.question import question_page

__all__ = [
    "evidence_keys",
    "fit_page",
    "gateway_callback",
    "invoice_evidence",
    "invoice_page",
    "invoice_pdf",
    "line_calls",
    "line_calls_csv",
    "month_page",
    "pay_invoice",
    "question_page",
    "tax_invoice_file",
]
