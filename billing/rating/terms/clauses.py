"""The shapes of a clause: one priced promise of a contract version, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import ClassVar, Literal

from billing.rating.refusals import InvalidTerms
from billing.rating.terms.pricing import Elapsed, Matrix, Percentage, PerUnit, Price, RoundingMode
from billing.rating.terms.selecting import DurationRule, Name, Select

EVERYTHING = Select()
STARTED_MINUTES = DurationRule()


def rounds_single_calls(price: Price) -> bool:
    """Tell whether calls are priced one by one."""
    return isinstance(price, Elapsed) or (isinstance(price, PerUnit) and price.round_each_call is not None)


def refuse_prices(
    price: Price | None, kinds: tuple[type, ...], pointer: str = "/price", *, of_calls: bool = False
) -> None:
    """Refuse a kind of price that a clause cannot use; only calls can be rounded one by one."""
    if price is not None and isinstance(price, kinds):
        raise InvalidTerms(f"A price of kind {price.kind} does not fit this kind of clause.", pointer=f"{pointer}/kind")
    if Elapsed in kinds and isinstance(price, PerUnit) and price.round_each_call is not None and not of_calls:
        raise InvalidTerms("Leave round_each_call out; it rounds calls.", pointer=f"{pointer}/round_each_call")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClauseHead:
    """What every clause has. ``tax`` overrides the agreement's rate ("0" for none).

    ``discountable`` false keeps the clause out of discounts that name no clauses;
    ``eligible`` false keeps it out of commitments and caps that name no clauses.
    """

    code: str
    name: Name
    reference: str = ""
    tax: Decimal | None = None
    discountable: bool = True
    eligible: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageHead(ClauseHead):
    """What clauses on calls share.

    ``group_by`` robot, line, or a label: lines per value; ``tiers_per`` clause counts allowances and tiers over
    all groups together, group counts them anew in each. ``on_top`` charges in addition: the clause takes calls on
    a meter of its own, so it neither competes with other clauses nor leaves anything uncovered.
    """

    select: Select = EVERYTHING
    group_by: str | None = None
    tiers_per: Literal["clause", "group"] = "clause"
    on_top: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DurationClause(UsageHead):
    """Billed seconds of answered calls; ``price`` is per ``per_s`` seconds, normally the minute."""

    kind: ClassVar[str] = "duration"
    price: Price
    rule: DurationRule = STARTED_MINUTES
    per_s: int = 60
    included_minutes: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        refuse_prices(self.price, (Percentage,))
        if self.included_minutes and rounds_single_calls(self.price):
            raise InvalidTerms(
                "Leave included_minutes out: a price of single calls does not know which were free.",
                pointer="/included_minutes",
            )
        if self.per_s < 1:
            raise InvalidTerms(
                "Write the seconds of the unit that the price is for, 60 for a minute.", pointer="/per_s"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsClause(UsageHead):
    """Calls that match: answered ones, all attempts, or those passed on to an agent.

    Beyond ``limit_per_day`` (first) or ``limit_per_month`` a call is charged at ``beyond_price``, free, or
    refused; a refused call that happened all the same is uncovered usage. Included calls are used up by the
    calls within the limits.
    """

    kind: ClassVar[str] = "calls"
    price: Price
    counts: Literal["answered", "attempted", "transferred"] = "answered"
    included_calls: Decimal = Decimal(0)
    limit_per_day: int | None = None
    limit_per_month: int | None = None
    beyond_limit: Literal["charge", "free", "refuse"] = "charge"
    beyond_price: Price | None = None

    def __post_init__(self) -> None:
        refuse_prices(self.price, (Elapsed,), of_calls=True)
        refuse_prices(self.beyond_price, (Elapsed, Percentage, Matrix), "/beyond_price", of_calls=True)
        limited = self.limit_per_day is not None or self.limit_per_month is not None
        if limited and self.beyond_limit == "charge" and self.beyond_price is None:
            raise InvalidTerms(
                "Write what a call beyond the limit costs, or set beyond_limit.", pointer="/beyond_price"
            )


@dataclass(frozen=True, slots=True)
class CounterRounding:
    """How a counter's quantity is rounded once it is aggregated and scaled."""

    mode: RoundingMode = "up"
    places: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureClause(UsageHead):
    """A counter that calls carry, aggregated over the month, divided by ``scale``, rounded, priced per ``unit``.

    ``window`` with ``window_takes`` prices Σ over hours or days of the highest (lowest) value in each;
    the totals then carry that sum per day.
    """

    kind: ClassVar[str] = "feature"
    price: Price
    counter: str
    unit: str = "unit"
    aggregate: Literal["sum", "max", "latest", "distinct"] = "sum"
    window: Literal["hour", "day"] | None = None
    window_takes: Literal["max", "min"] = "max"
    scale: Decimal = Decimal(1)
    rounding: CounterRounding | None = None
    included_units: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        refuse_prices(self.price, (Elapsed,))
        if self.scale <= 0:
            raise InvalidTerms("Write a scale above 0 (60 turns seconds into minutes).", pointer="/scale")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleClause(ClauseHead):
    """A functional module: its monthly ``price`` by active days, and ``use_price`` per call that used it.

    ``item`` names the subscription in the totals. Once taken, it is charged for ``minimum_months`` at least.
    """

    kind: ClassVar[str] = "module"
    item: str
    price: Price
    use_price: Price | None = None
    select: Select = EVERYTHING
    minimum_months: int = 0

    def __post_init__(self) -> None:
        refuse_prices(self.price, (Elapsed, Percentage, Matrix))
        refuse_prices(self.use_price, (Elapsed, Percentage, Matrix), "/use_price", of_calls=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatClause(ClauseHead):
    """Seats, slots, numbers or robots held in the month.

    ``counts``: days = seat-days / days of the month; peak = the most on any day; snapshot = those held on
    ``snapshot_day``; measured = counted from the calls (``measure``). At least ``committed`` are charged.
    ``unit`` is what is printed.
    """

    kind: ClassVar[str] = "seat"
    item: str
    price: Price
    unit: str = "seat"
    counts: Literal["days", "peak", "snapshot", "measured"] = "days"
    measure: Literal["distinct_robots", "distinct_lines", "peak_concurrency"] | None = None
    snapshot_day: int = 1
    committed: Decimal = Decimal(0)
    included: Decimal = Decimal(0)
    per_day: bool = False

    def __post_init__(self) -> None:
        refuse_prices(self.price, (Elapsed, Percentage, Matrix))
        if (self.counts == "measured") != (self.measure is not None):
            raise InvalidTerms('Write measure with counts "measured", and only there.', pointer="/measure")
        if not 1 <= self.snapshot_day <= 31:
            raise InvalidTerms("Write the day of the month, 1 to 31.", pointer="/snapshot_day")


@dataclass(frozen=True, slots=True)
class Credit:
    """What is given back when the measured level is below ``below`` (the lowest row that applies wins)."""

    below: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevelClause(ClauseHead):
    """A promise of service: a monthly fee or a percentage of clauses, and credits when it was missed.

    ``measure`` names the measurement in the totals; a credit is a share of the clauses in ``credit_of`` (of this
    clause when empty), on its own negative line.
    """

    kind: ClassVar[str] = "service_level"
    price: Price
    measure: str | None = None
    credits: tuple[Credit, ...] = ()
    credit_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse_prices(self.price, (Elapsed, Matrix))
        if self.credits and self.measure is None:
            raise InvalidTerms("Name the measurement that the credits look at.", pointer="/measure")


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a ramp: ``months`` from the contract's start (open when null) at ``price`` a cycle."""

    price: Decimal
    months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecurringClause(ClauseHead):
    """A fee per month, quarter, half-year or year, counted from the contract's start.

    A longer cycle falls due in its first month (advance) or its last (arrears). ``phases`` replace ``price`` by
    a ramp. ``prorated`` overrides the policy for this fee.
    """

    kind: ClassVar[str] = "recurring"
    price: Decimal = Decimal(0)
    quantity: Decimal = Decimal(1)
    unit: str = ""
    every: Literal["month", "quarter", "half_year", "year"] = "month"
    charged: Literal["arrears", "advance"] = "arrears"
    prorated: bool | None = None
    phases: tuple[Phase, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOffClause(ClauseHead):
    """A dated fee that the contract names: set-up, a custom voice."""

    kind: ClassVar[str] = "one_off"
    price: Decimal
    on: date
    quantity: Decimal = Decimal(1)
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Covered:
    """A clause whose usage a package may pay for; each unit used takes ``factor`` units of the package."""

    clause: str
    factor: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageClause(ClauseHead):
    """Units or money bought beforehand and drawn down first.

    ``every`` month grants ``quantity`` anew each month at ``price``; once is bought by entries in the totals'
    balances. ``unit`` money is a credit in the currency, any other unit is that of the clauses in ``covers``.
    It lasts ``valid_months`` or ``valid_days`` from the purchase; with neither, to the end of the month when
    bought monthly and for ever when bought once. ``carry_over_months`` lets a monthly rest live on.
    """

    kind: ClassVar[str] = "package"
    price: Decimal
    quantity: Decimal
    covers: tuple[Covered, ...]
    unit: str = "minute"
    every: Literal["month", "once"] = "once"
    priority: int = 0
    valid_months: int | None = None
    valid_days: int | None = None
    carry_over_months: int = 0

    def __post_init__(self) -> None:
        if not self.covers:
            raise InvalidTerms("Name the clauses whose usage the package pays for.", pointer="/covers")
        for index, covered in enumerate(self.covers):
            if covered.factor <= 0:
                raise InvalidTerms("Write a factor above 0.", pointer=f"/covers/{index}/factor")


UsageClause = DurationClause | CallsClause | FeatureClause
Clause = (
    DurationClause
    | CallsClause
    | FeatureClause
    | ModuleClause
    | SeatClause
    | ServiceLevelClause
    | RecurringClause
    | OneOffClause
    | PackageClause
)
