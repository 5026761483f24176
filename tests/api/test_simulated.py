"""Simulated traffic in every format, disturbed: the server's counts are the sender's books."""

from __future__ import annotations

import io
import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db.models import Sum

from usage.models import Call, Quarantined

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("wire", ["native", "ndjson", "csv", "freeswitch", "asterisk"])
def test_what_was_sent_is_what_is_stored(wire, live_server, key, source):
    out = io.StringIO()
    call_command(
        "simulate_traffic", url=live_server.url, key=key, source="switch-1", format=wire, calls_per_day=60, seed=4,
        start=date(2026, 10, 9), end=date(2026, 10, 11), zone=ZoneInfo("Asia/Shanghai"), duplicates=5.0, disorder=5.0, faults=5.0, json=True, stdout=out,
    )  # fmt: skip
    told = json.loads(out.getvalue())
    server, faults = told["server"], sum(told["faults"].values())
    # Asterisk writes a transferred call as two lines.
    parts = sum(month["transferred"] for month in told["months"].values()) if wire == "asterisk" else 0
    assert faults > 3
    assert (server["accepted"], server["rejected"], server["conflicts"]) == (told["calls"] + parts, faults, 0)
    assert server["duplicates"] >= told["duplicates"] > 3
    assert Quarantined.objects.count() == faults
    assert Call.objects.aggregate(Sum("talk_ms"))["talk_ms__sum"] == sum(m["talk_ms"] for m in told["months"].values())


def test_the_same_calls_told_by_another_format_are_conflicts_and_the_books_say_why(live_server, key, source):
    """One source has one format; a seed sent again in another is not the same records, and must not replace them."""

    def send(wire: str, **options) -> str:
        out = io.StringIO()
        call_command(
            "simulate_traffic", url=live_server.url, key=key, source="switch-1", format=wire, calls_per_day=20, seed=4,
            start=date(2026, 10, 9), end=date(2026, 10, 11), zone=ZoneInfo("Asia/Shanghai"), stdout=out, **options,
        )  # fmt: skip
        return out.getvalue()

    first = json.loads(send("ndjson", json=True))
    before = Call.objects.aggregate(Sum("talk_ms"))
    again = send("freeswitch")
    assert f"accepted 0 + duplicates 0 + conflicts {first['calls']} + rejected 0" in again
    assert "take another --seed or --source" in again
    assert (Call.objects.count(), Call.objects.aggregate(Sum("talk_ms"))) == (first["calls"], before)
    assert "conflicts:" not in send("ndjson")
