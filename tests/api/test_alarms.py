"""A source that falls silent is noticed, measured by its own habit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from usage.alarms import silent_sources
from usage.models import Batch

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def deliveries(source):
    """Five days of deliveries every ten minutes from 8 to 20 o'clock; nothing since ten today."""
    times = [
        NOW.replace(hour=8) - timedelta(days=day) + timedelta(minutes=minute)
        for day in range(6) for minute in range(0, 12 * 60, 10)
    ]  # fmt: skip
    Batch.objects.bulk_create(
        Batch(tenant_id=source.tenant_id, id=uuid4(), source_id=source.pk, format="native", received_at=at, received=1,
              accepted=1, duplicates=0, conflicts=0, rejected=0)
        for at in times if at <= NOW.replace(hour=10)
    )  # fmt: skip


def test_a_source_is_silent_after_so_many_of_its_longest_usual_pauses(deliveries, source):
    assert silent_sources(NOW) == []  # it sleeps for twelve hours every night
    [silence] = silent_sources(NOW + timedelta(hours=36))
    assert (silence.source, silence.usual_gap) == (source, timedelta(hours=12, minutes=10))
    source.silence_factor = 0
    source.save()
    assert silent_sources(NOW + timedelta(hours=36)) == []


def test_a_source_too_new_to_have_habits_is_not_alarmed_about(source):
    assert silent_sources(NOW) == []
