"""The OpenAPI document is what the code says, and no request it allows, or forbids, breaks the server."""

from __future__ import annotations

import io
import os

import pytest
import schemathesis
import yaml
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connections
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from billing.settings import ROOT
from billing.wsgi import application
from tenants.keys import make_key
from tenants.models import ApiKey
from tests.conftest import call_of
from usage.models import Source

EXAMPLES = int(os.environ.get("HUADAN_SCHEMA_EXAMPLES", "12"))
DOCUMENT = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.app = application
OPERATIONS = [result.ok() for result in SCHEMA.get_all_operations()]
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def authorization(post, tenant, contract, monkeypatch):
    post(call_of(1), {"call_id": "wrong"})
    Source.objects.filter(code="switch-1").update(preset="volcengine")
    for signal in (request_started, request_finished):  # as Django's own test client does: the test owns the connection
        signal.disconnect(close_old_connections)
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    own = make_key(tenant, "all", [ApiKey.INGEST, ApiKey.READ, ApiKey.OPERATE])[1]
    sellers = make_key(tenant.seller, "crm", [ApiKey.OPERATE])[1]
    yield lambda path: f"Bearer {sellers if path.startswith(('/api/v1/tenants', '/api/v1/contracts')) else own}"
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.label for operation in OPERATIONS])
def test_no_request_breaks_the_server(operation, authorization):
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operation.as_strategy())
    def attack(case):
        if "source" in (case.path_parameters or {}):
            case.path_parameters["source"] = "switch-1"
        for name, value in (("tenant", "north"), ("contract", "C-1")):
            if name in (case.path_parameters or {}) and case.method != "PUT":
                case.path_parameters[name] = value
        case.headers = {**(case.headers or {}), "Authorization": authorization(operation.path)}
        case.call_and_validate(checks=CHECKS)

    attack()


def test_the_document_in_the_repository_is_the_one_the_code_makes():
    made = io.StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=made)
    assert yaml.safe_load(made.getvalue()) == yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text()), (
        "make openapi"
    )


def test_every_operation_says_what_it_takes_by_an_example():
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            for media in (
                operation.get("requestBody", {}).get("content", {}).values() if method in {"post", "put"} else ()
            ):
                if path.startswith("/api/v1/") and "examples" in media:
                    break
            else:
                assert "requestBody" not in operation, f"{method} {path} has no example"
