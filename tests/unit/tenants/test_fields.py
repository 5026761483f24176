"""What is refused when a seller, a tenant or a contract is written, and the sentence that says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from tenants.models import validate_zone
from tenants.models.agreements import validate_scope
from tenants.models.parties import validate_logo, validate_number_pattern
from tenants.taxids import validate_tax_id

pytestmark = pytest.mark.usefixtures("in_english")


@pytest.mark.parametrize(
    "text",
    ["91350100M000100Y43", "914403001922038216", "91110000600037341L", "11010519491231002X", "US 95-4412087",
     "DE123456789", "310115791234567", "11010519491231002X01"],
)  # fmt: skip
def test_a_right_tax_id_is_taken(text: str) -> None:
    validate_tax_id(text)


@pytest.mark.parametrize(
    ("validate", "value", "says"),
    [
        (validate_tax_id, "91350100M000100Y44", "does not fit the rest; compare"),
        (validate_tax_id, "91350100M000100Y34", "does not fit the rest"),
        (validate_tax_id, "110105194912310021", "does not fit the rest"),
        (validate_tax_id, "91350100m000100y43", "capital letters"),
        (validate_tax_id, "?", "capital letters"),
        (validate_zone, "Asia/Beijing", "no time zone Asia/Beijing; write a name such as Asia/Shanghai"),
        (validate_number_pattern, "HD-{number}", "Write {year} and {number:06d}"),
        (validate_number_pattern, "HD-{year}-{number", "Write {year}"),
        (validate_number_pattern, "{seller.__class__}-{year}-{number}", "Write {year}"),
        (validate_number_pattern, "HD {year} {number}", "Write {year}"),
        (validate_logo, b"GIF89a", "PNG or SVG"),
        (validate_logo, b"\x89PNG\r\n\x1a\n" + b"x" * 300_000, "256 KiB"),
        (validate_scope, {"robots": ["a"]}, 'Did you mean "robot"'),
        (validate_scope, {"direction": "inbound"}, "Name sources, robots"),
        (validate_scope, {"robot": []}, "Name sources, robots"),
        (validate_scope, {"robot": "a"}, ""),
        (validate_scope, [], ""),
    ],
)
def test_a_wrong_value_gets_a_sentence(validate: Callable[[Any], None], value: Any, says: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        validate(value)
    assert says in refusal.value.messages[0]


def test_right_values_are_taken() -> None:
    validate_number_pattern("{seller}-{year}-{number:06d}")
    validate_scope({"robot": ["a"], "labels": {"shop": ["1", "2"]}})
    validate_logo(b"")
