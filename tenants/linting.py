"""What is wrong or surprising in a draft, said in the reader's language, at the place it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

from billing.errors import Refused
from billing.rating import Agreement, lint
from tenants.wording.sentences import in_words


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence about one place of an agreement; an error keeps it from being signed, a warning does not."""

    severity: str
    pointer: str
    text: str


def examine(document: Mapping[str, Any]) -> list[Finding]:
    """List what the engine refuses (the first fault only) or else what its lint points out, errors first."""
    try:
        agreement = Agreement.from_json(document)
    except Refused as refusal:
        return [Finding("error", refusal.pointer, in_words(refusal.message))]
    chinese = (get_language() or "").startswith("zh")
    return [Finding(found.severity, found.pointer, found.zh if chinese else found.en) for found in lint(agreement)]
