"""Factors, discounts, commitments, caps: their order, their rates, and the nets they leave."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from billing.periods import Period
from billing.rating import InvalidTerms
from tests.unit.rating.making import agreement, amounts, bill, row, talk, terms, versions


def fee(code: str = "fee", price: str = "1000", **rest: Any) -> dict[str, Any]:
    return {"kind": "recurring", "code": code, "price": price, **rest}


def off(code: str, **rest: Any) -> dict[str, Any]:
    return {"code": code, **rest}


def test_factors_look_at_the_lines_and_not_at_each_other() -> None:
    agreed = terms(fee(), factors=[off("region", rate="0.10", reason="region"), off("industry", rate="-0.05")])
    assert amounts(bill(agreed)) == {"fee": "1000.00", "region": "100.00", "industry": "-50.00"}


def test_a_factor_takes_the_clauses_it_names() -> None:
    agreed = terms(fee(), fee("other", "500"), factors=[off("f", rate="-0.10", of=["other"])])
    assert amounts(bill(agreed))["f"] == "-50.00"


def test_what_is_not_discountable_stays_out_unless_named() -> None:
    agreed = terms(
        fee(discountable=False), fee("other", "500"), factors=[off("f", rate="-0.10")], discounts=[off("d", rate="0.5")]
    )
    assert amounts(bill(agreed)) == {"fee": "1000.00", "other": "500.00", "f": "-50.00", "d": "-225.00"}
    named = terms(fee(discountable=False), discounts=[off("d", rate="0.5", of=["fee"])])
    assert amounts(bill(named))["d"] == "-500.00"


@pytest.mark.parametrize(("level", "found"), [("0.59", None), ("0.6", "-20.00"), ("0.7", "-50.00"), (None, None)])
def test_a_performance_factor_follows_the_measured_level(level: str | None, found: str | None) -> None:
    steps = [{"at_least": "0.6", "rate": "-0.02"}, {"at_least": "0.7", "rate": "-0.05"}]
    agreed = terms(fee(), factors=[off("p", reason="performance", measure="connect_rate", steps=steps)])
    measured = [{"measure": "connect_rate", "level": level}] if level else []
    assert amounts(bill(agreed, measurements=measured)).get("p") == found


def test_discounts_run_volume_term_promotion_on_what_is_left() -> None:
    agreed = terms(
        fee(),
        discounts=[
            off("sale", reason="promotion", rate="0.10"),
            off("term", reason="term", rate="0.10"),
            off("volume", reason="volume", rate="0.10"),
        ],
    )
    assert list(amounts(bill(agreed)).items()) == [
        ("fee", "1000.00"),
        ("volume", "-100.00"),
        ("term", "-90.00"),
        ("sale", "-81.00"),
    ]


@pytest.mark.parametrize(
    ("price", "scheme", "found"),
    [("1000", "volume", None), ("1000.01", "volume", "-50.00"), ("2000", "graduated", "-50.00")],
)
def test_a_volume_discount_by_the_height_of_the_subtotal(price: str, scheme: str, found: str | None) -> None:
    tiers = [{"up_to": "1000", "rate": "0"}, {"rate": "0.05"}]
    agreed = terms(fee(price=price), discounts=[off("v", reason="volume", tiers=tiers, scheme=scheme)])
    assert amounts(bill(agreed)).get("v") == found


def test_fixed_sums_maxima_and_running_dry() -> None:
    assert amounts(bill(terms(fee(), discounts=[off("d", amount="150")])))["d"] == "-150.00"
    assert amounts(bill(terms(fee(), discounts=[off("d", amount="1500")])))["d"] == "-1000.00"
    assert amounts(bill(terms(fee(), discounts=[off("d", rate="0.5", maximum="200")])))["d"] == "-200.00"
    assert "d" not in amounts(bill(terms(fee(price="0"), discounts=[off("d", rate="0.5")])))


def test_a_promotion_holds_between_its_dates() -> None:
    def found(starts_on: str, ends_on: str) -> bool:
        return "d" in amounts(
            bill(
                terms(fee(), discounts=[off("d", reason="promotion", rate="0.5", starts_on=starts_on, ends_on=ends_on)])
            )
        )

    assert found("2026-11-01", "2026-11-02")
    assert not found("2026-11-02", "2026-12-01")
    assert not found("2026-10-01", "2026-11-01")


def test_a_fixed_sum_is_prorated_by_the_days_it_holds() -> None:
    agreed = versions(
        (date(2026, 1, 1), agreement(fee())), (date(2026, 11, 21), agreement(fee(), discounts=[off("d", amount="90")]))
    )
    assert amounts(bill(agreed))["d@2"] == "-30.00"


def test_a_discount_that_versions_agree_alike_is_judged_once() -> None:
    tiers = [{"up_to": "600", "rate": "0"}, {"rate": "0.10"}]
    document = agreement(fee(), discounts=[off("v", reason="volume", tiers=tiers)])
    agreed = versions((date(2026, 1, 1), document), (date(2026, 11, 16), document))
    assert amounts(bill(agreed)) == {"fee": "500.00", "fee@2": "500.00", "v": "-100.00"}


def test_discounts_are_shared_out_over_tax_rates_to_the_last_fen() -> None:
    agreed = terms(
        fee("a", "100.01", tax="0.06"),
        fee("b", "50.02", tax="0.13"),
        fee("c", "33.33", tax="0"),
        tax={"rate": "0.06"},
        discounts=[off("d", rate="0.333")],
    )
    found = bill(agreed)
    assert amounts(found) == {
        "a": "100.01",
        "b": "50.02",
        "c": "33.33",
        "d": "-33.30",
        "d.tax=0.13": "-16.66",
        "d.tax=0": "-11.10",
    }
    assert [(str(row.rate), str(row.net), str(row.tax)) for row in found.taxes] == [
        ("0.13", "33.36", "4.34"),
        ("0.06", "66.71", "4.00"),
        ("0", "22.23", "0.00"),
    ]


def test_a_commitment_met_costs_nothing() -> None:
    assert amounts(bill(terms(fee(), commitments=[off("m", amount="1000")]))) == {"fee": "1000.00"}
    assert amounts(bill(terms(fee(), commitments=[off("m", amount="1000.01")])))["m"] == "0.01"


def test_the_true_up_is_a_difference_of_unrounded_amounts() -> None:
    agreed = terms(
        talk("0.333", rule={"first_increment_s": 1, "next_increment_s": 1}), commitments=[off("m", amount="10")]
    )
    assert amounts(bill(agreed, row(billed_seconds=61, calls=1))) == {"talk": "0.34", "m": "9.66"}
    assert (
        bill(agreed, row(billed_seconds=61, calls=1)).lines[1].unrounded
        == 10 - bill(agreed, row(billed_seconds=61)).lines[0].unrounded
    )


def test_a_commitment_of_some_clauses_after_their_discounts() -> None:
    agreed = terms(
        fee(),
        fee("talk-fee", "300"),
        discounts=[off("d", rate="0.10")],
        commitments=[off("m", amount="400", of=["talk-fee"])],
    )
    assert amounts(bill(agreed))["m"] == "130.00"


def test_what_is_not_eligible_does_not_count() -> None:
    agreed = terms(
        fee(eligible=False), fee("other", "300"), commitments=[off("m", amount="400")], caps=[off("c", amount="350")]
    )
    assert amounts(bill(agreed)) == {"fee": "1000.00", "other": "300.00", "m": "100.00"}


def test_a_true_up_may_have_its_own_tax() -> None:
    found = bill(terms(fee(), tax={"rate": "0.06"}, commitments=[off("m", amount="1100", tax="0.13")]))
    assert found.lines[-1].key == "m.tax=0.13"
    assert found.tax == Decimal("73.00")


@pytest.mark.parametrize(("prorated", "found"), [(True, "400.00"), (False, "900.00")])
def test_a_commitment_in_a_started_month(prorated: bool, found: str) -> None:
    document = agreement(
        fee("fee", "200"), commitments=[off("m", amount="1000")], policies={"prorate_commitment": prorated}
    )
    assert amounts(bill(versions((date(2026, 11, 16), document)))) == {"fee": "100.00", "m": found}


def split(**policies: Any) -> Any:
    old = agreement(talk("1"), commitments=[off("m", amount="300")], caps=[off("c", amount="600")], policies=policies)
    new = agreement(talk("1"), commitments=[off("m", amount="600")], caps=[off("c", amount="900")], policies=policies)
    return versions((date(2026, 1, 1), old), (date(2026, 11, 11), new))


def test_versions_are_judged_once_on_the_whole_month_day_weighted() -> None:
    found = amounts(bill(split(), row(minutes=400), row(minutes=50, segment="2")))
    assert found == {"talk": "400.00", "talk@2": "50.00", "m@2": "50.00"}
    capped = amounts(bill(split(), row(minutes=400), row(minutes=450, segment="2")))
    assert capped == {"talk": "400.00", "talk@2": "450.00", "c@2": "-50.00"}


def test_or_each_segment_by_policy() -> None:
    found = amounts(bill(split(versions_split_month="per_segment"), row(minutes=400), row(minutes=50, segment="2")))
    assert found == {"talk": "400.00", "talk@2": "50.00", "m@2": "350.00", "c": "-200.00"}


def test_unprorated_amounts_are_weighed_by_the_days_they_rule() -> None:
    found = amounts(bill(split(prorate_commitment=False), row(minutes=50), row(minutes=50, segment="2")))
    assert found["m@2"] == "400.00"
    late = agreement(talk("1"), caps=[off("c", amount="600")], policies={"prorate_cap": False})
    assert amounts(bill(versions((date(2026, 11, 16), late)), row(minutes=700)))["c"] == "-100.00"
    late = agreement(talk("1"), caps=[off("c", amount="600")])
    assert amounts(bill(versions((date(2026, 11, 16), late)), row(minutes=700)))["c"] == "-400.00"


def test_a_commitment_that_begins_inside_the_month_looks_at_its_own_days() -> None:
    agreed = versions(
        (date(2026, 1, 1), agreement(talk("1"))),
        (date(2026, 11, 16), agreement(talk("1"), commitments=[off("m", amount="600")])),
    )
    assert amounts(bill(agreed, row(minutes=500), row(minutes=100, segment="2")))["m@2"] == "200.00"


def test_the_cap_holds_as_printed() -> None:
    parts = [fee(code, "333.335") for code in ("a", "b", "c")]
    found = bill(terms(*parts, caps=[off("cap", amount="1000.00")]))
    assert found.net == Decimal("1000.00")
    assert amounts(found)["cap"] == "-0.02"


def test_a_cap_of_some_clauses_and_over_tax_rates() -> None:
    agreed = terms(
        fee(),
        fee("x", "300", tax="0"),
        fee("y", "100"),
        tax={"rate": "0.06"},
        caps=[off("c", amount="200", of=["x", "y"])],
    )
    assert amounts(bill(agreed)) == {
        "fee": "1000.00",
        "x": "300.00",
        "y": "100.00",
        "c.tax=0": "-150.00",
        "c": "-50.00",
    }


def test_order_minimum_before_cap() -> None:
    agreed = terms(
        fee(), discounts=[off("d", rate="0.20")], commitments=[off("m", amount="900")], caps=[off("c", amount="700")]
    )
    assert list(amounts(bill(agreed)).items()) == [
        ("fee", "1000.00"),
        ("d", "-200.00"),
        ("m", "100.00"),
        ("c", "-100.00"),
    ]


def yearly(number: int, to_date: str, **rest: Any) -> Any:
    period = Period(date(2026, number, 1), date(2026 + number // 12, number % 12 + 1, 1))
    every = rest.pop("every", "year")
    agreed = terms(
        fee(),
        period=period,
        starts_on=date(2026, 1, 1),
        commitments=[off("m", amount="15000", every=every)],
        caps=[off("c", amount="5000", every=every)],
        **rest,
    )
    return bill(agreed, to_date=[{"code": "m", "amount": to_date}, {"code": "c", "amount": to_date}])


def test_a_yearly_commitment_is_judged_in_the_last_month_with_what_was_reached() -> None:
    assert "m" not in amounts(yearly(11, "3000"))
    assert amounts(yearly(12, "3000"))["m"] == "11000.00"
    assert "m" not in amounts(yearly(12, "14000"))
    assert [(each.code, each.amount) for each in yearly(11, "3000").reached] == [("m", 1000), ("c", 1000)]


def test_a_yearly_cap_is_used_up_month_by_month() -> None:
    assert "c" not in amounts(yearly(5, "4000"))
    assert amounts(yearly(5, "4500"))["c"] == "-500.00"
    assert amounts(yearly(5, "5000"))["c"] == "-1000.00"
    assert amounts(yearly(5, "6000"))["c"] == "-1000.00"
    assert [each.amount for each in yearly(5, "4500").reached if each.code == "c"] == [500]


def test_a_contract_that_ends_early_owes_the_part_of_the_year() -> None:
    found = amounts(yearly(6, "3000", ends_on=date(2026, 7, 1)))
    assert found["m"] == f"{(Decimal(15000) * 181 / 365 - 4000).quantize(Decimal('0.01'))}"
    whole = amounts(yearly(6, "3000", ends_on=date(2026, 7, 1), policies={"prorate_commitment": False}))
    assert whole["m"] == "11000.00"


@pytest.mark.parametrize(("every", "months"), [("quarter", (3, 6, 9, 12)), ("half_year", (6, 12))])
def test_commitments_over_quarters_and_half_years(every: str, months: tuple[int, ...]) -> None:
    assert tuple(n for n in range(1, 13) if "m" in amounts(yearly(n, "0", every=every))) == months


@pytest.mark.parametrize(
    ("part", "item", "pointer"),
    [
        ("factors", {"code": "f"}, "/factors/0/rate"),
        ("factors", {"code": "f", "measure": "m"}, "/factors/0/steps"),
        ("discounts", {"code": "d"}, "/discounts/0/rate"),
        ("discounts", {"code": "d", "rate": "0.1", "amount": "5"}, "/discounts/0/rate"),
        ("discounts", {"code": "d", "rate": "8"}, "/discounts/0/rate"),
        ("commitments", {"code": "m", "amount": "-1"}, "/commitments/0/amount"),
        ("caps", {"code": "c", "amount": "-1"}, "/caps/0/amount"),
    ],
)
def test_faulty_adjustments_are_refused(part: str, item: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        terms(fee(), **{part: [item]})
    assert refused.value.pointer == pointer
