"""Django's name for this app."""

from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Invoices: what they owe."""

    name = "invoices"
