"""Comparisons by the API: asked for in a row, worked on by whoever claims it, each month counted once, told in both languages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from billing.environment import ROOT
from billing.periods import period_containing
from invoices import tasks, weighing
from invoices.models import AskedComparison, ComparedMonth
from invoices.stepping import LostClaim
from invoices.weighing import MOST_WAITING, claim, work
from tenants.keys import make_key
from tenants.models import ApiKey, Contract, Tenant
from tests.api.test_docs import shows
from tests.conftest import NOW
from tests.verbs.test_comparing import TALK, deliver, talks
from usage.condensing import Counted

pytestmark = pytest.mark.django_db(transaction=True)
FLAT = {"version": 1, "currency": "CNY", "clauses": [
    TALK | {"price": "0.05"}, {"code": "fee", "kind": "recurring", "name": TALK["name"], "price": "50"},
]}  # fmt: skip
MONTHS = [period_containing(date(2026, month, 1)) for month in (8, 9, 10)]
ASKED = {"first_month": "2026-08-01", "months": 3, "contracts": [
    {"code": "own"}, {"code": "flat", "name": "Flat", "agreement": FLAT},
]}  # fmt: skip


@pytest.fixture
def own(make_contract: Callable[..., Contract]) -> Contract:
    """Use 1,600 minutes at 0.10 in each of three months: the fee of 50 is won back at 1,000."""
    contract = make_contract(TALK)
    for month in MONTHS:
        deliver(contract.tenant, *talks(month, 160, 10))
    return contract


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave every comparison to the workers, and wake none."""
    monkeypatch.setattr(weighing, "SMALL_CALLS", -1)
    monkeypatch.setattr(tasks.compare_contracts, "delay", lambda: None)
    monkeypatch.setattr(tasks.compare_contracts, "apply_async", lambda **_: None)


def ask(key: str, body: Any = ASKED, expect: int = 201) -> Any:
    answer = Client().post(
        "/api/v1/comparisons", json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )  # fmt: skip
    assert answer.status_code == expect, answer.content
    return answer.json()


def look(key: str, to: str = "", expect: int = 200) -> Any:
    answer = Client().get(f"/api/v1/comparisons{to}", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == expect, answer.content
    return answer.json()


def test_a_small_comparison_is_answered_at_once_with_all_it_knows(own: Contract, key: str) -> None:
    answer = ask(key)
    assert (answer["state"], answer["months_counted"], answer["currency"]) == ("done", 3, "CNY")
    result = answer["result"]
    assert result["best"] == "flat"
    assert [(each["code"], each["net"], each["total"]) for each in result["contracts"]] == [
        ("flat", "390.000", "390.000"), ("own", "480.000", "508.800"),
    ]  # fmt: skip
    assert [month["calls"] for month in result["months"]] == [160, 160, 160]
    assert result["contracts"][1]["name"] == {"zh": "合同", "en": "Contract"}
    turn = result["break_evens"][0]
    assert (turn["below"], turn["above"]) == ("own", "flat")
    assert abs(turn["minutes"] - 1000) <= 5
    assert [each["code"] for each in result["changes"]] == ["fewer_calls", "more_calls", "longer_calls", "off_peak"]
    assert result["changes"][0]["name"] == {"zh": "呼叫减少 20%", "en": "20 % fewer calls"}
    assert "最便宜" in result["reasons"]["zh"][0]
    assert "90.00 CNY (18.75 %) less than Contract" in result["reasons"]["en"][1]
    assert look(key, f"/{answer['id']}") == answer
    assert "result" not in look(key)["items"][0]
    assert not ComparedMonth.objects.exists()


def test_a_long_comparison_waits_for_a_worker_and_shows_how_far_it_is(own: Contract, key: str, later: None) -> None:
    asked = ask(key, expect=202)
    assert (asked["state"], asked["months_counted"], asked["result"]) == ("waiting", 0, None)
    assert ask(key, expect=202)["id"] == asked["id"], "the same question is the one that waits"
    held = claim()
    assert held is not None
    assert claim() is None, "it is one worker's"
    work(held, NOW, seconds=0)
    assert look(key, f"/{asked['id']}")["months_counted"] == 1
    tasks.compare_contracts()
    assert look(key, f"/{asked['id']}")["result"]["best"] == "flat"
    assert ask(key, expect=202)["id"] != asked["id"], "once it is done it may be asked anew"


def test_a_month_that_is_counted_is_not_counted_again(
    own: Contract, key: str, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(key, expect=202)
    counted: list[date] = []
    count = weighing.count_under

    def counting(tenant_id: int, several: Any) -> Counted:
        counted.append(several[0].period.starts_on)
        return count(tenant_id, several)

    monkeypatch.setattr(weighing, "count_under", counting)
    for _ in MONTHS:
        held = claim()
        assert held is not None
        work(held, NOW, seconds=0)
    assert counted == [month.starts_on for month in MONTHS]
    assert AskedComparison.objects.get().state == "done"


def test_a_worker_taken_for_dead_changes_nothing_any_more(own: Contract, key: str, later: None) -> None:
    asked = ask(key, expect=202)
    dead = claim()
    AskedComparison.objects.update(claimed_until=NOW.replace(year=2020))
    alive = claim()
    assert dead is not None
    assert alive is not None
    assert alive.fence == dead.fence + 1
    work(dead, NOW)
    assert look(key, f"/{asked['id']}")["months_counted"] == 0
    with pytest.raises(LostClaim):
        dead.move(state="failed")
    work(alive, NOW)
    assert look(key, f"/{asked['id']}")["state"] == "done"


def test_what_cannot_be_reckoned_any_more_ends_with_its_reason(own: Contract, key: str, later: None) -> None:
    asked = ask(key, expect=202)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO usage_removal (tenant_id, period, what, began_at, rows) VALUES (%s, '2026-08-01', 'calls', now(), 1)",
            [own.tenant_id],
        )
    tasks.compare_contracts()
    answer = look(key, f"/{asked['id']}")
    assert (answer["state"], answer["fault"]["code"]) == ("failed", "calls_removed")


def test_a_fault_of_the_program_ends_it_and_keeps_no_other_waiting(
    own: Contract, key: str, later: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ask(key, expect=202), ask(key, ASKED | {"months": 2}, expect=202)
    count, broken = weighing.count_under, iter([ZeroDivisionError()])

    def breaking(tenant_id: int, several: Any) -> Counted:
        for fault in broken:
            raise fault
        return count(tenant_id, several)

    monkeypatch.setattr(weighing, "count_under", breaking)
    tasks.compare_contracts()
    assert look(key, f"/{first['id']}")["fault"]["code"] == "program_fault"
    assert look(key, f"/{second['id']}")["state"] == "done"


@pytest.mark.parametrize(
    ("changes", "status", "code", "pointer"),
    [
        ({"months": 25}, 400, "invalid_body", "/months"),
        ({"contracts": []}, 400, "invalid_body", "/contracts"),
        ({"contracts": [{"code": "own"}] * 9}, 400, "invalid_body", "/contracts"),
        ({"contracts": [{"code": "own"}, {"code": "Ä"}]}, 400, "invalid_body", "/contracts/1/code"),
        ({"held": {"seats": "-1"}}, 400, "invalid_body", "/held/seats"),
        ({"with": []}, 400, "unknown_member", "/with"),
        ({"first_month": "2026-09-01"}, 422, "wrong_months", "/first_month"),
        ({"contract": "C-9"}, 422, "unknown_contract", "/contract"),
        ({"contracts": [{"code": "own"}, {"code": "nothing"}]}, 422, "unknown_model", "/contracts/1/code"),
        ({"contracts": [{"code": "own"}, {"code": "own"}]}, 422, "wrong_offers", "/contracts"),
        ({"contracts": [{"code": "own", "agreement": FLAT}]}, 422, "wrong_offers", "/contracts/0/code"),
        ({"contracts": [{"code": "x", "agreement": FLAT | {"currency": "USD"}}]}, 422, "wrong_currency", "/contracts/0"),
    ],
)  # fmt: skip
def test_what_is_asked_wrongly_is_refused_with_its_place(
    own: Contract, key: str, changes: Any, status: int, code: str, pointer: str, in_english: None
) -> None:
    answer = ask(key, ASKED | changes, expect=status)
    assert (answer["code"], answer["pointer"]) == (code, pointer)
    assert not AskedComparison.objects.exists()


def test_terms_the_engine_cannot_read_are_pointed_at(own: Contract, key: str) -> None:
    wrong = FLAT | {"clauses": [TALK | {"price": "dear"}]}
    answer = ask(key, ASKED | {"contracts": [{"code": "x", "agreement": wrong}]}, expect=422)
    assert answer["pointer"].startswith("/contracts/0/agreement/clauses/0"), answer


def test_only_so_many_comparisons_of_a_tenant_wait(own: Contract, key: str, later: None) -> None:
    wanted = [("2026-08-01", 1), ("2026-09-01", 1), ("2026-10-01", 1), ("2026-08-01", 2), ("2026-09-01", 2), ("2026-08-01", 3)]  # fmt: skip
    bodies = [ASKED | {"first_month": first, "months": months} for first, months in wanted]
    for body in bodies[:MOST_WAITING]:
        ask(key, body, expect=202)
    assert ask(key, bodies[MOST_WAITING], expect=409)["code"] == "too_many_comparisons"


def test_the_latest_comparisons_of_a_tenant_are_kept(own: Contract, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "MOST_KEPT", 2)
    told = [ask(key)["id"] for _ in range(4)]
    assert [each["id"] for each in look(key)["items"]] == told[:0:-1]


def test_another_tenants_comparison_is_not_there_and_a_key_needs_the_scope(own: Contract, key: str) -> None:
    number = ask(key)["id"]
    other = Tenant.objects.create(
        seller=own.tenant.seller, code="south", name_zh="南", name_en="S", zone="Asia/Shanghai"
    )
    stranger = make_key(other, "erp", [ApiKey.READ])[1]
    look(stranger, f"/{number}", expect=404)
    assert look(stranger)["items"] == []
    assert ask(stranger, ASKED | {"contract": own.code}, expect=422)["code"] == "unknown_contract"
    ask(make_key(other, "switch", [ApiKey.INGEST])[1], expect=403)


def test_of_several_contracts_one_must_be_named(
    own: Contract, make_contract: Callable[..., Contract], key: str
) -> None:
    Contract.objects.create(tenant=own.tenant, code="C-2", name_zh="二", name_en="Two", scope={"source": ["x"]})
    assert ask(key, expect=422)["code"] == "contract_needed"
    assert ask(key, ASKED | {"contract": own.code})["contract"] == own.code


def test_the_latest_whole_months_are_taken_when_none_is_named(own: Contract, key: str) -> None:
    body = {"months": 2, "contracts": [{"code": "own"}]}
    answer = ask(key, body)
    assert answer["months"] == len(answer["result"]["months"]) == 2


def test_the_exchange_on_the_page_happens_as_shown(own: Contract, key: str) -> None:
    page = (ROOT / "docs" / "comparing.md").read_text(encoding="utf-8")
    found = re.findall(r"```http\nPOST (\S+)\nContent-Type: \S+\n\n(.*?)```\n\n```json\n(.*?)```", page, re.DOTALL)
    assert [to for to, _body, _shown in found] == ["/api/v1/comparisons"]
    assert shows(json.loads(found[0][2]), ask(key, json.loads(found[0][1])))
