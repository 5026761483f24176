"""Field names that occur twice in one object: the decoders keep the last of two; a sender that says two things must be asked."""

from __future__ import annotations

import json
from typing import Any

from usage.formats.record import Unfit


def refuse_repeated_names(content: bytes, document: Any) -> None:
    """Raise Unfit (duplicate_key) when an object of a JSON text names a field twice; ``document`` is the text decoded.

    Counting is quick: as many names as ``":`` in the text. Any other number, because of a space before a colon or a text
    that holds such a pair, is looked at again, slowly.
    """
    if content.count(b'":') != _names_in(document):
        json.loads(content.decode("utf-8", "replace"), object_pairs_hook=_refuse)


def _names_in(document: Any) -> int:
    count, waiting = 0, [document]
    while waiting:
        each = waiting.pop()
        if type(each) is dict:
            count += len(each)
            waiting.extend(each.values())
        elif type(each) is list:
            waiting.extend(each)
    return count


def _refuse(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Unfit("duplicate_key", f"The field “{name[:40]}” occurs twice in one object.", f"/{name[:40]}")
        found[name] = value
    return found
