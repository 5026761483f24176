#!/usr/bin/env python3
"""Run a management command; without DATABASE_URL, with the embedded PostgreSQL and Valkey for as long as it lasts."""

import contextlib
import getpass
import os
import sys

# These look at, start or stop the services themselves, or need none.
WITHOUT_SERVICES = {"doctor", "up", "down", "help", "--help", "--version", "simulate_traffic"}


def main() -> None:
    """Hand the words of the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing.settings")
    from django.core.management import execute_from_command_line

    from billing import acting
    from billing.environment import ROOT, read
    from billing.errors import Refused
    from billing.local import Embedded

    needs_services = len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_SERVICES and read().embedded
    acting.act(acting.COMMAND, lambda: f"{sys.argv[1]} ({getpass.getuser()})")
    try:
        with Embedded.beside(ROOT).in_use() if needs_services else contextlib.nullcontext():
            execute_from_command_line(sys.argv)
    except Refused as refusal:
        sys.exit(f"{sys.argv[1]}: {refusal}")


if __name__ == "__main__":
    main()
