"""Django's name for this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InvoicesConfig(AppConfig):
    """Invoices: what they owe."""

    name = "invoices"
    verbose_name = _("Invoices")

    def ready(self) -> None:
        """Register the system check of the payment gateways."""
        import invoices.gateways.checks  # noqa: F401
