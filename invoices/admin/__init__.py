"""What finance sees of documents, of the month's close and of the money that comes in: one file a page."""

from invoices.admin import (
    banks,
    books,
    budgets,
    closes,
    crediting,
    deliveries,
    disputes,
    invoices,
    payments,
    periods,
    receivables,
    refunds,
    set_offs,
    steps,
    tax_invoices,
    write_offs,
)

__all__ = [
    "banks",
    "books",
    "budgets",
    "closes",
    "crediting",
    "deliveries",
    "disputes",
    "invoices",
    "payments",
    "periods",
    "receivables",
    "refunds",
    "set_offs",
    "steps",
    "tax_invoices",
    "write_offs",
]
