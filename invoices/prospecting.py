"""What a prospect without history would pay: calls told by a profile or in a CSV, under catalogue contracts; nothing is stored.

The calls are counted by the engine itself (``billing.rating.recount``) and never reach the tables of calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from billing.errors import Refused
from billing.periods import Period, period_containing
from billing.rating import terms_from_versions
from billing.rating.calls import Call, local_day
from billing.rating.recount import count
from billing.rating.terms import SeatClause
from billing.rating.totals import Change, Subscription, Totals
from invoices.comparing import (
    MOST_MONTHS,
    CannotCompare,
    Carried,
    Comparison,
    Month,
    Offer,
    check_offers,
    clauses_of_items,
)
from tenants.models import Contract, Tenant
from usage.formats import table
from usage.formats.native import MAX_RECORDS
from usage.formats.record import CallRecord

MOST_CALLS, MOST_A_DAY, MOST_FAULTS = 100_000, 3_000, 20
PEAK, OFF_PEAK = (time(9), 9), (time(19), 4)  # from when, and for so many hours


class WrongProspect(Refused):
    """The prospect's calls cannot be read, or are none or too many."""

    status = 422


@dataclass(frozen=True, slots=True)
class Prospect:
    """Who may become a tenant: zone, currency, calls; seats, and modules by their items in the contracts."""

    zone: str
    currency: str
    calls: tuple[Call, ...]
    seats: int = 0
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A month's use: answered calls a day, talk seconds with their shares (adding up to 1), the share from 9 to 18 o'clock."""

    calls_per_day: int
    lengths: tuple[tuple[int, Fraction], ...]
    peak_share: Fraction
    modules: tuple[str, ...] = ()


def calls_of_profile(profile: Profile, month: Period, zone: str) -> tuple[Call, ...]:
    """Lay a profile's calls over a month, as many each day: those of the peak over 9 to 18, others over 19 to 23 o'clock.

    Raises WrongProspect for more than 3,000 calls a day, shares outside of 0 to 1 or that do not add up to 1.
    """
    if not 1 <= profile.calls_per_day <= MOST_A_DAY:
        raise WrongProspect("wrong_profile", _("Say 1 to %(most)d calls a day.") % {"most": MOST_A_DAY}, pointer="/calls_per_day")  # fmt: skip
    lengths = profile.lengths
    if any(not 1 <= seconds <= 86_400 or share < 0 for seconds, share in lengths) or sum(s for _l, s in lengths) != 1:
        raise WrongProspect(
            "wrong_profile", _("Give lengths of 1 to 86400 seconds with shares that add up to 1."), pointer="/lengths"
        )
    if not 0 <= profile.peak_share <= 1:
        raise WrongProspect("wrong_profile", _("The share at peak lies between 0 and 1."), pointer="/peak_share")
    days = [month.starts_on + timedelta(days=each) for each in range((month.ends_on - month.starts_on).days)]
    return tuple(
        call for number, day in enumerate(days) for call in _calls_of_day(profile, day, number, ZoneInfo(zone))
    )


def _calls_of_day(profile: Profile, day: date, number: int, zone: ZoneInfo) -> Iterator[Call]:
    """Spread each part over its hours; lengths take turns over the whole month, so that their shares hold of both parts."""
    at_peak = round(profile.calls_per_day * (number + 1) * profile.peak_share) - round(
        profile.calls_per_day * number * profile.peak_share
    )
    for place in range(profile.calls_per_day):
        (begins, hours), first, many = (
            (PEAK, 0, at_peak) if place < at_peak else (OFF_PEAK, at_peak, profile.calls_per_day - at_peak)
        )
        start = datetime.combine(day, begins, zone) + timedelta(hours=hours) * ((place - first) / many)
        seconds = _length(profile.lengths, profile.calls_per_day * number + place)
        yield Call(
            started_at=start, answered_at=start, ended_at=start + timedelta(seconds=seconds), talk_ms=seconds * 1000,
            call_id=f"{day}-{place}", direction="outbound", modules=profile.modules,
        )  # fmt: skip


def _length(lengths: Sequence[tuple[int, Fraction]], place: int) -> int:
    """Give the length of a call: every hundred calls meet the shares, in whole hundredths."""
    turn, upto = Fraction(place * 61 % 100, 100), Fraction(0)
    for seconds, share in lengths:
        upto += share
        if turn < upto:
            return seconds
    return lengths[-1][0]


def calls_of_csv(body: bytes) -> tuple[Call, ...]:
    """Read calls in the CSV of the call API. Raises WrongProspect that names the wrong lines; UnreadableBody for its header.

    At most 100,000 calls; a cell holds no line break.
    """
    lines = [(at, line) for at, line in enumerate(body.splitlines(), 1) if line.strip()]
    if not 2 <= len(lines) <= MOST_CALLS + 1:
        raise WrongProspect(
            "wrong_calls", _("The table needs a header and 1 to %(most)s calls.") % {"most": f"{MOST_CALLS:,}"}
        )
    (_first, header), *rest = lines
    found: list[Call] = []
    faults: list[str] = []
    for begin in range(0, len(rest), MAX_RECORDS):
        some = rest[begin : begin + MAX_RECORDS]
        decoded = table.decode(b"\n".join([header, *(line for _at, line in some)]))
        if len(decoded) != len(some):
            raise WrongProspect("wrong_calls", _("A cell has a line break; take it out."))
        for (at, _line), each in zip(some, decoded, strict=True):
            if each.record is not None:
                found.append(_call(each.record))
            elif each.fault is not None:
                faults.append(_("line %(line)d: %(fault)s") % {"line": at, "fault": each.fault.detail})
    if faults:
        more = [_("and %(number)d more") % {"number": len(faults) - MOST_FAULTS}] if len(faults) > MOST_FAULTS else []
        raise WrongProspect("wrong_calls", "\n".join([*faults[:MOST_FAULTS], *more]))
    return tuple(found)


def _call(record: CallRecord) -> Call:
    return Call(
        started_at=record.started_at, answered_at=record.answered_at, ended_at=record.ended_at,
        talk_ms=record.talked_ms, agent_ms=record.agent_ms, reported_s=record.reported_seconds,
        call_id=f"{record.call_id}/{record.leg}", direction=record.direction, region=record.region, robot=record.robot,
        line=record.line, language=record.language, modules=tuple(record.modules),
        transferred=record.transferred_at is not None, labels=record.labels, counters=record.counters,
    )  # fmt: skip


def try_prospect(prospect: Prospect, offers: Sequence[Offer]) -> Comparison:
    """Compare contracts over a prospect's calendar months, from the first call to the last.

    Raises CannotCompare for no calls, too many months, and contracts that are none, named twice or of another currency.
    """
    check_offers(offers, prospect.currency)
    by_month: dict[Period, list[Call]] = {}
    for call in prospect.calls:
        by_month.setdefault(period_containing(local_day(prospect.zone, call.started_at), 1), []).append(call)
    months = _without_gaps(sorted(by_month, key=lambda month: month.starts_on))
    carried = {offer.code: Carried() for offer in offers}
    compared = []
    for month in months:
        calls = by_month.get(month, [])
        priced = {}
        for offer in offers:
            if offer.agreement is None:
                raise CannotCompare("wrong_offers", _("A prospect has no contract of its own."))
            versions = [("1", months[0].starts_on, offer.agreement)]
            terms = terms_from_versions(month, prospect.zone, versions, ends_on=months[-1].ends_on)
            totals = count(terms, calls, Totals(subscriptions=_held(prospect, offer)))
            priced[offer.code], carried[offer.code] = carried[offer.code].rate(offer, terms, totals)
        answered, talk_ms = sum(call.answered for call in calls), sum(call.talk_ms for call in calls)
        compared.append(Month(month, len(calls), answered, talk_ms, priced))
    nobody = Contract(tenant=Tenant(zone=prospect.zone, currency=prospect.currency))  # never saved
    return Comparison(nobody, tuple(offers), tuple(compared))


def _without_gaps(months: list[Period]) -> list[Period]:
    if not months:
        raise CannotCompare("wrong_months", _("There are no calls to compare."))
    found = months[:1]
    while found[-1].ends_on < months[-1].ends_on:
        if len(found) == MOST_MONTHS:
            raise CannotCompare("wrong_months", _("Choose 1 to %(most)d whole months.") % {"most": MOST_MONTHS})
        found.append(period_containing(found[-1].ends_on, 1))
    return found


def _held(prospect: Prospect, offer: Offer) -> tuple[Subscription, ...]:
    """Hold the seats under every item of seats the contract has, and one of each module that the prospect wants."""
    held = {
        clause.item: prospect.seats if isinstance(clause, SeatClause) else int(clause.item in prospect.modules)
        for clause in clauses_of_items([offer])
    }
    return tuple(Subscription(item, (Change(date.min, Decimal(number)),)) for item, number in held.items())
