"""What finance sees of documents: one file a page."""

from invoices.admin import crediting, invoices

__all__ = ["crediting", "invoices"]
