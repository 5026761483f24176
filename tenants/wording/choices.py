"""What people call the values a member may take."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from tenants.wording.labels import Words

KINDS: dict[str, Words] = {
    "duration": _("Duration"),
    "calls": _("Calls"),
    "feature": _("Feature"),
    "module": _("Functional module"),
    "seat": _("Seats, slots, numbers"),
    "service_level": _("Service level"),
    "recurring": _("Recurring fee"),
    "one_off": _("One-off fee"),
    "package": _("Package"),
}

PRICES: dict[str, Words] = {
    "per_unit": _("one price for each unit"),
    "graduated": _("tiers: each part at its own price"),
    "volume": _("tiers: the whole at one price"),
    "block": _("started blocks"),
    "elapsed": _("by the time within the call"),
    "flat": _("one amount"),
    "percentage": _("percentage of an amount"),
    "matrix": _("table by region, band …"),
}

CHOICES: dict[str, Words] = {
    "inbound": _("inbound"),
    "outbound": _("outbound"),
    "exact": _("the whole code"),
    "prefix": _("its beginning"),
    "clause": _("over the whole clause"),
    "group": _("anew for each"),
    "exact-ceil": _("milliseconds, rounded up"),
    "exact-floor": _("milliseconds, rounded down"),
    "reported": _("seconds as reported"),
    "legs.robot": _("the robot's talk"),
    "legs.whole": _("the whole call"),
    "legs.each": _("each leg on its own"),
    "at_band_edge.start": _("belongs to the band it starts in"),
    "at_band_edge.split": _("is cut at the edge"),
    "answered": _("answered calls"),
    "attempted": _("all attempts"),
    "transferred": _("calls transferred to an agent"),
    "charge": _("charged at its own price"),
    "free": _("free"),
    "refuse": _("not allowed"),
    "sum": _("sum"),
    "max": _("highest"),
    "min": _("lowest"),
    "latest": _("latest"),
    "distinct": _("different values"),
    "hour": _("hour"),
    "day": _("day"),
    "counts.days": _("days held"),
    "counts.peak": _("most on any day"),
    "counts.snapshot": _("held on one day"),
    "counts.measured": _("measured from the calls"),
    "distinct_robots": _("robots that called"),
    "distinct_lines": _("lines that were used"),
    "peak_concurrency": _("most calls at once"),
    "month": _("month"),
    "quarter": _("quarter"),
    "half_year": _("half-year"),
    "year": _("year"),
    "PackageClause.every.month": _("every month"),
    "once": _("when purchased"),
    "arrears": _("arrears"),
    "advance": _("advance"),
    "half-up": _("half-up"),
    "half-even": _("half to even"),
    "up": _("up"),
    "down": _("down"),
    "graduated": _("each part of the amount"),
    "volume": _("the whole amount"),
    "reason.volume": _("volume"),
    "reason.term": _("contract term"),
    "reason.promotion": _("promotion"),
    "reason.region": _("region"),
    "reason.industry": _("industry"),
    "reason.performance": _("performance"),
    "reason.service_level": _("service level"),
    "reason.other": _("other"),
    "any": _("every day"),
    "working": _("working days"),
    "holiday": _("rest days and holidays"),
    "not_charged": _("not charged"),
    "charged": _("charged"),
    "calendar_days": _("calendar days"),
    "none": _("none"),
    "full_month": _("full month"),
    "thirty_days": _("thirty days"),
    "whole_month": _("once, on the whole month"),
    "per_segment": _("for each version on its own"),
    "anew": _("start anew"),
    "carry": _("go on where they were"),
    "line_then_tax_on_net": _("each line, then tax on the sum"),
    "tax_per_line": _("tax on each line"),
    "difference": _("difference of two bills"),
    "roll_into_current": _("roll into the current month"),
    "blocks": _("block the draft"),
    "listed_at_zero": _("listed at zero"),
    "true": _("yes"),
    "false": _("no"),
}


def choice_of(shape: type, name: str, value: str) -> str:
    """Name a value of a member as people do."""
    keys = [f"{shape.__name__}.{name}.{value}", f"{name}.{value}", value]
    if name == "kind":
        return str(KINDS.get(value) or PRICES.get(value) or value)
    return next((str(CHOICES[key]) for key in keys if key in CHOICES), value)
