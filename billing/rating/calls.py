"""One call: which clauses take it, what is billed of it, and what it costs where that can be said alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.rating.bands import band_at, cut_at_bands
from billing.rating.counting import Taking, meters
from billing.rating.durations import billed_pieces, billed_seconds, counted_seconds
from billing.rating.terms import Agreement, DurationRule, Segment, Select, Terms
from billing.rating.totals import Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call as the engine sees it. ``talk_ms`` is all talk, ``agent_ms`` the part after the transfer."""

    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    talk_ms: int = 0
    agent_ms: int = 0
    reported_s: int | None = None
    call_id: str = ""
    direction: str = ""
    region: str = ""
    source: str = ""
    robot: str = ""
    line: str = ""
    language: str = ""
    modules: tuple[str, ...] = ()
    transferred: bool = False
    labels: Mapping[str, str] | None = None
    counters: Mapping[str, Decimal] | None = None

    @property
    def answered(self) -> bool:
        """Tell whether the call was answered: by an answer time, never by a hangup cause."""
        return self.answered_at is not None

    def value_of(self, dimension: str, band: str | None = None) -> str:
        """Give the call's value of a matrix dimension or a group, "" when it has none."""
        if dimension == "band":
            return band or ""
        if dimension in ("direction", "region", "source", "robot", "line", "language"):
            return str(getattr(self, dimension))
        return (self.labels or {}).get(dimension, "")


class Taken(NamedTuple):
    """What one clause takes of one call: on which meter, in which band, how much."""

    clause: str
    meter: str
    band: str | None
    talk_ms: int = 0
    counted_seconds: int = 0
    billed_seconds: int = 0
    value: Decimal = Decimal(0)
    opens: bool = True


class Untaken(NamedTuple):
    """A meter on which nobody takes (the rest of) a call."""

    meter: str
    talk_ms: int = 0
    value: Decimal = Decimal(0)


def segment_of(terms: Terms, call: Call) -> Segment | None:
    """Find the version that rules on the local day a call started, or None outside the contract."""
    day = local_day(terms.zone, call.started_at)
    return next((s for s in terms.segments if s.starts_on <= day < s.ends_on), None)


def local_day(zone: str, instant: datetime) -> date:
    """Give the local date of an aware instant."""
    return instant.astimezone(ZoneInfo(zone)).date()


def matches(select: Select, call: Call, band: str | None) -> bool:
    """Tell whether a call has everything a selector names."""
    return (
        (select.direction is None or call.direction == select.direction)
        and (select.answered is None or call.answered == select.answered)
        and (select.transferred is None or call.transferred == select.transferred)
        and all(
            not wanted or value in wanted
            for wanted, value in (
                (select.source, call.source),
                (select.robot, call.robot),
                (select.line, call.line),
                (select.language, call.language),
                (select.band, band),
            )
        )
        and (not select.region or _in_region(select, call.region))
        and (not select.module or any(module in select.module for module in call.modules))
        and all((call.labels or {}).get(label) in wanted for label, wanted in (select.labels or {}).items())
    )


def _in_region(select: Select, region: str) -> bool:
    if select.region_match == "prefix":
        return any(region.startswith(prefix) for prefix in select.region)
    return region in select.region


def take(agreement: Agreement, zone: str, call: Call) -> tuple[list[Taken], list[Untaken]]:
    """Give every meter's first matching clause its call, and say on which meters nobody takes it."""
    taken: list[Taken] = []
    untaken: list[Untaken] = []
    band = band_at(agreement.bands, agreement.calendar, call.started_at, zone) if agreement.bands else None
    for candidates in meters(agreement).values():
        if candidates[0].measure is not None:
            continue
        found, left = _take_on_meter(agreement, zone, call, band, candidates)
        taken.extend(found)
        untaken.extend([left] if left and candidates[0].needs_cover else [])
    if not taken and not untaken and call.answered:
        untaken.append(Untaken("talk", call.talk_ms))
    return taken, untaken


def _take_on_meter(
    agreement: Agreement, zone: str, call: Call, band: str | None, candidates: Sequence[Taking]
) -> tuple[list[Taken], Untaken | None]:
    if candidates[0].rule is not None:
        return _take_talk(agreement, zone, call, band, candidates)
    counter = candidates[0].counter
    value = (call.counters or {}).get(counter, Decimal(0)) if counter else Decimal(0)
    if counter and counter not in (call.counters or {}):
        return [], None
    for taking in candidates:
        if _counts(taking, call) and matches(taking.select, call, band):
            return [Taken(taking.clause, taking.meter, band, value=value)], None
    attempts = any(taking.counts == "attempted" for taking in candidates)
    answered = call.answered and any(taking.counts != "transferred" for taking in candidates)
    lacking = (value != 0) if counter else (answered or attempts)
    return [], Untaken(candidates[0].meter, value=value) if lacking else None


def _counts(taking: Taking, call: Call) -> bool:
    if taking.counter is not None or taking.counts == "attempted":
        return True
    return call.transferred if taking.counts == "transferred" else call.answered


def _take_talk(
    agreement: Agreement, zone: str, call: Call, band: str | None, candidates: Sequence[Taking]
) -> tuple[list[Taken], Untaken | None]:
    """Give the talk to the first duration clause, or its pieces to the first that takes their band."""
    if not call.answered or (call.talk_ms == 0 and not call.reported_s):
        first = next((t for t in candidates if call.answered and matches(t.select, call, band)), None)
        return ([Taken(first.clause, first.meter, band)] if first else []), None
    if all(t.rule is None or t.rule.at_band_edge == "start" for t in candidates):
        first = next((t for t in candidates if matches(t.select, call, band)), None)
        if first is None or first.rule is None:
            return [], Untaken(candidates[0].meter, call.talk_ms)
        return [_whole(first, first.rule, call, band)], None
    return _take_pieces(agreement, zone, call, band, candidates)


def _whole(taking: Taking, rule: DurationRule, call: Call, band: str | None) -> Taken:
    legs = legs_of(rule, call)
    reported = [call.reported_s if len(legs) == 1 else None, None]
    pairs = list(zip(legs, reported, strict=False))
    return Taken(
        taking.clause,
        taking.meter,
        band,
        sum(legs),
        sum(counted_seconds(_for_leg(rule, r), leg, reported_s=r) for leg, r in pairs),
        sum(billed_seconds(_for_leg(rule, r), leg, reported_s=r) for leg, r in pairs),
    )


def _for_leg(rule: DurationRule, reported_s: int | None) -> DurationRule:
    """Fall back on exact seconds where a leg has no reported ones."""
    if rule.basis != "reported" or reported_s is not None:
        return rule
    return replace(rule, basis="exact-ceil")


def legs_of(rule: DurationRule, call: Call) -> list[int]:
    """Give the milliseconds to bill: the robot's part, all talk, or the robot's and the agent's part apart."""
    robot_ms = max(call.talk_ms - call.agent_ms, 0)
    if rule.legs == "whole":
        return [call.talk_ms]
    return [robot_ms] if rule.legs == "robot" or not call.agent_ms else [robot_ms, call.agent_ms]


def _take_pieces(
    agreement: Agreement, zone: str, call: Call, band: str | None, candidates: Sequence[Taking]
) -> tuple[list[Taken], Untaken | None]:
    """Cut the talk at band edges and give every piece to the first clause that takes its band.

    A clause that looks at the start takes every piece that nobody before it took. Legs are billed apart.
    """
    begin = call.answered_at or call.started_at
    taken: list[Taken] = []
    untaken_ms = 0
    legs = legs_of(_first_rule(agreement, candidates, call), call)
    for leg_ms in legs:
        cut = cut_at_bands(agreement.bands, agreement.calendar, begin, leg_ms, zone)
        owned = [(owner, piece[0], piece[2]) for piece in cut if (owner := _owner(candidates, call, band, piece[0]))]
        untaken_ms += leg_ms - sum(ms for _, _, ms in owned)
        taken.extend(_billed(owned, band, call.reported_s if len(legs) == 1 else None, first=not taken))
        begin += timedelta(milliseconds=leg_ms)
    return taken, Untaken(candidates[0].meter, untaken_ms) if untaken_ms else None


def _billed(
    owned: list[tuple[Taking, str | None, int]], band: str | None, reported_s: int | None, *, first: bool
) -> list[Taken]:
    if not owned:
        return []
    rules = [_for_leg(owner.rule or DurationRule(), reported_s) for owner, _, _ in owned]
    billed = billed_pieces(rules, [ms for _, _, ms in owned], reported_s=reported_s)
    return [
        Taken(
            owner.clause,
            owner.meter,
            piece_band if rule.at_band_edge == "split" else band,
            ms,
            -(-ms // 1000),
            seconds,
            opens=first and index == 0,
        )
        for index, ((owner, piece_band, ms), rule, seconds) in enumerate(zip(owned, rules, billed, strict=True))
    ]


def _first_rule(agreement: Agreement, candidates: Sequence[Taking], call: Call) -> DurationRule:
    rules = [t.rule for t in candidates if t.rule is not None]
    return next((t.rule for t in candidates if t.rule and _matches_any(agreement, t, call)), rules[0])


def _matches_any(agreement: Agreement, taking: Taking, call: Call) -> bool:
    return any(matches(taking.select, call, band.code) for band in agreement.bands) or matches(
        taking.select, call, None
    )


def _owner(candidates: Sequence[Taking], call: Call, start_band: str | None, piece_band: str | None) -> Taking | None:
    for taking in candidates:
        splits = taking.rule is not None and taking.rule.at_band_edge == "split"
        if matches(taking.select, call, piece_band if splits else start_band):
            return taking
    return None


def cell_of(taking: Taking, call: Call, band: str | None) -> Pairs:
    """Give the matrix cell values of a call for a clause, in the order of its dimensions."""
    return tuple((name, call.value_of(name, band)) for name in taking.dimensions)
