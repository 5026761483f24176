"""What people call each member of an agreement: a label, and a hint where the label does not say it all.

The members are those of ``billing.rating.terms``; a test holds this table and the dataclasses together.
"""

from __future__ import annotations

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

Words = str | Promise

LABELS: dict[str, Words] = {
    # what every clause has
    "code": _("code"),
    "name": _("name"),
    "reference": _("paragraph of the contract"),
    "tax": _("tax"),
    "ClauseHead.tax": _("tax rate of its own"),
    "Commitment.tax": _("tax rate of the true-up"),
    "discountable": _("takes part in discounts"),
    "eligible": _("counts towards commitment and cap"),
    "price": _("price"),
    "unit": _("unit"),
    "quantity": _("quantity"),
    "priority": _("priority"),
    "every": _("every"),
    "of": _("of the clauses"),
    "rate": _("rate"),
    "Tax.rate": _("tax rate"),
    "amount": _("amount"),
    "maximum": _("at most"),
    "minimum": _("at least"),
    "reason": _("reason"),
    "measure": _("measurement"),
    "starts_on": _("from"),
    "ends_on": _("until (exclusive)"),
    "Name.zh": _("Chinese"),
    "Name.en": _("English"),
    # the agreement
    "currency": _("currency"),
    "clauses": _("Clauses"),
    "policies": _("Policies"),
    "bands": _("Bands"),
    "calendar": _("Calendar"),
    "factors": _("Factors"),
    "discounts": _("Discounts"),
    "commitments": _("Minimum commitments"),
    "caps": _("Caps"),
    "inclusive": _("prices include tax"),
    # which calls
    "select": _("which calls"),
    "direction": _("direction"),
    "answered": _("answered"),
    "region": _("regions"),
    "region_match": _("a region matches by"),
    "band": _("bands"),
    "source": _("sources"),
    "robot": _("robots"),
    "line": _("lines"),
    "language": _("languages"),
    "module": _("used modules"),
    "transferred": _("transferred to an agent"),
    "labels": _("labels"),
    "group_by": _("a line for each"),
    "tiers_per": _("allowance and tiers count"),
    "on_top": _("charged on top"),
    # duration
    "rule": _("billed duration"),
    "per_s": _("price is for, in seconds"),
    "included_minutes": _("included minutes a month"),
    "basis": _("measured by"),
    "free_below_s": _("free below, in seconds"),
    "minimum_s": _("billed at least, in seconds"),
    "first_increment_s": _("first increment, in seconds"),
    "next_increment_s": _("further increments, in seconds"),
    "legs": _("legs"),
    "at_band_edge": _("a call across bands"),
    # calls
    "counts": _("counts"),
    "included_calls": _("included calls a month"),
    "limit_per_day": _("limit a day"),
    "limit_per_month": _("limit a month"),
    "beyond_limit": _("beyond the limit"),
    "beyond_price": _("price beyond the limit"),
    # features
    "counter": _("counter"),
    "aggregate": _("taken as"),
    "window": _("window"),
    "window_takes": _("of each window take"),
    "scale": _("divided by"),
    "rounding": _("rounding"),
    "CounterRounding.mode": _("rounded"),
    "RoundEachCall.mode": _("rounded"),
    "places": _("decimals"),
    "included_units": _("included units a month"),
    # held things
    "item": _("subscription"),
    "use_price": _("price of each use"),
    "minimum_months": _("minimum months"),
    "SeatClause.counts": _("counted by"),
    "SeatClause.measure": _("measured from the calls"),
    "snapshot_day": _("day of the count"),
    "committed": _("committed minimum"),
    "included": _("included"),
    "per_day": _("price is for a day"),
    # service levels
    "credits": _("credits when missed"),
    "credit_of": _("credit is a share of"),
    "below": _("below the level"),
    "Credit.rate": _("given back"),
    # fees and packages
    "charged": _("charged in"),
    "prorated": _("prorated by days"),
    "phases": _("ramp"),
    "months": _("months"),
    "on": _("charged on"),
    "covers": _("pays for the clauses"),
    "clause": _("clause"),
    "factor": _("units for one used"),
    "PackageClause.every": _("bought"),
    "valid_months": _("valid, in months"),
    "valid_days": _("valid, in days"),
    "carry_over_months": _("rest lives on, in months"),
    # prices
    "kind": _("kind of price"),
    "tiers": _("tiers"),
    "up_to": _("up to and including"),
    "flat": _("fee when entered"),
    "step": _("rounded up to steps of"),
    "per": _("price is for units"),
    "size": _("units in a block"),
    "round_each_call": _("round each call"),
    "always": _("charged without usage too"),
    "parts": _("parts of a call"),
    "up_to_s": _("up to second"),
    "increment_s": _("increment, in seconds"),
    "scheme": _("tiers apply to"),
    "fixed": _("fee for each event"),
    "free_events": _("free events"),
    "free_amount": _("free amount"),
    "minimum_each": _("at least for each event"),
    "maximum_each": _("at most for each event"),
    "dimensions": _("dimensions"),
    "cells": _("cells"),
    "where": _("for"),
    "otherwise": _("everything else"),
    # what moves a bill
    "steps": _("rate by measured level"),
    "at_least": _("from the level"),
    # bands
    "rules": _("rules"),
    "start": _("from the clock"),
    "end": _("to the clock"),
    "weekdays": _("weekdays"),
    "days": _("days"),
    "dates": _("dates"),
    "BandRule.months": _("months of the year"),
    "holidays": _("public holidays"),
    "working_days": _("weekend days worked"),
    # policies
    "zero_usage_flat": _("a tier's fee at zero usage"),
    "proration": _("proration"),
    "prorate_allowance": _("included units are prorated"),
    "prorate_commitment": _("commitments are prorated"),
    "prorate_cap": _("caps are prorated"),
    "versions_split_month": _("commitment and cap when versions split a month"),
    "tiers_across_versions": _("tiers when versions split a month"),
    "Policies.rounding": _("rounding of money"),
    "round_order": _("order of rounding"),
    "late_calls": _("late calls"),
    "late_limit": _("limit for late calls"),
    "uncovered": _("calls that no clause takes"),
}

HINTS: dict[str, Words] = {
    "code": _("Small letters, digits and hyphens, such as talk-peak."),
    "reference": _("Such as 4.2(a)."),
    "ClauseHead.tax": _("Empty: the rate of the agreement."),
    "region": _("Codes, separated by commas: 310000, 320000."),
    "band": _("Codes of bands, separated by commas."),
    "robot": _("Separated by commas."),
    "labels": _("One a line: shop = north, south"),
    "group_by": _("robot, line, or a label such as shop."),
    "on_top": _("In addition to the clause that takes the call anyway."),
    "counter": _("As calls carry it: asr_seconds, analyses, order_amount."),
    "scale": _("60 turns seconds into minutes."),
    "item": _("The name under which it is booked: kb, seats, numbers."),
    "of": _("Codes of clauses, separated by commas; empty: all."),
    "Percentage.of": _("Codes of clauses, separated by commas; empty: the clause's own counter."),
    "credit_of": _("Codes of clauses, separated by commas; empty: this clause."),
    "measure": _(
        "The name under which it is measured. answer_rate and answered_within_20s (any seconds), also with inbound_ or "
        "outbound_ before it, are counted from the calls; anything else, such as availability, is entered each month."
    ),
    "SeatClause.measure": _("Only when counted from the calls."),
    "rate": _("8 % or 0.08; a surcharge is positive, a deduction negative."),
    "Tax.rate": _("6 % or 0.06."),
    "Discount.rate": _("What is taken off: 8 % or 0.08."),
    "Percentage.rate": _("2 % or 0.02."),
    "tiers": _("The last tier stays open. Rows can be pasted from a spreadsheet."),
    "up_to": _("Empty in the last row."),
    "dimensions": _("Separated by commas: region, band, robot, line, language."),
    "dates": _("One a line: 2026-10-01"),
    "holidays": _("One a line: 2026-10-01"),
    "working_days": _("One a line: 2026-10-10"),
    "start": _("00:00 to 24:00, local time."),
    "priority": _("The higher wins."),
    "PackageClause.priority": _("The higher is drawn down first among those that expire together."),
    "late_limit": _("Late calls below this amount roll into the current month."),
    "valid_months": _("From the day of the purchase; empty: see the guide."),
    "price": _("At most 8 decimals."),
    "covers": _("Each unit used takes this many units of the package."),
}

# Rates are written and read as percentages.
SHARES = {
    "Tax.rate", "Factor.rate", "FactorStep.rate", "Discount.rate", "PercentTier.rate", "Percentage.rate",
    "Credit.rate", "ClauseHead.tax", "Commitment.tax",
}  # fmt: skip

WEEKDAYS = [
    ("1", pgettext_lazy("weekday", "Mon")), ("2", pgettext_lazy("weekday", "Tue")),
    ("3", pgettext_lazy("weekday", "Wed")), ("4", pgettext_lazy("weekday", "Thu")),
    ("5", pgettext_lazy("weekday", "Fri")), ("6", pgettext_lazy("weekday", "Sat")),
    ("7", pgettext_lazy("weekday", "Sun")),
]  # fmt: skip
MONTHS = [(str(month), str(month)) for month in range(1, 13)]


def keys_of(shape: type, name: str) -> list[str]:
    """List the table's keys for a member, the most special first."""
    return [*(f"{each.__name__}.{name}" for each in shape.__mro__[:-1]), name]


def label_of(shape: type, name: str) -> str:
    """Name a member as people do; its own name if nobody did."""
    return _found(LABELS, shape, name) or name


def hint_of(shape: type, name: str) -> str:
    """Give the hint beside a member, or nothing."""
    return _found(HINTS, shape, name)


def is_share(shape: type, name: str) -> bool:
    """Tell whether a member is a share that people write as a percentage."""
    return any(key in SHARES for key in keys_of(shape, name))


def _found(table: dict[str, Any], shape: type, name: str) -> str:
    return next((str(table[key]) for key in keys_of(shape, name) if key in table), "")
