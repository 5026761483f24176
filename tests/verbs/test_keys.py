"""API keys: shown once, stored as a hash, checked before the database is asked, forgotten when revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tenants import keys
from tenants.keys import holder_of, make_key, revoke_key
from tests.conftest import NOW

pytestmark = pytest.mark.django_db


def test_a_key_names_its_tenant_and_scopes(tenant: Any) -> None:
    _, text = make_key(tenant, "switch", ["ingest"])
    holder = holder_of(text, NOW)
    assert holder
    assert (holder.tenant_id, holder.scopes) == (tenant.pk, {"ingest"})


def test_the_database_holds_no_usable_key(tenant: Any) -> None:
    row, text = make_key(tenant, "switch", ["ingest"])
    row.refresh_from_db()
    assert text not in str(row.__dict__)
    assert row.prefix == text[:12]


def test_a_mistyped_key_costs_no_query(tenant: Any, django_assert_num_queries: Any) -> None:
    _, text = make_key(tenant, "switch", ["ingest"])
    wrong = text[:20] + ("a" if text[20] != "a" else "b") + text[21:]
    with django_assert_num_queries(0):
        assert holder_of(wrong, NOW) is None
        assert holder_of("hd_live_short", NOW) is None


def test_a_revoked_key_stops_working_when_the_cache_has_forgotten_it(tenant: Any, monkeypatch: Any) -> None:
    row, text = make_key(tenant, "switch", ["ingest"])
    assert holder_of(text, NOW)
    revoke_key(row, NOW)
    clock = keys.time.monotonic()
    monkeypatch.setattr(keys.time, "monotonic", lambda: clock + keys.CACHED_FOR_SECONDS + 1)
    assert holder_of(text, NOW) is None
    assert keys.CACHED_FOR_SECONDS < 60


def test_expired_keys_and_inactive_tenants_are_refused(tenant: Any) -> None:
    _, text = make_key(tenant, "switch", ["ingest"], expires_at=NOW)
    assert holder_of(text, NOW) is None
    _, text = make_key(tenant, "switch", ["ingest"], expires_at=NOW + timedelta(days=1))
    assert holder_of(text, NOW)
    keys._cache.clear()
    tenant.status = "suspended"
    tenant.save()
    assert holder_of(text, NOW) is None


def test_no_two_keys_are_alike(tenant: Any) -> None:
    assert len({make_key(tenant, "k", ["read"])[1] for _ in range(50)}) == 50
