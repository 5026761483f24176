"""Many contracts counted in one pass have the totals that each has alone: any calls, any clauses, any zone."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.periods import period_containing
from billing.rating import Terms, terms_from_versions
from billing.rating.form import read
from billing.rating.terms import Beside, Select
from billing.rating.totals import Row
from tests.conftest import NOW
from tests.property.test_counting import BANDS, MONTHS, SELECTS, TENANTS, ZONES, clauses, readable, records
from usage.aggregation import count_month, totals_of
from usage.condensing import count_under
from usage.formats.record import Decoded
from usage.ingestion import Reporter, ingest_batch
from usage.models import Source

pytestmark = [pytest.mark.django_db(transaction=True)]
ODD_BANDS = [
    {"code": "peak", "name": {"zh": "甲", "en": "A"}, "priority": 1, "rules": [{"start": "08:07", "end": "17:55"}]},
    {"code": "rest", "name": {"zh": "甲", "en": "A"}, "rules": [{}]},
]
IN_NO_BAND = [{"code": "night", "name": {"zh": "甲", "en": "A"}, "rules": [{"start": "21:00", "end": "05:00"}]}]


def drawn_terms(data: st.DataObject, month: date, zone: str) -> Terms:
    period = period_containing(month)
    bands = data.draw(st.sampled_from([BANDS, ODD_BANDS, IN_NO_BAND]))
    document = {"version": 1, "currency": "CNY", "bands": bands}
    versions = [("1", date(2020, 1, 1), document | {"clauses": data.draw(clauses())})]
    days = st.dates(period.starts_on, period.ends_on - timedelta(days=1))
    versions += [
        (f"from {day}", day, document | {"clauses": data.draw(clauses())})
        for day in data.draw(st.lists(days, max_size=1))
    ]
    terms = terms_from_versions(period, zone, versions)
    select, first = read(Select, data.draw(st.sampled_from([s for s in SELECTS if "band" not in s]))), data.draw(days)
    how = data.draw(st.sampled_from(["all", "all", "scope", "beside"]))
    if how == "scope":
        return replace(terms, scope=select)
    return replace(terms, beside=(Beside(select, first, period.ends_on),)) if how == "beside" else terms


def place_of(row: Row) -> tuple[str, ...]:
    return (row.segment, row.clause, str(row.on), row.group, str(row.cell))


@settings(
    max_examples=int(os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_contracts_counted_together_have_the_totals_each_has_alone(transactional_db: None, data: st.DataObject) -> None:
    zone, month = data.draw(st.sampled_from(ZONES)), data.draw(st.sampled_from(MONTHS))
    several = [drawn_terms(data, month, zone) for _ in range(data.draw(st.integers(1, 3)))]
    tenant_id = next(TENANTS)
    reporter = Reporter(tenant_id, zone, 1, keep_numbers=False, accept_days_back=7300)
    source = Source(pk=tenant_id, tenant_id=tenant_id, code="s")
    calls = data.draw(records(month))
    ingest_batch(reporter, source, [Decoded(raw=b"{}", record=c, call_id=c.call_id) for c in calls], "test", NOW)
    for number, (terms, totals) in enumerate(zip(several, count_under(tenant_id, several).totals, strict=True), 1):
        count_month(tenant_id, number, terms)
        alone = totals_of(tenant_id, number, terms)
        assert readable(terms, totals) == readable(terms, alone)
        assert sorted(totals.rows, key=place_of) == sorted(alone.rows, key=place_of)


def test_the_calls_are_read_by_one_statement_however_many_contracts_ask(transactional_db: None) -> None:
    talk = {"code": "talk", "kind": "duration", "name": {"zh": "通话", "en": "Talk"}}
    dials = {
        "code": "dials",
        "kind": "calls",
        "counts": "attempted",
        "name": {"zh": "外呼", "en": "Dials"},
        "price": "0.1",
    }
    month = period_containing(MONTHS[0])
    several = [
        terms_from_versions(
            month,
            "Asia/Shanghai",
            [("1", MONTHS[0], {"version": 1, "currency": "CNY", "clauses": [talk | {"price": f"0.{n}"}, dials]})],
        )
        for n in range(1, 9)
    ]
    with CaptureQueriesContext(connection) as asked:
        count_under(next(TENANTS), several)
    reading = [each["sql"] for each in asked if "usage_call" in each["sql"]]
    assert [each.count("FROM usage_call JOIN") for each in reading] == [1]
