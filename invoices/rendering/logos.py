"""The seller's logo, PNG or SVG, as the paper and the page take it."""

from __future__ import annotations

import base64
import struct

PNG = b"\x89PNG\r\n\x1a\n"


def svg_of(logo: bytes) -> str:
    """Give a logo as SVG, the one kind of picture that fits into text; a PNG lies inside it. Empty for no logo."""
    if not logo.startswith(PNG):
        return logo.decode("utf-8", "replace")
    width, height = struct.unpack(">II", logo[16:24])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">'
        f'<image width="{width}" height="{height}" href="{data_uri(logo)}"/></svg>'
    )


def data_uri(logo: bytes) -> str:
    """Give a logo as the address of a picture on a page. Empty for no logo."""
    if not logo:
        return ""
    kind = "png" if logo.startswith(PNG) else "svg+xml"
    return f"data:image/{kind};base64,{base64.b64encode(logo).decode()}"
