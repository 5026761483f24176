"""docs/api.md is executed: each request in order, each answer compared with what the page shows of it."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from billing.settings import ROOT
from tenants.keys import make_key
from tenants.models import ApiKey
from usage.formats import reading
from usage.formats.mappings import fault_of_mapping
from usage.formats.presets import PRESETS
from usage.formats.rules import SourceRules

PAGE = (ROOT / "docs" / "api.md").read_text()
EXCHANGES = re.findall(r"```http( operator)?\n(\w+) (\S+)\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


def shows(shown, told):
    """Tell whether an answer says at least what the page shows of it."""
    if isinstance(shown, dict):
        return isinstance(told, dict) and all(
            name in told and shows(value, told[name]) for name, value in shown.items()
        )
    if isinstance(shown, list):
        return isinstance(told, list) and len(shown) == len(told) and all(map(shows, shown, told))
    return shown == told


@pytest.fixture
def key(tenant, source):
    return make_key(tenant, "reader of the page", [ApiKey.INGEST, ApiKey.READ, ApiKey.OPERATE])[1]


def test_every_exchange_on_the_page_happens_as_shown(key, contract):
    assert len(EXCHANGES) == 18
    sellers_key = make_key(contract.tenant.seller, "crm", [ApiKey.OPERATE])[1]
    for operator, method, to, rest, shown in EXCHANGES:
        head, _, body = rest.lstrip("\n").partition("\n\n") if "Content-Type" in rest else ("", "", rest)
        content_type = head.removeprefix("Content-Type: ").strip() or "application/json"
        headers = {"Authorization": f"Bearer {sellers_key if operator else key}"}
        data = body.encode() if method != "GET" else None
        answer = getattr(Client(), method.lower())(to, data=data, content_type=content_type, headers=headers)
        assert answer.status_code in ({200, 201} if operator else {200}), (to, answer.content)
        assert shows(json.loads(shown), answer.json()), (to, answer.json())


def test_the_mapping_on_the_page_reads_the_callback_on_the_page():
    mapping = json.loads(re.search(r"```json mapping\n(.*?)```", PAGE, re.DOTALL)[1])
    callback = re.search(r"```json mapped\n(.*?)```", PAGE, re.DOTALL)[1]
    assert fault_of_mapping(mapping) is None
    [decoded] = reading.read(reading.MAPPED, callback.encode(), SourceRules(mapping=mapping))
    record = decoded.record
    assert (record.started_at.isoformat(), record.talked_ms) == ("2026-10-08T01:00:00+00:00", 61_000)
    assert (record.caller, record.callee, record.labels) == ("021555", "022333", {"campaign": "autumn"})


def test_every_preset_stands_on_the_page_with_its_acknowledgement_and_is_a_mapping():
    for code, preset in PRESETS.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{code}` |"))
        shown = row.split("|")[3].strip().strip("`")
        assert shown == (
            json.dumps(preset["acknowledgement"], ensure_ascii=False) if preset["acknowledgement"] else "the outcome"
        )
        assert fault_of_mapping(preset["mapping"]) is None
