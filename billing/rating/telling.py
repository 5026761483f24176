"""Hold what the lines of a bill say of calls against what the clauses took: nothing that was counted stays untold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from billing.rating.bill import Bill
from billing.rating.counting import takings
from billing.rating.terms import Terms
from billing.rating.totals import Totals

Figures = tuple[int, int, int]


class Untold(NamedTuple):
    """A clause whose lines tell of other usage than it took: calls, talk in ms and billed seconds of both."""

    version: str
    clause: str
    lines: Figures
    taken: Figures


def untold_of(terms: Terms, totals: Totals, bill: Bill) -> Iterator[Untold]:
    """Yield each clause whose lines have not the calls that it took; lines that share their calls count once.

    Calls that a clause took and did not price, beyond a limit or in no cell of its matrix, are uncovered on the bill
    and may miss. Measured numbers take no calls.
    """
    told = {line.evidence for line in bill.lines if line.evidence and line.period == bill.period.label}
    for segment in terms.segments:
        for taking in takings(segment.agreement):
            if taking.measure is not None:
                continue
            place = (("segment", segment.number), ("clause", taking.clause))
            lines = _sum(each[:3] for each in told if each.selector[:2] == place)
            rows = (row for row in totals.rows if (row.segment, row.clause) == (segment.number, taking.clause))
            taken = _sum((row.calls, row.talk_ms, row.billed_seconds) for row in rows)
            refused = sum(each.calls for each in bill.uncovered if _is_of(taking.clause, each.meter, each.reason))
            if lines != taken and not 0 < taken[0] - lines[0] <= refused:
                yield Untold(segment.number, taking.clause, lines, taken)


def _is_of(clause: str, meter: str, reason: str) -> bool:
    return reason == f"beyond_limit:{clause}" or (reason, meter) == ("no_matrix_cell", f"{clause}!")


def _sum(figures: Iterable[Figures]) -> Figures:
    calls = talk_ms = billed_seconds = 0
    for each in figures:
        calls, talk_ms, billed_seconds = calls + each[0], talk_ms + each[1], billed_seconds + each[2]
    return calls, talk_ms, billed_seconds
