"""The catalogue of model contracts: published price lists, and one for each way of charging.

Each is a file in ``tenants/catalogue``: code, version, name, about (what it is, in a sentence), source, agreement, and a
sample: a month's totals with the arithmetic of a person and the total it must come to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating import Agreement, Bill, Totals, lint, rate, terms_from_versions
from billing.rating.terms import Name

FOLDER = Path(__file__).parent / "catalogue"
SAMPLE_MONTH = Period(date(2026, 11, 1), date(2026, 12, 1))
SAMPLE_ZONE = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class Sample:
    """A month to price: totals in the engine's form, a person's arithmetic, and the total with tax."""

    arithmetic: str
    totals: dict[str, Any]
    total: Decimal


@dataclass(frozen=True, slots=True)
class Entry:
    """One model contract."""

    code: str
    version: int
    name: Name
    about: Name
    source: str
    agreement: dict[str, Any]
    sample: Sample


class UnknownModel(Refused):
    """The catalogue has no such model contract."""

    status = 422


def load(path: Path) -> Entry:
    """Read one file of the catalogue."""
    document = json.loads(path.read_text(encoding="utf-8"), parse_float=str)
    sample = document["sample"]
    return Entry(
        code=document["code"],
        version=document["version"],
        name=Name(**document["name"]),
        about=Name(**document["about"]),
        source=document["source"],
        agreement=document["agreement"],
        sample=Sample(sample["arithmetic"], sample["totals"], Decimal(sample["total"])),
    )


@cache
def entries() -> dict[str, Entry]:
    """Map code to entry, in the order of codes."""
    return {path.stem: load(path) for path in sorted(FOLDER.glob("*.json"))}


def origin_of(code: str) -> dict[str, Any]:
    """Give what a version keeps of the model contract it starts from, so that a later catalogue changes nothing.

    Raises UnknownModel.
    """
    entry = entries().get(code)
    if entry is None:
        raise UnknownModel(
            "unknown_model",
            _("The catalogue has no %(code)s; it has: %(known)s.") % {"code": code, "known": ", ".join(entries())},
            pointer="/started_from",
        )
    name = {"zh": entry.name.zh, "en": entry.name.en}
    return {"code": code, "version": entry.version, "name": name, "agreement": entry.agreement}


def sample_bill(agreement: Agreement, totals: dict[str, Any]) -> Bill:
    """Price a sample month (November 2026 in Shanghai) under an agreement; raises Refused as the engine does."""
    terms = terms_from_versions(SAMPLE_MONTH, SAMPLE_ZONE, [("1", date(2026, 1, 1), agreement)])
    return rate(terms, Totals.from_json(totals))


def faults_of(entry: Entry) -> list[str]:
    """List what is wrong with an entry, one English sentence each: its form, lint errors, or its sample's total."""
    agreement = Agreement.from_json(entry.agreement)
    faults = [f"{found.pointer}: {found.en}" for found in lint(agreement) if found.severity == "error"]
    total = sample_bill(agreement, entry.sample.totals).total
    if total != entry.sample.total:
        faults.append(f"the sample comes to {total}, not {entry.sample.total}")
    return faults
