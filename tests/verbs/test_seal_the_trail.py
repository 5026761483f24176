"""Every minute the task chains the trail, once a day it writes where the chain ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import structlog
import time_machine

from invoices import tasks
from invoices.models import TrailAnchor, TrailEntry, TrailSeal
from tenants.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_task_chains_what_was_written_and_anchors_the_days_gone_by_once(tenant: Tenant) -> None:
    tasks.seal_the_trail()
    assert TrailSeal.objects.latest("number").last_id == TrailEntry.objects.latest("pk").pk
    assert not TrailAnchor.objects.exists(), "the day is not over"
    tomorrow = time_machine.travel(datetime.now(UTC) + timedelta(days=1))
    with tomorrow, structlog.testing.capture_logs() as logs:
        tasks.seal_the_trail()
        tasks.seal_the_trail()
    anchor = TrailAnchor.objects.get()
    told = [each for each in logs if each["event"] == "audit anchor"]
    assert [(each["hash"], each["entries"]) for each in told] == [(anchor.hash, anchor.entries)]
