"""What every rendering of an invoice shows, in one language: figures formatted, lines grouped, sentences said.

The PDF, the mail and the page lay out the same face, so that no two of them can differ by a word or a fen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from billing.rating.bill import BalanceAfter, Bill, TaxRow
from invoices import wording
from invoices.rendering import policies
from invoices.rendering.document import Document
from invoices.rendering.lines import Group, Row, groups_of, of_period
from invoices.wording import Language


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
    untaxed: str
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
    seller, payment = seller_of(lang, document["seller"], reference=document.get("number") or "")
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
        groups=list(groups_of(lang, bill, document)),
        sums=_sums(lang, bill),
        untaxed=_untaxed(lang, bill, document["buyer"]),
        total=wording.money(lang, total, bill.currency),
        words=wording.in_words(lang, total, bill.currency),
        change=_change(lang, bill, document),
        usage=_usage(lang, document),
        payment=payment if kind == "invoice" else [],
        price_changes=_price_changes(lang, document),
        balances=_balances(lang, bill),
        uncovered=[*_uncovered(lang, bill), *_unanswered(lang, document)],
        policies=policies.sentences(lang, bill),
        evidence=wording.label(lang, "evidence_calls", calls=f"{evidence['calls']:,}") if evidence else "",
        digest=evidence["digest"] if evidence else "",
        currency=bill.currency,
        labels=_labels(lang, kind),
    )


def _labels(lang: Language, kind: str) -> dict[str, str]:
    """Give the labels; nobody pays for the lines of a credit note."""
    labels = wording.labels(lang)
    return labels | {"lines": labels["lines_credited"]} if kind == "credit_note" else labels


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


def seller_of(lang: Language, party: dict[str, str], *, reference: str) -> tuple[Party, list[tuple[str, str]]]:
    """Give the seller, and where to pay with which reference."""
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
        ("payment_reference", reference),
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


# Sums


def _sums(lang: Language, bill: Bill) -> list[tuple[str, str]]:
    """List net and tax per rate; the sum of what is listed is the total, or its parts when prices include tax."""
    return [pair for row in bill.taxes for pair in _tax_of(lang, bill, row)]


def _tax_of(lang: Language, bill: Bill, row: TaxRow) -> list[tuple[str, str]]:
    other = "" if row.period in ("", bill.period.label) else f" · {of_period(lang, row.period)}"
    rate = wording.percent(str(row.rate))
    tax = "tax_included_at" if bill.inclusive else "tax_at"
    return [
        (wording.label(lang, "net_at", rate=rate) + other, wording.amount(str(row.net), bill.currency)),
        (wording.label(lang, tax, rate=rate) + other, wording.amount(str(row.tax), bill.currency)),
    ]


def _untaxed(lang: Language, bill: Bill, buyer: dict[str, str]) -> str:
    """Say why some of it bears no tax, as the law wants it read on the invoice; "" where all is taxed."""
    if "untaxed" not in buyer or not any(row.net and not row.rate for row in bill.taxes):
        return ""
    reason = buyer.get("untaxed_reason")
    ground = wording.label(lang, "untaxed_because", reason=reason) if reason else ""
    return " ".join(filter(None, [wording.label(lang, f"untaxed_{buyer['untaxed']}"), ground]))


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


def _unanswered(lang: Language, document: Document) -> list[str]:
    """Say how many calls cost nothing because nobody answered them."""
    used = document.get("summary")
    calls = used.get("unanswered", 0) if used else 0
    return [wording.label(lang, "unanswered", calls=f"{calls:,}")] if calls else []


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
        "percent": f"{abs(difference) / was * 100:.1f}%" if was > 0 else "",
    }
    key = "unchanged" if not difference else "more_than" if difference > 0 else "less_than"
    if difference and was <= 0:
        key += "_nothing"  # of which no share can be named
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
