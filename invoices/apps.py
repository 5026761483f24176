"""Django's name for this app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class InvoicesConfig(AppConfig):
    """Invoices: what they owe."""

    name = "invoices"
    verbose_name = _("Invoices")

    def ready(self) -> None:
        """Register the payment gateways' check; have the audit trail watch what is to be watched, after each migrate."""
        from django.db.models.signals import post_migrate

        import invoices.gateways.checks  # noqa: F401
        from invoices.trail.watching import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self)
