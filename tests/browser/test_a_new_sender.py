"""A sender nobody has met: its mapping is tried and put right, what waited in quarantine is read anew, its call is found."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tests.admin.test_trying import CALL, MAPPING
from usage.models import Call, Quarantined, Source

WRONG = MAPPING | {"fields": MAPPING["fields"] | {"started_at": {"path": "when", "as": "ms"}}}


@pytest.mark.parametrize("width", [1280, 390])
def test_its_mapping_is_tried_put_right_and_what_waited_is_read_anew(
    width, admin_page, live_server, tenant, key, tmp_path
):
    tenant.accept_days_back = 36_500
    tenant.save()
    source = Source.objects.create(tenant=tenant, code="vendor", zone="Asia/Shanghai", mapping=WRONG)
    told = Client().post(
        "/api/v1/cdr/mapped/vendor", CALL, "application/json", headers={"Authorization": f"Bearer {key}"}
    )
    assert told.json()["items"][0]["code"] == "no_start"

    admin_page.set_viewport_size({"width": width, "height": 900})
    admin_page.goto(f"{live_server.url}/admin/usage/source/{source.pk}/change/")
    admin_page.click("text=Try a record …")
    admin_page.fill("[name=body]", json.dumps(CALL, indent=1))
    admin_page.click("button:has-text('Try')")
    assert "no_start" in admin_page.inner_text(".listing")
    admin_page.screenshot(path=tmp_path / "wrong.png", full_page=True)

    admin_page.click("text=Back to the source")
    admin_page.click("text=Callbacks of a platform")
    admin_page.fill("[name=mapping]", json.dumps(MAPPING))
    admin_page.click("button[name=_save]")
    admin_page.goto(f"{live_server.url}/admin/usage/source/{source.pk}/try/")
    admin_page.fill("[name=body]", json.dumps(CALL, indent=1))
    admin_page.click("button:has-text('Try')")
    assert "would be stored and billed" in admin_page.inner_text(".listing")
    admin_page.screenshot(path=tmp_path / "right.png", full_page=True)
    assert admin_page.evaluate("document.documentElement.scrollWidth") <= width
    assert not Call.objects.exists()

    admin_page.goto(f"{live_server.url}/admin/usage/quarantinelisting/?tenant={tenant.pk}")
    admin_page.screenshot(path=tmp_path / "quarantine.png", full_page=True)
    admin_page.check("[name=record]")
    admin_page.click("button[name=replay]")
    assert "1 accepted" in admin_page.inner_text("body")
    assert Call.objects.get().call_id == "v-1"
    assert Quarantined.objects.get().resolution == "replayed"
