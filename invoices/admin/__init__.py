"""What finance sees of documents and of the month's close: one file a page."""

from invoices.admin import closes, crediting, invoices, periods, steps

__all__ = ["closes", "crediting", "invoices", "periods", "steps"]
