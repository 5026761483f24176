"""Remember what was made ready of a part of a contract, because contracts are rated again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")

KEPT = 1024


def remembered(make: Callable[[Part], Made]) -> Callable[[Part], Made]:
    """Make something of a frozen object once, and give the same again as long as the object is the same.

    By identity: prices hold mappings, which have no hash, and to hash a whole contract takes longer than to price
    it. The object is kept beside what was made of it, so that its identity cannot pass to another.
    """
    known: dict[int, tuple[Part, Made]] = {}

    @wraps(make)
    def remember(part: Part) -> Made:
        found = known.get(id(part))
        if found is not None:
            return found[1]
        if len(known) >= KEPT:
            known.clear()
        made = make(part)
        known[id(part)] = (part, made)
        return made

    return remember
