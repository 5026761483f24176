"""Hypothesis profiles for the laws of rating: 100 examples at the desk, 500 in CI, 50,000 once in a while.

``HUADAN_HYPOTHESIS_EXAMPLES`` sets any other number; ``HYPOTHESIS_PROFILE`` chooses ``ci`` or ``long``. Beyond CI's
number a broken example is shown as drawn: making it small takes minutes, and wants fewer examples to do it on.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

DESK, CI, LONG = 100, 500, 50_000


def chosen() -> settings:
    """Choose the examples for these tests alone, whatever the default profile of the run is."""
    profile = os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "")
    examples = int(os.environ.get("HUADAN_HYPOTHESIS_EXAMPLES") or {"ci": CI, "long": LONG}.get(profile, DESK))
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
        phases=(Phase.generate, Phase.shrink) if examples <= CI else (Phase.generate,),
        database=None,
    )
