"""Rate one call by itself, for people who look at a single record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from billing.rating.bill import Step
from billing.rating.calls import Call, Taken, Untaken, cell_of, segment_of, take
from billing.rating.clauses import calls, duration, feature
from billing.rating.clauses.usage import Metering
from billing.rating.counting import Taking, takings
from billing.rating.exact import ZERO, exact
from billing.rating.matrix import matching_cell
from billing.rating.prices import parts_of, price_calls
from billing.rating.steps import run
from billing.rating.terms import (
    CallsClause,
    Clause,
    DurationClause,
    Elapsed,
    FeatureClause,
    Flat,
    Graduated,
    Matrix,
    ModuleClause,
    PerUnit,
    Price,
    Segment,
    Terms,
)
from billing.rating.tiers import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one clause makes of a call.

    ``amount`` is exact, and None where the price of one call cannot be told from the call alone (the month
    decides). ``position_from`` … ``position_to`` are the units the clause had used before and after the call.
    """

    clause: str
    meter: str
    band: str | None
    talk_ms: int
    billed_seconds: int
    quantity: Fraction
    amount: Fraction | None
    position_from: Fraction | None = None
    position_to: Fraction | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class RatedCall:
    """The version that rules a call (None outside the contract), its charges, and what nobody charges."""

    version: str | None
    charges: tuple[Charge, ...]
    uncovered: tuple[Untaken, ...]


def rate_call(terms: Terms, call: Call, used_before: Mapping[str, Fraction] | None = None) -> RatedCall:
    """Say which clauses take a call, what they bill of it, and what it costs.

    ``used_before`` gives the units each clause had used in the month before this call, in order of start; with it
    tiers and allowances are placed, without it only linear prices name an amount.
    """
    segment = segment_of(terms, call)
    if segment is None:
        return RatedCall(None, (), (Untaken("talk", call.talk_ms),))
    taken, untaken = take(segment.agreement, terms.zone, call)
    by_code = {taking.clause: taking for taking in takings(segment.agreement)}
    charges = [_charge(segment, by_code[each.clause], call, each, used_before) for each in taken]
    return RatedCall(segment.number, tuple(charges), tuple(untaken))


def _charge(
    segment: Segment, taking: Taking, call: Call, taken: Taken, used_before: Mapping[str, Fraction] | None
) -> Charge:
    clause = next(c for c in segment.agreement.clauses if c.code == taken.clause)
    metering, raw = _measure(clause, taken)
    quantity = run((Step("start", Fraction(raw), "used"), *(s for s in metering.convert if s.op == "divide")))
    price = _price_of(clause, taking, call, taken)
    before = None if used_before is None else used_before.get(taken.clause, ZERO)
    amount, parts = _amount(price, metering, taken, quantity, before)
    return Charge(
        clause=taken.clause,
        meter=taken.meter,
        band=taken.band,
        talk_ms=taken.talk_ms,
        parts=parts,
        billed_seconds=taken.billed_seconds,
        quantity=quantity,
        amount=amount,
        position_from=before,
        position_to=None if before is None else before + quantity,
    )


def _measure(clause: Clause, taken: Taken) -> tuple[Metering, Fraction]:
    if isinstance(clause, DurationClause):
        return duration.metering(clause), Fraction(taken.billed_seconds)
    if isinstance(clause, FeatureClause):
        return feature.metering(clause), exact(taken.value)
    metering = calls.metering(clause) if isinstance(clause, CallsClause) else Metering("call", "call")
    return metering, Fraction(1 if taken.opens else 0)


def _price_of(clause: Clause, taking: Taking, call: Call, taken: Taken) -> Price | None:
    price = clause.use_price if isinstance(clause, ModuleClause) else getattr(clause, "price", None)
    if isinstance(price, Matrix):
        index = matching_cell(price, dict(cell_of(taking, call, taken.band)))
        return price.cells[index].price if index < len(price.cells) else price.otherwise
    return price


def _amount(
    price: Price | None, metering: Metering, taken: Taken, quantity: Fraction, before: Fraction | None
) -> tuple[Fraction | None, tuple[Part, ...]]:
    if isinstance(price, Elapsed):
        priced = price_calls(price, [(Fraction(taken.counted_seconds), 1)], metering.per_s)
        return priced.amount, priced.parts
    if isinstance(price, PerUnit) and price.round_each_call and metering.raw_unit == "second":
        priced = price_calls(price, [(Fraction(taken.billed_seconds), 1)], metering.per_s)
        return priced.amount, priced.parts
    linear = isinstance(price, PerUnit) and not metering.included
    if isinstance(price, PerUnit) and linear:
        parts = tuple(parts_of(price, quantity))
        return parts[0].amount, parts
    if before is None or not isinstance(price, (PerUnit, Graduated, Flat)):
        return None, ()
    included = metering.included
    start = max(before - included, ZERO)
    end = max(before + quantity - included, ZERO)
    parts = tuple(parts_of(price, end - start, start))
    return sum((part.amount for part in parts), ZERO), parts
