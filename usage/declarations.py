"""What senders say they sent, held against what is there: the completeness gate of the month close."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from billing.errors import Refused
from tenants.models import Tenant
from usage.models import Declaration

LONGEST_DAYS = 366
LARGEST = 10**15
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2200, 1, 1)


class WrongDeclaration(Refused):
    """A declaration that cannot be compared with anything."""

    status = 422


@dataclass(frozen=True, slots=True)
class Completeness:
    """A declaration beside the calls that are there; differences are stored minus declared."""

    source_id: int
    starts_on: date
    ends_on: date
    declared_calls: int
    stored_calls: int
    declared_talk_seconds: int
    stored_talk_seconds: int

    @property
    def missing_calls(self) -> int:
        """Return how many declared calls are not there; negative when there are more than declared."""
        return self.declared_calls - self.stored_calls

    @property
    def complete(self) -> bool:
        """Tell whether as many calls are there as were declared, and their talk within a second a call."""
        apart = abs(self.declared_talk_seconds - self.stored_talk_seconds)
        return self.missing_calls == 0 and apart <= self.declared_calls

    @property
    def sentence(self) -> str:
        """Say what is missing, for a person."""
        if self.complete:
            return f"Complete: {self.stored_calls} calls."
        return (
            f"Declared {self.declared_calls} calls and {self.declared_talk_seconds} s of talk, "
            f"stored {self.stored_calls} and {self.stored_talk_seconds} s."
        )


def declare(
    tenant_id: int, source_id: int, days: tuple[date, date], figures: tuple[int, int], now: datetime
) -> Declaration:
    """Store what a sender says of the half-open range of local days: calls and talk seconds; the newer figures stand.

    Raises WrongDeclaration for an empty or too long range, days of another age, or figures below zero.
    """
    (starts_on, ends_on), (calls, talk_seconds) = days, figures
    if not 1 <= (ends_on - starts_on).days <= LONGEST_DAYS:
        raise WrongDeclaration(
            "wrong_range", f"Declare 1 to {LONGEST_DAYS} days; ends_on is the day after.", pointer="/ends_on"
        )
    if not FIRST_DAY <= starts_on < ends_on <= LAST_DAY:
        raise WrongDeclaration("wrong_range", f"Declare days from {FIRST_DAY} to {LAST_DAY}.", pointer="/starts_on")
    for name, figure in (("calls", calls), ("talk_seconds", talk_seconds)):
        if not 0 <= figure < LARGEST:
            raise WrongDeclaration("wrong_figure", f"{name} is a whole number from 0.", pointer=f"/{name}")
    found, _ = Declaration.objects.update_or_create(
        tenant_id=tenant_id, source_id=source_id, starts_on=starts_on, ends_on=ends_on,
        defaults={"calls": calls, "talk_seconds": talk_seconds, "declared_at": now},
    )  # fmt: skip
    return found


def completeness(tenant: Tenant, starts_on: date, ends_on: date) -> list[Completeness]:
    """Compare every declaration that lies within the half-open range of local days with the calls that are there."""
    found = Declaration.objects.filter(tenant_id=tenant.pk, starts_on__gte=starts_on, ends_on__lte=ends_on)
    return [compare(tenant, each) for each in found.order_by("starts_on", "source_id")]


def compare(tenant: Tenant, declaration: Declaration) -> Completeness:
    """Count the calls of a declaration's days, as a sender counts: those that are billed, late ones included."""
    calls, talk_ms = _stored(tenant, declaration.source_id, declaration.starts_on, declaration.ends_on)
    return Completeness(
        declaration.source_id, declaration.starts_on, declaration.ends_on, declaration.calls, calls,
        declaration.talk_seconds, (talk_ms + 500) // 1000,
    )  # fmt: skip


def incomplete(comparisons: Iterable[Completeness]) -> list[str]:
    """Return the sentences of those that do not match, for the close to show."""
    return [f"{each.starts_on} – {each.ends_on}: {each.sentence}" for each in comparisons if not each.complete]


def _stored(tenant: Tenant, source_id: int, starts_on: date, ends_on: date) -> tuple[int, int]:
    zone = ZoneInfo(tenant.zone)
    start, end = (datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(UTC) for d in (starts_on, ends_on))
    with connection.cursor() as cursor:
        # The months are named so that other partitions are not looked at; a period may begin a month before its calls.
        cursor.execute(
            "SELECT count(*), COALESCE(sum(talk_ms), 0)::int8 FROM usage_call WHERE tenant_id = %s "
            "AND period BETWEEN %s AND %s AND started_at >= %s AND started_at < %s "
            "AND (leg = 'a' OR starts_with(leg, 'a:')) AND NOT flags && '{voided}' AND (%s = 0 OR source_id = %s)",
            [tenant.pk, starts_on - timedelta(days=62), ends_on, start, end, source_id, source_id],
        )
        calls, talk_ms = cursor.fetchone()
    return calls, talk_ms
