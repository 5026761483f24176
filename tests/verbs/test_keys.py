"""API keys: shown once, stored as a hash, checked before the database is asked, forgotten when revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tenants import keys
from tenants.keys import CannotRotate, _cache, holder_of, make_key, revoke_key, rotate_key
from tenants.models import ApiKey, Tenant
from tests.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_rotated_key_works_on_for_a_day_beside_the_new_one(tenant: Tenant) -> None:
    row, old = make_key(tenant, "switch 2", [ApiKey.INGEST, ApiKey.READ])
    made, new = rotate_key(row, NOW)
    assert (made.name, made.scopes, made.expires_at) == ("switch 2", ["ingest", "read"], None)
    assert holder_of(new, NOW) is not None
    assert holder_of(old, NOW + timedelta(hours=23)) is not None
    _cache.clear()
    assert holder_of(old, NOW + timedelta(hours=24)) is None
    assert holder_of(new, NOW + timedelta(hours=24)) is not None


def test_a_key_that_ends_sooner_is_not_made_to_live_longer(tenant: Tenant) -> None:
    soon = NOW + timedelta(hours=1)
    row, _old = make_key(tenant, "x", [ApiKey.READ], expires_at=soon)
    made, _new = rotate_key(row, NOW)
    row.refresh_from_db()
    assert row.expires_at == made.expires_at == soon


def test_a_revoked_key_is_not_rotated(tenant: Tenant) -> None:
    row, _text = make_key(tenant, "x", [ApiKey.READ])
    revoke_key(row, NOW)
    with pytest.raises(CannotRotate, match="make a new key"):
        rotate_key(row, NOW)
