"""Count calls into totals without a database: for the evidence bundle, for what-if, and as the measure of the SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing.rating.calls import Call, Taken, Untaken, cell_of, local_day, segment_of, take
from billing.rating.counting import Taking, takings
from billing.rating.levels import Told, beside_entered, counted_measures, levels_of
from billing.rating.terms import Terms
from billing.rating.totals import Event, Measurement, Pairs, Row, Totals, Uncovered

Place = tuple[str, str, date | None, str, Pairs]


@dataclass(slots=True)
class Tally:
    """What is known of one totals row while counting."""

    calls: int = 0
    talk_ms: int = 0
    billed_seconds: int = 0
    values: list[tuple[datetime, Decimal]] = field(default_factory=list)
    histogram: dict[Decimal, int] = field(default_factory=dict)


def count(terms: Terms, calls: Iterable[Call], held: Totals | None = None) -> Totals:
    """Count calls, in any order, into the totals of the month; ``held`` brings subscriptions and the like.

    A call that comes twice (same source and id) counts once. Calls outside the period are left out; those inside but outside every version are uncovered.
    """
    tallies: dict[Place, Tally] = {}
    events: list[Event] = []
    uncovered: dict[tuple[str, str], Uncovered] = {}
    kept = sorted((c for c in _once(calls) if local_day(terms.zone, c.started_at) in terms.period), key=_by_time)
    by_code = {(s.number, t.clause): t for s in terms.segments for t in takings(s.agreement)}
    for call in kept:
        segment = segment_of(terms, call)
        if segment is None:
            _not_covered(uncovered, Untaken("talk", call.talk_ms), "outside_contract")
            continue
        taken, untaken = take(segment.agreement, terms.zone, call)
        for each in taken:
            taking = by_code[segment.number, each.clause]
            _tally(tallies, events, terms.zone, segment.number, taking=taking, call=call, taken=each)
        for left in untaken:
            _not_covered(uncovered, left, "no_clause")
    rows = [*_rows(tallies, by_code, terms.zone), *_measured(terms, kept)]
    base = held or Totals()
    return replace(
        base,
        rows=(*base.rows, *rows),
        events=(*base.events, *events),
        measurements=beside_entered(base.measurements, _levels(terms, kept)),
        uncovered=(*base.uncovered, *uncovered.values()),
    )


def _once(calls: Iterable[Call]) -> Iterator[Call]:
    seen: set[tuple[str, str]] = set()
    for call in calls:
        if not call.call_id or (call.source, call.call_id) not in seen:
            seen.add((call.source, call.call_id))
            yield call


def _by_time(call: Call) -> tuple[datetime, str]:
    return (call.started_at, call.call_id)


def _not_covered(uncovered: dict[tuple[str, str], Uncovered], left: Untaken, reason: str) -> None:
    meter, more, value = left
    before = uncovered.get((meter, reason), Uncovered(meter, 0, reason=reason))
    uncovered[meter, reason] = replace(
        before, calls=before.calls + 1, talk_ms=before.talk_ms + more, value=before.value + value
    )


def _tally(
    tallies: dict[Place, Tally],
    events: list[Event],
    zone: str,
    number: str,
    *,
    taking: Taking,
    call: Call,
    taken: Taken,
) -> None:
    day = None if taking.aggregate == "distinct" else local_day(zone, call.started_at)
    group = call.value_of(taking.group_by) if taking.group_by else ""
    place = (number, taking.clause, day, group, cell_of(taking, call, taken.band))
    tally = tallies.setdefault(place, Tally())
    tally.calls += 1 if taken.opens else 0
    tally.talk_ms += taken.talk_ms
    tally.billed_seconds += taken.billed_seconds
    if taking.counter is not None:
        tally.values.append((call.started_at, taken.value))
    if taking.histogram is not None:
        seconds = taken.billed_seconds if taking.histogram == "billed" else taken.counted_seconds
        tally.histogram[Decimal(seconds)] = tally.histogram.get(Decimal(seconds), 0) + 1
    if taking.events:
        events.append(Event(number, taking.clause, call.started_at, taken.value, group))


def _rows(tallies: dict[Place, Tally], by_code: dict[tuple[str, str], Taking], zone: str) -> list[Row]:
    return [
        Row(
            segment=place[0],
            clause=place[1],
            on=place[2],
            group=place[3],
            cell=place[4],
            calls=tally.calls,
            talk_ms=tally.talk_ms,
            billed_seconds=tally.billed_seconds,
            value=aggregated(by_code[place[0], place[1]], tally.values, zone),
            histogram=tuple(sorted(tally.histogram.items())),
        )
        for place, tally in sorted(tallies.items(), key=lambda item: (item[0][:2], str(item[0][2]), item[0][3:]))
    ]


def aggregated(taking: Taking, values: list[tuple[datetime, Decimal]], zone: str) -> Decimal:
    """Aggregate the counter values of one row as its clause says."""
    if not values:
        return Decimal(0)
    if taking.window is not None:
        windows: dict[object, list[Decimal]] = {}
        for at, value in values:
            local = at.astimezone(ZoneInfo(zone))
            windows.setdefault(
                (local.date(), local.hour, local.fold) if taking.window == "hour" else local.date(), []
            ).append(value)
        take_one = max if taking.window_takes == "max" else min
        return sum((take_one(each) for each in windows.values()), Decimal(0))
    if taking.aggregate == "distinct":
        return Decimal(len({value for _, value in values}))
    if taking.aggregate == "latest":
        return max(values, key=lambda each: each[0])[1]
    only = [value for _, value in values]
    return max(only) if taking.aggregate == "max" else sum(only, Decimal(0))


def _measured(terms: Terms, calls: list[Call]) -> list[Row]:
    """Measure robots, lines and concurrency from the calls of each version."""
    found = []
    for segment in terms.segments:
        own = [call for call in calls if segment_of(terms, call) is segment]
        for taking in takings(segment.agreement):
            if taking.measure is not None:
                value = measured(taking.measure, own)
                found.append(
                    Row(
                        segment=segment.number,
                        clause=taking.clause,
                        calls=len(own),
                        value=Decimal(value),
                        talk_ms=sum(call.talk_ms for call in own),
                    )
                )
    return found


def _levels(terms: Terms, calls: list[Call]) -> tuple[Measurement, ...]:
    """Count the service levels that the calls tell, over the versions that look at them."""
    asked = {segment.number: counted_measures(segment.agreement) for segment in terms.segments}
    if not any(asked.values()):
        return ()
    counts: dict[str, tuple[int, int]] = {}
    for call in calls:
        segment = segment_of(terms, call)
        for measure, told in asked[segment.number].items() if segment else ():
            if told.direction in {None, call.direction}:
                looked_at, met = counts.get(measure, (0, 0))
                counts[measure] = (looked_at + 1, met + _meets(told, call))
    return levels_of(counts)


def _meets(told: Told, call: Call) -> bool:
    return call.answered_at is not None and (told.within is None or call.answered_at - call.started_at <= told.within)


def measured(measure: str, calls: list[Call]) -> int:
    """Count distinct robots or lines of answered calls, or the most calls at one instant."""
    if measure == "distinct_robots":
        return len({call.robot for call in calls if call.answered and call.robot})
    if measure == "distinct_lines":
        return len({call.line for call in calls if call.answered and call.line})
    return peak_concurrency(calls)


def peak_concurrency(calls: list[Call]) -> int:
    """Find the most calls in progress at one instant; a call that ends as another starts does not overlap it."""
    changes = []
    for call in calls:
        talk_begins = call.answered_at or call.started_at
        end = call.ended_at or talk_begins + timedelta(milliseconds=call.talk_ms)
        if end > call.started_at:
            changes += [(call.started_at, 1), (end, -1)]
    most = running = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most
