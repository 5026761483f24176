"""What a comparison says to the person who chooses: which contract, why, from where on, and what it does not know.

What would be otherwise is reckoned from the counted months in proportion: 20 % more calls are 20 % more of everything
that calls brought, longer calls 20 % more of their talk and billed time, a shifted peak a fifth of the usage of the dearest
band at the price of the cheapest. Allowances, tiers, commitments and what is carried over are rated anew each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from billing.money import round_amount
from billing.rating import Agreement, rate, takings
from billing.rating.terms import (
    Elapsed,
    Graduated,
    Matrix,
    ModuleClause,
    Name,
    OneOffClause,
    PackageClause,
    PerUnit,
    Price,
    SeatClause,
    Volume,
)
from billing.rating.totals import Pairs, Row, Totals
from invoices.comparing import Carried, Comparison, Offer, Priced

FIFTH = Fraction(1, 5)
STEPS = tuple(map(Fraction, ("0.25", "0.5", "1", "2", "4")))
HALVINGS = 8
Otherwise = Callable[[Priced], Totals]
Place = tuple[str, str, object, str, Pairs]


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From how much usage a month on, of the same mix, another contract costs less: ``below`` up to it, then ``above``."""

    below: Offer
    above: Offer
    calls: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Changed:
    """What each contract would come to if something were otherwise, by offer code; ``code`` says what, ``text`` in words."""

    code: str
    net: dict[str, Decimal]
    cheapest: Offer

    @property
    def text(self) -> str:
        """Say in the active language what is otherwise."""
        return {
            "fewer_calls": _("20 % fewer calls"),
            "more_calls": _("20 % more calls"),
            "longer_calls": _("calls 20 % longer"),
            "off_peak": _("a fifth of the peak moved off peak"),
        }[self.code]


@dataclass(frozen=True, slots=True)
class Advice:
    """The contract to choose (None when none has a price for every call), the reasons, and what is not known."""

    best: Offer | None
    reasons: list[str]
    unknown: list[str]
    break_evens: list[BreakEven]
    changed: list[Changed]


def advise(compared: Comparison) -> Advice:
    """Recommend one of the contracts compared, in the active language (Chinese or English)."""
    ranked = compared.ranked()
    if not ranked or not any(month.calls for month in compared.months):
        return in_words(compared, Advice(None, [], [], [], []))
    found = (break_even(compared, ranked[0], other) for other in ranked[1:])
    turns = [each for each in found if each]
    return in_words(compared, Advice(ranked[0], [], [], turns, list(_changed(compared, ranked))))


def in_words(compared: Comparison, advice: Advice) -> Advice:
    """Say the same advice in the active language; nothing is reckoned again."""
    ranked, unknown = compared.ranked(), list(_unknown(compared, advice.best))
    if advice.best is not None:
        return replace(advice, reasons=list(_reasons(compared, ranked, advice.changed)), unknown=unknown)
    why = _("There are no calls to compare.") if ranked else _("None of the contracts can be recommended.")
    return replace(advice, reasons=[why], unknown=unknown)


def spread(compared: Comparison, offer: Offer) -> tuple[Decimal, Decimal]:
    """Give what the best and the worst month come to without tax."""
    nets = [month.priced[offer.code].bill.net for month in compared.months if offer.code in month.priced]
    return min(nets, default=Decimal(0)), max(nets, default=Decimal(0))


def cost(compared: Comparison, offer: Offer, otherwise: Otherwise) -> Decimal:
    """Rate all months of an offer again, their usage changed; what is carried over is carried anew."""
    total, carried = Decimal(0), Carried()
    for month in compared.months:
        priced = month.priced[offer.code]
        totals = otherwise(priced)
        if offer.agreement is None:
            total += rate(priced.terms, totals).net
        else:
            again, carried = carried.rate(offer, priced.terms, totals)
            total += again.bill.net
    return total


def break_even(compared: Comparison, one: Offer, other: Offer) -> BreakEven | None:
    """Find the usage a month at which two offers cost the same, between a quarter and four times that of the months.

    The one nearest to what is used now; None when one of them costs less throughout.
    """

    def dearer(factor: Fraction) -> bool:
        times = scaled(calls=factor)
        return cost(compared, one, times) > cost(compared, other, times)

    for low, high in sorted(pairwise(STEPS), key=lambda pair: abs(pair[0] - 1) + abs(pair[1] - 1)):
        begins = dearer(low)
        if begins != dearer(high):
            each = _turn(dearer, low, high) / len(compared.months)
            calls = sum(month.calls for month in compared.months)
            talk_ms = sum(month.talk_ms for month in compared.months)
            below, above = (other, one) if begins else (one, other)
            return BreakEven(below, above, round(calls * each), round(talk_ms * each / 60_000))
    return None


def _turn(dearer: Callable[[Fraction], bool], low: Fraction, high: Fraction) -> Fraction:
    """Halve the way between two factors on which ``dearer`` differs until the turn is close."""
    begins = dearer(low)
    for _halving in range(HALVINGS):
        middle = (low + high) / 2
        if dearer(middle) == begins:
            low = middle
        else:
            high = middle
    return high


# -- usage that is otherwise ------------------------------------------------------------------------------------------


def scaled(*, calls: Fraction = Fraction(1), talk: Fraction = Fraction(1)) -> Otherwise:
    """Say how usage changes in proportion: so many times the calls, each of so many times the talk."""

    def otherwise(priced: Priced) -> Totals:
        rows = [_times(row, calls, calls * talk) for row in _without_days(priced)]
        return replace(priced.totals, rows=tuple(rows))

    return otherwise


def off_peak(priced: Priced) -> Totals:
    """Move a fifth of what the dearest band has to the cheapest, clause by clause or cell by cell."""
    rows = list(priced.totals.rows)
    for segment in priced.terms.segments:
        for dear, cheap in bands_apart(segment.agreement):
            moved = [row for row in rows if row.segment == segment.number and is_in(row, dear)]
            rows = [row for row in rows if row not in moved]
            rows += [_times(row, 1 - FIFTH, 1 - FIFTH) for row in moved]
            rows += [_times(_into(row, dear, cheap), FIFTH, FIFTH) for row in moved]
    return replace(priced.totals, rows=tuple(rows))


BandPlace = tuple[str, str]  # clause and, in a matrix, band


def bands_apart(agreement: Agreement) -> Iterator[tuple[BandPlace, BandPlace]]:
    """Pair the dearest with the cheapest place of usage that differs in its band alone."""
    groups: dict[object, list[tuple[Decimal, BandPlace]]] = {}
    for taking in takings(agreement):
        price = getattr(agreement.clause(taking.clause), "price", None)
        if isinstance(price, Matrix) and "band" in price.dimensions:
            for cell in price.cells:
                if "band" in cell.where:
                    rest = tuple(sorted((n, v) for n, v in cell.where.items() if n != "band"))
                    groups.setdefault((taking.clause, rest), []).append(
                        (_unit_price(cell.price), (taking.clause, cell.where["band"]))
                    )
        elif taking.select.band and price is not None:
            group = (taking.meter, repr(replace(taking.select, band=())))
            groups.setdefault(group, []).append((_unit_price(price), (taking.clause, "")))
    for places in groups.values():
        dear, cheap = max(places), min(places)
        if dear[0] > cheap[0]:
            yield dear[1], cheap[1]


def _unit_price(price: Price) -> Decimal:
    match price:
        case PerUnit():
            return price.price / price.per
        case Graduated() | Volume():
            return price.tiers[0].price
        case Elapsed():
            return price.parts[0].price
    return Decimal(0)


def is_in(row: Row, place: BandPlace) -> bool:
    """Tell whether a row of usage is of a clause and band."""
    return row.clause == place[0] and (not place[1] or dict(row.cell).get("band") == place[1])


def _into(row: Row, dear: BandPlace, cheap: BandPlace) -> Row:
    cell = tuple((name, cheap[1] if name == "band" and cheap[1] else value) for name, value in row.cell)
    return replace(row, clause=cheap[0], cell=cell)


def _times(row: Row, calls: Fraction, talk: Fraction) -> Row:
    longer = talk / calls if calls else Fraction(1)
    return replace(
        row,
        calls=round(row.calls * calls),
        talk_ms=round(row.talk_ms * talk),
        billed_seconds=round(row.billed_seconds * talk),
        value=row.value * calls.numerator / calls.denominator,
        histogram=tuple(
            (Decimal(round(Fraction(number) * longer)), round(count * calls)) for number, count in row.histogram
        ),
    )


def _without_days(priced: Priced) -> list[Row]:
    """Put the days of a clause together where its price does not look at days."""
    daily = {(s.number, t.clause) for s in priced.terms.segments for t in takings(s.agreement) if t.by_day}
    places: dict[Place, list[Row]] = {}
    for row in priced.totals.rows:
        on = row.on if (row.segment, row.clause) in daily else None
        places.setdefault((row.segment, row.clause, on, row.group, row.cell), []).append(row)
    return [_sum(rows, daily=place[2] is not None) for place, rows in places.items()]


def _sum(rows: list[Row], *, daily: bool) -> Row:
    histogram: Counter[Decimal] = Counter()
    for row in rows:
        histogram.update(dict(row.histogram))
    return replace(
        rows[0],
        on=rows[0].on if daily else None,
        calls=sum(row.calls for row in rows),
        talk_ms=sum(row.talk_ms for row in rows),
        billed_seconds=sum(row.billed_seconds for row in rows),
        value=sum((row.value for row in rows), Decimal(0)),
        histogram=tuple(sorted(histogram.items())),
    )


def _changed(compared: Comparison, ranked: list[Offer]) -> Iterator[Changed]:
    for code, otherwise in (
        ("fewer_calls", scaled(calls=1 - FIFTH)),
        ("more_calls", scaled(calls=1 + FIFTH)),
        ("longer_calls", scaled(talk=1 + FIFTH)),
        ("off_peak", off_peak),
    ):
        net = {offer.code: cost(compared, offer, otherwise) for offer in ranked}
        yield Changed(code, net, min(ranked, key=lambda offer: net[offer.code]))


# -- in words ---------------------------------------------------------------------------------------------------------


def _reasons(compared: Comparison, ranked: list[Offer], changed: list[Changed]) -> Iterator[str]:
    best, currency = ranked[0], compared.contract.tenant.currency
    net = compared.net(best)
    yield _("%(name)s is the cheapest of %(number)d contracts with a price for every call: %(net)s %(currency)s without tax.") % {
        "name": named(best), "number": len(ranked), "net": f"{net:,}", "currency": currency,
    }  # fmt: skip
    beside = next((offer for offer in ranked if offer.agreement is None and offer is not best), None) or next(
        iter(ranked[1:]), None
    )
    if beside is not None:
        more = compared.net(beside) - net
        share = round_amount(Fraction(more * 100) / Fraction(compared.net(beside) or 1), "CNY", "half-up")
        yield _("That is %(more)s %(currency)s (%(share)s %%) less than %(name)s, and less in %(won)d of %(months)d months.") % {
            "more": f"{more:,}", "currency": currency, "share": share, "name": named(beside),
            "won": sum(m.priced[best.code].bill.net < m.priced[beside.code].bill.net for m in compared.months),
            "months": len(compared.months),
        }  # fmt: skip
    least, most = spread(compared, best)
    yield _("Its best month comes to %(least)s, its worst to %(most)s.") % {"least": f"{least:,}", "most": f"{most:,}"}
    lifted = sum(
        (line.amount for m in compared.months for line in m.priced[best.code].bill.lines if line.kind == "true_up"),
        Decimal(0),
    )
    if lifted:
        yield _("%(amount)s of it is not used but owed for its minimum commitment.") % {"amount": f"{lifted:,}"}
    turned = [each for each in changed if each.cheapest is not best]
    if not turned:
        yield _(
            "It stays the cheapest with 20 % fewer or more calls, with longer calls, and with less of them at peak."
        )
    for each in turned:
        yield _("With %(change)s, %(name)s would be the cheapest.") % {
            "change": each.text,
            "name": named(each.cheapest),
        }


def _unknown(compared: Comparison, best: Offer | None) -> Iterator[str]:
    for offer in compared.offers:
        if not compared.is_whole(offer):
            calls = compared.uncovered(offer)
            yield (
                _("%(name)s has no price for %(calls)s of the calls; its figures leave them out.")
                if calls
                else _("%(name)s was not in force in all of the months.")
            ) % {"name": named(offer), "calls": f"{calls:,}"}
        elif clauses := compared.not_told(offer):
            yield _(
                "%(name)s is not ranked: it charges for %(items)s, and how many would be held is not told; its figures leave them out."
            ) % {"name": named(offer), "items": ", ".join(names_of_items(clauses).values())}
    if best is not None and best.agreement is not None:
        yield from _not_of_calls(best.agreement)
    if len(compared.months) < 3:
        yield _("Fewer than three months say little about the months to come.")
    yield _("Fees and promises that the contracts do not write down, and prices to come, are not in these figures.")


def _not_of_calls(agreement: Agreement) -> Iterator[str]:
    """Say what the calls do not tell about the contract recommended."""
    if any(isinstance(clause, PackageClause) and clause.every == "once" for clause in agreement.clauses):
        yield _("Prepaid packages are taken as never bought: all usage is at the price without one.")
    if any(isinstance(clause, OneOffClause) for clause in agreement.clauses):
        yield _("One-off fees count only when their day is in the months compared.")


def named(offer: Offer) -> str:
    """Give an offer's name in the active language."""
    return _read(offer.name)


def names_of_items(clauses: Iterable[SeatClause | ModuleClause]) -> dict[str, str]:
    """Give the name of each item in the active language, as the first clause that charges for it calls it."""
    names: dict[str, str] = {}
    for clause in clauses:
        names.setdefault(clause.item, _read(clause.name))
    return names


def _read(name: Name) -> str:
    return name.zh if (get_language() or "").startswith("zh") else name.en
