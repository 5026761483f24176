"""Point out what is wrong or surprising in an agreement before anyone signs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from billing.rating.bands import band_on_clock, clock_edges
from billing.rating.counting import Taking, meters
from billing.rating.exact import exact
from billing.rating.prices import price as price_quantity
from billing.rating.terms import (
    Agreement,
    Discount,
    DurationClause,
    Matrix,
    PackageClause,
    Percentage,
    Select,
    ServiceLevelClause,
    Terms,
    Tier,
    Volume,
)

STEP_OVER = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault (error: do not sign) or a surprise (warning), where it is, and what to do."""

    severity: Literal["error", "warning"]
    code: str
    pointer: str
    zh: str
    en: str
    at: Decimal | None = None


def lint(subject: Terms | Agreement, *, year: int | None = None) -> tuple[Finding, ...]:
    """Examine an agreement, or every version in the terms of a month; bands are walked through a whole ``year``.

    The year defaults to the month's, or to the one the agreement's calendar speaks of.
    """
    if isinstance(subject, Terms):
        return tuple(
            replace(finding, pointer=f"/segments/{index}/agreement{finding.pointer}")
            for index, segment in enumerate(subject.segments)
            for finding in lint(segment.agreement, year=year or subject.period.starts_on.year)
        )
    findings = [
        *_bands(subject, year),
        *_references(subject),
        *_unreachable(subject),
        *_falling(subject),
        *_contradictions(subject),
    ]
    return tuple(sorted(findings, key=lambda finding: (finding.severity, finding.pointer)))


def _bands(agreement: Agreement, year: int | None) -> Iterator[Finding]:
    known = {band.code for band in agreement.bands}
    for index, code in _bands_asked(agreement):
        if code and code not in known:
            yield Finding(
                "error",
                "unknown_band",
                f"/clauses/{index}",
                f"时段 {code} 没有定义，请在 bands 中补充。",
                f"The band {code} is not defined; add it to bands.",
            )
    if known or any(True for _ in _bands_asked(agreement)):
        gap = band_gap(agreement, year or _year_of(agreement))
        if gap is not None:
            yield Finding(
                "error",
                "band_gap",
                "/bands",
                f"{gap:%Y-%m-%d %H:%M} 起没有时段覆盖，请补一个兜底时段。",
                f"No band covers {gap:%Y-%m-%d %H:%M}; add a band of low priority for the rest.",
            )


def _bands_asked(agreement: Agreement) -> Iterator[tuple[int, str]]:
    for index, clause in enumerate(agreement.clauses):
        for code in getattr(clause, "select", Select()).band:
            yield index, code
        price = getattr(clause, "price", None)
        if isinstance(price, Matrix) and "band" in price.dimensions:
            yield from ((index, cell.where.get("band", "")) for cell in price.cells)
        if isinstance(clause, DurationClause) and clause.rule.at_band_edge == "split":
            yield index, ""


def _year_of(agreement: Agreement) -> int:
    days = [*agreement.calendar.holidays, *agreement.calendar.working_days]
    return min(days).year if days else 2028


def band_gap(agreement: Agreement, year: int) -> datetime | None:
    """Find the first local time of a year that no band covers."""
    day = date(year, 1, 1)
    minutes = sorted(clock_edges(agreement.bands))
    while day.year == year:
        for minute in minutes:
            local = datetime.combine(day, time(minute // 60, minute % 60))
            if band_on_clock(agreement.bands, agreement.calendar, local) is None:
                return local
        day += timedelta(days=1)
    return None


def _references(agreement: Agreement) -> Iterator[Finding]:
    """Find names of clauses that do not exist, or percentages of percentages that are not priced before them."""
    places: dict[str, int] = {clause.code: index for index, clause in enumerate(agreement.clauses)}
    for pointer, code in _named(agreement):
        if code not in places and code != "*":
            yield Finding(
                "error", "unknown_clause", pointer, f"没有代码为 {code} 的条款。", f"No clause has the code {code}."
            )
    waiting = {c.code: c.price for c in agreement.clauses if isinstance(getattr(c, "price", None), Percentage)}
    for code, price in waiting.items():
        for other in price.of if isinstance(price, Percentage) else ():
            later = waiting.get(other)
            if isinstance(later, Percentage) and later.of and places[other] >= places[code]:
                yield Finding(
                    "error",
                    "percentage_order",
                    f"/clauses/{places[code]}/price/of",
                    f"{other} 须排在 {code} 之前，才能按其金额计算。",
                    f"List {other} before {code}, which is a percentage of it.",
                )


def _named(agreement: Agreement) -> Iterator[tuple[str, str]]:
    for part in ("factors", "discounts", "commitments", "caps"):
        for index, item in enumerate(getattr(agreement, part)):
            yield from ((f"/{part}/{index}/of", code) for code in item.of)
    for index, clause in enumerate(agreement.clauses):
        if isinstance(clause, PackageClause):
            yield from ((f"/clauses/{index}/covers", covered.clause) for covered in clause.covers)
        if isinstance(clause, ServiceLevelClause):
            yield from ((f"/clauses/{index}/credit_of", code) for code in clause.credit_of)
        price = getattr(clause, "price", None)
        if isinstance(price, Percentage):
            yield from ((f"/clauses/{index}/price/of", code) for code in price.of)


def _unreachable(agreement: Agreement) -> Iterator[Finding]:
    places = {clause.code: index for index, clause in enumerate(agreement.clauses)}
    for meter, candidates in meters(agreement).items():
        for place, taking in enumerate(candidates):
            wider = next((before for before in candidates[:place] if _takes_all_of(before, taking)), None)
            if wider is not None and not meter.endswith("!"):
                yield Finding(
                    "error",
                    "unreachable",
                    f"/clauses/{places[taking.clause]}/select",
                    f"前面的条款 {wider.clause} 已取走全部话单，请调整顺序、收窄选择条件，或设为 on_top 另行加收。",
                    f"{wider.clause} before it takes every call; reorder, narrow it, or set on_top to charge both.",
                )


def _takes_all_of(first: Taking, second: Taking) -> bool:
    if first.counts not in (second.counts, "attempted") and not (
        first.counts == "answered" and second.counts == "transferred"
    ):
        return False
    return wider(first.select, second.select)


def wider(first: Select, second: Select) -> bool:
    """Tell whether every call that matches the second selector matches the first."""
    for name in ("direction", "answered", "transferred"):
        if getattr(first, name) is not None and getattr(first, name) != getattr(second, name):
            return False
    for name in ("band", "source", "robot", "line", "language", "module"):
        if not _within(getattr(first, name), getattr(second, name)):
            return False
    labels: Mapping[str, tuple[str, ...]] = second.labels or {}
    return _regions_within(first, second) and all(
        _within(wanted, labels.get(label, ())) for label, wanted in (first.labels or {}).items()
    )


def _within(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return not first or (bool(second) and set(second) <= set(first))


def _regions_within(first: Select, second: Select) -> bool:
    if first.region and first.region_match == "prefix":
        return bool(second.region) and all(region.startswith(first.region) for region in second.region)
    if first.region and second.region_match == "prefix":
        return False
    return _within(first.region, second.region)


def _falling(agreement: Agreement) -> Iterator[Finding]:
    """Find quantities at which a total falls as usage grows."""
    for index, clause in enumerate(agreement.clauses):
        price = getattr(clause, "price", None)
        for pointer, volume in _volumes(price, f"/clauses/{index}/price"):
            yield from _cliffs(volume, pointer)
    for index, discount in enumerate(agreement.discounts):
        yield from _discount_cliffs(discount, f"/discounts/{index}/tiers")


def _volumes(price: object, pointer: str) -> Iterator[tuple[str, Volume]]:
    if isinstance(price, Volume):
        yield pointer, price
    elif isinstance(price, Matrix):
        for index, cell in enumerate(price.cells):
            yield from _volumes(cell.price, f"{pointer}/cells/{index}/price")


def _cliffs(volume: Volume, pointer: str) -> Iterator[Finding]:
    for index, tier in enumerate(volume.tiers[:-1]):
        bound = tier.up_to or Decimal(0)
        below, above = price_quantity(volume, bound).amount, price_quantity(volume, bound + _unit(tier)).amount
        if above < below:
            yield Finding(
                "warning",
                "falling_total",
                f"{pointer}/tiers/{index + 1}",
                f"用量超过 {bound} 后总价反而下降（{bound} 时为 {below}）。",
                f"The total falls when usage passes {bound} (where it is {below}).",
                bound,
            )


def _unit(tier: Tier) -> Decimal:
    return STEP_OVER if tier.step is None else tier.step


def _discount_cliffs(discount: Discount, pointer: str) -> Iterator[Finding]:
    if discount.scheme != "volume":
        return
    for index, tier in enumerate(discount.tiers[:-1]):
        if tier.up_to is not None and discount.tiers[index + 1].rate > tier.rate:
            yield Finding(
                "warning",
                "falling_total",
                f"{pointer}/{index + 1}",
                f"小计超过 {tier.up_to} 后总价反而下降。",
                f"The total falls when the subtotal passes {tier.up_to}.",
                tier.up_to,
            )


def _contradictions(agreement: Agreement) -> Iterator[Finding]:
    caps = [cap for cap in agreement.caps if cap.every == "month" and not cap.of]
    for index, commitment in enumerate(agreement.commitments):
        if commitment.every == "month" and any(exact(commitment.amount) > exact(cap.amount) for cap in caps):
            yield Finding(
                "warning",
                "commitment_above_cap",
                f"/commitments/{index}/amount",
                "保底金额高于封顶金额。",
                "The commitment is above the cap.",
            )
    for index, factor in enumerate(agreement.factors):
        if factor.rate is not None and factor.rate < -1:
            yield Finding(
                "error",
                "factor_below_minus_one",
                f"/factors/{index}/rate",
                "系数不能低于 -1（即减免 100%）。",
                "A factor cannot take more than 100 % off.",
            )
