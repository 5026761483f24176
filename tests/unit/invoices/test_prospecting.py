"""A prospect's calls, told by a profile or a CSV, are priced by arithmetic one can do by hand; nothing is stored."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from billing.periods import period_containing
from billing.rating import Agreement
from billing.rating.terms import Name
from invoices import prospecting
from invoices.advising import advise
from invoices.comparing import CannotCompare, Offer
from invoices.prospecting import (
    Profile,
    Prospect,
    WrongProspect,
    calls_of_csv,
    calls_of_profile,
    try_prospect,
)
from usage.formats.native import UnreadableBody

NAME = {"zh": "甲", "en": "A"}
TALK = {"code": "talk", "kind": "duration", "name": NAME, "price": "0.10"}
NOVEMBER = period_containing(date(2026, 11, 1))
HEADER = b"call_id,direction,started_at,answered_at,ended_at\n"
LINE = b"%d,outbound,2026-%02d-03T10:00:00+08:00,2026-%02d-03T10:00:00+08:00,2026-%02d-03T10:02:00+08:00\n"
ZONE = "Asia/Shanghai"


def offer(code: str, *clauses: dict[str, Any], **rest: Any) -> Offer:
    document = {"version": 1, "currency": "CNY", "clauses": list(clauses)} | rest
    return Offer(code, Name(zh=code, en=code), Agreement.from_json(document))


def profiled(share: str = "0.5", **changes: Any) -> Profile:
    told: dict[str, Any] = {
        "calls_per_day": 100,
        "lengths": ((60, Fraction(1, 4)), (120, Fraction(3, 4))),
        "peak_share": Fraction(share),
    }
    return Profile(**(told | changes))


def test_a_profile_becomes_its_calls_by_length_and_hour() -> None:
    calls = calls_of_profile(profiled("0.7"), NOVEMBER, ZONE)
    assert len(calls) == 3000
    assert sum(call.talk_ms == 60_000 for call in calls) == 750
    assert sum(9 <= call.started_at.hour < 18 for call in calls) == 2100
    assert sum(19 <= call.started_at.hour < 23 for call in calls) == 900


def test_a_small_profile_keeps_its_shares_over_the_month() -> None:
    calls = calls_of_profile(profiled("0.5", calls_per_day=1), NOVEMBER, ZONE)
    assert abs(sum(9 <= call.started_at.hour < 18 for call in calls) - 15) <= 1


def test_a_profile_is_priced_with_peak_seats_and_modules() -> None:
    bands = [
        {"code": "day", "name": NAME, "priority": 1, "rules": [{"start": "08:00", "end": "18:30"}]},
        {"code": "night", "name": NAME, "rules": [{}]},
    ]
    day = TALK | {"code": "day", "select": {"band": ["day"]}, "price": "0.20"}
    night = TALK | {"code": "night", "select": {"band": ["night"]}, "price": "0.10"}
    seat = {"code": "seat", "kind": "seat", "name": NAME, "item": "chair", "price": "50"}
    calls = calls_of_profile(profiled("0.5"), NOVEMBER, ZONE)
    minutes = Decimal(sum(call.talk_ms for call in calls)) / 60_000
    assert minutes == 750 * 1 + 2250 * 2
    at_day = Decimal(sum(call.talk_ms for call in calls if call.started_at.hour < 18)) / 60_000
    tried, even = offer("tried", day, night, seat, bands=bands), offer("even", TALK)
    compared = try_prospect(Prospect(ZONE, "CNY", calls, seats=3), [tried, even])
    assert compared.net(tried) == at_day * Decimal("0.20") + (minutes - at_day) * Decimal("0.10") + 150
    assert compared.net(even) == Decimal("525.00")
    with override("en"):
        advice = advise(compared)
    assert advice.best is even
    assert "525.00 CNY" in advice.reasons[0]


def test_a_csv_is_compared_month_by_month_with_gaps_as_months_without_calls() -> None:
    body = HEADER + b"".join(LINE % (n, month, month, month) for n, month in enumerate([8] * 10 + [10] * 30))
    flat = offer("flat", {"code": "fee", "kind": "recurring", "name": NAME, "price": "2"})
    even = offer("even", TALK)
    compared = try_prospect(Prospect(ZONE, "CNY", calls_of_csv(body)), [even])
    assert [(month.period.starts_on.month, month.calls) for month in compared.months] == [(8, 10), (9, 0), (10, 30)]
    assert [month.priced["even"].bill.net for month in compared.months] == [Decimal("2.00"), 0, Decimal("6.00")]
    assert not try_prospect(Prospect(ZONE, "CNY", calls_of_csv(body)), [flat]).is_whole(flat)


def test_wrong_lines_of_a_csv_are_named_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prospecting, "MAX_RECORDS", 2)
    good = LINE % (1, 8, 8, 8)
    body = HEADER + good + b"\n" + good + b"x,sideways,,,\n" + good + b"y,outbound,never,,\n"
    with override("en"), pytest.raises(WrongProspect) as refused:
        calls_of_csv(body)
    told = refused.value.message.split("\n")
    assert [each.partition(":")[0] for each in told] == ["line 5", "line 7"]


def test_what_cannot_be_read_or_is_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for body in (b"", HEADER):
        with pytest.raises(WrongProspect):
            calls_of_csv(body)
    with pytest.raises(UnreadableBody):
        calls_of_csv(b"who,when\n1,2\n")
    monkeypatch.setattr(prospecting, "MOST_CALLS", 1)
    with pytest.raises(WrongProspect):
        calls_of_csv(HEADER + LINE % (1, 8, 8, 8) * 2)
    for wrong in ({"calls_per_day": 3001}, {"calls_per_day": 0}, {"lengths": ((60, Fraction(1, 2)),)}, {"peak_share": Fraction(2)}):  # fmt: skip
        with pytest.raises(WrongProspect):
            calls_of_profile(profiled(**wrong), NOVEMBER, ZONE)
    with pytest.raises(CannotCompare):
        try_prospect(Prospect(ZONE, "CNY", ()), [offer("even", TALK)])
    told = Prospect(ZONE, "CNY", calls_of_csv(HEADER + LINE % (1, 8, 8, 8)))
    for wrong_offers in ([], [offer("even", TALK)] * 2, [offer("even", TALK, currency="USD")]):
        with pytest.raises(CannotCompare):
            try_prospect(told, wrong_offers)


def test_the_cheapest_are_kept_and_those_without_a_price_come_last() -> None:
    told = Prospect(ZONE, "CNY", calls_of_csv(HEADER + LINE % (1, 8, 8, 8)))
    inbound = offer("inbound", TALK | {"select": {"direction": "inbound"}})
    offers = [inbound, offer("dear", TALK | {"price": "1"}), offer("cheap", TALK)]
    compared = try_prospect(told, offers)
    assert [each.code for each in compared.of_cheapest(2).offers] == ["cheap", "dear"]
    assert [each.code for each in compared.of_cheapest(9).offers] == ["cheap", "dear", "inbound"]


def test_the_command_prints_the_recommendation_or_why_it_cannot(tmp_path: Path) -> None:
    out = io.StringIO()
    call_command("try_contracts", "--calls-per-day=10", "--with=outbound-minutes", "--with=model-calls", stdout=out)
    assert "is the cheapest of" in out.getvalue()
    wrong = tmp_path / "calls.csv"
    wrong.write_bytes(HEADER + b"x,sideways,,,\n")
    with pytest.raises(CommandError, match="line 2"):
        call_command("try_contracts", f"--csv={wrong}")
    with pytest.raises(CommandError, match="either"):
        call_command("try_contracts")
