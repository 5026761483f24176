"""Voiding, correcting and the quota through the API."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from tenants.keys import make_key
from tenants.models import ApiKey
from tests.conftest import call_of
from usage.models import Call, CallVersion


@pytest.fixture
def ask(tenant):
    key = make_key(tenant, "finance", [ApiKey.OPERATE, ApiKey.READ])[1]

    def send(method, to, body=None):
        answer = getattr(Client(), method)(
            to, data=json.dumps(body) if body is not None else None, content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip
        return answer.status_code, answer.json()

    return send


def test_a_call_is_voided_once_with_a_reason(post, ask):
    post(call_of(1))
    assert ask("post", "/api/v1/calls/call-1/void", {"reason": " "})[0] == 400
    assert ask("post", "/api/v1/calls/call-1/void", {"why": "x"})[1]["code"] == "invalid_body"
    status, change = ask("post", "/api/v1/calls/call-1/void", {"reason": "test call"})
    assert (status, change["version"], change["changed"]) == (200, 2, True)
    assert ask("post", "/api/v1/calls/call-1/void", {"reason": "again"})[0] == 409
    assert ask("post", "/api/v1/calls/call-7/void", {"reason": "x"})[0] == 404
    assert "voided" in ask("get", "/api/v1/calls/call-1")[1]["items"][0]["flags"]


def test_a_call_is_corrected_and_the_old_record_is_kept(post, ask):
    post(call_of(1))
    shorter = call_of(1, ended_at="2026-10-08T09:00:35+08:00")
    assert ask("put", "/api/v1/calls/call-1", shorter)[0] == 400
    status, change = ask("put", "/api/v1/calls/call-1?reason=clock", shorter)
    assert (status, change["version"]) == (200, 2)
    assert Call.objects.get().talk_ms == 30_000
    assert CallVersion.objects.count() == 1
    assert not ask("put", "/api/v1/calls/call-1?reason=clock", shorter)[1]["changed"]
    assert ask("put", "/api/v1/calls/call-1?reason=clock", [shorter])[0] == 400
    assert ask("put", "/api/v1/calls/call-1?reason=clock", shorter | {"talk_ms": -1})[0] == 422
    assert ask("put", "/api/v1/calls/call-1?reason=clock", call_of(2))[0] == 422


def test_changing_needs_the_scope_operate(post, key):
    post(call_of(1))
    answer = Client().post("/api/v1/calls/call-1/void", {"reason": "x"}, content_type="application/json",
                           headers={"Authorization": f"Bearer {key}"})  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")
    assert "“operate”" in answer.json()["detail"]


def test_the_quota_says_how_many_calls_are_left(post, ask, contract):
    status, quota = ask("get", "/api/v1/quota?clause=%00&group=%00")
    assert (status, quota["allowed"]) == (200, True)
    assert quota["fresh_within_seconds"] > 0
