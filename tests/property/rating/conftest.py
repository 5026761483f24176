"""Hypothesis profiles for the laws of rating: 100 examples at the desk, 500 in CI, 50,000 once in a while.

``HUADAN_HYPOTHESIS_EXAMPLES`` sets any other number; ``HYPOTHESIS_PROFILE`` chooses ``ci`` or ``long``.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
settings.register_profile("rating", max_examples=100, deadline=None, suppress_health_check=SLOW)
settings.register_profile("rating-ci", max_examples=500, deadline=None, suppress_health_check=SLOW)
settings.register_profile("rating-long", max_examples=50_000, deadline=None, suppress_health_check=SLOW)


def chosen() -> settings:
    """Choose the examples for these tests alone, whatever the default profile of the run is."""
    wanted = os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES")
    if wanted:
        return settings(max_examples=int(wanted), deadline=None, suppress_health_check=SLOW)
    profile = os.environ.get("HYPOTHESIS_PROFILE", "")
    ci = "ci" if os.environ.get("CI") else ""
    name = {"ci": "rating-ci", "long": "rating-long"}.get(profile or ci, "rating")
    return settings.get_profile(name)
