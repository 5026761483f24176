"""What a source says about its records, whatever their format: zone, legs that count, how it writes numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from usage.formats.record import CallRecord, Decoded, records_of

FIRST_LEG, EACH_RECORD = "first", "each"
SEPARATORS = re.compile(r"[\s().\-/]")
WRITTEN_NUMBER = re.compile(r"\+?[0-9*xX]+\Z")  # masked digits stay in place
SHORTEST_NATIONAL, LONGEST = 9, 15


@dataclass(frozen=True, slots=True)
class SourceRules:
    """The part of a source that formats need; ``country_code`` "" leaves numbers as they come."""

    zone: str = "UTC"
    leg_policy: str = "usual"
    country_code: str = ""
    international_prefix: str = "00"
    trunk_prefix: str = "0"
    variables: Mapping[str, str] = field(default_factory=dict)
    preset: str = ""
    mapping: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changes_records(self) -> bool:
        """Tell whether ``apply_rules`` has anything to do."""
        return bool(self.country_code) or self.leg_policy != "usual"


def apply_rules(decoded: Sequence[Decoded], rules: SourceRules) -> Sequence[Decoded]:
    """Write numbers as the source's rules say, and name the legs that count; changes the records in place."""
    if rules.changes_records:
        for record in records_of(decoded):
            if record is not None:
                _apply(record, rules)
    return decoded


def _apply(record: CallRecord, rules: SourceRules) -> None:
    if rules.country_code:
        record.caller = normal_number(record.caller, rules)
        record.callee = normal_number(record.callee, rules)
    if rules.leg_policy == EACH_RECORD and not counts(record.leg):
        record.leg = f"a:{record.leg}"[:16]
    elif rules.leg_policy == FIRST_LEG and record.leg.startswith("a:") and "call_group" in record.labels:
        record.leg = f"b:{record.leg[2:]}"


def counts(leg: str) -> bool:
    """Tell whether a leg's record is billed: "a" and "a:…" are, others are kept for reference."""
    return leg == "a" or leg.startswith("a:")


def normal_number(number: str, rules: SourceRules) -> str:
    """Write a telephone number as +, country code, national number; short and unclear ones stay as they are.

    With country code 34: 0034688886111, +34688886111, 34688886111 and 688886111 are all +34688886111. A bare
    number that begins with the country code is international when at least 9 digits follow; a national one has 9 to
    12 digits without the trunk prefix.
    """
    bare = SEPARATORS.sub("", number)
    if not WRITTEN_NUMBER.match(bare):
        return number
    if bare.startswith("+"):
        return bare
    code, abroad, trunk = rules.country_code, rules.international_prefix, rules.trunk_prefix
    if abroad and bare.startswith(abroad) and len(bare) > len(abroad) + SHORTEST_NATIONAL - 2:
        return f"+{bare[len(abroad) :]}"
    if bare.startswith(code) and len(bare) - len(code) >= SHORTEST_NATIONAL and len(bare) <= LONGEST:
        return f"+{bare}"
    national = bare[len(trunk) :] if trunk and bare.startswith(trunk) else bare
    return f"+{code}{national}" if SHORTEST_NATIONAL <= len(national) <= 12 else bare
