"""Which source a record comes from, and what that source says of its records."""

from __future__ import annotations

import time

from billing.errors import Refused
from usage.formats.rules import SourceRules
from usage.models import Source

KEPT_SECONDS = 5.0
_kept: dict[tuple[int, str], tuple[float, Source]] = {}


class UnknownSource(Refused):
    """The tenant has no such source, or several and the request names none."""

    status = 404


def source_of(tenant_id: int, code: str) -> Source:
    """Find a tenant's source by code, or its only one when no code is given. Raises UnknownSource.

    What is found is kept for ``KEPT_SECONDS`` in the process: a switch posts every call by itself.
    """
    expires, found = _kept.get((tenant_id, code), (0.0, None))
    if found is None or expires < time.monotonic():
        found = _look_up(tenant_id, code)
        if len(_kept) > 10_000:
            _kept.clear()
        _kept[tenant_id, code] = (time.monotonic() + KEPT_SECONDS, found)
    return found


def forget_sources() -> None:
    """Forget what was found, after a source was changed in this process."""
    _kept.clear()


def _look_up(tenant_id: int, code: str) -> Source:
    sources = Source.objects.filter(tenant_id=tenant_id)
    if code:
        found = sources.filter(code=code.replace("\x00", "")).first()
        if found is None:
            raise UnknownSource("unknown_source", f"This tenant has no source “{code[:40]}”; create it first.")
        return found
    several = list(sources[:2])
    if len(several) != 1:
        raise UnknownSource("name_the_source", "Name the source: /api/v1/calls?source=CODE.")
    return several[0]


def rules_of(source: Source) -> SourceRules:
    """Return what the formats need of a source."""
    return SourceRules(
        zone=source.zone,
        leg_policy=source.leg_policy,
        country_code=source.country_code,
        international_prefix=source.international_prefix,
        trunk_prefix=source.trunk_prefix,
        variables=source.variables,
        preset=source.preset,
        mapping=source.mapping,
    )
