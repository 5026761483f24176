"""Check the catalogue of model contracts: every entry loads, lints clean, and prices its sample to the expected total."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.errors import Refused
from tenants.catalogue import FOLDER, faults_of, load


class Command(BaseCommand):
    """Check the catalogue of model contracts; exit 1 when anything is wrong."""

    help = "Load, lint and price every model contract of the catalogue."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each entry, and the verdict in the last one."""
        paths = sorted(FOLDER.glob("*.json"))
        faulty = 0
        for path in paths:
            faults = _faults(path)
            faulty += bool(faults)
            for fault in faults:
                self.stdout.write(f"{path.stem}: {fault}")
            if not faults:
                self.stdout.write(f"{path.stem}: fine")
        if faulty:
            raise CommandError(f"{faulty} of {len(paths)} model contracts are faulty; mend the lines above.")
        self.stdout.write(f"All {len(paths)} model contracts load, lint clean and price their samples.")


def _faults(path: Any) -> list[str]:
    try:
        entry = load(path)
        return faults_of(entry) if entry.code == path.stem else [f"its code is {entry.code}, not the file's name"]
    except Refused as refusal:
        return [f"{refusal.pointer}: {refusal.message}"]
    except (KeyError, TypeError, ValueError, json.JSONDecodeError) as fault:
        return [f"it lacks something or is no JSON: {fault!r}"]
