"""The audit trail is read in the admin: who, when, why, before and after; its anchors; each object's history leads there."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from invoices.models import BooksCheck, TrailAnchor, TrailEntry
from invoices.trail.sealing import anchor_days, seal_trail
from tenants.models import Contact, Tenant
from tests.admin.test_closes import staff

pytestmark = pytest.mark.django_db(transaction=True)
TRAIL, ANCHORS = "/admin/invoices/trailentry/", "/admin/invoices/trailanchor/"


@pytest.fixture
def reader(admin_client: Any) -> Any:
    def read(address: str, language: str = "en") -> str:
        answer = admin_client.get(address, headers={"Accept-Language": language})
        assert answer.status_code == 200, address
        return b"".join(answer).decode() if answer.streaming else answer.content.decode()

    return read


def change(admin_client: Any, tenant: Tenant, **fields: str) -> None:
    """Change a tenant on its page, as a person does."""
    page = admin_client.get(f"/admin/tenants/tenant/{tenant.pk}/change/")
    form = page.context["adminform"].form
    data = {name: form[name].value() for name in form.fields} | fields
    for prefix in ("contacts", "contracts", *re.findall(r'name="(\w+)-TOTAL_FORMS"', page.content.decode())):
        data |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    answer = admin_client.post(
        f"/admin/tenants/tenant/{tenant.pk}/change/",
        {name: value for name, value in data.items() if value is not None and value is not False},
    )
    assert answer.status_code == 302, answer.context["errors"]


def test_a_change_in_the_admin_is_told_with_the_person(admin_client: Any, tenant: Tenant, reader: Any) -> None:
    Contact.objects.all().delete()
    change(admin_client, tenant, name_en="Southern Express")
    entry = TrailEntry.objects.filter(table_name="tenants_tenant").order_by("-pk")[0]
    assert (entry.door, entry.who) == ("admin", "admin")
    assert len(entry.request_id) == 36
    history = admin_client.get(f"/admin/tenants/tenant/{tenant.pk}/history/")
    assert history["Location"] == f"{TRAIL}?table=tenants_tenant&key={tenant.pk}"
    assert f"/admin/tenants/tenant/{tenant.pk}/history/" in reader(f"/admin/tenants/tenant/{tenant.pk}/change/")
    page = reader(history["Location"])
    assert "<del>Northern Express</del> → <strong>Southern Express</strong>" in page
    assert "raw SQL" in page, "the fixture acted for nobody"
    chinese = reader(history["Location"], "zh-CN")
    assert "租户" in chinese
    assert "直接 SQL" in chinese
    assert "Southern Express" in reader(f"{TRAIL}?person=admin")
    assert "No entry fits" in reader(f"{TRAIL}?person=nobody")
    assert "No entry fits" in reader(f"{TRAIL}?from=2020-01-01&to=2020-01-02")
    assert "Southern Express" in reader(f"{TRAIL}?from={datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}")


def test_pages_follow_by_the_last_entry_and_nothing_is_counted(tenant: Tenant, reader: Any, admin_client: Any) -> None:
    for number in range(60):
        Tenant.objects.update(phone=str(number))
    page = reader(f"{TRAIL}?table=tenants_tenant")
    assert "Earlier entries" in page
    place = page.partition("before=")[2].partition('"')[0]
    earlier = reader(f"{TRAIL}?table=tenants_tenant&before={place}")
    assert "Earlier entries" not in earlier
    assert (page + earlier).count("<strong>") == 60
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as asked:
        admin_client.get(TRAIL)
    assert len(asked) < 10
    assert not [each for each in asked.captured_queries if "COUNT(" in each["sql"]]


def test_what_is_read_is_exported(tenant: Tenant, reader: Any) -> None:
    Tenant.objects.update(phone="=1+1")
    table = list(csv.reader(reader(f"{TRAIL}export/?table=tenants_tenant").lstrip("\ufeff").splitlines()))
    assert table[0][:3] == ["entry", "at", "by way of"]
    assert len(table) == 3
    assert "phone: – → =1+1" in table[1][9]


def test_anchors_are_listed_with_their_state(tenant: Tenant, reader: Any, tmp_path: Any) -> None:
    seal_trail()
    (anchor,) = anchor_days(datetime.now(UTC).date() + timedelta(days=1))
    page = reader(ANCHORS)
    assert "as anchored" in page
    assert anchor.hash in page
    assert anchor.hash in reader(f"{ANCHORS}export/")
    TrailAnchor.objects.update(hash="00" * 32)
    assert "the chain has another hash" in reader(ANCHORS)
    TrailAnchor.objects.update(seal=7)
    assert "the seal is missing" in reader(ANCHORS)


def test_who_may_verify_asks_for_it_and_who_may_not_sees_nothing(tenant: Tenant, monkeypatch: Any) -> None:
    monkeypatch.setattr("invoices.tasks.check_books.delay", lambda: None)
    for address in (TRAIL, f"{TRAIL}export/", ANCHORS, f"{ANCHORS}export/", f"{ANCHORS}verify/"):
        assert staff("view_tenant").get(address).status_code == 403, address
    assert "/history/" not in staff("view_tenant").get(f"/admin/tenants/tenant/{tenant.pk}/change/").content.decode()
    auditor = staff("verify_audittrail", "view_audittrail")
    assert auditor.get(f"{ANCHORS}verify/").status_code == 200
    assert auditor.post(f"{ANCHORS}verify/")["Location"].startswith("/admin/invoices/bookscheck/")
    assert User.objects.filter(username=BooksCheck.objects.get().asked_by).exists()
