"""Finance looks for a call, sees why a record waits in quarantine, fixes the source and reads it anew."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from tenants.models import Tenant
from tests.conftest import call_of
from usage.declarations import declare
from usage.models import Call, Source

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = os.environ.get("HUADAN_PICTURES")  # a folder to look at the pages afterwards


def picture(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def test_a_record_in_quarantine_is_fixed_and_read_anew(
    admin_page: Any, live_server: Any, post: Any, key: str, tenant: Tenant
) -> None:
    admin_page.set_viewport_size({"width": 1400, "height": 900})
    post(
        *(call_of(n, robot=f"delivery-{n % 3}", hangup_cause="NORMAL_CLEARING") for n in range(60)),
        call_of(99, talk_ms=-1),
    )
    source = Source.objects.create(tenant=tenant, code="vendor", zone="Asia/Shanghai")
    Client().post(
        "/api/v1/cdr/mapped/vendor", json.dumps({"no": "v-1", "at": "2026-10-08 10:00:00", "secs": 42}),
        content_type="application/json", headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    declare(tenant.pk, 0, (date(2026, 10, 8), date(2026, 10, 9)), (61, 3702), datetime.now(UTC))
    admin_page.goto(f"{live_server.url}/admin/usage/calllisting/?from=2026-10-01&to=2026-10-31")
    picture(admin_page, "calls")
    admin_page.click("text=Next page")
    assert "call-0" in admin_page.inner_text("table")
    admin_page.goto(f"{live_server.url}/admin/usage/batchlisting/")
    picture(admin_page, "deliveries")
    admin_page.goto(f"{live_server.url}/admin/usage/source/{source.pk}/change/")
    picture(admin_page, "source")
    mapping = {"fields": {"call_id": "no", "started_at": "at", "talk": "secs"}}
    Source.objects.filter(pk=source.pk).update(mapping=mapping)
    admin_page.goto(f"{live_server.url}/admin/usage/quarantinelisting/")
    assert "no_start" in admin_page.inner_text("body")
    admin_page.click("summary >> nth=0")
    picture(admin_page, "quarantine")
    admin_page.check("tr:has-text('no_start') input")
    admin_page.click("button:has-text('Read the chosen anew')")
    admin_page.wait_for_selector("text=1 accepted")
    assert Call.objects.get(call_id="v-1").talk_ms == 42_000
    admin_page.goto(f"{live_server.url}/admin/usage/declarationlisting/?from=2026-10-01&to=2026-10-31")
    assert "complete" in admin_page.inner_text("table")
    picture(admin_page, "declarations")
    admin_page.set_viewport_size({"width": 420, "height": 900})
    admin_page.goto(f"{live_server.url}/admin/usage/quarantinelisting/")
    picture(admin_page, "phone")


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("zh-CN", 390)])
def test_a_mapping_is_fixed_by_hand_and_the_waiting_calls_come_in(
    admin_page: Any, live_server: Any, key: str, tenant: Tenant, language: str, width: int
) -> None:
    wrong = {"fields": {"call_id": "no", "started_at": "begun", "talk": "secs"}}
    source = Source.objects.create(tenant=tenant, code="vendor", zone="Asia/Shanghai", mapping=wrong)
    for number in (1, 2):
        Client().post(
            "/api/v1/cdr/mapped/vendor", json.dumps({"no": f"v-{number}", "at": "2026-10-08 10:00:00", "secs": 42}),
            content_type="application/json", headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip
    assert not Call.objects.exists()
    page = admin_page
    page.set_extra_http_headers({"Accept-Language": language})
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{live_server.url}/admin/usage/source/{source.pk}/change/")
    if not page.is_visible("[name=mapping]"):
        page.click("fieldset:has([name=mapping]) >> css=summary, h2 >> visible=true")
    page.fill("[name=mapping]", json.dumps({"fields": {"call_id": "no", "started_at": "at", "talk": "secs"}}))
    page.locator("[name=mapping]").evaluate("field => field.scrollIntoView({block: 'center'})")
    picture(page, f"mapping-{language}-{width}")
    page.click("[name=_save]")
    assert Source.objects.get(pk=source.pk).mapping["fields"]["started_at"] == "at"
    page.goto(f"{live_server.url}/admin/usage/quarantinelisting/")
    assert page.locator("input[name=record]").count() == 2
    picture(page, f"waiting-{language}-{width}")
    page.click("button[name=replay]")
    assert page.locator("input[name=record]").count() == 0
    picture(page, f"replayed-{language}-{width}")
    assert [call.talk_ms for call in Call.objects.order_by("call_id")] == [42_000, 42_000]
    page.goto(f"{live_server.url}/admin/usage/calllisting/?from=2026-10-01&to=2026-10-31")
    assert {"v-1", "v-2"} <= set(page.inner_text("body").split())
    picture(page, f"came-in-{language}-{width}")
