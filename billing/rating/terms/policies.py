"""The settings on which the trade disagrees; each is agreed, printed on the invoice and tested."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from billing.rating.refusals import InvalidTerms
from billing.rating.terms.pricing import RoundingMode


@dataclass(frozen=True, slots=True)
class Policies:
    """How a version is computed where habits differ. See ``docs/rating.md`` for each value's meaning.

    ``late_limit`` is the net amount under which late calls roll into the current month's bill as one line a tax rate.
    """

    zero_usage_flat: Literal["not_charged", "charged"] = "not_charged"
    proration: Literal["calendar_days", "none", "full_month", "thirty_days"] = "calendar_days"
    prorate_allowance: bool = True
    prorate_commitment: bool = True
    prorate_cap: bool = True
    versions_split_month: Literal["whole_month", "per_segment"] = "whole_month"
    tiers_across_versions: Literal["anew", "carry"] = "anew"
    rounding: RoundingMode = "half-up"
    round_order: Literal["line_then_tax_on_net", "tax_per_line"] = "line_then_tax_on_net"
    late_calls: Literal["difference", "roll_into_current"] = "difference"
    late_limit: Decimal | None = None
    uncovered: Literal["blocks", "listed_at_zero"] = "blocks"

    def __post_init__(self) -> None:
        if (self.late_calls == "roll_into_current") != (self.late_limit is not None):
            raise InvalidTerms(
                "Write late_limit with late_calls roll_into_current, and only there.", pointer="/late_limit"
            )
