"""A table's columns stand in any order; full rows, rows with gaps and rows with quotes say the same as the array."""

from __future__ import annotations

import json

import pytest

from usage.formats import native, table

FULL = {
    "labels": {"task": "t-1", "shop": "浦东"}, "call_id": "c-1", "direction": "outbound", "counters": {"asr_seconds": 12.5},
    "started_at": "2026-10-08T09:00:00+08:00", "ended_at": "2026-10-08T09:01:06+08:00", "agent_ms": 0, "caller": "021",
}  # fmt: skip
HEADER = "labels.task,call_id,counters.asr_seconds,labels.shop,direction,agent_ms,started_at,caller,ended_at"
ROW = "t-1,c-1,12.5,浦东,outbound,0,2026-10-08T09:00:00+08:00,021,2026-10-08T09:01:06+08:00"
ROWS = {
    "full": (ROW, {}),
    "a gap": (ROW.replace(",021,", ",,"), {"caller": ""}),
    "quotes": (ROW.replace(",021,", ',"0""21",'), {"caller": '0"21'}),
    "a backslash": (ROW.replace(",021,", ",0\\n21,"), {"caller": "0\\n21"}),
    "a percent sign": (ROW.replace(",021,", ",%s%%,"), {"caller": "%s%%"}),
}


@pytest.mark.parametrize(("row", "changes"), ROWS.values(), ids=ROWS.keys())
def test_a_row_says_what_the_object_says_alone_and_beside_any_other(row: str, changes: dict[str, str]) -> None:
    wanted = native.decode(json.dumps([FULL | changes]).encode())[0].record
    others = [other for other, _ in ROWS.values()]
    for rows in ([row], [row, *others], [*others, row]):
        found = table.decode("\n".join([HEADER, *rows]).encode())
        assert found[rows.index(row)].record == wanted
