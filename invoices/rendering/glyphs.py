"""Text that the invoice's font can print: what it lacks is marked, so that no name keeps an invoice from existing.

PDF/A forbids a missing glyph and Typst refuses to write one; a customer called "😀 GmbH" must still be billed.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from functools import cache

from pylopdf_fonts_zh_cn import sans_path

MISSING = "\N{GETA MARK}"  # the printers' mark for a sort that is not in the case


@cache
def drawable() -> frozenset[int]:
    """Read the code points of Noto Sans SC from its character map (OpenType cmap, format 12)."""
    font = sans_path().read_bytes()
    (tables,) = struct.unpack_from(">H", font, 4)
    records = (struct.unpack_from(">4sIII", font, 12 + 16 * n) for n in range(tables))
    cmap = next(offset for tag, _, offset, _ in records if tag == b"cmap")
    (encodings,) = struct.unpack_from(">H", font, cmap + 2)
    points: set[int] = set()
    for n in range(encodings):
        (at,) = struct.unpack_from(">I", font, cmap + 4 + 8 * n + 4)
        if struct.unpack_from(">H", font, cmap + at) == (12,):
            (groups,) = struct.unpack_from(">I", font, cmap + at + 12)
            for group in range(groups):
                first, last, _ = struct.unpack_from(">III", font, cmap + at + 16 + 12 * group)
                points.update(range(first, last + 1))
    return frozenset(points)


def printable(text: str, unbroken: int = 40) -> str:
    """Give the text without control and direction characters, unknown characters marked 〓.

    A run of more than ``unbroken`` characters that offers no place to break gets zero-width spaces, so that it
    wraps inside its cell instead of running over its neighbour.
    """
    if not (text.isascii() and text.isprintable()):
        known = drawable()
        text = "".join(_known(char, known) for char in unicodedata.normalize("NFC", text))
    if len(text) <= unbroken:
        return text
    return re.sub(rf"[^\s\u2e80-\uffff]{{{unbroken + 1},}}", _with_breaks, text)


def _known(char: str, known: frozenset[int]) -> str:
    if ord(char) in known:
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Zl", "Zp"):
        return " "
    return "" if category in ("Cf", "Mn", "Me") else MISSING


def _with_breaks(word: re.Match[str]) -> str:
    return "\u200b".join(word[0][at : at + 8] for at in range(0, len(word[0]), 8))
