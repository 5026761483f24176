"""``manage.py up``."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Start the embedded PostgreSQL and Valkey and leave them running."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Start both, or say that the environment names others."""
        if not settings.ENVIRONMENT.embedded:
            self.stdout.write("DATABASE_URL is set: this installation does not use the embedded services.")
            return
        settings.EMBEDDED.keep_running()
        self.stdout.write(
            f"PostgreSQL and Valkey are running on sockets in {settings.EMBEDDED.sockets}; stop: make down"
        )
