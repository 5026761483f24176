"""Django's names for this package: the wiring app and the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    """The wiring: settings, embedded services, system checks, commands."""

    name = "billing"

    def ready(self) -> None:
        """Register system checks, bind shared tasks to Celery, sign what is written, have the roles made after migrate."""
        from django.core.signals import request_finished
        from django.db.backends.signals import connection_created

        import billing.celery
        import billing.checks  # noqa: F401
        from billing import acting
        from billing.login_pages import note_login
        from billing.roles import sync_roles

        connection_created.connect(acting.sign_statements)
        request_finished.connect(acting.stop_acting)
        user_logged_in.connect(note_login, dispatch_uid="billing.login")
        post_migrate.connect(sync_roles, dispatch_uid="billing.roles")


class AdminConfig(DjangoAdminConfig):
    """The admin of the finance staff in place of Django's default one."""

    default_site = "billing.admin.FinanceAdminSite"
