from __future__ import annotations

from datetime import date

import pytest

from billing.rating import InvalidTerms, count, rate
from tests.unit.rating.making import agreement, amounts, bill, call, dials, row, talk, terms, versions


def days(*calls: int, **rest: object) -> list[dict[str, object]]:
    return [row("dials", calls=number, on=f"2026-11-{day:02}", **rest) for day, number in enumerate(calls, 1)]


@pytest.mark.parametrize(("counts", "owed"), [("answered", "0.20"), ("attempted", "0.30"), ("transferred", "0.10")])
def test_what_is_counted(counts: str, owed: str) -> None:
    agreed = terms(dials("0.10", counts=counts), talk("0"))
    calls = [call(), call("2026-11-03 11:00:00", transferred=True), call("2026-11-03 12:00:00", answered=False)]
    assert amounts(rate(agreed, count(agreed, calls)))["dials"] == owed


def test_included_calls() -> None:
    assert amounts(bill(terms(dials("0.25", included_calls="3000")), row("dials", calls=3000))) == {"dials": "0.00"}
    assert amounts(bill(terms(dials("0.25", included_calls="3000")), row("dials", calls=3001))) == {"dials": "0.25"}


def test_a_day_exactly_at_its_limit_is_within_it() -> None:
    agreed = terms(dials("0.30", limit_per_day=200, beyond_price="0.10"))
    assert amounts(bill(agreed, *days(200, 200))) == {"dials": "120.00"}
    assert amounts(bill(agreed, *days(201))) == {"dials": "60.00", "dials.beyond": "0.10"}


def test_several_rows_of_a_day_share_its_limit() -> None:
    agreed = terms(dials("1", limit_per_day=10, beyond_price="0.5", group_by="shop", tiers_per="clause"))
    rows = [row("dials", calls=8, on="2026-11-01", group="a"), row("dials", calls=8, on="2026-11-01", group="b")]
    assert amounts(bill(agreed, *rows)) == {
        "dials.group=a": "8.00",
        "dials.group=b": "2.00",
        "dials.group=b.beyond": "3.00",
    }


def test_limits_hold_per_group_where_tiers_do() -> None:
    agreed = terms(dials("1", limit_per_day=10, beyond_price="0.5", group_by="shop", tiers_per="group"))
    rows = [row("dials", calls=8, on="2026-11-01", group="a"), row("dials", calls=11, on="2026-11-01", group="b")]
    assert amounts(bill(agreed, *rows)) == {
        "dials.group=a": "8.00",
        "dials.group=b": "10.00",
        "dials.group=b.beyond": "0.50",
    }


def test_a_monthly_limit() -> None:
    agreed = terms(dials("0.30", limit_per_month=500, beyond_price="0.10"))
    assert amounts(bill(agreed, *days(300, 200))) == {"dials": "150.00"}
    assert amounts(bill(agreed, *days(300, 201))) == {"dials": "150.00", "dials.beyond": "0.10"}


def test_the_daily_limit_comes_before_the_monthly() -> None:
    agreed = terms(dials("1", limit_per_day=100, limit_per_month=150, beyond_price="0.1"))
    assert amounts(bill(agreed, *days(120, 80))) == {"dials": "150.00", "dials.beyond": "5.00"}


def test_a_monthly_limit_is_prorated_to_whole_calls() -> None:
    document = agreement(dials("1", limit_per_month=100, beyond_price="0"))
    agreed = versions((date(2026, 11, 22), document))
    assert amounts(bill(agreed, row("dials", calls=31, on="2026-11-25"))) == {"dials": "30.00", "dials.beyond": "0.00"}


def test_calls_beyond_the_limit_may_be_free() -> None:
    free = bill(terms(dials("1", limit_per_day=10, beyond_limit="free")), *days(15))
    assert amounts(free) == {"dials": "10.00", "dials.beyond": "0.00"}
    assert free.lines[1].quantity_billed == 5


def test_calls_that_should_have_been_refused_wait_for_a_person() -> None:
    found = bill(terms(dials("1", limit_per_day=10, beyond_limit="refuse")), *days(15))
    assert amounts(found) == {"dials": "10.00"}
    assert [(each.calls, each.talk_ms, each.reason) for each in found.uncovered] == [(5, 0, "beyond_limit:dials")]
    assert found.blocked


def test_included_calls_are_used_up_within_the_limit() -> None:
    agreed = terms(dials("1", included_calls="5", limit_per_day=10, beyond_price="2"))
    assert amounts(bill(agreed, *days(15))) == {"dials": "5.00", "dials.beyond": "10.00"}


def test_a_limit_needs_a_price_beyond_it() -> None:
    with pytest.raises(InvalidTerms) as refused:
        terms(dials("1", limit_per_day=10))
    assert refused.value.pointer == "/clauses/0/beyond_price"


def test_connect_and_transfer_fees_on_top() -> None:
    agreed = terms(
        talk("0.15"),
        dials("0.05", code="connect", on_top=True),
        dials("0.50", code="transfer", counts="transferred", on_top=True),
    )
    calls = [call(), call("2026-11-03 11:00:00", transferred=True), call("2026-11-03 12:00:00", answered=False)]
    found = rate(agreed, count(agreed, calls))
    assert amounts(found) == {"talk": "0.30", "connect": "0.10", "transfer": "0.50"}
    assert not found.uncovered


def test_round_each_call_needs_no_histogram() -> None:
    price = {"kind": "per_unit", "price": "0.075", "round_each_call": {"mode": "up", "places": 2}}
    assert amounts(bill(terms(dials(price)), row("dials", calls=10))) == {"dials": "0.80"}


def test_calls_that_a_person_never_agreed_on_are_uncovered() -> None:
    agreed = terms(dials("0.10", counts="attempted", select={"direction": "outbound"}))
    calls = [
        call(direction="outbound", answered=False),
        call("2026-11-03 11:00:00", direction="inbound", answered=False),
    ]
    found = rate(agreed, count(agreed, calls))
    assert amounts(found) == {"dials": "0.10"}
    assert [(each.meter, each.calls) for each in found.uncovered] == [("calls", 1)]


def test_listed_at_zero_does_not_block() -> None:
    agreed = terms(dials("0.10", select={"direction": "outbound"}), policies={"uncovered": "listed_at_zero"})
    found = rate(agreed, count(agreed, [call(direction="inbound")]))
    assert found.uncovered
    assert not found.blocked


def test_a_monthly_limit_in_row_order_of_days() -> None:
    agreed = terms(dials("1", limit_per_month=10, beyond_price="3"))
    rows = list(reversed(days(8, 8)))
    assert amounts(bill(agreed, *rows)) == {"dials": "10.00", "dials.beyond": "18.00"}


def test_nothing_is_uncovered_while_the_limit_holds() -> None:
    found = bill(terms(dials("1", limit_per_day=10, beyond_limit="refuse")), *days(10))
    assert found.uncovered == ()
    assert not found.blocked
    charged = bill(terms(dials("1", limit_per_day=10, beyond_price="2")), *days(10))
    assert amounts(charged) == {"dials": "10.00"}
