"""Where in a JSON text a pointer leads, so that a fault can be shown in its line."""

from __future__ import annotations

import json
import re

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


def line_of(text: str, pointer: str) -> int:
    """Return the line (from 1) of the value at a JSON pointer; of the nearest value around it when there is none.

    The text must be valid JSON.
    """
    at = _start(text, 0)
    for step in pointer.split("/")[1:]:
        inside = _member(text, at, step.replace("~1", "/").replace("~0", "~"))
        if inside is None:
            break
        at = inside
    return text.count("\n", 0, at) + 1


def _start(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _member(text: str, at: int, name: str) -> int | None:
    """Find where a member of an object, or an item of a list, begins."""
    is_object, index = text[at] == "{", 0
    if not is_object and text[at] != "[":
        return None
    at = _start(text, at + 1)
    while text[at] not in "]}":
        key = str(index)
        if is_object:
            key, at = DECODER.raw_decode(text, at)
            at = _start(text, _start(text, at) + 1)  # past the colon
        if key == name:
            return at
        at = _start(text, DECODER.raw_decode(text, at)[1])
        at, index = (_start(text, at + 1), index + 1) if text[at] == "," else (at, index)
    return None
