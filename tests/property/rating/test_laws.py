"""Hold every law to each drawn example; drawing is the dear part, so the laws share it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from random import Random
from typing import TypeVar

from hypothesis import given

from tests.property.rating.conftest import chosen
from tests.property.rating.laws import MONTH_LAWS, PRICE_LAWS, RULE_LAWS
from tests.property.rating.making import MONTH_BYTES, Month, Purchase, Talks, month_of, months, purchases, talks

Drawn = TypeVar("Drawn")


def obeys(drawn: Drawn, laws: Iterable[Callable[[Drawn], None]]) -> None:
    """Try every law; where one breaks, name it and show what broke it."""
    for law in laws:
        try:
            law(drawn)
        except Exception as broken:
            broken.add_note(f"The law that broke: {law.__name__.replace('_', ' ')}, by {drawn}")
            raise


@chosen()
@given(months)
def test_every_month_obeys_the_laws(month: Month) -> None:
    obeys(month, MONTH_LAWS)


@chosen()
@given(purchases)
def test_every_price_obeys_the_laws(purchase: Purchase) -> None:
    obeys(purchase, PRICE_LAWS)


@chosen()
@given(talks)
def test_every_rule_of_billed_seconds_obeys_the_laws(talks: Talks) -> None:
    obeys(talks, RULE_LAWS)


def test_drawn_months_are_not_tame() -> None:
    """What the laws are about comes often: each of these in at least one month of twenty."""
    chance = Random(0)
    found = [shares_of(month_of(chance.randbytes(MONTH_BYTES))) for _ in range(400)]
    rare = {name: sum(each[name] for each in found) / len(found) for name in found[0]}
    assert {name: share for name, share in rare.items() if share < 0.05} == {}


def shares_of(month: Month) -> dict[str, bool]:
    lines, terms = month.bill.lines, month.terms
    documents = json.dumps(terms.to_json())
    agreed = [segment.agreement for segment in terms.segments]
    carries = agreed[-1].policies.tiers_across_versions == "carry" and len(agreed) > 1
    return {
        "a cap that cuts": any(line.kind == "cap" for line in lines),
        "a commitment missed": any(line.kind == "true_up" for line in lines),
        "a discount": any(line.kind == "discount" for line in lines),
        "a factor": any(line.kind == "factor" for line in lines),
        "several tax rates": len(month.bill.taxes) > 1,
        "an adjustment shared by rates": any("tax=" in line.key for line in lines),
        "prices with tax": month.bill.inclusive,
        "JPY": terms.currency == "JPY",
        "KWD": terms.currency == "KWD",
        "two versions": len(agreed) > 1,
        "tier positions carried": carries,
        "part of a month": terms.segments[0].starts_on > terms.period.starts_on,
        "calls split at bands": '"at_band_edge": "split"' in documents,
        "several tiers reached": any(line.key.split("@")[0].endswith("tier-2") for line in lines),
        "a minimum or maximum": any(line.key.split("@")[0].endswith(("minimum", "maximum")) for line in lines),
        "groups": any(line.group for line in lines),
        "calls beyond a limit": any("beyond" in line.key for line in lines),
        "uncovered usage": bool(month.bill.uncovered),
        "no calls at all": not month.calls,
        "late calls": bool(month.late),
    }
