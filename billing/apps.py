"""Django's names for this package: the wiring app and the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class BillingConfig(AppConfig):
    """The wiring: settings, embedded services, system checks, commands."""

    name = "billing"

    def ready(self) -> None:
        """Register the system checks, and bind the shared tasks to our Celery application."""
        import billing.celery
        import billing.checks  # noqa: F401


class AdminConfig(DjangoAdminConfig):
    """The admin of the finance staff in place of Django's default one."""

    default_site = "billing.admin.FinanceAdminSite"
