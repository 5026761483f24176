"""What of each part is always shown, in this order; the rest of its members is folded away, never left out."""

from __future__ import annotations

MAIN: dict[str, tuple[str, ...]] = {
    "Agreement": ("currency", "tax", "clauses"),
    "DurationClause": ("code", "reference", "name", "price", "included_minutes", "rule", "select"),
    "CallsClause": (
        "code", "reference", "name", "counts", "price", "included_calls", "limit_per_day", "limit_per_month",
        "beyond_limit", "beyond_price", "select",
    ),
    "FeatureClause": (
        "code", "reference", "name", "counter", "unit", "aggregate", "scale", "included_units", "price", "select",
    ),
    "ModuleClause": ("code", "reference", "name", "item", "minimum_months", "price", "use_price"),
    "SeatClause": ("code", "reference", "name", "item", "unit", "counts", "committed", "included", "price"),
    "ServiceLevelClause": ("code", "reference", "name", "price", "measure", "credits", "credit_of"),
    "RecurringClause": ("code", "reference", "name", "price", "every", "charged"),
    "OneOffClause": ("code", "reference", "name", "price", "on"),
    "PackageClause": (
        "code", "reference", "name", "price", "quantity", "unit", "every", "valid_months", "valid_days", "covers",
    ),
    "DurationRule": ("first_increment_s", "next_increment_s"),
    "Select": ("direction", "band", "region"),
    "PerUnit": ("price",),
    "Graduated": ("tiers",),
    "Volume": ("tiers",),
    "Block": ("size", "price"),
    "Elapsed": ("parts",),
    "Flat": ("price", "always"),
    "Percentage": ("rate", "of", "fixed"),
    "Matrix": ("dimensions", "cells", "otherwise"),
    "Band": ("code", "priority", "name", "rules"),
    "BandRule": ("start", "end", "days", "weekdays"),
    "Factor": ("code", "reference", "name", "reason", "rate", "of"),
    "Discount": ("code", "reference", "name", "reason", "rate", "tiers", "of"),
    "Commitment": ("code", "reference", "name", "amount", "every"),
    "Cap": ("code", "reference", "name", "amount", "every"),
    "Calendar": ("holidays", "working_days"),
    "Policies": (
        "proration", "rounding", "uncovered", "late_calls", "late_limit", "zero_usage_flat", "tiers_across_versions",
        "versions_split_month", "prorate_allowance", "prorate_commitment", "prorate_cap", "round_order",
    ),
}  # fmt: skip

EXTRA_COLUMNS: dict[str, tuple[str, ...]] = {"Tier": ("flat", "step", "per"), "PercentTier": ("flat",)}
