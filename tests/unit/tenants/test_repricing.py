"""Which changes of an agreement raise a price."""

from __future__ import annotations

from typing import Any

import pytest

from billing.rating.terms import Agreement
from tenants.repricing import price_changes

NAME = {"zh": "甲", "en": "A"}


def agreed(*clauses: dict[str, Any], **rest: Any) -> Agreement:
    heads = [{"code": "talk", "name": NAME, "kind": "duration"} | clause for clause in clauses]
    parts = {
        part: [{"code": part, "name": NAME} | item for item in items] if isinstance(items, list) else items
        for part, items in rest.items()
    }
    return Agreement.from_json({"version": 1, "currency": "CNY", "clauses": heads} | parts)


def graduated(*tiers: tuple[str | None, str]) -> dict[str, Any]:
    return {
        "kind": "graduated",
        "tiers": [{"price": price} | ({"up_to": bound} if bound else {}) for bound, price in tiers],
    }


TALK = {"price": "0.15"}
SEAT = {"code": "seat", "kind": "seat", "item": "seats", "price": "80"}
SERVICE = {
    "code": "sla", "kind": "service_level", "price": {"kind": "flat", "price": "9"}, "measure": "m",
    "credits": [{"below": "0.9", "rate": "0.1"}],
}  # fmt: skip
PACK = {"code": "pack", "kind": "package", "price": "10", "quantity": "100", "covers": [{"clause": "talk"}]}
DAILY = {"code": "n", "kind": "calls", "price": "1", "limit_per_day": 9, "beyond_limit": "free"}
VOLUME_OFF = [{"tiers": [{"up_to": "100", "rate": "0.1"}, {"rate": "0.2"}]}]


@pytest.mark.parametrize(
    ("before", "after", "raised"),
    [
        (agreed(TALK), agreed({"price": "0.16"}), ["price"]),
        (agreed(TALK), agreed({"price": "0.14"}), []),
        (agreed(TALK), agreed({"price": graduated(("1000", "0.15"), (None, "0.12"))}), []),
        (agreed(TALK), agreed({"price": graduated(("1000", "0.14"), (None, "0.16"))}), ["price"]),
        (
            agreed({"price": graduated(("1000", "0.15"), (None, "0.12"))}),
            agreed({"price": graduated(("2000", "0.15"), (None, "0.12"))}),
            ["price"],
        ),
        (agreed(TALK), agreed({"price": {"kind": "per_unit", "price": "0.15", "minimum": "5"}}), ["price"]),
        (agreed(TALK | {"included_minutes": "100"}), agreed(TALK | {"included_minutes": "90"}), ["included_minutes"]),
        (agreed(TALK | {"included_minutes": "100"}), agreed(TALK | {"included_minutes": "110"}), []),
        (agreed(TALK), agreed(TALK | {"rule": {"minimum_s": 30}}), ["rule.minimum_s"]),
        (agreed(TALK | {"rule": {"free_below_s": 5}}), agreed(TALK), ["rule.free_below_s"]),
        (agreed(TALK), agreed(TALK, SEAT), ["new"]),
        (agreed(TALK, SEAT), agreed(TALK), []),
        (agreed(SEAT), agreed(SEAT | {"committed": "5"}), ["committed"]),
        (agreed(TALK), agreed(TALK, SEAT | {"price": "0"}), []),
        (agreed(SERVICE), agreed(SERVICE | {"credits": []}), ["credits.0.below", "credits.0.rate"]),
        (agreed(SERVICE), agreed(SERVICE | {"credits": [{"below": "0.9", "rate": "0.05"}]}), ["credits.0.rate"]),
        (agreed(TALK, PACK), agreed(TALK, PACK | {"quantity": "90"}), ["quantity"]),
        (agreed(DAILY), agreed(DAILY | {"limit_per_day": 8}), ["limit_per_day"]),
        (agreed(DAILY), agreed(DAILY | {"limit_per_day": None}), []),
        (agreed(TALK, discounts=[{"rate": "0.1"}]), agreed(TALK, discounts=[{"rate": "0.08"}]), ["discount"]),
        (agreed(TALK, discounts=[{"rate": "0.1"}]), agreed(TALK), ["removed"]),
        (agreed(TALK), agreed(TALK, discounts=[{"rate": "0.1"}]), []),
        (agreed(TALK, discounts=[{"amount": "9"}]), agreed(TALK, discounts=[{"amount": "8"}]), ["amount"]),
        (
            agreed(TALK, discounts=VOLUME_OFF),
            agreed(TALK, discounts=[{"tiers": [{"up_to": "200", "rate": "0.1"}, {"rate": "0.2"}]}]),
            ["discount"],
        ),
        (agreed(TALK, factors=[{"rate": "-0.05"}]), agreed(TALK, factors=[{"rate": "0.05"}]), ["rate"]),
        (agreed(TALK, caps=[{"amount": "100"}]), agreed(TALK, caps=[{"amount": "120"}]), ["amount"]),
        (agreed(TALK, caps=[{"amount": "100"}]), agreed(TALK), ["removed"]),
        (agreed(TALK), agreed(TALK, commitments=[{"amount": "100"}]), ["new"]),
        (agreed(TALK), agreed(TALK, tax={"rate": "0.06"}), []),
        (
            agreed({"price": {"kind": "elapsed", "parts": [{"up_to_s": 180, "price": "0.3"}, {"price": "0.1"}]}}),
            agreed({"price": {"kind": "elapsed", "parts": [{"up_to_s": 240, "price": "0.3"}, {"price": "0.1"}]}}),
            ["price"],
        ),
        (
            agreed({"price": {"kind": "matrix", "dimensions": ["region"], "cells": [], "otherwise": "0.1"}}),
            agreed(
                {
                    "price": {
                        "kind": "matrix", "dimensions": ["region"], "otherwise": "0.1",
                        "cells": [{"where": {"region": "31"}, "price": "0.2"}],
                    }
                }
            ),
            ["price"],
        ),
    ],
)  # fmt: skip
def test_only_what_makes_it_dearer_is_raised(before: Agreement, after: Agreement, raised: list[str]) -> None:
    assert [change.what for change in price_changes(before, after) if change.raised] == raised
    assert price_changes(after, after) == []


def test_a_change_reads_in_one_line() -> None:
    [change] = price_changes(agreed(TALK), agreed({"price": graduated(("1000", "0.20"), (None, "0.12"))}))
    assert change == ("talk", NAME, "price", "0.15", "0.2 (≤ 1000), 0.12", True)
