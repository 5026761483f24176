"""A key posts no faster than it may."""

from __future__ import annotations

import pytest

from usage.limiting import Limiter, TooFast


def test_a_burst_passes_then_the_rate_holds() -> None:
    limiter = Limiter(per_second=10, burst=20)
    for _ in range(20):
        limiter.take(1, 1, clock=100.0)
    with pytest.raises(TooFast) as refused:
        limiter.take(1, 1, clock=100.0)
    assert (refused.value.status, refused.value.wait) == (429, pytest.approx(0.1))
    limiter.take(1, 1, clock=100.1)


def test_keys_do_not_slow_each_other() -> None:
    limiter = Limiter(per_second=1, burst=1)
    limiter.take(1, 1, clock=0)
    limiter.take(2, 1, clock=0)


def test_a_delivery_beyond_the_bucket_leaves_a_debt() -> None:
    limiter = Limiter(per_second=10, burst=20)
    limiter.take(1, 100, clock=0)
    with pytest.raises(TooFast):
        limiter.take(1, 1, clock=8.0)
    limiter.take(1, 1, clock=8.2)
