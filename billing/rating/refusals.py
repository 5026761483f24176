"""Say no to a document the engine cannot rate: where the fault is and what to write instead."""

from __future__ import annotations

from billing.errors import Refused


class InvalidTerms(Refused):
    """Refuse terms, totals or a bill that break a rule; ``pointer`` is the JSON pointer of the fault."""

    def __init__(self, message: str, *, pointer: str = "", code: str = "invalid_terms") -> None:
        super().__init__(code, message, pointer=pointer)
