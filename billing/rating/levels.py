"""Service levels that the calls themselves tell; any other measure is entered by a person or posted.

A measure of these names is counted from the calls of the contract, over all versions of the month that look at it:
``answer_rate``, the share of calls that were answered, and ``answered_within_20s``, the share answered within so many
seconds of their start; ``inbound_`` or ``outbound_`` before the name leaves the other direction out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal

from billing.rating.terms import Agreement, ServiceLevelClause
from billing.rating.totals import Measurement

COUNTED = re.compile(r"(?:(inbound|outbound)_)?(?:answer_rate|answered_within_([1-9][0-9]{0,3})s)\Z")
PLACES = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Told:
    """Which calls a measure looks at (of one direction, or all), and within which time an answer counts (or ever)."""

    direction: str | None = None
    within: timedelta | None = None


def told_by_calls(measure: str) -> Told | None:
    """Read what a measure counts from the calls; None for one that people must enter."""
    found = COUNTED.match(measure)
    if found is None:
        return None
    direction, seconds = found.groups()
    return Told(direction, timedelta(seconds=int(seconds)) if seconds else None)


def measures_of(agreement: Agreement) -> tuple[str, ...]:
    """List the measures that the clauses and factors of an agreement look at, each once, in their order."""
    promised = [clause.measure for clause in agreement.clauses if isinstance(clause, ServiceLevelClause)]
    return tuple(dict.fromkeys(m for m in (*promised, *(f.measure for f in agreement.factors)) if m))


def counted_measures(agreement: Agreement) -> dict[str, Told]:
    """Map the measures of an agreement that the calls tell to what they count."""
    return {measure: told for measure in measures_of(agreement) if (told := told_by_calls(measure))}


def levels_of(counts: Mapping[str, tuple[int, int]]) -> tuple[Measurement, ...]:
    """Make levels of (calls looked at, calls that met it); rounded down, so that no target is reached by rounding.

    A measure without any call has no level: nothing was missed.
    """
    return tuple(
        Measurement(measure, (Decimal(met) / calls).quantize(PLACES, ROUND_DOWN), counted=True)
        for measure, (calls, met) in sorted(counts.items())
        if calls
    )


def beside_entered(known: Iterable[Measurement], counted: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Put entered levels and a new count together: what a person entered for the whole month stands instead of a count.

    An earlier count among the ``known`` falls away.
    """
    kept = tuple(each for each in known if not each.counted)
    overruled = {each.measure for each in kept if each.segment is None}
    return (*kept, *(each for each in counted if each.measure not in overruled))
