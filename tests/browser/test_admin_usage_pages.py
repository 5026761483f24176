"""Every page of the usage admin, in both languages, on a desk and on a telephone: it fits, and nothing breaks."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tenants.models import Tenant
from tests.conftest import call_of
from usage.declarations import declare
from usage.models import Batch, Removal, RetentionPolicy, SilenceAlarm, Source
from usage.unmasking import unmask_call

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = os.environ.get("HUADAN_PICTURES")
RANGE = "?from=2026-10-01&to=2026-10-31"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


@pytest.fixture
def pages(post: Any, tenant: Tenant, source: Source, staff: User) -> dict[str, str]:
    """Have something on every page; return the pages by name."""
    tenant.keep_numbers = True
    tenant.save()
    post(
        *(call_of(n, robot=f"delivery-{n % 3}", hangup_cause="NORMAL_CLEARING") for n in range(12)),
        call_of(98, answered_at=None, hangup_cause="NO_ANSWER"), call_of(99, talk_ms=-1),
        call_of(97, ended_at="2026-10-08T08:00:00+08:00"), {"call_id": "x" * 128, "direction": "sideways"},
    )  # fmt: skip
    declare(tenant.pk, 0, (date(2026, 10, 8), date(2026, 10, 9)), (61, 3702), NOW)
    declare(tenant.pk, source.pk, (date(2026, 10, 8), date(2026, 10, 9)), (13, 732), NOW)
    for n, closed in ((1, NOW), (2, None)):
        SilenceAlarm.objects.create(
            source=source, last_delivery_at=NOW - timedelta(hours=40 * n), usual_pause=timedelta(hours=12), mail="sent",
            opened_at=NOW - timedelta(hours=2), closed_at=closed, mail_answer="Accepted.", mail_attempts=1,
        )  # fmt: skip
    RetentionPolicy.objects.create(tenant=tenant, calls_months=24, numbers_months=3)
    Removal.objects.create(
        tenant=tenant, period=date(2024, 10, 1), what="calls", rows=41_200, began_at=NOW, ended_at=NOW
    )
    unmask_call(staff, tenant.pk, source.pk, "call-1", reason="complaint 17 of the customer", now=NOW)
    alarm, batch = SilenceAlarm.objects.first(), Batch.objects.get()
    assert alarm is not None
    return {
        "calls": f"calllisting/{RANGE}", "deliveries": "batchlisting/", "delivery": f"batchlisting/?batch={batch.id}",
        "quarantine": "quarantinelisting/", "declarations": f"declarationlisting/{RANGE}", "sources": "source/",
        "source": f"source/{source.pk}/change/", "alarms": "silencealarm/", "alarm": f"silencealarm/{alarm.pk}/change/",
        "unmaskings": "unmasking/", "retention": "retentionpolicy/", "rule": "retentionpolicy/add/", "removals": "removal/",
        "unmask": f"calllisting/unmask/?tenant={tenant.pk}&source={source.pk}&call_id=call-1&leg=a",
    }  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_fits_and_speaks_the_readers_language(
    admin_page: Any, live_server: Any, pages: dict[str, str], width: int, language: str
) -> None:
    admin_page.set_viewport_size({"width": width, "height": 900 if width > 500 else 844})
    admin_page.set_extra_http_headers({"Accept-Language": language})
    for name, path in pages.items():
        admin_page.goto(f"{live_server.url}/admin/usage/{path}")
        if name == "quarantine":
            admin_page.click("summary >> nth=0")
        if PICTURES:
            admin_page.screenshot(path=str(Path(PICTURES) / f"{name}-{language}-{width}.png"))
        overflow = admin_page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} is {overflow} px wider than the window"
        body = admin_page.inner_text("body")
        assert ("用量" in body) == (language == "zh-CN"), name
