"""The JSON forms: what is read is what is written, and what is wrong is refused where it is."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from billing.rating import Agreement, Bill, InvalidTerms, Terms, Totals, meters, rate, takings, terms_from_versions
from billing.rating.__main__ import main
from billing.rating.schema import schema_of_everything
from billing.rating.terms import with_agreement
from tests.unit.rating.making import NOVEMBER, SHANGHAI, agreement, dials, row, talk, terms, versions

REPOSITORY = Path(__file__).parents[3]


def faults(document: Any) -> tuple[str, str]:
    with pytest.raises(InvalidTerms) as refused:
        Agreement.from_json(document)
    return refused.value.pointer, refused.value.message


def clause(**members: Any) -> dict[str, Any]:
    return agreement({**talk("1"), **members})


@pytest.mark.parametrize(
    ("document", "pointer", "says"),
    [
        ([], "", "curly"),
        ({"currency": "CNY"}, "/clauses", 'Add "clauses"'),
        (agreement() | {"clauses": {}}, "/clauses", "square"),
        (agreement() | {"version": 2}, "/version", '"version": 1'),
        (agreement() | {"clase": 1}, "/clase", 'Did you mean "clauses"'),
        (agreement() | {"a/b": 1}, "/a~1b", "Known members"),
        (agreement({"kind": "tolk"}), "/clauses/0/kind", "one of: duration"),
        (clause(code="Talk Time"), "/clauses/0/code", "a-z"),
        (clause(name="Talk"), "/clauses/0/name", "curly"),
        (clause(per_s="60"), "/clauses/0/per_s", "without quotes"),
        (clause(per_s=0), "/clauses/0/per_s", "60 for a minute"),
        (clause(on_top="yes"), "/clauses/0/on_top", "true or false"),
        (clause(rule={"basis": "exact"}), "/clauses/0/rule/basis", "exact-ceil"),
        (clause(rule={"next_increment_s": 0}), "/clauses/0/rule/next_increment_s", "at least 1"),
        (clause(rule={"free_below_s": -1}), "/clauses/0/rule/free_below_s", "0 or more"),
        (clause(included_minutes=1.5), "/clauses/0/included_minutes", "as a string"),
        (clause(included_minutes=True), "/clauses/0/included_minutes", "as a string"),
        (clause(included_minutes="1e5"), "/clauses/0/included_minutes", "as a string"),
        (clause(reference=5), "/clauses/0/reference", "Write a string"),
        (clause(select={"labels": {"shop": "a"}}), "/clauses/0/select/labels/shop", "square"),
        (clause(select={"labels": []}), "/clauses/0/select/labels", "curly"),
        (clause(price={"kind": "percentage", "rate": "0.1"}), "/clauses/0/price/kind", "does not fit"),
        (agreement(talk("1"), talk("2")), "/clauses/1/code", "is taken"),
        (agreement(talk("1"), caps=[{"code": "talk", "amount": "1"}]), "/caps/0/code", "is taken"),
        (agreement(calendar={"holidays": ["2026-13-01"]}), "/calendar/holidays/0", "Write a date"),
        (agreement(policies={"late_calls": "roll_into_current"}), "/policies/late_limit", "late_limit"),
        (agreement(policies={"late_limit": "5"}), "/policies/late_limit", "late_limit"),
        (
            agreement({"kind": "recurring", "code": "fee", "phases": [{"price": "1", "moths": 3}]}),
            "/clauses/0/phases/0/moths",
            "months",
        ),
        (
            agreement(talk({"kind": "matrix", "dimensions": [], "cells": []})),
            "/clauses/0/price/dimensions",
            "at least one",
        ),
        (
            agreement(talk({"kind": "matrix", "dimensions": ["band"], "cells": [{"where": {"x": "1"}, "price": "1"}]})),
            "/clauses/0/price/cells/0/where/x",
            "dimensions",
        ),
    ],
)
def test_faults_are_refused_with_their_place_and_what_to_write(document: Any, pointer: str, says: str) -> None:
    found, message = faults(document)
    assert found == pointer
    assert says in message


def test_every_policy_value_is_read_and_written() -> None:
    policies = {
        "zero_usage_flat": "charged",
        "proration": "thirty_days",
        "prorate_allowance": False,
        "prorate_commitment": False,
        "prorate_cap": False,
        "versions_split_month": "per_segment",
        "tiers_across_versions": "carry",
        "rounding": "half-even",
        "round_order": "tax_per_line",
        "late_calls": "roll_into_current",
        "late_limit": "50",
        "uncovered": "listed_at_zero",
    }
    assert Agreement.from_json(agreement(policies=policies)).to_json()["policies"] == policies
    assert "policies" not in Agreement.from_json(agreement()).to_json()


def test_terms_and_totals_survive_their_json_form() -> None:
    agreed = versions((date(2026, 1, 1), agreement(talk("1"))), (date(2026, 11, 16), agreement(dials("1"))))
    assert Terms.from_json(json.loads(json.dumps(agreed.to_json()))) == agreed
    totals = Totals.from_json(
        {"rows": [row(minutes=3, on="2026-11-03", cell=[["region", "a"]], histogram=[["60", 3]])]}
    )
    assert Totals.from_json(json.loads(json.dumps(totals.to_json()))) == totals


def test_versions_become_segments() -> None:
    one, two, three = agreement(talk("1")), agreement(talk("2")), agreement(talk("3"))
    agreed = terms_from_versions(
        NOVEMBER,
        SHANGHAI,
        [
            ("3", date(2026, 11, 16), three),
            ("1", date(2026, 1, 1), one),
            ("2", date(2026, 6, 1), two),
            ("4", date(2026, 12, 1), one),
        ],
        ends_on=date(2026, 11, 20),
    )
    assert [(s.number, str(s.starts_on), str(s.ends_on), s.days) for s in agreed.segments] == [
        ("2", "2026-11-01", "2026-11-16", 15),
        ("3", "2026-11-16", "2026-11-20", 4),
    ]
    assert (str(agreed.contract_starts_on), str(agreed.contract_ends_on)) == ("2026-01-01", "2026-11-20")


def test_of_two_versions_on_one_day_the_later_listed_rules() -> None:
    agreed = terms_from_versions(
        NOVEMBER,
        SHANGHAI,
        [("1", date(2026, 1, 1), agreement(talk("1"))), ("2", date(2026, 1, 1), agreement(talk("2")))],
    )
    assert [s.number for s in agreed.segments] == ["2"]


def test_a_month_without_a_version_is_refused() -> None:
    with pytest.raises(InvalidTerms, match="No version"):
        terms_from_versions(NOVEMBER, SHANGHAI, [("1", date(2026, 12, 1), agreement(talk("1")))])


def terms_document(**members: Any) -> dict[str, Any]:
    return terms(talk("1")).to_json() | members


def segment(**members: Any) -> dict[str, Any]:
    return {
        "number": "1",
        "starts_on": "2026-11-01",
        "ends_on": "2026-12-01",
        "agreement": agreement(talk("1")),
        **members,
    }


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"zone": "Shanghai"}, "/zone"),
        ({"segments": []}, "/segments"),
        ({"segments": [segment(starts_on="2026-10-31")]}, "/segments/0/starts_on"),
        ({"segments": [segment(ends_on="2026-12-02")]}, "/segments/0/starts_on"),
        ({"segments": [segment(ends_on="2026-11-01")]}, "/segments/0/starts_on"),
        (
            {"segments": [segment(ends_on="2026-11-16"), segment(number="2", starts_on="2026-11-15")]},
            "/segments/1/starts_on",
        ),
        ({"segments": [segment(ends_on="2026-11-16"), segment(starts_on="2026-11-16")]}, "/segments/1/number"),
        (
            {
                "segments": [
                    segment(ends_on="2026-11-16"),
                    segment(number="2", starts_on="2026-11-16", agreement=agreement(currency="USD")),
                ]
            },
            "/segments/1/agreement/currency",
        ),
        (
            {
                "segments": [
                    segment(ends_on="2026-11-16"),
                    segment(number="2", starts_on="2026-11-16", agreement=agreement(tax={"inclusive": True})),
                ]
            },
            "/segments/1/agreement/tax/inclusive",
        ),
        ({"period": {"starts_on": "2026-12-01", "ends_on": "2026-11-01"}}, "/period/ends_on"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(members: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        Terms.from_json(terms_document(**members))
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"rows": [{"segment": "1", "clause": "x", "calls": -1}]}, "/rows/0/calls"),
        ({"rows": [{"segment": "1"}]}, "/rows/0/clause"),
        ({"version": 9}, "/version"),
        ({"events": [{"segment": "1", "clause": "a", "value": "1", "at": "2026-11-03 10:00:00"}]}, "/events/0/at"),
        ({"rows": [{"segment": "1", "clause": "x", "cell": [["a"]]}]}, "/rows/0/cell/0"),
    ],
)
def test_faulty_totals_are_refused(document: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidTerms) as refused:
        Totals.from_json(document)
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(("member", "pointer"), [("key", "/lines/0/key"), ("steps", "/lines/0/steps/0/op")])
def test_a_line_or_step_that_lacks_a_member_is_refused(member: str, pointer: str) -> None:
    document = rate(terms(talk("1")), Totals.from_json({"version": 1, "rows": [row(minutes=3)]})).to_json()
    line = document["lines"][0]
    document["lines"] = [
        line | {"steps": [{"value": "1"}]} if member == "steps" else {n: line[n] for n in line if n != member}
    ]
    with pytest.raises(InvalidTerms, match="Add") as refusal:
        Bill.from_json(document)
    assert refusal.value.pointer == pointer


def test_what_if_puts_another_agreement_over_the_same_month() -> None:
    other = Agreement.from_json(agreement(talk("2")))
    agreed = with_agreement(
        versions((date(2026, 1, 1), agreement(talk("1"))), (date(2026, 11, 16), agreement(talk("1")))), other
    )
    assert [(s.number, s.days, s.agreement) for s in agreed.segments] == [("1", 30, other)]


def test_takings_say_what_every_clause_counts() -> None:
    document = agreement(
        talk({"kind": "elapsed", "parts": [{"price": "1"}]}, code="a", select={"robot": ["r"]}),
        talk({"kind": "per_unit", "price": "1", "round_each_call": {}}, code="b"),
        dials("1", code="c", limit_per_day=5, beyond_price="1", group_by="shop"),
        dials("1", code="d", on_top=True, counts="attempted"),
        {
            "kind": "feature",
            "code": "e",
            "counter": "n",
            "aggregate": "latest",
            "price": {"kind": "percentage", "rate": "0.1", "free_events": 1},
        },
        {"kind": "module", "code": "f", "item": "kb", "price": "1", "use_price": "1"},
        {"kind": "module", "code": "g", "item": "kb", "price": "1"},
        {"kind": "seat", "code": "h", "item": "x", "price": "1", "counts": "measured", "measure": "peak_concurrency"},
        talk(
            {
                "kind": "matrix",
                "dimensions": ["region"],
                "cells": [
                    {"where": {"region": "a"}, "price": {"kind": "per_unit", "price": "1", "round_each_call": {}}}
                ],
            },
            code="i",
        ),
        {"kind": "package", "code": "p", "price": "1", "quantity": "1", "covers": [{"clause": "i"}]},
    )
    found = {t.clause: t for t in takings(Agreement.from_json(document))}
    assert {code: t.meter for code, t in found.items()} == {
        "a": "talk",
        "b": "talk",
        "c": "calls",
        "d": "d!",
        "e": "counter:n",
        "f": "f!",
        "h": "h!",
        "i": "talk",
    }
    assert [found[code].histogram for code in "abci"] == ["talk", "billed", None, "billed"]
    assert [code for code in found if found[code].by_day] == ["c", "e", "i"]
    assert found["e"].events
    assert found["f"].select.module == ("kb",)
    assert found["h"].measure == "peak_concurrency"
    assert found["i"].dimensions == ("region",)
    assert not found["d"].needs_cover
    assert [t.clause for t in meters(Agreement.from_json(document))["talk"]] == ["a", "b", "i"]


def test_the_published_schema_is_the_one_of_the_code() -> None:
    published = json.loads((REPOSITORY / "docs" / "rating-schema.json").read_text(encoding="utf-8"))
    assert published == schema_of_everything(), "run: python -m billing.rating schema > docs/rating-schema.json"


def test_the_catalogue_is_valid_by_the_published_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = schema_of_everything()
    validator = jsonschema.Draft202012Validator({**schema, "anyOf": [{"$ref": "#/$defs/Agreement"}]})
    for path in (REPOSITORY / "tenants" / "catalogue").glob("*.json"):
        validator.validate(json.loads(path.read_text(encoding="utf-8"))["agreement"])


def files(tmp_path: Path, **rest: Any) -> list[str]:
    (tmp_path / "terms.json").write_text(
        json.dumps(terms(talk("0.15", **rest), tax={"rate": "0.06"}).to_json()), encoding="utf-8"
    )
    (tmp_path / "totals.json").write_text(json.dumps({"rows": [row(minutes=4)]}), encoding="utf-8")
    return [str(tmp_path / "terms.json"), str(tmp_path / "totals.json")]


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("zh", ["应付合计 0.64 CNY", "计费时长 240 秒"]),
        ("en", ["total 0.64 CNY", "240 seconds of billed talk", "tax 6%: 0.04"]),
    ],
)
def test_the_command_prints_the_bill_with_its_arithmetic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], language: str, says: list[str]
) -> None:
    assert main(["price", *files(tmp_path), "--lang", language]) == 0
    printed = capsys.readouterr().out
    assert all(each in printed for each in says)


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["price", *files(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == "0.64"


def test_the_command_says_where_a_file_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = files(tmp_path)
    Path(paths[1]).write_text('{"rows": [{"segment": "1", "clause": "tolk"}]}', encoding="utf-8")
    assert main(["price", *paths]) == 2
    assert capsys.readouterr().err.startswith("/rows/0/clause: Count again")


def test_the_command_lints_and_prints_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", files(tmp_path)[0]]) == 0
    assert main(["lint", files(tmp_path, select={"band": ["x"]})[0]]) == 1
    assert "unknown_band" in capsys.readouterr().out
    assert main(["schema"]) == 0
    assert "$defs" in json.loads(capsys.readouterr().out)
