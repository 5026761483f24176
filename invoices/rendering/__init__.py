"""The face of an invoice: one stored document in, a PDF, a mail or a page out; no database, no clock, no network."""

from invoices.rendering.document import Document
from invoices.rendering.mail import Mail, render_mail, render_reminder, render_statement_mail
from invoices.rendering.page import page_context, render_page
from invoices.rendering.pdf import render_pdf, render_statement
from invoices.rendering.statement import Account

__all__ = [
    "Account",
    "Document",
    "Mail",
    "page_context",
    "render_mail",
    "render_page",
    "render_pdf",
    "render_reminder",
    "render_statement",
    "render_statement_mail",
]
