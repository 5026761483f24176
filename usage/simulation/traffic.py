"""Seeded calls, day by day, in time order. No clock, no database: the same arguments, the same calls."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal

from usage.simulation.numbers import REGIONS
from usage.simulation.profiles import Hours, Profile, TalkKind, Weights
from usage.simulation.seasons import days, effective_weekday

Direction = Literal["inbound", "outbound"]

# Why nobody talked: cause, weight, shortest and longest seconds until the switch gave up.
UNANSWERED_OUTBOUND = (
    ("NO_ANSWER", 40, 25.0, 60.0),
    ("USER_BUSY", 22, 1.5, 8.0),
    ("NORMAL_CLEARING", 14, 4.0, 40.0),
    ("CALL_REJECTED", 8, 3.0, 20.0),
    ("SUBSCRIBER_ABSENT", 7, 2.0, 9.0),
    ("UNALLOCATED_NUMBER", 5, 0.3, 3.0),
    ("NORMAL_TEMPORARY_FAILURE", 4, 0.2, 6.0),
)
UNANSWERED_INBOUND = (
    ("ORIGINATOR_CANCEL", 60, 0.5, 6.0),
    ("NORMAL_CLEARING", 30, 0.5, 4.0),
    ("NORMAL_TEMPORARY_FAILURE", 10, 0.1, 1.0),
)
ANSWERED_CAUSES = (("NORMAL_CLEARING", 97.0), ("MEDIA_TIMEOUT", 2.0), ("ALLOTTED_TIMEOUT", 1.0))


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """State what happened on one call. Instants are UTC with microseconds; numbers are E.164."""

    call_id: str
    direction: Direction
    caller: str
    callee: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    hangup_cause: str
    region: str
    robot: str
    line: str
    language: str
    modules: tuple[str, ...]
    counters: Mapping[str, int]
    transferred_at: datetime | None
    agent_ms: int
    labels: Mapping[str, str]

    @property
    def talk_ms(self) -> int:
        """Return milliseconds from answer to end, 0 when unanswered."""
        if self.answered_at is None:
            return 0
        return (self.ended_at - self.answered_at) // timedelta(milliseconds=1)


def calls(profile: Profile, start_date: date, end_date: date, zone: tzinfo, seed: int) -> Iterator[SimulatedCall]:
    """Yield the calls that start in the half-open range of local days, ordered by start.

    Each day has its own seed: any day made alone equals that day within a longer range.
    """
    for day in days(start_date, end_date):
        # A text seed is hashed by SHA-512, so neighbouring days and seeds have nothing in common.
        rng = random.Random(f"{seed}/{profile.code}/{day.isoformat()}")  # noqa: S311 - no secret # nosec B311
        desk = _Desk(profile, rng)
        for started_at, direction in _starts(profile, day, zone, rng):
            yield desk.take(started_at, direction)


def _starts(profile: Profile, day: date, zone: tzinfo, rng: random.Random) -> list[tuple[datetime, Direction]]:
    hour_starts = [datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC) for hour in range(24)]
    volume = profile.volume(day) * max(0.5, rng.gauss(1, 0.06))
    weekday = effective_weekday(day)
    inbound = _count(volume * profile.inbound_share, rng)
    outbound = _count(volume * (1 - profile.inbound_share), rng)
    starts: list[tuple[datetime, Direction]] = []
    starts += [(at, "inbound") for at in _spread(hour_starts, profile.inbound_hours[weekday], inbound, rng)]
    starts += [(at, "outbound") for at in _spread(hour_starts, profile.outbound_hours[weekday], outbound, rng)]
    if rng.random() < profile.burst_rate:
        # A storm, a strike, a lorry on its side: everybody calls within half an hour.
        first = hour_starts[rng.randrange(9, 19)] + timedelta(minutes=rng.randrange(60))
        length = rng.uniform(15, 45) * 60
        starts += [
            (first + _microseconds(rng.random() * length), "inbound")
            for _ in range(_count(volume * profile.burst_share, rng))
        ]
    return sorted(starts)


def _count(mean: float, rng: random.Random) -> int:
    # The fraction is drawn, not dropped: a tenant with half a call a day calls every other day.
    return int(mean + rng.random())


def _spread(hour_starts: list[datetime], weights: Hours, count: int, rng: random.Random) -> Iterator[datetime]:
    for hour_start in rng.choices(hour_starts, weights=weights, k=count):
        yield hour_start + timedelta(microseconds=int(rng.random() * 3_600_000_000))


def _microseconds(seconds: float) -> timedelta:
    return timedelta(microseconds=int(seconds * 1_000_000))


def _pick(options: Weights, rng: random.Random) -> str:
    mark = rng.random() * sum(weight for _, weight in options)
    for name, weight in options:
        mark -= weight
        if mark < 0:
            return name
    return options[-1][0]


@dataclass(frozen=True, slots=True)
class _Customer:
    number: str
    region: str
    language: str
    labels: Mapping[str, str]


@dataclass(slots=True)
class _Outcome:
    """Collect how one call went, until it is told as a `SimulatedCall`."""

    answered_at: datetime | None
    ended_at: datetime
    hangup_cause: str
    modules: tuple[str, ...] = ()
    counters: dict[str, int] = field(default_factory=dict)
    transferred_at: datetime | None = None
    agent_ms: int = 0


class _Desk:
    """Remember within one day which robots are busy and whom to ring again."""

    def __init__(self, profile: Profile, rng: random.Random) -> None:
        self.profile = profile
        self.rng = rng
        self.free_at: list[datetime | None] = [None] * profile.robots
        self.missed: list[_Customer] = []

    def take(self, started_at: datetime, direction: Direction) -> SimulatedCall:
        """Carry one call through to its end."""
        profile, rng = self.profile, self.rng
        call_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        again = direction == "outbound" and bool(self.missed) and rng.random() < profile.redial_share
        customer = self.missed.pop(0) if again else self._new_customer()
        rate = profile.inbound_answer_rate if direction == "inbound" else profile.outbound_answer_rate
        if rng.random() < rate:
            outcome = self._answered(started_at, direction)
        else:
            outcome = self._unanswered(started_at, direction)
            if direction == "outbound":
                self.missed.append(customer)
        robot = self._robot(started_at, outcome.ended_at)
        index = int(rng.random() * len(profile.lines))
        line = profile.lines[index]
        return SimulatedCall(
            call_id=call_id,
            direction=direction,
            caller=customer.number if direction == "inbound" else line,
            callee=line if direction == "inbound" else customer.number,
            started_at=started_at,
            answered_at=outcome.answered_at,
            ended_at=outcome.ended_at,
            hangup_cause=outcome.hangup_cause,
            region=customer.region,
            robot=f"{profile.code}-robot-{robot + 1:02d}",
            line=f"{profile.code}-line-{index + 1}",
            language=customer.language,
            modules=outcome.modules,
            counters=outcome.counters,
            transferred_at=outcome.transferred_at,
            agent_ms=outcome.agent_ms,
            labels=customer.labels,
        )

    def _new_customer(self) -> _Customer:
        profile, rng = self.profile, self.rng
        region = _pick(profile.regions, rng)
        ranges = REGIONS[region]
        number = (ranges.mobile if rng.random() < profile.mobile_share else ranges.landline).draw(rng)
        labels = {
            "waybill": f"{profile.waybill_prefix}{int(rng.random() * 10**11):011d}",
            "campaign": rng.choice(profile.campaigns),
            "shop": rng.choice(profile.shops),
        }
        return _Customer(number, region, _pick(profile.languages, rng), labels)

    def _unanswered(self, started_at: datetime, direction: Direction) -> _Outcome:
        causes = UNANSWERED_OUTBOUND if direction == "outbound" else UNANSWERED_INBOUND
        cause = _pick(tuple((name, weight) for name, weight, _, _ in causes), self.rng)
        shortest, longest = next((low, high) for name, _, low, high in causes if name == cause)
        return _Outcome(None, started_at + _microseconds(self.rng.uniform(shortest, longest)), cause)

    def _answered(self, started_at: datetime, direction: Direction) -> _Outcome:
        profile, rng = self.profile, self.rng
        ring = rng.uniform(0.4, 3) if direction == "inbound" else rng.uniform(3, 28)
        answered_at = started_at + _microseconds(ring)
        # Below the millisecond, answer stays under 500 µs and the talk adds less than 500 µs. So every way
        # to milliseconds (truncate, round, subtract truncated clocks) gives one figure and books can match.
        answered_at += timedelta(microseconds=rng.randrange(500) - answered_at.microsecond % 1000)
        robot_ms = self._robot_ms()
        outcome = _Outcome(answered_at, answered_at, _pick(ANSWERED_CAUSES, rng))
        wait_ms = 0
        if robot_ms > 8_000 and rng.random() < profile.transfer_rate:
            outcome.transferred_at = answered_at + timedelta(milliseconds=robot_ms)
            wait_ms = int(rng.uniform(1, 12) * 1000)
            agent_seconds = rng.lognormvariate(math.log(profile.agent_median_seconds), 0.6)
            outcome.agent_ms = int(min(agent_seconds, 1800) * 1000)
        talk = timedelta(milliseconds=robot_ms + wait_ms + outcome.agent_ms, microseconds=rng.randrange(500))
        outcome.ended_at = answered_at + talk
        used = [code for code, chance in profile.modules if rng.random() < chance and robot_ms > 4_000]
        outcome.modules = tuple(["auto_answer", *used] if direction == "inbound" else used)
        outcome.counters["asr_seconds"] = math.ceil(robot_ms / 1000 * rng.uniform(0.3, 0.6))
        if robot_ms > 4_000 and rng.random() < profile.analysis_rate:
            outcome.counters["analyses"] = 1
        return outcome

    def _robot_ms(self) -> int:
        kinds = self.profile.talk
        kind: TalkKind = self.rng.choices(kinds, weights=[kind.weight for kind in kinds])[0]
        seconds = self.rng.lognormvariate(math.log(kind.median_seconds), kind.spread)
        return int(min(max(seconds, 0.3), kind.longest_seconds) * 1000)

    def _robot(self, started_at: datetime, ended_at: datetime) -> int:
        first = int(self.rng.random() * len(self.free_at))
        turn: list[int] = [*range(first, len(self.free_at)), *range(first)]
        for robot in turn:
            free_at = self.free_at[robot]
            if free_at is None or free_at <= started_at:
                self.free_at[robot] = ended_at
                return robot
        # All are talking: a robot is software and takes a second call, which is what peaks are billed for.
        self.free_at[first] = max(ended_at, self.free_at[first] or ended_at)
        return first
