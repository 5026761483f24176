"""One box finds invoices, tenants, contracts and calls, and shows each person what they may see."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.conftest import call_of

pytestmark = pytest.mark.django_db(transaction=True)
FIND = "/admin/invoices/invoice/find/"


def found(client: Any, asked: str) -> dict[str, list[str]]:
    answer = client.get(FIND, {"q": asked}, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return {str(title): [hit.name for hit in hits] for title, hits, _more in answer.context["groups"]}


def test_documents_tenants_and_contracts_are_found_by_how_they_begin(client: Any, admin_user: Any, bill: Any) -> None:
    number = bill("106").number
    client.force_login(admin_user)
    assert found(client, number.lower())["Invoices and credit notes"] == [number]
    assert found(client, "北方")["Tenants"] == ["Northern Express"]
    assert found(client, "north")["Tenants"] == ["Northern Express"]
    assert found(client, "c-1") == {"Contracts": ["C-1"]}
    assert found(client, "100%_\\'") == {}
    assert found(client, "") == {}


def test_a_call_is_found_by_its_id_without_naming_its_tenant(
    client: Any, admin_user: Any, contract: Any, post: Any
) -> None:
    begun = datetime.now(UTC) - timedelta(minutes=9)
    times = {name: (begun + timedelta(seconds=s)).isoformat() for name, s in
             (("started_at", 0), ("answered_at", 5), ("ended_at", 66))}  # fmt: skip
    post(call_of(7001, **times))
    client.force_login(admin_user)
    with CaptureQueriesContext(connection) as asked:
        assert found(client, "call-7001") == {"Calls": ["call-7001 a"]}
    assert len(asked) < 15
    page = client.get(FIND, {"q": "call-7001"}).context["groups"][0][1][0].address
    assert "call-7001" in client.get(page).content.decode()
    assert found(client, "call-700") == {}


def test_a_number_is_looked_for_within_one_tenant(client: Any, admin_user: Any, contract: Any) -> None:
    client.force_login(admin_user)
    page = client.get(FIND, {"q": "+8613800001234"}, headers={"Accept-Language": "en"}).content.decode()
    assert 'name="number" value="+8613800001234"' in page
    assert "north · Northern Express" in page


def test_nobody_finds_what_they_may_not_see(client: Any, bill: Any) -> None:
    number = bill("106").number
    made = User.objects.create_user("zhou", password="x", is_staff=True)
    client.force_login(made)
    assert client.get(FIND, {"q": number}).status_code == 403
    assert 'name="q"' not in client.get("/admin/").content.decode()
    made.user_permissions.add(Permission.objects.get(codename="view_tenant"))
    assert found(client, number) == {}
    assert found(client, "north") == {"Tenants": ["Northern Express"]}
    assert "Calls with this number" not in client.get(FIND, {"q": "13800001234"}).content.decode()
