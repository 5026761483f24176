"""The admin's pages over calls, deliveries, quarantine and declarations."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from billing.environment import ROOT
from tenants.models import Tenant
from tests.conftest import call_of
from usage.admin.reasons import ADVICE
from usage.declarations import declare
from usage.models import Call, Quarantined, Source

PAGES = {
    "calllisting": "view_call",
    "batchlisting": "view_batch",
    "quarantinelisting": "view_quarantined",
    "declarationlisting": "view_declaration",
}


def staff(*permissions: str) -> Client:
    user = User.objects.create_user(f"u{User.objects.count()}", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def boss(db):
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(User.objects.create_superuser("boss"))
    return client


@pytest.mark.parametrize(("page", "permission"), PAGES.items())
def test_a_page_is_shown_to_those_who_may_see_its_rows_and_to_nobody_else(page, permission, post):
    post(call_of(1))
    assert staff(permission).get(f"/admin/usage/{page}/").status_code == 200
    others = [name for name in PAGES.values() if name != permission]
    assert staff(*others).get(f"/admin/usage/{page}/").status_code == 403
    assert Client().get(f"/admin/usage/{page}/").status_code == 302


def test_calls_are_found_by_id_by_number_and_by_time_and_numbers_stay_masked(post, boss):
    post(*(call_of(n, callee=f"+861380000{n:04}") for n in range(60)))
    base = "/admin/usage/calllisting/?from=2026-10-01&to=2026-10-31"
    first = boss.get(base)
    assert len(first.context["calls"]) == 50
    second = boss.get(f"/admin/usage/calllisting/{first.context['following']}")
    shown = [call.call_id for page in (first, second) for call in page.context["calls"]]
    assert len(shown) == len(set(shown)) == 60
    assert b"+8613800000" not in first.content
    by_id = boss.get("/admin/usage/calllisting/?call_id=call-7")
    assert [call.call_id for call in by_id.context["calls"]] == ["call-7"]
    by_number = boss.get(f"{base}&number=%2B8613800000031")
    assert [call.call_id for call in by_number.context["calls"]] == ["call-31"]
    assert not boss.get("/admin/usage/calllisting/?from=2026-09-01&to=2026-09-30").context["calls"]


@pytest.mark.parametrize("query", ["tenant=x", "tenant=" + "9" * 40, "from=soon&to=9999-99-99", "after=a|b", "after=2026|b|c", "call_id=%00",
                                   "number=%00", "source=" + "9" * 30, "to=2026-13-01&after=2026-10-08T00:00:00|a|b"])  # fmt: skip
def test_an_address_that_means_nothing_breaks_no_page(query, post, boss):
    post(call_of(1))
    for page in PAGES:
        assert boss.get(f"/admin/usage/{page}/?{query}&before=x&batch=y&code=%00").status_code == 200


def test_another_tenants_rows_are_on_no_page_of_this_one(post, boss, seller, tenant):
    post(call_of(1), call_of(2, ended_at="2026-10-08T08:00:00+08:00"))
    other = Tenant.objects.create(seller=seller, code="south", name_zh="南方", name_en="South", zone="Asia/Shanghai")
    for page in PAGES:
        body = boss.get(f"/admin/usage/{page}/?tenant={other.pk}&from=2026-10-01&to=2026-10-31").content
        assert b"call-1" not in body
        assert b"call-2" not in body


def test_quarantine_is_read_anew_after_the_source_was_fixed(boss, key, tenant):
    source = Source.objects.create(tenant=tenant, code="own", zone="Asia/Shanghai")
    body = json.dumps({"id": "v-1", "at": 1791421200, "secs": 5})
    Client().post(
        "/api/v1/cdr/mapped/own", body, content_type="application/json", headers={"Authorization": f"Bearer {key}"}
    )
    page = boss.get("/admin/usage/quarantinelisting/")
    assert b"no_start" in page.content
    form = f"/admin/usage/source/{source.pk}/change/"
    fields = {"tenant": tenant.pk, "code": "own", "zone": "Asia/Shanghai", "leg_policy": "usual", "country_code": "",
              "international_prefix": "00", "trunk_prefix": "0", "variables": "{}", "preset": "", "acknowledgement": "{}",
              "silence_factor": "3"}  # fmt: skip
    refused = boss.post(form, fields | {"mapping": '{"fields":{"colour":"x"}}'})
    assert b"/fields/colour" in refused.content
    fixed = boss.post(
        form, fields | {"mapping": '{"fields":{"call_id":"id","started_at":{"path":"at","as":"s"},"talk":"secs"}}'}
    )
    assert fixed.status_code == 302, fixed.content
    record = Quarantined.objects.get()
    settle = f"/admin/usage/quarantinelisting/settle/?tenant={tenant.pk}"
    assert staff("view_quarantined").post(settle, {"record": record.id}).status_code == 403
    assert boss.get(settle).status_code == 405
    told = boss.post(settle, {"record": record.id, "replay": "1"}, follow=True)
    assert b"1 accepted" in told.content
    assert Call.objects.get(call_id="v-1").talk_ms == 5000


def test_a_record_is_put_aside_for_good(post, boss, tenant):
    post({"call_id": "wrong"})
    record = Quarantined.objects.get()
    boss.post(f"/admin/usage/quarantinelisting/settle/?tenant={tenant.pk}", {"record": record.id, "discard": "1"})
    record = Quarantined.objects.get()
    assert (record.resolution, Call.objects.count()) == ("discarded", 0)


def test_declarations_stand_beside_what_is_stored(post, boss, tenant):
    post(call_of(1))
    declare(tenant.pk, 0, (date(2026, 10, 8), date(2026, 10, 9)), (2, 122), datetime.now(UTC))
    page = boss.get("/admin/usage/declarationlisting/?from=2026-10-01&to=2026-10-31")
    assert b"differs" in page.content


def test_declarations_of_the_last_day_chosen_are_listed_and_of_the_day_before_the_first_are_not(boss, tenant):
    now = datetime.now(UTC)
    for day, calls in (
        (date(2026, 9, 30), 41),
        (date(2026, 10, 1), 42),
        (date(2026, 10, 31), 43),
        (date(2026, 11, 1), 44),
    ):
        declare(tenant.pk, 0, (day, day + timedelta(days=1)), (calls, 0), now)
    page = boss.get("/admin/usage/declarationlisting/?from=2026-10-01&to=2026-10-31").content.decode()
    assert [calls for calls in (41, 42, 43, 44) if f'<td class="figure">{calls}</td>' in page] == [42, 43]


def test_the_pages_speak_chinese(post, boss, tenant):
    post(call_of(1))
    page = boss.get("/admin/usage/quarantinelisting/", headers={"Accept-Language": "zh-hans"})
    assert "隔离区为空" in page.content.decode()


def test_numbers_are_shown_in_clear_only_with_the_permission_and_a_reason(post, tenant, key, source):
    tenant.keep_numbers = True
    tenant.save()
    post(call_of(1))
    to = f"/admin/usage/calllisting/unmask/?tenant={tenant.pk}&source={source.pk}&call_id=call-1&leg=a"
    assert staff("view_call").get(to).status_code == 403
    may = staff("view_call", "unmask_call")
    assert b"unmask/" in may.get("/admin/usage/calllisting/?from=2026-10-01&to=2026-10-31").content
    assert b"+8613800001234" not in may.get(to).content
    assert b"+8613800001234" not in may.post(to, {"reason": " "}).content
    assert b"+8613800001234" in may.post(to, {"reason": "complaint 7"}).content
    assert b"+8613800001234" not in may.post(to.replace("call-1", "call-2"), {"reason": "complaint 7"}).content


def test_every_reason_a_record_may_wait_for_comes_with_advice(post, boss):
    sources = [path.read_text() for path in (ROOT / "usage" / "formats").rglob("*.py")]
    sources.append((ROOT / "usage" / "ingestion.py").read_text())
    codes = {code for text in sources for code in re.findall(r'(?:Fault|Unfit)\(\s*"([a-z_]+)"', text)}
    assert codes - {"invalid_mapping"} == set(ADVICE)
    post(call_of(1, ended_at="2026-10-08T08:00:00+08:00"))
    page = boss.get("/admin/usage/quarantinelisting/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "时间相互矛盾" in page
