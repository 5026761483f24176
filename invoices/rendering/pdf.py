"""The invoice on paper: PDF/A-3b by Typst, from the same face as the mail and the page."""

from __future__ import annotations

import json
import logging
import os
import threading
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import typst
from pylopdf_fonts_zh_cn import sans_path

from invoices.rendering.document import Document
from invoices.rendering.embedding import with_factur_x
from invoices.rendering.face import Face, Party, face_of
from invoices.rendering.glyphs import printable
from invoices.rendering.lines import Row
from invoices.rendering.logos import svg_of
from invoices.rendering.statement import Account, statement_face
from invoices.wording import Language

_TEMPLATES = Path(__file__).parent.parent / "typst"
_ROOM_MM = 174.0  # A4 less the margins
_NAME_MM = 44.0  # what the name of a line needs at least
_EM_MM = 0.3528  # one point
_MOST_MM = {"unit": 24.0}  # a contract may name a unit as it likes; a long one wraps
# A compiler is not re-entrant: a second thread would be told "Already borrowed".
_one_at_a_time = threading.Lock()


@cache
def _compiler(template: str) -> typst.Compiler:
    """Make this process's compiler of a template on first use; it keeps what two prints have in common."""
    return typst.Compiler(str(_TEMPLATES / template), root=str(_TEMPLATES), font_paths=_fonts())


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(sans_path().parent)])


def render_pdf(
    document: Document, language: Language | None = None, *, logo: bytes = b"", factur_x: bool = False
) -> bytes:
    """Print a stored document as PDF/A-3b in a language, its own if none is given; with ``factur_x`` its XML inside.

    A ``logo`` (PNG or SVG) that cannot be drawn is left out: an invoice without it is better than none.
    The same document gives the same bytes: the only date inside is the document's own. The file is not tagged;
    tags triple its size, and the hosted page is the accessible form of the same content.
    """
    face = face_of(document, language)
    created = datetime.fromisoformat(document.get("issued_on") or document["period"]["end"]).replace(tzinfo=UTC)
    pdf = _printed("invoice.typ", _layout(face, created), created, logo)
    return with_factur_x(pdf, document) if factur_x else pdf


def render_statement(account: Account, language: Language | None = None, *, logo: bytes = b"") -> bytes:
    """Print a statement of account as PDF/A-3b, in its own language if none is given; the same gives the same bytes."""
    face = statement_face(account, language)
    created = datetime.fromisoformat(account["drawn_on"]).replace(tzinfo=UTC)
    shown = printable_all(vars(face) | {"labels": ()}) | {"labels": face.labels, "created": _day(created)}
    return _printed("statement.typ", shown, created, logo)


def _printed(template: str, layout: dict[str, Any], created: datetime, logo: bytes) -> bytes:
    data = json.dumps(layout, ensure_ascii=False, default=vars)
    _refuse_inherited_threads()
    try:
        return _compiled(template, data, created, svg_of(logo))
    except typst.TypstError:
        if not logo:
            raise
        logging.getLogger(__name__).warning("the seller's logo cannot be drawn and was left out", exc_info=True)
        return _compiled(template, data, created, "")


def _compiled(template: str, data: str, created: datetime, logo: str) -> bytes:
    with _one_at_a_time:
        pdf = _compiler(template).compile(
            format="pdf",
            sys_inputs={"face": data, "logo": logo},
            pdf_standards=["a-3b"],
            pdf_tags=False,
            timestamp=int(created.timestamp()),
        )
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no PDF")
    return pdf


def _day(created: datetime) -> dict[str, int]:
    return {"year": created.year, "month": created.month, "day": created.day}


@cache
def _first_process() -> int:
    return os.getpid()


def _refuse_inherited_threads() -> None:
    """Fail at once where Typst would wait for ever: its threads do not survive a fork, and cannot be made anew.

    Servers that fork workers (gunicorn, Celery) must not print before they fork.
    """
    if _first_process() != os.getpid():
        raise RuntimeError("This process was forked from one that had printed an invoice; print only after the fork.")


def _layout(face: Face, created: datetime) -> dict[str, Any]:
    """Give what the template reads: the face with printable text, and the measures that depend on the figures."""
    columns, size = _columns(face)
    made_below = {"groups": (), "labels": ()}  # lines are walked once, there; labels can all be printed
    parties = {"seller": _party(face.seller), "buyer": _party(face.buyer)}
    shown: dict[str, Any] = printable_all(vars(face) | parties | made_below)
    return shown | {
        "groups": [_group(vars(group), columns[0], size) for group in face.groups],
        "labels": face.labels,
        "digest": face.digest,
        "columns": columns,
        "size": size,
        "created": _day(created),
    }


def _party(party: Party) -> dict[str, Any]:
    short = party.name if len(party.name) <= 36 else party.name[:35] + "…"
    return {"name": party.name, "short": short, "facts": party.facts}


def _group(group: dict[str, Any], name_mm: float, size: float) -> dict[str, Any]:
    shown: dict[str, Any] = printable_all(group | {"rows": []})
    return shown | {"rows": [_line(row, name_mm, size) for row in group["rows"]]}


def _line(row: Row, name_mm: float, size: float) -> dict[str, Any]:
    """Give a line with ``fits``: its name and its explanation surely take one line each, its unit too."""
    shown: dict[str, Any] = printable_all(vars(row), 22) | {"note": printable(row.note)}
    small = _ems(f"  {row.reference}  {row.tag}") * 7
    return shown | {
        "fits": (_ems(row.name) * size + small) * _EM_MM + 3 < name_mm
        and _ems(row.note) * 7 * _EM_MM + 3 < _ROOM_MM
        and _ems(row.unit) * size * _EM_MM + 3 < _MOST_MM["unit"]
    }


def printable_all(thing: Any, unbroken: int = 40) -> Any:
    """Make every text in a thing printable; see ``printable``."""
    if isinstance(thing, str):
        return printable(thing, unbroken)
    if isinstance(thing, dict):
        return {key: printable_all(value, unbroken) for key, value in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [printable_all(value, unbroken) for value in thing]
    return vars(thing) if hasattr(thing, "__dict__") else thing


def _columns(face: Face) -> tuple[list[float], float]:
    """Fit the columns to the longest figure of each, in mm, with the type size in points.

    Fixed widths spare Typst the measuring of every cell; a figure never wraps, and a bill of unusually long
    figures is set smaller before the names lose their room.
    """
    rows = [row for group in face.groups for row in group.rows]
    size = 8.5
    while True:
        figures = [
            _width(rows, face, column, size)
            for column in ("used", "billed", "unit", "unit_price", "tax_rate", "amount")
        ]
        name = _ROOM_MM - sum(figures)
        if name >= _NAME_MM or size <= 5:
            return [round(width, 2) for width in (max(name, 20.0), *figures)], size
        size -= 0.5


_FIELDS = {"unit_price": "price"}


def _width(rows: list[Row], face: Face, column: str, size: float) -> float:
    texts = {str(getattr(row, _FIELDS.get(column, column))) for row in rows}
    if column == "amount":
        texts |= {group.subtotal for group in face.groups}
    head = _ems(face.labels[column] if column != "amount" else f"{face.labels[column]} ({face.currency})") * 7.5
    widest = max((_ems(text) for text in texts), default=0.0) * size
    return min(max(widest, head) * _EM_MM + 3.0, _MOST_MM.get(column, 60.0))


def _ems(text: str) -> float:
    """Measure a text in ems, not below its true width: Chinese 1, digits 0.56, points and commas 0.3."""
    return sum(1.0 if ord(c) > 0x2E7F else 0.3 if c in ",.:; " else 0.56 if c.isdigit() else 0.62 for c in text)
