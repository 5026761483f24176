"""From nothing to the first draft: the steps tick themselves off from rows, and a sample does them all."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from invoices import beginning, tasks
from invoices.models import Invoice
from tests.conftest import NOW
from usage.models import UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)
GUIDE = "/admin/invoices/invoice/guide/"
ENGLISH = {"Accept-Language": "en"}


def test_an_empty_installation_is_led_to_its_first_draft(client: Any, admin_user: Any, monkeypatch: Any) -> None:
    client.force_login(admin_user)
    assert GUIDE in client.get("/admin/", headers=ENGLISH).content.decode()
    assert [step.done for step in client.get(GUIDE).context["steps"]] == [False] * 6
    asked: list[str] = []
    monkeypatch.setattr(tasks.make_sample, "delay", asked.append)
    answer = client.post(GUIDE, {"do": "sample"})
    assert answer.url == f"{GUIDE}?making=1", "it returns at once and the page follows"
    assert "data-live" in client.get(answer.url).content.decode()
    tasks.make_sample(asked[0])
    page = client.get(f"{GUIDE}?making=1")
    assert [step.done for step in page.context["steps"]] == [True] * 6
    assert "data-live" not in page.content.decode()
    draft = Invoice.objects.get()
    assert draft.state == Invoice.DRAFT
    assert draft.total > 0
    assert page.context["steps"][-1].address == f"/admin/invoices/invoice/{draft.pk}/change/"
    assert GUIDE not in client.get("/admin/").content.decode()
    tasks.make_sample(asked[0])
    assert Invoice.objects.get().total == draft.total, "made again, nothing is doubled"


def test_sample_calls_go_to_the_tenant_there_is_once(client: Any, admin_user: Any, tenant: Any, contract: Any) -> None:
    client.force_login(admin_user)
    told = client.post(GUIDE, {"do": "calls"}, follow=True, headers=ENGLISH).content.decode()
    assert "Enter a source of this tenant first" in told
    tenant.sources.create(code="switch-1", zone="Asia/Shanghai")
    assert beginning.send_sample_calls(tenant, NOW) == beginning.SAMPLE_CALLS
    assert beginning.send_sample_calls(tenant, NOW) == 0
    assert UsageMonth.objects.get().period.isoformat() == "2026-10-01"


def test_no_samples_beside_an_issued_invoice(
    client: Any, admin_user: Any, bill: Any, tenant: Any, settings: Any
) -> None:
    settings.DEBUG = False
    bill("106")
    client.force_login(admin_user)
    page = client.get(GUIDE, headers=ENGLISH).content.decode()
    assert "Make the sample" not in page
    told = client.post(GUIDE, {"do": "sample"}, follow=True, headers=ENGLISH).content.decode()
    assert "samples are for empty installations" in told
    with pytest.raises(beginning.NoSamples):
        beginning.make_sample(NOW, by="li")


def test_the_guide_is_for_those_who_may(client: Any) -> None:
    made = User.objects.create_user("zhou", password="x", is_staff=True)
    client.force_login(made)
    assert client.get(GUIDE).status_code == 403
    made.user_permissions.add(Permission.objects.get(codename="view_tenant"))
    page = client.get(GUIDE, headers=ENGLISH)
    assert "Make the sample" not in page.content.decode()
    assert client.post(GUIDE, {"do": "sample"}).status_code == 403
