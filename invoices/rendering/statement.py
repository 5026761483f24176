"""A statement of account (对账单) as it is printed and mailed: figures and words in one language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from invoices import wording
from invoices.rendering.document import Dates
from invoices.rendering.face import Party, seller_of
from invoices.wording import Language


class Movement(TypedDict):
    """One movement of the account and the balance after it; ``kind`` is that of the ledger's entry."""

    on: str
    kind: str
    name: str
    amount: str
    balance: str


class OpenInvoice(TypedDict):
    """An invoice that is not paid in full."""

    number: str
    due_on: str
    open: str


class Account(TypedDict):
    """A tenant's account over some days, as the renderers read it; amounts are decimal strings.

    ``ages`` are the amounts not due, 1 to 30, to 60, to 90 days overdue, older, and on account, on ``drawn_on``.
    """

    language: Language
    currency: str
    drawn_on: str
    period: Dates
    seller: dict[str, str]
    buyer: dict[str, str]
    opening: str
    rows: list[Movement]
    closing: str
    ages: list[str]
    open: list[OpenInvoice]


@dataclass(frozen=True)
class StatementFace:
    """A whole statement, ready for layout; every figure is text."""

    language: Language
    seller: Party
    short: str
    buyer: Party
    facts: list[tuple[str, str]]
    period: str
    opening: str
    rows: list[tuple[str, str, str, str, str]]
    closing: str
    closing_label: str
    closing_amount: str
    ages: list[tuple[str, str]]
    open: list[tuple[str, str, str]]
    payment: list[tuple[str, str]]
    first_day: str
    last_day: str
    currency: str
    labels: dict[str, str]


AGES = ("age_not_due", "age_30", "age_60", "age_90", "age_older", "age_credit")


def statement_face(account: Account, language: Language | None = None) -> StatementFace:
    """Say an account in a language, its own if none is given."""
    lang, currency, period = language or account["language"], account["currency"], account["period"]
    seller, payment = seller_of(lang, account["seller"], reference=account["buyer"].get("code", ""))
    buyer = account["buyer"]
    owed = not account["closing"].startswith("-")
    return StatementFace(
        language=lang,
        seller=seller,
        short=seller.name if len(seller.name) <= 36 else seller.name[:35] + "…",
        buyer=Party(wording.tidy(wording.named(lang, buyer, "name")), _listed(lang, [
            ("code", buyer.get("code", "")), ("tax_id", buyer.get("tax_id", "")),
            ("address", wording.named(lang, buyer, "address")),
        ])),
        facts=_listed(lang, [
            ("statement_period", wording.span(lang, period["start"], period["end"])),
            ("drawn_on", wording.day(lang, account["drawn_on"])), ("currency", wording.currency_name(lang, currency)),
        ]),
        period=wording.span(lang, period["start"], period["end"]),
        opening=wording.amount(account["opening"], currency),
        rows=[_row(lang, each, currency) for each in account["rows"]],
        closing=wording.amount(account["closing"], currency),
        closing_label=wording.label(lang, "you_owe" if owed else "in_your_favour"),
        closing_amount=wording.money(lang, account["closing"].lstrip("-"), currency),
        ages=[(wording.label(lang, key), wording.amount(amount, currency)) for key, amount in zip(AGES, account["ages"], strict=True)],
        open=[
            (each["number"], wording.day(lang, each["due_on"]), wording.amount(each["open"], currency)) for each in account["open"]
        ],
        payment=payment if owed else [],
        first_day=wording.day(lang, period["start"]),
        last_day=wording.day(lang, wording.day_before(period["end"])),
        currency=currency,
        labels=wording.labels(lang),
    )  # fmt: skip


def _row(lang: Language, row: Movement, currency: str) -> tuple[str, str, str, str, str]:
    return (
        wording.day(lang, row["on"]), wording.label(lang, f"moved_{row['kind']}"), wording.tidy(row["name"]),
        wording.amount(row["amount"], currency), wording.amount(row["balance"], currency),
    )  # fmt: skip


def _listed(lang: Language, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(wording.label(lang, key), wording.tidy(text)) for key, text in pairs if text]
