"""What the editor shows and reads is the agreement, whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string

from billing.errors import Refused
from billing.rating import Agreement
from tenants.catalogue import entries
from tenants.editor.fields import Field, Note, annotate, form_of
from tenants.editor.moves import apply
from tenants.editor.pointing import line_of
from tenants.editor.reading import document_of_posted, number_text
from tests.unit.rating.making import NAME

GROUPS = {"record", "group", "variant", "clauses", "stack", "table", "name"}
RICH: dict[str, Any] = {
    "version": 1,
    "currency": "CNY",
    "tax": {"rate": "0.06", "inclusive": True},
    "calendar": {"holidays": ["2026-10-01", "2026-10-02"], "working_days": ["2026-10-10"]},
    "bands": [
        {"code": "night", "name": NAME, "priority": 2, "rules": [{"start": "22:00", "end": "08:00", "weekdays": [1, 7]}]},
        {"code": "day", "name": NAME, "rules": [{}]},
    ],
    "clauses": [
        {
            "kind": "duration",
            "code": "by-place",
            "name": NAME,
            "tax": "0",
            "discountable": False,
            "select": {"labels": {"shop": ["a", "b"]}, "answered": True, "region": ["31", "32"], "region_match": "prefix"},
            "rule": {"first_increment_s": 6, "next_increment_s": 6, "at_band_edge": "split"},
            "group_by": "shop",
            "price": {
                "kind": "matrix",
                "dimensions": ["region", "band"],
                "cells": [
                    {"where": {"region": "31", "band": "day"}, "price": "0.2"},
                    {"where": {"region": "32"}, "price": "0.1"},
                ],
                "otherwise": {"kind": "graduated", "tiers": [{"up_to": "10", "price": "1"}, {"price": "0.5", "flat": "3"}]},
            },
        },
        {
            "kind": "duration",
            "code": "tiers-in-cells",
            "name": NAME,
            "price": {
                "kind": "matrix",
                "dimensions": ["band"],
                "cells": [{"where": {"band": "day"}, "price": {"kind": "volume", "tiers": [{"price": "1", "step": "6"}]}}],
            },
        },
        {
            "kind": "calls",
            "code": "dials",
            "name": NAME,
            "counts": "attempted",
            "price": {"kind": "per_unit", "price": "0.05", "round_each_call": {"mode": "up"}},
            "limit_per_day": 10,
            "beyond_limit": "free",
        },
        {
            "kind": "feature",
            "code": "orders",
            "name": NAME,
            "counter": "order_amount",
            "rounding": {"mode": "half-up", "places": 2},
            "price": {"kind": "percentage", "rate": "0.0125", "free_events": 3, "minimum_each": "0.1"},
        },
        {"kind": "seat", "code": "seats", "name": NAME, "item": "seats", "price": {"kind": "block", "size": "5", "price": "99"}},
        {"kind": "recurring", "code": "fee", "name": NAME, "every": "year", "phases": [{"months": 3, "price": "1"}, {"price": "2"}], "prorated": False},
        {"kind": "one_off", "code": "voice", "name": NAME, "price": "5000", "on": "2026-03-01"},
    ],
    "policies": {"rounding": "half-even", "late_calls": "roll_into_current", "late_limit": "10", "prorate_cap": False},
    "caps": [{"code": "cap", "name": NAME, "amount": "5000", "every": "quarter", "of": ["dials", "orders"]}],
}  # fmt: skip


def posted(form: Field) -> QueryDict:
    """Send the form as a browser does."""
    sent = QueryDict(mutable=True)
    for field in form.walk():
        if field.widget == "several":
            sent.setlist(field.pointer, field.value)
        elif field.widget not in GROUPS:
            sent[field.pointer] = field.value
        if field.widget == "record" and field.kind:
            sent[f"{field.pointer}/kind"] = field.kind
    return sent


@pytest.mark.parametrize(
    "document", [RICH, *(each.agreement for each in entries().values())], ids=lambda d: d["clauses"][0]["code"]
)
def test_a_form_that_is_sent_untouched_changes_nothing(document: dict[str, Any]) -> None:
    again = document_of_posted(posted(form_of(document)))
    assert Agreement.from_json(again) == Agreement.from_json(document)


def test_what_is_no_number_stays_in_the_document_and_the_engine_names_its_place() -> None:
    sent = posted(form_of(entries()["contact-minutes"].agreement))
    sent["/clauses/0/price/price"] = "twenty fen"
    document = document_of_posted(sent)
    assert document["clauses"][0]["price"]["price"] == "twenty fen"
    with pytest.raises(Refused) as refused:
        Agreement.from_json(document)
    assert refused.value.pointer == "/clauses/0/price/price"


@pytest.mark.parametrize(
    ("written", "read"),
    [("1,000", "1000"), ("1，234，567.5", "1234567.5"), ("￥0.15", "0.15"), ("12,5", "12,5"), (" 3 ", "3")],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(written: str, read: str) -> None:
    assert number_text(written) == read


@pytest.mark.parametrize(("written", "read"), [("8%", "0.08"), ("8 %", "0.08"), ("0.08", "0.08"), ("12.5％", "0.125"), ("-5%", "-0.05"), ("x%", "x%")])  # fmt: skip
def test_shares_are_read_as_percentages(written: str, read: str) -> None:
    assert number_text(written, share=True) == read


def test_every_kind_of_clause_can_be_added_and_gets_a_code_of_its_own() -> None:
    document: dict[str, Any] = {"version": 1, "currency": "CNY"}
    for kind in ("duration", "calls", "feature", "module", "seat", "service_level", "recurring", "one_off", "package"):
        for _ in range(2):
            document, _place = apply(document, f"add /clauses {kind}")
            form_of(document)
    codes = [clause["code"] for clause in document["clauses"]]
    assert len(set(codes)) == 18


def test_clauses_move_and_go() -> None:
    codes = lambda d: [clause["code"] for clause in d["clauses"]]  # noqa: E731
    before = {"clauses": [{"code": "a"}, {"code": "b"}, {"code": "c"}]}
    assert codes(apply(before, "up /clauses/2")[0]) == ["a", "c", "b"]
    assert codes(apply(before, "down /clauses/0")[0]) == ["b", "a", "c"]
    assert codes(apply(before, "up /clauses/0")[0]) == ["a", "b", "c"]
    assert codes(apply(before, "remove /clauses/1")[0]) == ["a", "c"]
    assert codes(before) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "command", ["up /clauses/9", "remove /nothing/1", "add /clauses goat", "paste /clauses/0", "x", ""]
)
def test_an_outdated_button_changes_nothing(command: str) -> None:
    assert apply(RICH, command)[0] == RICH


def test_rows_of_a_spreadsheet_replace_the_tiers() -> None:
    document = {"clauses": [{"kind": "duration", "price": {"kind": "graduated", "tiers": [{"price": "9"}]}}]}
    pasted = "用量上限\t单价\n1,000\t0.15\n5000\t0.12\n\t0.09\n"
    made, place = apply(document, "paste /clauses/0/price/tiers", pasted)
    assert made["clauses"][0]["price"]["tiers"] == [
        {"up_to": "1000", "price": "0.15"}, {"up_to": "5000", "price": "0.12"}, {"price": "0.09"},
    ]  # fmt: skip
    assert place == "/clauses/0/price/tiers"


def test_rows_of_a_spreadsheet_fill_a_matrix() -> None:
    made, _ = apply(RICH, "paste /clauses/0/price/cells", "31\tday\t0.3\n32\t\t0.2")
    assert made["clauses"][0]["price"]["cells"] == [
        {"where": {"region": "31", "band": "day"}, "price": "0.3"}, {"where": {"region": "32"}, "price": "0.2"},
    ]  # fmt: skip


def test_a_note_goes_to_the_field_it_is_about_or_the_nearest_around_it() -> None:
    form = form_of(RICH)
    put = annotate(form, {"/clauses/2/price/price": [Note("error", "x")], "/caps/0/of/1": [Note("error", "y")]})
    assert put["/clauses/2/price/price"].widget == "number"
    assert put["/caps/0/of/1"].pointer == "/caps/0/of"
    page = render_to_string("admin/tenants/_field.html", {"field": put["/caps/0/of/1"]})
    assert 'aria-invalid="true"' in page


@pytest.mark.parametrize("path", sorted(Path("tenants/catalogue").glob("*.json"))[:4], ids=lambda p: p.stem)
def test_a_pointer_finds_its_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    number = line_of(text, "/agreement/clauses/0/code")
    assert '"code"' in text.splitlines()[number - 1]
    assert json.loads(text)["agreement"]["clauses"][0]["code"] in text.splitlines()[number - 1]
    assert line_of(text, "/agreement/nothing/here") == line_of(text, "/agreement")
