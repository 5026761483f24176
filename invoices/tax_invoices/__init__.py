"""Tax invoices (数电票): what the tax bureau is asked for, line by line, and what of it comes back."""

from invoices.tax_invoices.keeping import ask_for, record_red, record_tax_invoice, standing, state_of
from invoices.tax_invoices.lines import CannotAsk
from invoices.tax_invoices.requests import request_for
from invoices.tax_invoices.sheets import workbook

__all__ = [
    "CannotAsk",
    "ask_for",
    "record_red",
    "record_tax_invoice",
    "request_for",
    "standing",
    "state_of",
    "workbook",
]
