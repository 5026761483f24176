"""What a new version does to prices: clause by clause, which figures differ, and which of them make it dearer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

from billing.rating.prices import price as price_quantity
from billing.rating.terms import (
    Agreement,
    Block,
    Discount,
    Elapsed,
    Factor,
    Flat,
    Graduated,
    Matrix,
    PackageClause,
    Percentage,
    PerUnit,
    Price,
    Volume,
)

PARTS = ("clauses", "factors", "discounts", "commitments", "caps")
PRICES = {"price", "use_price", "beyond_price"}
# More of these costs more …
DEARER_UP = set(
    "price amount rate fixed minimum maximum minimum_each maximum_each minimum_s first_increment_s next_increment_s "
    "increment_s committed minimum_months quantity factor".split()
)
# … and less of these does.
DEARER_DOWN = set(
    "included_minutes included_calls included_units included free_below_s free_events free_amount valid_months valid_days "
    "carry_over_months limit_per_day limit_per_month scale".split()
)
WITHOUT_END = {"maximum", "maximum_each", "limit_per_day", "limit_per_month"}  # absent means as much as you like
QUANTITIES = [Fraction(10) ** power for power in range(-2, 8)]


class PriceChange(NamedTuple):
    """One figure that differs: of which clause, which member, how it read before and reads now, and if that is dearer."""

    clause: str
    name: dict[str, str]
    what: str
    before: str
    after: str
    raised: bool


def price_changes(before: Agreement, after: Agreement) -> list[PriceChange]:
    """List what the second agreement changes about prices, in its order; what fell away comes last.

    Prices are compared by what they come to at many quantities, other figures one by one; a new charge, and a discount
    or cap that fell away, count as raised. Who selects which calls, tax and policies are not prices and not compared.
    """
    old = {item.code: (part, item) for part in PARTS for item in getattr(before, part)}
    new = {item.code: (part, item) for part in PARTS for item in getattr(after, part)}
    found: list[PriceChange] = []
    for code, (part, item) in new.items():
        if code in old and type(old[code][1]) is type(item):
            found += _differences(part, old[code][1], item)
        elif _costs(item):
            found.append(_change(item, "new", "", _told(item), raised=not _lowers(part, item)))
    for code, (part, item) in old.items():
        if code not in new and _costs(item):
            found.append(_change(item, "removed", _told(item), "", raised=_lowers(part, item)))
    return found


def _differences(part: str, before: Any, after: Any) -> Iterator[PriceChange]:
    if isinstance(after, Discount):
        before, after = _as_price(before), _as_price(after)
        if before[1] != after[1]:
            yield _change(
                after[0], "discount", written(before[1]), written(after[1]), raised=_dearer(after[1], before[1])
            )
        before, after = before[0], after[0]
    for name in PRICES:
        one, other = getattr(before, name, None), getattr(after, name, None)
        if one != other and not isinstance(one or other, Decimal):
            dearer = other is not None and (one is None or _dearer(one, other))
            yield _change(after, name, written(one), written(other), raised=dearer)
    old, new = dict(_figures(before)), dict(_figures(after))
    for path in dict.fromkeys([*old, *new]):
        one, other = old.get(path), new.get(path)
        if one != other:
            raised = _raised(after, part, path, one, other)
            if raised is not None:
                yield _change(after, path, _number(one), _number(other), raised=raised)


def _raised(item: Any, part: str, path: str, before: Decimal | None, after: Decimal | None) -> bool | None:
    """Tell whether a figure's change makes the contract dearer; None when the figure is no price."""
    name = path.rpartition(".")[2]
    lower = name in DEARER_DOWN or (isinstance(item, PackageClause) and name == "quantity")
    if part == "discounts" or path.startswith("credits"):
        lower = name in {"amount", "rate", "below"}
    elif path.startswith("phases") and name == "months":
        return None
    if not lower and name not in DEARER_UP:
        return None
    absent = Decimal("Infinity") if name in WITHOUT_END else Decimal(0)
    one, other = (absent if each is None else each for each in (before, after))
    return other < one if lower else other > one


def _figures(item: Any, path: str = "") -> Iterator[tuple[str, Decimal | None]]:
    """List the numbers of a clause by the path to them, but for its prices, which are compared by what they come to."""
    for field in fields(item):
        value, here = getattr(item, field.name), f"{path}{field.name}"
        if field.name in {"tax", "select", "on"} or (field.name in PRICES and not isinstance(value, Decimal)):
            continue
        if isinstance(value, bool):
            continue
        if isinstance(value, (Decimal, int)):
            yield here, Decimal(value)
        elif is_dataclass(value) and not isinstance(value, type):
            yield from _figures(value, f"{here}.")
        elif isinstance(value, tuple):
            for place, each in enumerate(value):
                if is_dataclass(each):
                    yield from _figures(each, f"{here}.{place}.")


def _dearer(before: Price | None, after: Price | None) -> bool:
    """Tell whether some quantity costs more than before."""
    old, new = _cells(before), _cells(after)
    return any(
        _comes_to(other, quantity) > _comes_to(old.get(cell, old.get("")), quantity)
        for cell, other in new.items()
        for quantity in _worth_asking(old.get(cell, old.get("")), other)
    )


def _cells(price: Price | None) -> dict[str, Price | None]:
    """Take a matrix apart into its cells; any other price is one cell."""
    if not isinstance(price, Matrix):
        return {"": price}
    cells: dict[str, Price | None] = {str(sorted(cell.where.items())): cell.price for cell in price.cells}
    return cells | {"": price.otherwise}


def _worth_asking(*prices: Price | None) -> list[Fraction]:
    """List quantities around every bound of the prices, and across the orders of magnitude."""
    bounds = [Fraction(bound) for price in prices for bound in _bounds(price)]
    points = sorted({*QUANTITIES, *bounds, *(bound + 1 for bound in bounds)})
    return points + [(one + other) / 2 for one, other in pairwise(points)]


def _bounds(price: Price | None) -> list[Decimal | int]:
    if isinstance(price, Elapsed):
        return [part.up_to_s for part in price.parts if part.up_to_s is not None]
    tiers = getattr(price, "tiers", ())
    size = [price.size] if isinstance(price, Block) else []
    return [tier.up_to for tier in tiers if tier.up_to is not None] + size


def _comes_to(price: Price | None, quantity: Fraction) -> Fraction:
    if price is None:
        return Fraction(0)
    if isinstance(price, Elapsed):
        return _elapsed(price, quantity)
    if isinstance(price, Percentage) and price.by_event:
        return Fraction(price.fixed) + Fraction(price.rate or 0) * quantity
    if isinstance(price, PerUnit):
        price = replace(price, round_each_call=None)
    fixed = Fraction(price.fixed) if isinstance(price, Percentage) else 0
    return price_quantity(price, quantity).amount + fixed


def _elapsed(price: Elapsed, seconds: Fraction) -> Fraction:
    """Price one call of so many seconds, increments aside."""
    amount, begin = Fraction(0), Fraction(0)
    for part in price.parts:
        end = seconds if part.up_to_s is None else min(seconds, Fraction(part.up_to_s))
        amount += max(end - begin, Fraction(0)) * Fraction(part.price) / 60
        begin = max(begin, end)
    return amount


def _as_price(discount: Discount) -> tuple[Discount, Price | None]:
    """Read a discount's percentage as a price of its subtotal, so that two can be compared; the rest stays a discount."""
    if discount.amount is not None:
        return discount, None
    share = Percentage(rate=discount.rate, tiers=discount.tiers, scheme=discount.scheme, maximum=discount.maximum)
    return replace(discount, rate=Decimal(0), tiers=(), maximum=None), share


def _lowers(part: str, item: Any) -> bool:
    """Tell whether an item takes off the bill: a discount, a cap, a factor below zero."""
    return part in {"discounts", "caps"} or (isinstance(item, Factor) and item.rate is not None and item.rate < 0)


def _costs(item: Any) -> bool:
    """Tell whether an item moves the bill at all; a clause of price zero does not."""
    price = getattr(item, "price", None)
    if isinstance(price, Decimal):
        return bool(price) or bool(getattr(item, "phases", ()))
    return price is None or any(_comes_to(each, quantity) for each in _cells(price).values() for quantity in QUANTITIES)


def _told(item: Any) -> str:
    for name in ("price", "amount", "rate"):
        value = getattr(item, name, None)
        if value is not None:
            return _number(value) if isinstance(value, Decimal) else written(value)
    return ""


def written(price: Price | None) -> str:
    """Write a price in one line that reads in any language: 0.15 (≤ 1000), 0.12."""
    if isinstance(price, (Graduated, Volume)):
        return ", ".join(_number(tier.price) + _up_to(tier.up_to) for tier in price.tiers)
    if isinstance(price, Elapsed):
        return ", ".join(_number(part.price) + _up_to(part.up_to_s, " s") for part in price.parts)
    if isinstance(price, Matrix):
        cells = [f"{'/'.join(cell.where.values())} {written(cell.price)}" for cell in price.cells]
        return ", ".join([*cells, written(price.otherwise)] if price.otherwise else cells)
    if isinstance(price, Percentage):
        rates = [(price.rate, None)] if price.rate is not None else [(tier.rate, tier.up_to) for tier in price.tiers]
        return ", ".join(f"{_number(rate * 100)} %{_up_to(bound)}" for rate, bound in rates)
    if isinstance(price, Block):
        return f"{_number(price.price)} / {_number(price.size)}"
    return _number(price.price) if isinstance(price, (PerUnit, Flat)) else ""


def _up_to(bound: Decimal | int | None, unit: str = "") -> str:
    return "" if bound is None else f" (≤ {bound}{unit})"


def _number(number: Decimal | None) -> str:
    return "" if number is None else f"{number.normalize():f}"


def _change(item: Any, what: str, before: str, after: str, *, raised: bool) -> PriceChange:
    return PriceChange(item.code, {"zh": item.name.zh, "en": item.name.en}, what, before, after, raised)
