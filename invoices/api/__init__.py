"""The tenant's API of what it owes: documents with lines and explanations, calls behind a line, payments, balance."""

from invoices.api.urls import urlpatterns

__all__ = ["urlpatterns"]
