"""The editor's page without its script: buttons post the form, the server answers with the changed form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from tenants import catalogue
from tenants.contracts import sign
from tenants.editor.fields import form_of
from tenants.models import Contract, ContractVersion, Tenant
from tests.conftest import NOW
from tests.unit.tenants.test_editor_form import posted

pytestmark = pytest.mark.django_db(transaction=True)
EMPTY: dict[str, Any] = {"version": 1, "currency": "CNY"}


@pytest.fixture
def draft(tenant: Tenant) -> ContractVersion:
    contract = Contract.objects.create(tenant=tenant, code="C-9", name_zh="合同", name_en="Contract")
    return ContractVersion.objects.create(contract=contract, number=1, starts_on="2026-01-01", agreement=EMPTY)


def press(client: Any, draft: ContractVersion, document: dict[str, Any], command: str, **more: str) -> Any:
    fields = posted(form_of(document)).dict() | {"do": command, "starts_on": "2026-01-01", "reason": "why"} | more
    return client.post(f"/admin/tenants/contractversion/{draft.pk}/change/", fields)


def test_a_button_changes_the_form_and_stores_nothing(admin_client: Any, draft: ContractVersion) -> None:
    page = press(admin_client, draft, EMPTY, "add /clauses duration").content.decode()
    assert 'name="/clauses/0/price/price"' in page
    assert "Not saved yet." in page
    draft.refresh_from_db()
    assert draft.agreement == EMPTY


def test_the_first_button_of_the_page_saves_so_that_return_moves_no_clause(
    admin_client: Any, draft: ContractVersion
) -> None:
    page = admin_client.get(f"/admin/tenants/contractversion/{draft.pk}/change/").content.decode()
    form = page[page.index('id="editor"') :]
    assert 'value="save"' in form[form.index("<button") : form.index("</button>")]


def test_pasted_rows_come_by_the_text_box_too(admin_client: Any, draft: ContractVersion) -> None:
    name = {"zh": "通话", "en": "Talk"}
    document = EMPTY | {"clauses": [{"kind": "duration", "code": "talk", "name": name, "price": {"kind": "graduated"}}]}
    place = "/clauses/0/price/tiers"
    page = press(admin_client, draft, document, f"paste {place}", **{f"paste:{place}": "1000;0.15\n;0.10"})
    assert 'value="0.15"' in page.content.decode()
    tiers = [{"up_to": "1000", "price": "0.15"}, {"price": "0.10"}]
    document["clauses"][0]["price"]["tiers"] = tiers
    saved = press(admin_client, draft, document, "save")
    assert saved.status_code == 302
    draft.refresh_from_db()
    assert draft.agreement["clauses"][0]["price"]["tiers"] == tiers
    assert (draft.reason, draft.signed_at) == ("why", None)


def test_a_faulty_draft_is_kept_and_answers_in_chinese_at_the_field(admin_client: Any, draft: ContractVersion) -> None:
    document = EMPTY | {"clauses": [{"kind": "duration", "code": "talk", "name": {"zh": "通话", "en": ""}, "price": {"kind": "per_unit", "price": "abc"}}]}  # fmt: skip
    press(admin_client, draft, document, "save")
    address = f"/admin/tenants/contractversion/{draft.pk}/change/"
    page = admin_client.get(address, headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "请填写" in page
    assert 'aria-invalid="true"' in page
    assert "须改正" in page


def test_a_signed_version_is_shown_and_not_changed(admin_client: Any, contract: Contract) -> None:
    version = contract.versions.get()
    before = version.agreement
    press(admin_client, version, EMPTY, "save")
    version.refresh_from_db()
    assert version.agreement == before
    page = admin_client.get(f"/admin/tenants/contractversion/{version.pk}/change/").content.decode()
    assert "fieldset" in page
    assert "disabled" in page
    assert 'value="save"' not in page[page.index("<fieldset") :]


def test_someone_who_may_only_look_changes_nothing(client: Any, draft: ContractVersion) -> None:
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_contractversion"))
    client.force_login(clerk)
    press(client, draft, EMPTY | {"currency": "USD"}, "save")
    client.post(f"/admin/tenants/contractversion/{draft.pk}/json/", {"document": "{}"})
    client.post(f"/admin/tenants/contractversion/{draft.pk}/sign/", {"reason": "x", "starts_on": "2026-01-01"})
    draft.refresh_from_db()
    assert (draft.agreement, draft.signed_at) == (EMPTY, None)


def test_nobody_without_permission_sees_a_preview(client: Any, draft: ContractVersion) -> None:
    client.force_login(User.objects.create_user("clerk", password="x", is_staff=True))
    assert client.get(f"/admin/invoices/invoice/preview/{draft.pk}/").status_code == 403


def test_what_a_version_was_started_from_stays_true_when_the_catalogue_moves_on(
    admin_client: Any, draft: ContractVersion, monkeypatch: Any
) -> None:
    new = {"contract": draft.contract_id, "starts_on": "2026-02-01", "reason": "r", "start_from": "model-seats"}
    admin_client.post("/admin/tenants/contractversion/add/", new)
    made = draft.contract.versions.get(number=2)
    address = f"/admin/tenants/contractversion/{made.pk}"
    page = admin_client.get(f"{address}/change/", headers={"Accept-Language": "en"}).content.decode()
    assert "Started from the model contract By seats, slots and numbers, version 1." in " ".join(page.split())
    assert "Nothing differs." in page
    made.agreement = json.loads(json.dumps(made.agreement).replace('"80"', '"85"'))
    made.save()
    entry = catalogue.entries()["model-seats"]
    moved = replace(entry, version=2, agreement=json.loads(json.dumps(entry.agreement).replace('"80"', '"85"')))
    monkeypatch.setattr(catalogue, "entries", lambda: {"model-seats": moved})
    monkeypatch.setattr("tenants.admin.comparison_page.entries", catalogue.entries)
    page = admin_client.get(f"{address}/change/", headers={"Accept-Language": "en"}).content.decode()
    assert "1 part differs from it." in page
    assert "The catalogue has version 2 of it by now." in page
    compared = admin_client.get(f"{address}/compare/?with=origin", headers={"Accept-Language": "en"}).content.decode()
    assert "80 → 85" in compared
    chinese = admin_client.get(f"{address}/sign/", headers={"Accept-Language": "zh-hans"}).content.decode()
    assert "80 → 85" in chinese


def test_an_amendment_keeps_the_origin_of_the_version_it_copies(admin_client: Any, draft: ContractVersion) -> None:
    ContractVersion.objects.filter(pk=draft.pk).update(
        agreement=catalogue.entries()["model-seats"].agreement, started_from=catalogue.origin_of("model-seats")
    )
    sign(draft, by="li", reason="agreed", now=NOW)
    new = {"contract": draft.contract_id, "starts_on": "2027-02-01", "reason": "r", "start_from": "latest"}
    admin_client.post("/admin/tenants/contractversion/add/", new)
    assert draft.contract.versions.get(number=2).started_from == catalogue.origin_of("model-seats")
