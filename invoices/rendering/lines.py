"""The lines of an invoice as printed: grouped by clause, and what sets each apart from the others of its clause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from billing.money import decimals_of
from billing.rating.bill import Bill, Line
from invoices import wording
from invoices.rendering.document import Document
from invoices.wording import Language

_ADJUSTMENTS = frozenset({"factor", "credit", "discount", "true_up", "cap", "drawdown"})
_DIMENSIONS = {"region", "band", "robot", "line", "direction", "language", "module", "label"}


@dataclass(frozen=True)
class Row:
    """One printed line; every figure is text. ``share`` is its part of its group's amount, 0 to 100."""

    key: str
    name: str
    reference: str
    tag: str
    used: str
    billed: str
    unit: str
    price: str
    tax_rate: str
    amount: str
    note: str
    evidence: str = ""
    share: int = 0


@dataclass(frozen=True)
class Group:
    """The lines of one clause, or one line alone when ``name`` is empty; ``subtotal`` closes the charges."""

    name: str
    reference: str
    subtotal: str
    rows: list[Row]
    closes: bool = False


def groups_of(lang: Language, bill: Bill, document: Document) -> Iterator[Group]:
    """Group the lines by clause in the bill's order; a subtotal parts the charges from what adjusts them."""
    charges = [line for line in bill.lines if line.kind not in _ADJUSTMENTS]
    adjustments = [line for line in bill.lines if line.kind in _ADJUSTMENTS]
    halves = _halves(lang, bill, charges)
    yield from _grouped(lang, bill, document, charges, halves)
    if charges and adjustments:
        subtotal = str(sum((line.amount for line in charges), Decimal(0)))
        yield Group(wording.label(lang, "charges"), "", wording.amount(subtotal, bill.currency), [], closes=True)
    yield from _grouped(lang, bill, document, adjustments, {})


def _halves(lang: Language, bill: Bill, charges: list[Line]) -> dict[tuple[str, str], str]:
    """Name the days of each version by (clause, version), for clauses charged under more than one in the month."""
    first = {part.number: part.starts_on for part in reversed(bill.segments)}
    after = {part.number: part.ends_on for part in bill.segments}
    charged = {(line.code, line.version) for line in charges if line.period == bill.period.label}
    times = Counter(code for code, _ in charged)
    return {
        (code, version): wording.days(lang, first[version].isoformat(), after[version].isoformat())
        for code, version in charged
        if times[code] > 1
    }


def _grouped(
    lang: Language, bill: Bill, document: Document, lines: list[Line], halves: dict[tuple[str, str], str]
) -> Iterator[Group]:
    for _, same in groupby(lines, key=lambda line: (line.code, line.period, line.version)):
        members = list(same)
        first, alone = members[0], len(members) == 1
        whole = sum((line.amount for line in members), Decimal(0))
        half = halves.get((first.code, first.version), "") if first.period == bill.period.label else ""
        rows = [_row(lang, bill, document, line, whole, half if alone else None) for line in members]
        if alone:
            yield Group("", "", "", rows)
        else:
            name = " · ".join(filter(None, (getattr(first.name, lang), half)))
            yield Group(name, _reference(lang, first.reference), wording.amount(str(whole), bill.currency), rows)


def _row(lang: Language, bill: Bill, document: Document, line: Line, whole: Decimal, half: str | None) -> Row:
    """Say one line; alone (``half`` is a text) it bears the clause's name and days, in a group what sets it apart."""
    apart, alone = _apart(lang, line), half is not None
    name = getattr(line.name, lang)
    return Row(
        key=line.key,
        name=" · ".join(filter(None, [name, *apart, half] if alone or not apart else apart)),
        reference=_reference(lang, line.reference) if alone else "",
        tag="" if line.period == bill.period.label else of_period(lang, line.period),
        used=_quantity(line.quantity_used),
        billed=_quantity(line.quantity_billed),
        unit=wording.unit_name(lang, line.unit),
        price="" if line.unit_price is None else _price(line, bill.currency),
        tax_rate=wording.percent(str(line.tax_rate)),
        amount=wording.amount(str(line.amount), bill.currency),
        note=document["explanations"].get(line.key, {}).get(lang, ""),
        evidence=_calls_behind(lang, line),
        share=round(line.amount / whole * 100) if whole > 0 and line.amount > 0 else 0,
    )


def _calls_behind(lang: Language, line: Line) -> str:
    """Say how many calls a line counts, and how long they were where time is what is paid for."""
    behind = line.evidence
    if not behind or not behind.calls:
        return ""
    calls = f"{behind.calls:,}"
    if not behind.billed_seconds:
        return wording.label(lang, "line_calls", calls=calls)
    talk = wording.duration(lang, behind.talk_ms // 1000)
    return wording.label(
        lang, "line_evidence", calls=calls, talk=talk, billed=wording.duration(lang, behind.billed_seconds)
    )


def _reference(lang: Language, paragraph: str) -> str:
    return wording.label(lang, "paragraph", reference=paragraph) if paragraph else ""


def of_period(lang: Language, label: str) -> str:
    """Say of which month a late line is; ``label`` is 2026-10."""
    year, month = label.split("-")
    following = f"{int(year) + month.startswith('12')}-{int(month) % 12 + 1:02}-01"
    return wording.label(lang, "from_period", period=wording.period(lang, f"{label}-01", following))


def _quantity(value: Decimal | None) -> str:
    return "" if value is None else wording.figure(str(value))


def _price(line: Line, currency: str) -> str:
    """Write a unit price; the "price" of a percentage is a rate."""
    if line.unit in ("percent", "currency"):
        return wording.percent(str(line.unit_price))
    return wording.figure(str(line.unit_price), decimals_of(currency))


def _apart(lang: Language, line: Line) -> list[str]:
    """Say what sets a line apart from others of its clause: its tier, its group, its cell of a matrix."""
    unit = wording.unit_name(lang, line.unit)
    said = [wording.label(lang, "drawdown")] if line.kind == "drawdown" else []
    said += [line.group] if line.group else []
    for dimension, value in line.cell:
        if dimension == "cell":  # what no cell of a matrix takes
            said.append(wording.label(lang, "cell_otherwise"))
            continue
        known = wording.label(lang, f"by_{dimension}") if dimension in _DIMENSIONS else dimension
        said.append(f"{known} {wording.value_name(lang, str(value))}")
    if line.tier_to is not None:
        low, high = wording.figure(str(line.tier_from or 0)), wording.figure(str(line.tier_to))
        said.append(
            wording.label(lang, "tier_between" if line.tier_from else "tier_first", low=low, high=high, unit=unit)
        )
    elif line.tier_from:
        said.append(wording.label(lang, "tier_above", low=wording.figure(str(line.tier_from)), unit=unit))
    if "beyond" in line.key.partition("@")[0].split(".")[1:]:
        said.append(wording.label(lang, "beyond_limit"))
    return [each.strip() for each in said]
