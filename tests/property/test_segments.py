"""Whatever is signed, ended and renewed: each day in force has one version, each call is counted in one segment."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.errors import Refused
from billing.periods import Period, period_containing, periods
from billing.rating import terms_from_versions
from tenants.contracts import NotInForce, amend, end, renew, terms_for
from tenants.models import Contract, Tenant
from tests.conftest import NOW
from tests.property.test_counting import NAME, TENANTS, ZONES, records
from usage.aggregation import count_month, totals_of
from usage.formats.record import Decoded
from usage.ingestion import Reporter, ingest_batch
from usage.models import Source

pytestmark = pytest.mark.django_db(transaction=True)
EXAMPLES = int(os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES", "60"))
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
CODES = itertools.count(1)
DAYS = st.dates(date(2026, 1, 25), date(2026, 6, 5))
ACTS = st.lists(st.tuples(st.sampled_from(["amend", "amend", "end", "renew"]), DAYS), min_size=1, max_size=8)
AGREEMENT: dict[str, Any] = {
    "version": 1,
    "currency": "CNY",
    "clauses": [
        {"code": "talk", "name": NAME, "kind": "duration", "price": "0.15", "rule": {"legs": "each"}},
        {"code": "dials", "name": NAME, "kind": "calls", "counts": "attempted", "price": "0.1"},
        {"code": "asr", "name": NAME, "kind": "feature", "counter": "asr", "price": "0.2", "group_by": "robot"},
    ],
}


def ruled_by_day(signed: list[tuple[date, str]], ends_on: date | None, month: Period) -> dict[date, str]:
    """Say for each day of a month which version rules it, by asking day by day."""
    found = {}
    for day in (month.starts_on + timedelta(days=n) for n in range(month.days)):
        begun = [number for starts_on, number in sorted(signed) if starts_on <= day]
        if begun and (ends_on is None or day < ends_on):
            found[day] = begun[-1]
    return found


@SETTINGS
@given(ACTS, st.integers(1, 31), st.sampled_from(ZONES))
def test_any_amendments_cut_each_month_in_force_into_segments_without_gap_or_overlap(
    seller: Any, transactional_db: None, acts: Any, billing_day: int, zone: str
) -> None:
    code = f"t-{next(CODES)}"
    tenant = Tenant.objects.create(
        seller=seller, code=code, name_zh=code, name_en=code, zone=zone, billing_day=billing_day
    )
    contract = Contract.objects.create(tenant=tenant, code=code, name_zh="合同", name_en="Contract")
    signed, ends_on = [], None
    act = {"by": "li", "reason": "x", "now": NOW}
    for what, day in acts:
        with contextlib.suppress(Refused):
            if what == "amend":
                signed.append((day, str(amend(contract, AGREEMENT, starts_on=day, **act).number)))
            else:
                (end if what == "end" else renew)(contract, day, **act)
                ends_on = day
    contract.refresh_from_db()
    assert contract.ends_on == ends_on
    for month, begins_at, ends_at in itertools.islice(periods(billing_day, zone, since=date(2026, 1, 20)), 6):
        expected = ruled_by_day(signed, ends_on, month)
        try:
            segments = terms_for(contract, month).segments
        except NotInForce:
            segments = ()
        ruled = [
            (segment.starts_on + timedelta(days=n), segment.number) for segment in segments for n in range(segment.days)
        ]
        assert ruled == sorted(expected.items())
        bounds = [Period(each.starts_on, each.ends_on).instants(zone) for each in segments]
        assert all(one[1] == other[0] for one, other in itertools.pairwise(bounds))
        assert all(begins_at <= first < last <= ends_at for first, last in bounds)


@SETTINGS
@given(st.data())
def test_totals_over_segments_add_up_to_the_totals_of_the_month(transactional_db: None, data: Any) -> None:
    zone, billing_day = data.draw(st.sampled_from(ZONES)), data.draw(st.integers(1, 31))
    month = period_containing(date(2026, 10, 8), billing_day)
    cuts = data.draw(st.lists(st.dates(month.starts_on, month.ends_on - timedelta(days=1)), max_size=4, unique=True))
    versions = [("1", date(2026, 1, 1), AGREEMENT)]
    whole = terms_from_versions(month, zone, versions)
    cut = terms_from_versions(month, zone, versions + [(f"{n}", day, AGREEMENT) for n, day in enumerate(cuts, 2)])
    calls = data.draw(records())
    tenant_id = next(TENANTS)
    ingest_batch(
        Reporter(tenant_id, zone, billing_day, keep_numbers=False, accept_days_back=7300),
        Source(pk=tenant_id, tenant_id=tenant_id, code="s"),
        [Decoded(raw=b"{}", record=call, call_id=call.call_id) for call in calls],
        "test",
        NOW,
    )
    sums = []
    for contract_id, terms in ((1, whole), (2, cut)):
        count_month(tenant_id, contract_id, terms)
        counted: Counter[Any] = Counter()
        for row in totals_of(tenant_id, contract_id, terms).rows:
            for name in ("calls", "talk_ms", "billed_seconds", "value"):
                counted[row.clause, row.on, row.group, name] += getattr(row, name)
        sums.append({key: number for key, number in counted.items() if number})
    assert sums[0] == sums[1]
