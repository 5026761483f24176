"""``manage.py check_books``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from django.core.management import BaseCommand

from invoices.books import broken


class Command(BaseCommand):
    """Check every invariant of the books: print the rows that break one and end with 1, or say that all hold."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask and print."""
        found = list(broken(datetime.now(UTC)))
        for each in found:
            self.stdout.write(f"{each.invariant} does not hold: {each.sentence}")
            for row in each.rows:
                self.stdout.write("  " + "  ".join(map(str, row)))
        if found:
            sys.exit(1)
        self.stdout.write("All invariants hold.")
