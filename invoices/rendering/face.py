"""What every rendering of an invoice shows, in one language: figures formatted, lines grouped, sentences said.

The PDF, the mail and the page lay out the same face, so that no two of them can differ by a word or a fen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby
from typing import Any

from billing.money import decimals_of
from billing.rating.bill import BalanceAfter, Bill, Line, TaxRow
from invoices import wording
from invoices.rendering import policies
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


@dataclass(frozen=True)
class Party:
    """A seller or buyer: its name, and its facts as (label, text)."""

    name: str
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Change:
    """The comparison with the period before: a sentence, and its reasons by clause, largest first."""

    sentence: str
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Face:
    """A whole invoice, ready for layout."""

    language: Language
    title: str
    number: str
    is_draft: bool
    is_credit_note: bool
    period: str
    seller: Party
    buyer: Party
    facts: list[tuple[str, str]]
    due_label: str
    due_amount: str
    due_on: str
    groups: list[Group]
    sums: list[tuple[str, str]]
    total: str
    words: str
    change: Change | None
    usage: list[tuple[str, str]]
    payment: list[tuple[str, str]]
    price_changes: list[str]
    balances: list[str]
    uncovered: list[str]
    policies: list[str]
    evidence: str
    digest: str
    currency: str
    labels: dict[str, str]


def face_of(document: Document, language: Language | None = None) -> Face:
    """Say a stored document in a language, its own if none is given; a malformed bill is refused by ``Bill``."""
    document = _tidy(document)
    lang = language or document["language"]
    bill = Bill.from_json(document["bill"])
    kind = document["kind"]
    total = str(bill.total)
    evidence = document.get("evidence")
    seller, payment = _seller(lang, document)
    return Face(
        language=lang,
        title=wording.label(lang, kind),
        number=document.get("number") or wording.label(lang, "not_numbered"),
        is_draft=document["state"] == "draft",
        is_credit_note=kind == "credit_note",
        period=wording.period(lang, document["period"]["start"], document["period"]["end"]),
        seller=seller,
        buyer=_buyer(lang, document["buyer"]),
        facts=_facts(lang, document),
        due_label=wording.label(lang, "amount_due" if kind == "invoice" else "amount_credited"),
        due_amount=wording.money(lang, total, bill.currency),
        due_on=wording.day(lang, document.get("due_on") or "") if document.get("due_on") and kind == "invoice" else "",
        groups=list(_groups(lang, bill, document)),
        sums=_sums(lang, bill),
        total=wording.money(lang, total, bill.currency),
        words=wording.in_words(lang, total, bill.currency),
        change=_change(lang, bill, document),
        usage=_usage(lang, document),
        payment=payment if kind == "invoice" else [],
        price_changes=_price_changes(lang, document),
        balances=_balances(lang, bill),
        uncovered=_uncovered(lang, bill),
        policies=policies.sentences(lang, bill),
        evidence=wording.label(lang, "evidence_calls", calls=f"{evidence['calls']:,}") if evidence else "",
        digest=evidence["digest"] if evidence else "",
        currency=bill.currency,
        labels=wording.labels(lang),
    )


def _tidy(thing: Any) -> Any:
    """Put every text of a document on one line, so that no name can add a line to a mail or a page."""
    if isinstance(thing, str):
        return wording.tidy(thing)
    if isinstance(thing, dict):
        return {key: _tidy(value) for key, value in thing.items()}
    return [_tidy(each) for each in thing] if isinstance(thing, list) else thing


# Who


def _listed(lang: Language, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(wording.label(lang, key), text) for key, text in pairs if text]


def _seller(lang: Language, document: Document) -> tuple[Party, list[tuple[str, str]]]:
    """Give the seller and where to pay."""
    party = document["seller"]
    name = wording.named(lang, party, "name")
    facts = [
        ("tax_id", party.get("tax_id", "")),
        ("address", wording.named(lang, party, "address")),
        ("phone", party.get("phone", "")),
        ("email", party.get("email", "")),
    ]
    account = party.get("bank_account", "")
    bank = [
        ("account_holder", name),
        ("bank_name", wording.named(lang, party, "bank_name")),
        ("bank_account", account),
        ("payment_reference", document.get("number") or ""),
    ]
    return Party(name, _listed(lang, facts)), _listed(lang, bank) if account else []


def _buyer(lang: Language, party: dict[str, str]) -> Party:
    facts = [
        ("code", party.get("code", "")),
        ("tax_id", party.get("tax_id", "")),
        ("address", wording.named(lang, party, "address")),
        ("contact", party.get("contact", "")),
    ]
    return Party(wording.named(lang, party, "name"), _listed(lang, facts))


def _facts(lang: Language, document: Document) -> list[tuple[str, str]]:
    month, contract = document["period"], document["contract"]
    versions = wording.pick(lang, "、", ", ").join(str(each["number"]) for each in contract["versions"])
    name = wording.named(lang, contract, "name")
    credited = document.get("credits")
    return _listed(
        lang,
        [
            ("credits", f"{credited['number']} ({wording.day(lang, credited['issued_on'])})" if credited else ""),
            ("reason", document.get("reason", "")),
            ("period", wording.span(lang, month["start"], month["end"])),
            ("zone", month["zone"]),
            ("contract", f"{name} {contract['code']}".strip()),
            ("version", wording.label(lang, "version_n", number=versions) if versions else ""),
            ("issued_on", wording.day(lang, document["issued_on"]) if document["issued_on"] else ""),
            ("currency", wording.currency_name(lang, document["currency"])),
        ],
    )


# What


def _groups(lang: Language, bill: Bill, document: Document) -> Iterator[Group]:
    """Group the lines by clause in the bill's order; a subtotal parts the charges from what adjusts them."""
    charges = [line for line in bill.lines if line.kind not in _ADJUSTMENTS]
    adjustments = [line for line in bill.lines if line.kind in _ADJUSTMENTS]
    yield from _grouped(lang, bill, document, charges)
    if charges and adjustments:
        subtotal = str(sum((line.amount for line in charges), Decimal(0)))
        yield Group(wording.label(lang, "charges"), "", wording.amount(subtotal, bill.currency), [], closes=True)
    yield from _grouped(lang, bill, document, adjustments)


def _grouped(lang: Language, bill: Bill, document: Document, lines: list[Line]) -> Iterator[Group]:
    for _, same in groupby(lines, key=lambda line: (line.code, line.period)):
        members = list(same)
        first, alone = members[0], len(members) == 1
        whole = sum((line.amount for line in members), Decimal(0))
        rows = [_row(lang, bill, document, line, whole, alone=alone) for line in members]
        if alone:
            yield Group("", "", "", rows)
        else:
            name = getattr(first.name, lang)
            yield Group(name, _reference(lang, first.reference), wording.amount(str(whole), bill.currency), rows)


def _row(lang: Language, bill: Bill, document: Document, line: Line, whole: Decimal, *, alone: bool) -> Row:
    """Say one line; alone it bears the clause's name, in a group what sets it apart."""
    apart = _apart(lang, line)
    name = getattr(line.name, lang)
    return Row(
        key=line.key,
        name=" · ".join([name, *apart] if alone or not apart else apart),
        reference=_reference(lang, line.reference) if alone else "",
        tag="" if line.period == bill.period.label else _of_period(lang, line.period),
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


def _of_period(lang: Language, label: str) -> str:
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
    return [each.strip() for each in said]


# Sums


def _sums(lang: Language, bill: Bill) -> list[tuple[str, str]]:
    """List net and tax per rate; the sum of what is listed is the total, or its parts when prices include tax."""
    return [pair for row in bill.taxes for pair in _tax_of(lang, bill, row)]


def _tax_of(lang: Language, bill: Bill, row: TaxRow) -> list[tuple[str, str]]:
    other = "" if row.period in ("", bill.period.label) else f" · {_of_period(lang, row.period)}"
    rate = wording.percent(str(row.rate))
    tax = "tax_included_at" if bill.inclusive else "tax_at"
    return [
        (wording.label(lang, "net_at", rate=rate) + other, wording.amount(str(row.net), bill.currency)),
        (wording.label(lang, tax, rate=rate) + other, wording.amount(str(row.tax), bill.currency)),
    ]


def _price_changes(lang: Language, document: Document) -> list[str]:
    """Say which prices a version that began in the month changed."""
    return [
        wording.label(
            lang,
            "price_change",
            day=wording.day(lang, change["from"]),
            version=change["version"],
            name=change["name"][lang],
            what=change["label"][lang],
            before=change["before"] or "–",
            after=change["after"] or "–",
        )
        for change in document.get("price_changes", [])
    ]


def _balances(lang: Language, bill: Bill) -> list[str]:
    """Say what is left of each package, by its name where it is on the bill; one long empty is not told again."""
    names = {line.code: str(getattr(line.name, lang)) for line in bill.lines}
    told = (left for left in bill.balances if left.drawn or left.remaining or left.expired)
    return [_balance(lang, left, names.get(left.package, left.package), bill.currency) for left in told]


def _balance(lang: Language, left: BalanceAfter, name: str, currency: str) -> str:
    def quantity(value: Decimal) -> str:
        if left.unit == "money":
            return wording.money(lang, str(value), currency)
        return f"{wording.figure(str(value))} {wording.unit_name(lang, left.unit)}"

    bought = wording.day(lang, left.bought_on.isoformat())
    text = wording.label(
        lang, "balance", package=name, bought=bought, drawn=quantity(left.drawn), left=quantity(left.remaining)
    )
    if left.expired:
        text += wording.label(lang, "balance_expired", expired=quantity(left.expired))
    if left.expires_on:
        text += wording.label(lang, "balance_until", day=wording.day(lang, left.expires_on.isoformat()))
    return text + wording.pick(lang, "。", ".")


def _uncovered(lang: Language, bill: Bill) -> list[str]:
    """Say the usage that no clause covers, with the reason a person gave for it."""
    return [
        wording.label(lang, "uncovered", calls=f"{each.calls:,}", talk=wording.duration(lang, each.talk_ms // 1000))
        + (f" {each.reason}" if each.reason else "")
        for each in bill.uncovered
    ]


def _usage(lang: Language, document: Document) -> list[tuple[str, str]]:
    used = document.get("summary")
    if not used:
        return []
    return [
        (wording.label(lang, "calls"), f"{used['calls']:,}"),
        (wording.label(lang, "answered"), f"{used['answered']:,}"),
        (wording.label(lang, "talk_seconds"), wording.duration(lang, used["talk_seconds"])),
        (wording.label(lang, "billed_seconds"), wording.duration(lang, used["billed_seconds"])),
    ]


# Against the period before


def _change(lang: Language, bill: Bill, document: Document) -> Change | None:
    """Compare with the period before: the difference of the totals, and the clauses that moved the net most."""
    if document["kind"] == "credit_note":
        return None
    before = document.get("previous")
    if not before:
        return Change(wording.label(lang, "first_bill"))
    name = wording.period(lang, before["period"]["start"], before["period"]["end"])
    was = Decimal(before["total"])
    difference = bill.total - was
    values = {
        "period": name,
        "was": wording.money(lang, before["total"], bill.currency),
        "difference": wording.money(lang, str(abs(difference)), bill.currency),
        "percent": f"{abs(difference) / was * 100:.1f}%" if was > 0 else "—",
    }
    key = "unchanged" if not difference else "more_than" if difference > 0 else "less_than"
    return Change(wording.label(lang, key, **values), _reasons(lang, bill, before["by_clause"]) if difference else [])


def _reasons(lang: Language, bill: Bill, before: dict[str, str]) -> list[str]:
    now: dict[str, Decimal] = {}
    names: dict[str, str] = {}
    for line in bill.lines:
        now[line.code] = now.get(line.code, Decimal(0)) + line.amount
        names.setdefault(line.code, getattr(line.name, lang))
    moved = {code: now.get(code, Decimal(0)) - Decimal(before.get(code, "0")) for code in [*now, *before]}
    largest = sorted((pair for pair in moved.items() if pair[1]), key=lambda pair: -abs(pair[1]))[:3]
    return [
        wording.label(
            lang,
            "reason_more" if by > 0 else "reason_less",
            name=names.get(code, code),
            difference=wording.money(lang, str(abs(by)), bill.currency),
        )
        for code, by in largest
    ]


def rows_by_amount(face: Face, bill: dict[str, Any], count: int) -> list[Row]:
    """Give the ``count`` lines with the largest amounts, either sign, as shown on the face."""
    size = {line["key"]: abs(Decimal(line["amount"])) for line in bill["lines"]}
    rows = [row if not group.name else _with_name(group.name, row) for group in face.groups for row in group.rows]
    return sorted(rows, key=lambda row: -size[row.key])[:count]


def _with_name(name: str, row: Row) -> Row:
    return Row(**(vars(row) | {"name": f"{name} · {row.name}"}))
