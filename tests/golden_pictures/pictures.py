"""Pages of a PDF as grey pictures: drawn by PDFium, kept as PNG, compared with patience for a renderer's whims."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

import pypdfium2

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BLOCK = 6  # pixels; differences are judged on averages over squares of this size
DIFFERS = 14  # grey levels between two averages


class Picture(NamedTuple):
    """Rows of bytes: one grey value a pixel, or three of red, green and blue."""

    width: int
    height: int
    channels: int
    pixels: bytes

    def png(self) -> bytes:
        """Write the picture with plain rows (filter 0), which `read` understands."""
        stride = self.width * self.channels
        rows = b"".join(b"\0" + self.pixels[at : at + stride] for at in range(0, len(self.pixels), stride))
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 0 if self.channels == 1 else 2, 0, 0, 0)
        return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def draw(pdf: bytes, page: int = 0, *, scale: float = 1.0, grey: bool = True) -> Picture:
    """Draw one page; scale 1 is 72 dots an inch."""
    document = pypdfium2.PdfDocument(pdf)
    bitmap = document[page].render(scale=scale, grayscale=grey, rev_byteorder=True)
    width, height, channels = bitmap.width, bitmap.height, bitmap.n_channels
    data = bytes(bitmap.buffer)
    rows = (data[at : at + width * channels] for at in range(0, height * bitmap.stride, bitmap.stride))
    return Picture(width, height, channels, b"".join(rows))


def read(path: Path) -> Picture:
    """Read a PNG that `Picture.png` wrote."""
    data = path.read_bytes()
    width, height = struct.unpack_from(">II", data, 16)
    length = struct.unpack_from(">I", data, 33)[0]
    rows = zlib.decompress(data[41 : 41 + length])
    return Picture(width, height, 1, b"".join(rows[n * (width + 1) + 1 : (n + 1) * (width + 1)] for n in range(height)))


def difference(one: Picture, other: Picture) -> float:
    """Give the share of the picture, 0 to 1, where the two look different."""
    if one[:3] != other[:3]:
        return 1.0
    pairs = list(zip(_averages(one), _averages(other), strict=True))
    return sum(abs(a - b) > DIFFERS for a, b in pairs) / len(pairs)


def _averages(picture: Picture) -> list[float]:
    across = picture.width // BLOCK
    averages = []
    for top in range(0, picture.height - BLOCK + 1, BLOCK):
        rows = [picture.pixels[(top + n) * picture.width : (top + n + 1) * picture.width] for n in range(BLOCK)]
        averages += [
            sum(sum(row[at : at + BLOCK]) for row in rows) / BLOCK**2 for at in range(0, across * BLOCK, BLOCK)
        ]
    return averages
