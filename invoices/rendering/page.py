"""The hosted page of an invoice: server-rendered, whole without JavaScript, in print and on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict
from urllib.parse import urlencode

from django.template.loader import render_to_string

from invoices import wording
from invoices.rendering.charts import chart_of
from invoices.rendering.document import Document
from invoices.rendering.face import face_of
from invoices.rendering.lines import Row
from invoices.rendering.logos import data_uri
from invoices.wording import Language


class Links(TypedDict, total=False):
    """Where the page leads; what is missing is not offered. ``pay`` are labels and addresses; ``zh`` and ``en`` are this page in that language."""

    pdf: str
    evidence: str
    tax_invoice: str
    calls: str
    ask: str
    month: str
    fit: str
    pay: Sequence[tuple[str, str]]
    zh: str
    en: str


def render_page(
    document: Document,
    *,
    links: Links | None = None,
    calls_of_line: Mapping[str, str] | None = None,
    notice: str = "",
    asked: Sequence[Mapping[str, str]] = (),
    logo: bytes = b"",
    language: Language | None = None,
) -> str:
    """Give the page as HTML; the arguments are those of ``page_context``."""
    return render_to_string(
        "invoices/page.html",
        page_context(
            document, links=links, calls_of_line=calls_of_line, notice=notice, asked=asked, logo=logo, language=language
        ),
    )


def page_context(
    document: Document,
    *,
    links: Links | None = None,
    calls_of_line: Mapping[str, str] | None = None,
    notice: str = "",
    asked: Sequence[Mapping[str, str]] = (),
    logo: bytes = b"",
    language: Language | None = None,
) -> dict[str, Any]:
    """Give the context of ``invoices/page.html`` for a view that renders it itself.

    ``calls_of_line`` maps a line's key to the page of its calls. ``notice`` is a sentence about what happened
    since the document was stored (paid, overdue, voided); the document itself does not know. ``asked`` are the
    questions about it with their answers; ``links["ask"]`` is where one is asked. ``logo`` is the seller's, PNG or SVG.
    """
    face = face_of(document, language)
    other: Language = "en" if face.language == "zh" else "zh"
    hrefs = calls_of_line or {}
    return {
        "face": face,
        "label": face.labels,
        "logo": data_uri(logo),
        "links": links or {},
        "turned_round": (links or {}).get(other, ""),
        "notice": notice,
        "asked": asked,
        "groups": [
            {"group": group, "rows": [_linked(row, hrefs, (links or {}).get("ask", "")) for row in group.rows]}
            | {"tiers": _tiers([row.share for row in group.rows])}
            for group in face.groups
        ],
        "chart": chart_of(face.language, document),
        "html_language": wording.pick(face.language, "zh-Hans", "en"),
        "other_language": wording.pick(other, "zh-Hans", "en"),
    }


def _linked(row: Row, calls: Mapping[str, str], ask: str) -> dict[str, Any]:
    return {
        "row": row,
        "calls": calls.get(row.key, ""),
        "ask": f"{ask}&{urlencode({'line': row.key})}" if ask else "",
    }


def _tiers(shares: list[int]) -> list[dict[str, int]]:
    """Lay the shares of a group's lines end to end, in hundredths of the bar; nothing for a single line."""
    if len(shares) < 2 or len(shares) > 6 or not all(shares):
        return []
    starts = [sum(shares[:n]) for n in range(len(shares))]
    return [
        {"x": start, "width": share, "shade": n + 1}
        for n, (start, share) in enumerate(zip(starts, shares, strict=True))
    ]
