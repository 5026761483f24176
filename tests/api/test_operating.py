"""A seller's own system sets a customer up from nothing; every step may be sent again; wrong ones say what to do."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client

from tenants.api.agreements import CONTRACT, TALK, VERSION
from tenants.api.parties import TENANT
from tenants.contracts import freeze_contract
from tenants.keys import make_key
from tenants.models import ApiKey, Contract, ContractEvent, Movement, Seller, SubscriptionChange, Tenant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("in_english")]
NAME = {"zh": "甲", "en": "A"}
SEATS = {"code": "seats", "kind": "seat", "name": NAME, "item": "seats", "price": "80"}
SERVICE = {
    "code": "sla", "kind": "service_level", "name": NAME, "price": {"kind": "flat", "price": "9"},
    "measure": "availability", "credits": [{"below": "0.99", "rate": "0.1"}],
}  # fmt: skip
PACK = {"code": "pack", "kind": "package", "name": NAME, "price": "9", "quantity": "50", "covers": [{"clause": "talk"}]}
FULL = VERSION | {"agreement": VERSION["agreement"] | {"clauses": [TALK, SEATS, SERVICE, PACK]}}
STEPS: list[tuple[str, str, dict[str, Any]]] = [
    ("put", "tenants/north", TENANT),
    ("put", "contracts/HT-1", CONTRACT | {"scope": {}}),
    ("put", "contracts/HT-1/versions/1", FULL),
    ("put", "contracts/HT-1/subscriptions/o-7", {"item": "seats", "change": "2", "on": "2026-10-16", "reason": "order"}),
    ("put", "contracts/HT-1/measurements/m-1",
     {"measure": "availability", "level": "0.985", "month": "2026-10-20", "reason": "report"}),
    ("put", "contracts/HT-1/packages/o-8", {"package": "pack", "on": "2026-10-03", "reason": "order"}),
]  # fmt: skip


def ask(key: str, method: str, to: str, body: Any = None, **more: Any) -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return getattr(Client(), method)(
        f"/api/v1/{to}", data=None if method == "get" else data, content_type="application/json",
        headers={"Authorization": f"Bearer {key}"}, **more,
    )  # fmt: skip


@pytest.fixture
def sellers_key(seller: Seller) -> str:
    return make_key(seller, "crm", [ApiKey.OPERATE])[1]


@pytest.fixture
def set_up(sellers_key: str) -> str:
    for number, (method, to, body) in enumerate(STEPS):
        answer = ask(sellers_key, method, to, body)
        assert answer.status_code in {200, 201}, (to, answer.content)
        if number == 2:
            assert answer.json()["findings"] == []
            answer = ask(sellers_key, "post", "contracts/HT-1/versions/1/sign", {"reason": "signed by both"})
            assert (answer.status_code, answer.json()["signed_by"][:4]) == (200, "key "), answer.content
    return sellers_key


def test_a_customer_is_set_up_and_sending_everything_again_changes_nothing(set_up: str) -> None:
    for method, to, body in STEPS:
        answer = ask(set_up, method, to, body)
        assert answer.status_code == 200, (to, answer.content)
    assert Tenant.objects.get().contacts.count() == 1
    assert (Contract.objects.count(), SubscriptionChange.objects.count(), ContractEvent.objects.count()) == (1, 1, 1)
    assert Movement.objects.filter(account="balance").aggregate(left=Sum("units"))["left"] == 50
    assert ask(set_up, "get", "contracts/HT-1/packages").json()[0]["left"] == "50.00000000"
    assert ask(set_up, "get", "contracts/HT-1/subscriptions").json()[0]["change"] == "2.000"
    assert [each["code"] for each in ask(set_up, "get", "tenants").json()] == ["north"]
    assert ask(set_up, "post", "contracts/HT-1/end", {"ends_on": "2027-01-01", "reason": "x"}).json()["ends_on"]
    assert ask(set_up, "post", "contracts/HT-1/renew", {"ends_on": None, "reason": "x"}).json()["ends_on"] is None


def test_everything_that_was_written_is_read_back(set_up: str) -> None:
    faulty = FULL | {"starts_on": "2027-03-01", "started_from": "model-seats", "reason": "a draft"}
    assert ask(set_up, "put", "contracts/HT-1/versions/2", faulty).json()["started_from"] == {
        "code": "model-seats",
        "version": 1,
    }
    listed = ask(set_up, "get", "contracts/HT-1/versions").json()
    assert [(each["number"], bool(each["signed_at"]), each["started_from"] is None) for each in listed] == [
        (2, False, False), (1, True, True),
    ]  # fmt: skip
    assert "agreement" not in listed[0]
    written = ask(set_up, "get", "contracts/HT-1/versions/2").json()
    assert written["agreement"] == faulty["agreement"]
    ask(set_up, "put", "contracts/HT-1/versions/2", VERSION | {"starts_on": "2027-04-01"})
    assert ask(set_up, "get", "contracts/HT-1/versions/2").json()["started_from"]["code"] == "model-seats", "it stays"
    ask(set_up, "post", "contracts/HT-1/end", {"ends_on": "2028-01-01", "reason": "cancelled"})
    told = [
        (each["kind"], each["version"], each["reason"]) for each in ask(set_up, "get", "contracts/HT-1/events").json()
    ]
    assert told == [("ended", None, "cancelled"), ("signed", 1, "signed by both")]
    level = ask(set_up, "get", "contracts/HT-1/measurements/m-1").json()
    assert ask(set_up, "get", "contracts/HT-1/measurements").json() == [level]
    assert (level["measure"], level["level"], level["period_starts_on"], level["version"], level["reason"]) == (
        "availability", "0.985000", "2026-10-01", None, "report",
    )  # fmt: skip
    change = ask(set_up, "get", "contracts/HT-1/subscriptions/o-7").json()
    assert ask(set_up, "get", "contracts/HT-1/subscriptions").json() == [change]
    assert (change["item"], change["change"], change["on"], change["by"][:4]) == (
        "seats",
        "2.000",
        "2026-10-16",
        "key ",
    )
    bought = ask(set_up, "get", "contracts/HT-1/packages/o-8").json()
    moves = bought.pop("postings")
    assert ask(set_up, "get", "contracts/HT-1/packages").json() == [bought]
    assert [(each["kind"], each["on"], each["units"]) for each in moves] == [("bought", "2026-10-03", "50.00000000")]
    ask(set_up, "put", "tenants/north/keys/k", {"scopes": ["read"]})
    assert [(each["name"], "key" in each) for each in ask(set_up, "get", "tenants/north/keys").json()] == [("k", False)]
    for to in ("subscriptions/none", "measurements/none", "packages/none", "versions/9"):
        assert ask(set_up, "get", f"contracts/HT-1/{to}").status_code == 404


def test_a_tenants_key_reads_what_it_holds_and_how_it_was_measured_but_enters_neither(set_up: str) -> None:
    own = ask(set_up, "put", "tenants/north/keys/own", {"scopes": ["operate"]}).json()["key"]
    for to in ("subscriptions/o-7", "measurements", "measurements/m-1", "packages", "packages/o-8", "events"):
        assert ask(own, "get", f"contracts/HT-1/{to}").status_code == 200, to
    for to in ("versions", "versions/1"):  # drafts are the seller's own
        assert ask(own, "get", f"contracts/HT-1/{to}").json()["code"] == "missing_scope", to
    for to in ("measurements/m-2", "packages/o-9"):
        assert ask(own, "put", f"contracts/HT-1/{to}", {}).json()["code"] == "missing_scope", to


def test_a_key_is_told_once_works_and_is_revoked(set_up: str) -> None:
    made = ask(set_up, "put", "tenants/north/keys/switch 2", {"scopes": ["read", "operate"]})
    again = ask(set_up, "put", "tenants/north/keys/switch 2", {"scopes": ["read"]})
    assert (made.status_code, again.status_code, "key" in again.json()) == (201, 200, False)
    own = made.json()["key"]
    assert ask(own, "get", "contracts").json()[0]["code"] == "HT-1"
    change = {"item": "seats", "change": "1", "on": "2026-11-02", "reason": "one more"}
    assert ask(own, "put", "contracts/HT-1/subscriptions/s-1", change).status_code == 200
    for method, to in (("get", "tenants/north"), ("put", "contracts/HT-1"), ("put", "contracts/HT-1/measurements/m")):
        assert ask(own, method, to, {}).json()["code"] == "missing_scope"
    assert ask(set_up, "delete", "tenants/north/keys/switch 2").json()["revoked_at"]


@pytest.mark.parametrize(
    ("method", "to", "body", "status", "code", "pointer", "says"),
    [
        ("put", "tenants/n2", TENANT | {"tax_id": "91110108MA01A2B34Q"}, 422, "invalid_value", "/tax_id", "business licence"),
        ("put", "tenants/n2", TENANT | {"zone": "Asia/Beijing"}, 422, "invalid_value", "/zone", "Asia/Shanghai"),
        ("put", "tenants/north", TENANT | {"zone": "Asia/Tokyo"}, 422, "fixed", "/zone", "there is a contract"),
        ("put", "tenants/n2", TENANT | {"color": 1}, 400, "unknown_member", "/color", "known members"),
        ("put", "tenants/n2", TENANT | {"contacts": [{"name": "x", "email": "?"}]}, 400, "invalid_body", "/contacts/0/email", ""),
        ("put", "tenants/n2", TENANT | {"contacts": TENANT["contacts"] * 2}, 422, "contact_twice", "/contacts", "once"),
        ("put", "tenants/n2", b'{"name_zh": "\\u0000"}', 400, "parse_error", "", "NUL"),
        ("put", "tenants/n2", b'{"name_zh": "\\ud800"}', 400, "parse_error", "", "cannot be kept"),
        ("put", "tenants/n2", b"[" * 100_000, 400, "parse_error", "", "nested too deep"),
        ("put", "contracts/HT-2", CONTRACT | {"tenant": "nobody"}, 422, "unknown_tenant", "/tenant", "make it first"),
        ("put", "contracts/HT-2", CONTRACT | {"scope": {"robots": []}}, 422, "invalid_value", "/scope", "robot"),
        ("put", "contracts/HT-1", CONTRACT, 422, "fixed", "", "stand"),
        ("put", "contracts/HT-1/versions/1", VERSION, 409, "already_signed", "", "write a new one"),
        ("put", "contracts/HT-1/versions/7", VERSION, 409, "wrong_number", "", "number 2"),
        ("put", "contracts/HT-1/versions/2", VERSION | {"agreement": {"version": 1, "currency": "CNY", "clauses": [{"kind": "duration"}]}},
         400, "invalid_terms", "/agreement/clauses/0/code", "Add"),
        ("put", "contracts/HT-1/versions/2", VERSION | {"starts_on": "9999-12-31"}, 400, "invalid_body", "/starts_on", ""),
        ("put", "contracts/HT-1/subscriptions/x", {"item": "tea", "change": "1", "on": "2026-10-16", "reason": "r"},
         409, "unknown_item", "/item", "it knows: seats"),
        ("put", "contracts/HT-1/subscriptions/x", {"item": "seats", "change": "NaN", "on": "2026-10-16", "reason": "r"},
         400, "invalid_body", "/change", "number"),
        ("put", "contracts/HT-1/subscriptions/o-7", {"item": "seats", "change": "3", "on": "2026-10-16", "reason": "r"},
         409, "external_id_taken", "", "choose a new id"),
        ("put", "contracts/HT-1/packages/o-8", {"package": "pack", "on": "2026-10-03", "quantity": "60", "reason": "r"},
         409, "external_id_taken", "", "choose a new id"),
        ("put", "contracts/HT-1/measurements/m-1",
         {"measure": "availability", "level": "0.985", "month": "2026-10-20", "version": 1, "reason": "report"},
         409, "external_id_taken", "", "choose a new id"),
        ("put", "contracts/HT-1/measurements/x",
         {"measure": "availability", "level": "0.985", "month": "2026-10-20", "version": 7, "reason": "report"},
         409, "unknown_version", "/version", "no signed version 7"),
        ("put", "contracts/HT-1/versions/2", VERSION | {"started_from": "model-x"}, 422, "unknown_model", "/started_from", "model-seats"),
        ("post", "contracts/HT-1/end", {"ends_on": "2020-01-01", "reason": "r"}, 409, "not_begun", "/ends_on", "delete its draft"),
        ("post", "contracts/HT-1/renew", {"ends_on": "2027-01-01", "reason": "r"}, 409, "runs_longer", "/ends_on", "longer"),
        ("put", "contracts/HT-1/packages/x", {"package": "gold", "on": "2026-10-16", "reason": "r"},
         409, "unknown_package", "/package", "it sells: pack"),
    ],
)  # fmt: skip
def test_what_is_wrong_gets_a_code_a_place_and_a_sentence(
    method: str, to: str, body: Any, status: int, code: str, pointer: str, says: str, set_up: str
) -> None:
    answer = ask(set_up, method, to, body)
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("pointer", "")) == (status, code, pointer), problem
    assert says in problem["detail"]
    assert answer["Content-Type"] == "application/problem+json"


def test_a_faulty_draft_is_kept_with_its_findings_and_not_signed(set_up: str) -> None:
    percent = SERVICE | {"price": {"kind": "percentage", "rate": "0.1", "of": ["nothing"]}}
    body = FULL | {"starts_on": "2027-03-01", "agreement": FULL["agreement"] | {"clauses": [TALK, percent]}}
    drafted = ask(set_up, "put", "contracts/HT-1/versions/2", body)
    assert drafted.json()["findings"][0] == {
        "severity": "error", "pointer": "/clauses/1/price/of", "text": "No clause has the code nothing.",
    }  # fmt: skip
    answer = ask(set_up, "post", "contracts/HT-1/versions/2/sign", {"reason": "r"})
    assert (answer.status_code, answer.json()["code"]) == (409, "unknown_clause")


GAP = TALK | {"price": {"kind": "graduated", "tiers": [{"price": "0.1"}, {"up_to": "99", "price": "0.2"}, {"price": "0.3"}]}}  # fmt: skip


def test_tiers_with_a_gap_are_not_drafted_and_contracts_for_the_same_calls_not_signed(set_up: str) -> None:
    agreement = VERSION["agreement"] | {"clauses": [GAP]}
    answer = ask(set_up, "put", "contracts/HT-1/versions/2", VERSION | {"agreement": agreement})
    assert (answer.status_code, answer.json()["pointer"]) == (400, "/agreement/clauses/0/price/tiers/0/up_to")
    assert "only the last tier is open" in answer.json()["detail"]
    ask(set_up, "put", "contracts/HT-2", CONTRACT | {"scope": {}})
    ask(set_up, "put", "contracts/HT-2/versions/1", VERSION)
    answer = ask(set_up, "post", "contracts/HT-2/versions/1/sign", {"reason": "r"})
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["pointer"]) == (409, "contracts_overlap", "/scope")
    assert "HT-1" in problem["detail"]


def test_nothing_is_entered_into_an_invoiced_month(set_up: str) -> None:
    ask(set_up, "put", "contracts/HT-1/versions/2", FULL | {"starts_on": "2026-10-31"})
    freeze_contract(Contract.objects.get().pk, date(2026, 11, 1))
    for method, to, body, pointer in [
        ("post", "versions/2/sign", {"reason": "r"}, "/starts_on"),
        ("post", "end", {"ends_on": "2026-10-31", "reason": "r"}, "/ends_on"),
        ("put", "subscriptions/x", {"item": "seats", "change": "1", "on": "2026-10-31", "reason": "r"}, "/on"),
        ("put", "packages/x", {"package": "pack", "on": "2026-10-31", "reason": "r"}, "/on"),
        ("put", "measurements/x",
         {"measure": "availability", "level": "1", "month": "2026-10-31", "reason": "r"}, "/month"),
    ]:  # fmt: skip
        answer = ask(set_up, method, f"contracts/HT-1/{to}", body)
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["pointer"]) == (409, "month_invoiced", pointer), to
        assert "choose 2026-11-01 or later" in problem["detail"]


def test_another_sellers_things_are_not_there(set_up: str) -> None:
    other = Seller.objects.create(code="other", name_zh="他", name_en="Other", email="a@other.example")
    theirs = make_key(other, "crm", [ApiKey.OPERATE])[1]
    assert ask(theirs, "get", "tenants").json() == ask(theirs, "get", "contracts").json() == []
    for method, to, body in [
        ("get", "tenants/north", None),
        ("get", "contracts/HT-1", None),
        ("get", "contracts/HT-1/versions/1", None),
        ("get", "contracts/HT-1/subscriptions", None),
        ("get", "contracts/HT-1/packages", None),
        ("get", "contracts/HT-1/packages/o-8", None),
        ("get", "contracts/HT-1/measurements", None),
        ("get", "contracts/HT-1/measurements/m-1", None),
        ("get", "contracts/HT-1/subscriptions/o-7", None),
        ("get", "contracts/HT-1/versions", None),
        ("get", "contracts/HT-1/events", None),
        ("get", "tenants/north/keys", None),
        ("put", "tenants/north/keys/k", {"scopes": ["read"]}),
        ("delete", "tenants/north/keys/k", None),
        ("post", "contracts/HT-1/versions/1/sign", {"reason": "r"}),
        ("post", "contracts/HT-1/end", {"ends_on": "2027-01-01", "reason": "r"}),
        ("post", "contracts/HT-1/renew", {"ends_on": "2027-01-01", "reason": "r"}),
        *STEPS[2:],
    ]:
        assert ask(theirs, method, to, body).status_code == 404, to
    assert ask(theirs, "put", "tenants/north", TENANT).json()["code"] == "code_taken"
    assert ask(theirs, "put", "contracts/HT-1", CONTRACT).json()["code"] == "unknown_tenant"
