"""Numbers have no gap and no twin, whoever issues at the same time and whatever fails."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from invoices.models import NumberSeries
from invoices.numbering import take_number

pytestmark = pytest.mark.django_db(transaction=True)


class _Failed(Exception):
    pass


def _issue_some(seller: Any, seed: int) -> list[str]:
    rng, taken = random.Random(seed), []
    try:
        for _ in range(25):
            try:
                with transaction.atomic():
                    number = take_number(seller, NumberSeries.INVOICE, 2026)
                    if rng.random() < 0.3:
                        raise _Failed
                taken.append(number)
            except _Failed:
                pass
    finally:
        connection.close()
    return taken


def test_eight_at_once_with_failures_leave_no_gap_and_no_twin(seller: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = [number for taken in pool.map(lambda seed: _issue_some(seller, seed), range(8)) for number in taken]
    assert sorted(numbers) == [f"HD-2026-{n:06d}" for n in range(1, len(numbers) + 1)]


def test_each_seller_kind_and_year_counts_for_itself(seller: Any) -> None:
    with transaction.atomic():
        assert [take_number(seller, NumberSeries.INVOICE, year) for year in (2026, 2027, 2026)] == [
            "HD-2026-000001",
            "HD-2027-000001",
            "HD-2026-000002",
        ]


def test_a_number_is_written_in_the_sellers_pattern(seller: Any) -> None:
    seller.number_pattern = "NX{year}-{number:04d}"
    with transaction.atomic():
        assert take_number(seller, NumberSeries.INVOICE, 2026) == "NX2026-0001"
