"""Service levels in words: what a measure's name stands for."""

from __future__ import annotations

from django.utils.translation import gettext

from billing.rating.levels import told_by_calls


def measure_name(measure: str) -> str:
    """Name a measure in the reader's language; one of the contract's own invention stays as it is written."""
    told = told_by_calls(measure)
    if told is None:
        return gettext("availability") if measure == "availability" else measure
    if told.within is None:
        name = gettext("answer rate")
    else:
        name = gettext("answered within %(seconds)d s") % {"seconds": told.within.total_seconds()}
    if told.direction == "inbound":
        return gettext("%(level)s, inbound") % {"level": name}
    return gettext("%(level)s, outbound") % {"level": name} if told.direction else name
