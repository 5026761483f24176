"""Service levels are named in the reader's language."""

from __future__ import annotations

import pytest
from django.utils.translation import override

from tenants.wording.measures import measure_name


@pytest.mark.parametrize(
    ("measure", "zh", "en"),
    [
        ("availability", "可用率", "availability"),
        ("answer_rate", "接通率", "answer rate"),
        ("answered_within_20s", "20 秒内接通率", "answered within 20 s"),
        ("inbound_answer_rate", "呼入接通率", "answer rate, inbound"),
        ("outbound_answered_within_5s", "呼出5 秒内接通率", "answered within 5 s, outbound"),
        ("hours_to_repair", "hours_to_repair", "hours_to_repair"),
    ],
)
def test_a_measure_is_named_in_words(measure: str, zh: str, en: str) -> None:
    with override("zh-hans"):
        assert measure_name(measure) == zh
    with override("en"):
        assert measure_name(measure) == en
