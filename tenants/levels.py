"""What a promised service came to in a month: entered by finance or posted, the latest entry counts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period
from billing.rating.levels import measures_of as measures_in
from billing.rating.terms import Agreement
from billing.rating.totals import Measurement
from tenants.contracts import refuse_frozen, signed_versions
from tenants.models import Contract, MeasuredLevel


class CannotMeasure(Refused):
    """The level must not be entered like this."""

    status = 409


def enter_level(
    contract: Contract,
    measure: str,
    level: Decimal,
    period: Period,
    *,
    by: str,
    reason: str,
    now: datetime,
    version: int | None = None,
    external_id: str = "",
) -> MeasuredLevel:
    """Enter what a measure came to in a month (or in the days of one version of it); return the entry.

    A later entry for the same month and version replaces it; the same ``external_id`` again returns the entry that is
    there. Raises CannotMeasure when no clause or factor looks at the measure, or when the external id stands for something
    else; CannotChangePast when the month is invoiced.
    """
    with transaction.atomic(durable=True):
        contract = Contract.objects.select_for_update(no_key=True).get(pk=contract.pk)
        ruling = contract.versions.filter(number=version, signed_at__isnull=False).first() if version else None
        known = contract.measurements.filter(external_id=external_id).first() if external_id else None
        if known is not None:
            return _same(known, measure, level, period, version)
        if measure not in measures_of(contract):
            raise CannotMeasure(
                "unknown_measure",
                _("No clause of contract %(code)s looks at %(measure)s; it knows: %(known)s.")
                % {"code": contract.code, "measure": measure, "known": ", ".join(measures_of(contract)) or "–"},
                pointer="/measure",
            )
        if version and ruling is None:
            raise CannotMeasure(
                "unknown_version",
                _("The contract has no signed version %(number)s.") % {"number": version},
                pointer="/version",
            )
        if not 0 <= level < 10**12:
            raise CannotMeasure("wrong_level", _("Write a level of 0 or more, such as 0.9985."), pointer="/level")
        refuse_frozen(contract, period.starts_on, pointer="/month")
        return MeasuredLevel.objects.create(
            contract=contract, measure=measure, level=level, period_starts_on=period.starts_on, version=ruling,
            by=by, reason=reason, at=now, external_id=external_id,
        )  # fmt: skip


def measures_of(contract: Contract) -> list[str]:
    """List the measures that clauses and factors of the contract's signed versions look at."""
    measures: dict[str, None] = {}
    for version in signed_versions(contract):
        measures.update(dict.fromkeys(measures_in(Agreement.from_json(version.agreement))))
    return list(measures)


def measured_in(contract: Contract | int, period: Period) -> tuple[Measurement, ...]:
    """List the levels entered for a month, in the engine's form: the latest entry of each measure and version."""
    rows = MeasuredLevel.objects.filter(contract=contract, period_starts_on=period.starts_on).order_by("pk")
    latest = {
        (measure, number): level for measure, number, level in rows.values_list("measure", "version__number", "level")
    }
    return tuple(
        Measurement(measure, level, None if number is None else str(number))
        for (measure, number), level in latest.items()
    )


def _same(known: MeasuredLevel, measure: str, level: Decimal, period: Period, version: int | None) -> MeasuredLevel:
    entered = (known.measure, known.level, known.period_starts_on, known.version and known.version.number)
    if entered != (measure, level, period.starts_on, version):
        raise CannotMeasure(
            "external_id_taken",
            _("%(id)s stands for %(entry)s already; entries stay as they are, so choose a new id.")
            % {"id": known.external_id, "entry": known},
        )
    return known
