"""Reading a bank's export: whatever encoding and preamble it has, to the rows of money that came in."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from django.utils.translation import gettext as _

from billing.errors import Refused
from invoices.bank.layouts import Layout

LARGEST_FILE = 8 * 1024 * 1024
HEAD_WITHIN = 40  # rows of preamble at most
LARGEST = Decimal(999999999999)
DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})")
CURRENCIES = {
    "人民币": "CNY",
    "人民币元": "CNY",
    "RMB": "CNY",
    "CNY": "CNY",
    "美元": "USD",
    "欧元": "EUR",
    "港币": "HKD",
    "日元": "JPY",
}


class Unreadable(Refused):
    """The file is no export that a layout knows, or a row of it is wrong."""

    status = 422


@dataclass(frozen=True, slots=True)
class Incoming:
    """One row of money that came in. ``key`` stays the same whichever export the row is in."""

    position: int
    key: str
    on: date
    amount: Decimal
    currency: str
    payer: str
    remark: str
    serial: str


def read_export(content: bytes, known: Sequence[Layout], *, currency: str) -> tuple[str, list[Incoming], int]:
    """Read a CSV export; return the name of its layout, what came in, and how many rows were not incoming.

    ``currency`` is meant where the file names none. Raises Unreadable when no layout fits, and for a row whose day or
    amount cannot be read: then nothing is taken, because a row left out would be missed by nobody.
    """
    rows = list(enumerate(_rows(content), start=1))
    layout, head, columns = _headed(rows, known)
    found, skipped, twins = [], 0, Counter[str]()
    for position, cells in rows[head:]:
        if not any(cells):
            continue
        row = {name: " ".join(_cell(cells, place) for place in places).strip() for name, places in columns.items()}
        amount = _amount(row["amount"], position) if row["amount"] else Decimal(0)
        incoming = layout.incoming in row["direction"] if layout.direction else amount > 0
        if not row["day"] or not incoming or amount <= 0:
            skipped += 1
            continue
        told = CURRENCIES.get(row["currency"], row["currency"].upper()[:3]) or currency
        on = _day(row["day"], position)
        same = f"{on} {amount.normalize():f} {told} " + (row["serial"] or f"{row['payer']} {row['remark']}")
        twins[same] += 1  # two equal rows of one file are two payments
        key = hashlib.sha256(f"{same} {twins[same]}".encode()).hexdigest()[:40]
        found.append(
            Incoming(position, key, on, amount, told, row["payer"][:200], row["remark"][:500], row["serial"][:80])
        )
    return layout.name, found, skipped


def _rows(content: bytes) -> list[list[str]]:
    if len(content) > LARGEST_FILE:
        raise Unreadable("too_large", _("The file is larger than 8 MiB; export fewer days."))
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise Unreadable("no_text", _("This is no CSV file; choose CSV in the bank's export, not Excel."))
    if "\x00" in text:
        raise Unreadable("no_text", _("This is no CSV file; choose CSV in the bank's export, not Excel."))
    sample = "\n".join(text.splitlines()[:HEAD_WITHIN])
    delimiter = max(",\t;", key=sample.count)
    try:
        return [[_plain(cell) for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    except csv.Error:
        raise Unreadable("no_text", _("This is no CSV file; choose CSV in the bank's export, not Excel.")) from None


def _headed(rows: Sequence[tuple[int, list[str]]], known: Sequence[Layout]) -> tuple[Layout, int, dict[str, list[int]]]:
    """Find the head of the table and the layout it fits best: with the most of its columns there."""
    best: tuple[int, Layout, int, dict[str, list[int]]] | None = None
    for number, (_position, cells) in enumerate(rows[:HEAD_WITHIN]):
        names = {_name(cell): place for place, cell in reversed(list(enumerate(cells))) if cell}
        for layout in known:
            columns = _columns(layout, names)
            fits = columns["day"] and columns["amount"] and (columns["direction"] or not layout.direction)
            weight = sum(map(len, columns.values()))
            if fits and weight > 2 and (best is None or weight > best[0]):
                best = weight, layout, number + 1, columns
    if best is None:
        raise Unreadable(
            "unknown_format",
            _(
                "No known bank heads its columns so. Enter the names of the columns under “Bank formats”, then try again."
            ),
        )
    return best[1:]


def _columns(layout: Layout, names: dict[str, int]) -> dict[str, list[int]]:
    fields = ("day", "amount", "payer", "serial", "currency", "direction")
    there = {
        name: [names[each] for each in map(_name, getattr(layout, name)) if each in names]
        for name in (*fields, "remark")
    }
    return there | {name: there[name][:1] for name in fields}


def _name(cell: str) -> str:
    """Give the name of a column without spaces, and without what stands in brackets at its end."""
    text = re.sub(r"\s", "", unicodedata.normalize("NFKC", cell)).lower()
    return re.sub(r"[(\[][^)\]]*[)\]]$", "", text) or text


def _plain(cell: str) -> str:
    """Take away what exports put around a cell so that Excel leaves it alone."""
    return " ".join(
        cell.replace("\x00", "").strip().strip("`'\t").removeprefix('="').removeprefix("=").strip('"').split()
    )


def _cell(cells: list[str], place: int) -> str:
    return cells[place] if place < len(cells) else ""


def _day(text: str, position: int) -> date:
    found = DAY.match(text)
    try:
        return date(*map(int, found.groups())) if found else date.fromisoformat(text[:10])
    except ValueError:
        raise Unreadable(
            "no_day",
            _("Row %(row)d: “%(text)s” is no day; nothing was imported.") % {"row": position, "text": text[:40]},
        ) from None


def _amount(text: str, position: int) -> Decimal:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").lstrip("¥+").strip()
    try:
        amount = Decimal(plain) if plain not in {"", "-", "--"} else Decimal(0)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > LARGEST or amount != round(amount, 3):
        raise Unreadable(
            "no_amount",
            _("Row %(row)d: “%(text)s” is no amount; nothing was imported.") % {"row": position, "text": text[:40]},
        )
    return amount
