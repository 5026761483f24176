"""Django's names for this package: the wiring app and the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    """The wiring: settings, embedded services, system checks, commands."""

    name = "billing"

    def ready(self) -> None:
        """Register the system checks, bind the shared tasks to our Celery application, have the roles made after migrate."""
        import billing.celery
        import billing.checks  # noqa: F401
        from billing.roles import sync_roles

        post_migrate.connect(sync_roles, dispatch_uid="billing.roles")


class AdminConfig(DjangoAdminConfig):
    """The admin of the finance staff in place of Django's default one."""

    default_site = "billing.admin.FinanceAdminSite"
