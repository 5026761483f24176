"""``manage.py down``."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Stop the embedded PostgreSQL and Valkey."""

    help = __doc__
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop both and wait for their end."""
        stopped = settings.EMBEDDED.stop()
        self.stdout.write("PostgreSQL and Valkey are stopped." if stopped else "Nothing was running.")
