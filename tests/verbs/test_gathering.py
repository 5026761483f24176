"""What is read at once for many contracts is what each would have read alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.periods import period_containing
from invoices.drafting import draft_month
from invoices.gathering import gather, gather_one
from tests.conftest import NOW, call_of, issue_by_two
from tests.verbs.test_closing import other_contract
from usage.declarations import declare
from usage.models import UsageMonth

pytestmark = pytest.mark.django_db(transaction=True)
SEPTEMBER, OCTOBER = (period_containing(date(2026, month, 1)) for month in (9, 10))


def test_each_contract_is_told_what_is_its_own(seller: Any, contract: Any, post: Any) -> None:
    quiet = other_contract(seller)
    quiet.tenant.billing_day = 15
    quiet.tenant.save()
    fifteenth = period_containing(date(2026, 10, 15), 15)
    september = {
        "started_at": "2026-09-08T09:00:00+08:00",
        "answered_at": None,
        "ended_at": "2026-09-08T09:01:00+08:00",
    }
    post(call_of(1), call_of(2) | {"started_at": "never"}, call_of(3, **september))
    declare(contract.tenant_id, 0, (OCTOBER.starts_on, OCTOBER.ends_on), (7, 420), NOW)
    invoice = issue_by_two(draft_month(contract, SEPTEMBER, NOW).pk)
    draft_month(quiet, period_containing(date(2026, 9, 15), 15), NOW)
    UsageMonth.objects.filter(tenant_id=contract.tenant_id, period=SEPTEMBER.starts_on).update(
        state="frozen", late_since=NOW, frozen_at=datetime(2026, 10, 2, tzinfo=UTC)
    )
    months = [(contract, OCTOBER), (quiet, fifteenth), (contract, SEPTEMBER)]
    found = gather(months)
    known, other, before = (found[each.pk, month.starts_on] for each, month in months)
    assert known.late_months == (SEPTEMBER.starts_on,)
    assert (known.quarantined, known.delivered.received, known.delivered.declared) == (1, 3, 7)
    assert [(each.net, each.calls, each.number) for each in known.earlier] == [(invoice.net, 1, invoice.number)]
    assert known.earlier[0].bill == invoice.document["bill"]
    assert (other.late_months, other.quarantined, other.delivered.received, other.delivered.declared) == (
        (),
        0,
        0,
        None,
    )
    assert [(each.calls, each.number, each.bill) for each in other.earlier] == [(0, None, None)]
    assert (before.earlier, before.late_months, before.delivered.declared) == ((), (), None)
    assert [gather_one(*month) for month in months] == [known, other, before]
